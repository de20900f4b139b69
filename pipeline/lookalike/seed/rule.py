"""Who is to be resembled: ids of a file, customers whose portraits fit, or those with events in a log."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.columns import CUSTOMER, EVENT_US
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError, SchemaError, did_you_mean
from pipeline.events import bucket_file, read_events
from pipeline.labels.rules import check_rule, check_tokens, matching
from pipeline.outputs import read_manifest
from pipeline.settings import Data, SeedRule


def seed_ids(engine: DuckDBEngine, rule: SeedRule, data: Data, outputs: Path, as_of_us: int) -> list[str]:
    """Return the ids that a seed rule names, as given or sorted.

    Raises
    ------
    ConfigError
        If the rule names an unknown log, field, attribute or value.
    DataError
        If the file is missing or cannot be read, or no event has a wanted token.
    """
    where = "data.seed" if rule is data.seed else "lookalike.seed"
    if rule.file is not None:
        return read_ids(Path(rule.file), f"{where}.file")
    if rule.portraits is not None:
        return _by_portraits(engine, rule.portraits, outputs, f"{where}.portraits")
    return _by_events(engine, rule, data, outputs / "events", as_of_us, where)


def hidden_by(rule: SeedRule) -> tuple[str, ...]:
    """Return the logs and fields that must not be features, because they would give the seed away.

    A seed of those with events in a log hides the log; with a condition on fields, it hides these fields.

    >>> hidden_by(SeedRule(log="calls", where={"kind": ("roaming",)}, hide=("bills",)))
    ('calls.kind', 'bills')
    """
    own = [f"{rule.log}.{field}" for field in rule.where] or ([rule.log] if rule.log is not None else [])
    return tuple(dict.fromkeys([*own, *rule.hide]))


def read_ids(path: Path, where: str, with_header: bool = False) -> list[str]:
    """Return the ids of a file: a column `customer_id`, the only column, or one id per line (.txt).

    Parameters
    ----------
    with_header
        Take the headline of a single column that is not called `customer_id` for an id as well: in a list that nobody
        may be missed from, it may be one.

    Raises
    ------
    DataError
        If there is no such file or it cannot be read.
    SchemaError
        If it has several columns and none is called `customer_id`.
    """
    frame = read_table(path, where)
    columns = [str(column) for column in frame.columns]
    if CUSTOMER not in columns and len(columns) != 1:
        raise SchemaError(f"{where}: {path} has no column '{CUSTOMER}' {did_you_mean(CUSTOMER, columns)}")
    if len(columns) == 1 and path.suffix == ".csv" and any(sign in columns[0] for sign in ";\t"):
        raise SchemaError(f"{where}: {path}: columns must be separated by commas; found '{columns[0]}'")
    ids = frame[CUSTOMER if CUSTOMER in columns else columns[0]].dropna()
    first = [columns[0]] if with_header and CUSTOMER not in columns else []
    texts = [str(int(name) if isinstance(name, float) and name.is_integer() else name).strip() for name in ids]
    return [text for text in (*first, *texts) if text]


def read_table(path: Path, where: str) -> pd.DataFrame:
    """Return a file of customers, Parquet, CSV or text, as it stands; DataError if there is none or it is damaged."""
    if not path.exists():
        beside = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
        hint = f" {did_you_mean(path.name, beside)}" if beside else ""
        raise DataError(f"{where}: file not found: {path}.{hint}")
    try:
        return _read(path)
    except (ValueError, OSError, pd.errors.ParserError) as error:
        raise DataError(f"{where}: {path} cannot be read: {str(error).splitlines()[0]}") from None


def _read(path: Path) -> pd.DataFrame:
    if path.suffix == ".txt":  # as spreadsheets and editors write it: perhaps with a byte order mark
        return pd.DataFrame({CUSTOMER: path.read_text("utf-8-sig").splitlines()})
    if path.suffix == ".parquet":  # whole numbers beside an empty cell stay whole
        return pd.read_parquet(path, dtype_backend="numpy_nullable")
    return pd.read_csv(path, dtype=str, keep_default_na=False)  # an id may well be called NA or null


def _by_portraits(engine: DuckDBEngine, wanted: dict[str, tuple[str, ...]], outputs: Path, where: str) -> list[str]:
    """Return customers whose portrait states a wanted value for each attribute, declared or certified."""
    buckets = read_manifest(outputs / "scores")["buckets"]
    portraits = engine.parquet([bucket_file(outputs / "scores" / "portraits", bucket) for bucket in range(buckets)])
    attributes = [name for name in portraits.columns if f"{name}__state" in portraits.columns]
    chosen = portraits
    for attribute, values in wanted.items():
        if attribute not in attributes:
            raise ConfigError(f"{where}: '{attribute}' is no attribute {did_you_mean(attribute, attributes)}")
        stated = engine.arrow(portraits.select(attribute).distinct())[attribute].to_pylist()
        known = sorted(value for value in stated if value is not None)
        for value in values:
            if value not in known:
                raise ConfigError(f"{where}.{attribute}: no portrait states '{value}' {did_you_mean(value, known)}")
        chosen = chosen.filter(chosen[attribute].isin(values))
    return sorted(engine.arrow(chosen.select(CUSTOMER))[CUSTOMER].to_pylist())


def _by_events(engine: DuckDBEngine, rule: SeedRule, data: Data, events: Path, as_of_us: int, where: str) -> list[str]:
    check_rule(rule.log or "", [*rule.where], [], data, where)
    check_tokens(engine, events, rule.log or "", rule.where, where)
    found: set[str] = set()
    for bucket in range(read_manifest(events)["buckets"]):
        log = read_events(engine, events, rule.log or "", bucket)
        hits = matching(log.filter(log[EVENT_US] < as_of_us), rule.where).select(CUSTOMER).distinct()
        found |= set(engine.arrow(hits)[CUSTOMER].to_pylist())
    return sorted(found)
