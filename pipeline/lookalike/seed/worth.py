"""What each member of a seed is worth: a column of its file, or a sum over its events."""

from __future__ import annotations

from pathlib import Path

import ibis
import numpy as np
import pandas as pd

from pipeline.columns import CUSTOMER, EVENT_US
from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError, SchemaError, did_you_mean
from pipeline.events import read_events
from pipeline.labels.rules import check_rule, matching
from pipeline.lookalike.population import Floats, Ids
from pipeline.lookalike.seed.rule import read_table
from pipeline.outputs import read_manifest
from pipeline.settings import Data, SeedRule


def worth_of_members(
    engine: DuckDBEngine, rule: SeedRule, data: Data, outputs: Path, as_of_us: int, members: Ids
) -> Floats | None:
    """Return the weight of each member, shape (n_members,), mean 1; None where the seed names no `value`.

    Entries of a file that repeat an id are added up, and so are a customer's events before as_of.

    Raises
    ------
    SchemaError
        The file has no such column.
    ConfigError
        The log has no such numeric field.
    DataError
        A value is no number or below zero, or nobody is worth anything.
    """
    if rule.value is None:
        return None
    where = ("data.seed" if rule is data.seed else "lookalike.seed") + (".value" if rule.file else "")
    if rule.file is not None:
        values = _of_file(Path(rule.file), rule.value, where)
    else:
        values = _of_events(engine, rule, rule.value, data, outputs / "events", as_of_us, where)
    found = values.reindex(members).fillna(0.0).to_numpy(dtype=np.float64)
    if (found < 0).any():
        worst = int(np.argmin(found))
        raise DataError(f"{where}: '{members[worst]}' is worth {found[worst]:g}; a value is 0 or more")
    if not found.any():
        raise DataError(f"{where}: all {len(members)} members are worth nothing, so none weighs more than another")
    return found / found.mean()


def _of_file(path: Path, column: str, where: str) -> pd.Series:
    frame = read_table(path, where)
    if column not in frame.columns:
        raise SchemaError(f"{where}: {path} has no column '{column}' {did_you_mean(column, frame.columns)}")
    if CUSTOMER not in frame.columns:
        raise SchemaError(f"{where}: {path} has no column '{CUSTOMER}' {did_you_mean(CUSTOMER, frame.columns)}")
    number = pd.to_numeric(frame[column], errors="coerce").astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(number))
    if len(bad):
        raise DataError(
            f"{where}: {len(bad):,} of {len(frame):,} entries of '{column}' in {path} are no number (e.g. "
            f"'{frame[column].iloc[bad[0]]}' of customer '{frame[CUSTOMER].iloc[bad[0]]}')"
        )
    return number.groupby(frame[CUSTOMER].astype(str).str.strip().to_numpy()).sum()


def _of_events(
    engine: DuckDBEngine, rule: SeedRule, field: str, data: Data, events: Path, as_of_us: int, where: str
) -> pd.Series:
    check_rule(rule.log or "", [*rule.where], [field], data, where)
    found: dict[str, float] = {}
    for bucket in range(read_manifest(events)["buckets"]):
        log = read_events(engine, events, rule.log or "", bucket)
        own = matching(log.filter(log[EVENT_US] < as_of_us), rule.where)
        total = engine.arrow(own.group_by(CUSTOMER).agg(total=ibis.coalesce(own[field].sum(), 0.0)))
        found |= dict(zip(total[CUSTOMER].to_pylist(), total["total"].to_pylist(), strict=True))
    return pd.Series(found, dtype=np.float64)
