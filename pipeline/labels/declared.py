"""Labels that customers declared: profile columns, mapped or cut into bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.columns import CUSTOMER
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError, LeakageError, did_you_mean
from pipeline.labels.known import NO, YES, Labels, cut, ordered
from pipeline.outputs import read_manifest
from pipeline.profiles import read_profiles
from pipeline.settings import Attribute, Data, Declared, Table
from pipeline.sources import resolve


def declared_labels(
    engine: DuckDBEngine,
    profiles: Path,
    name: str,
    attribute: Attribute,
    data: Data,
    buckets: Sequence[int] | range | None = None,
) -> Labels:
    """Return the labels of a declared attribute, of all customers or of some buckets; a blank cell is none.

    Raises
    ------
    ConfigError
        If the profile column does not exist, the source has no profile table, or `values` and bands differ.
    DataError
        If a value of the column is missing in the map, or no number where bands are asked for.
    LeakageError
        If a field of a log is read from the very profile column that is to be learnt.
    """
    rule = _rule_of(name, attribute, data)
    buckets = range(read_manifest(profiles)["buckets"]) if buckets is None else buckets
    tables = [read_profiles(engine, profiles, bucket) for bucket in buckets]
    _require_column(rule, tables[0].columns, name)
    parts = [engine.arrow(table.select(CUSTOMER, rule.column)) for table in tables]
    found = pa.concat_tables(parts, promote_options="default")  # an empty bucket may differ in what can be missing
    return told_labels(found, name, attribute, data)


def told_labels(found: pa.Table, name: str, attribute: Attribute, data: Data) -> Labels:
    """Return the labels of a declared attribute by profiles at hand, as `declared_labels` does.

    Parameters
    ----------
    found
        One row per customer, with a column of ids and that of the rule.
    """
    rule, where = _rule_of(name, attribute, data), f"attributes.{name}.declared"
    _require_column(rule, found.column_names, name)
    customers, cells, codes = _distinct(found, rule.column)
    if rule.bands is not None:
        values = ordered(rule.bands, attribute.values, f"attributes.{name}")
        numbers = _numbers(cells, where).iloc[codes]
        positions = cut(numbers, {value: rule.bands[value] for value in values}, where)
        return Labels(name, attribute.kind, values, customers, positions)
    texts = cells.map(_plain)
    if rule.map is not None and _covers(texts.iloc[codes], rule.map, where):
        texts = texts.map(dict(rule.map))
    values = attribute.values or _order(texts.dropna(), rule.map)
    said = texts.notna().to_numpy()
    place = np.full(len(texts), -1, dtype=np.int64)
    place[said] = _positions(texts[said], values, where)
    positions = place[codes]
    return Labels(name, attribute.kind, values, customers[positions >= 0], positions[positions >= 0])


def _rule_of(name: str, attribute: Attribute, data: Data) -> Declared:
    rule, where = attribute.declared, f"attributes.{name}.declared"
    if rule is None:
        raise ConfigError(f"{where}: this attribute is not declared")
    if data.profiles is None:
        raise ConfigError(f"{where}: the source '{data.name}' has no profile table (data.profiles)")
    _refuse_leak(rule, data, where)
    return rule


def _require_column(rule: Declared, columns: Sequence[str], name: str) -> None:
    known = [column for column in columns if column != CUSTOMER]
    if rule.column not in known:
        raise ConfigError(
            f"attributes.{name}.declared.column: '{rule.column}' is no column of the profiles "
            f"{did_you_mean(rule.column, known)}"
        )


def _distinct(found: pa.Table, column: str) -> tuple[np.ndarray, pd.Series, np.ndarray]:
    """Return who filled in a cell, sorted, the distinct cells, and each one's position among these.

    What a cell says is then worked out once for each word and not once for each customer.
    """
    found = (
        found.select([CUSTOMER, column])
        .filter(pc.invert(pc.is_null(found[column], nan_is_null=True)))
        .sort_by(CUSTOMER)
    )
    encoded = found[column].combine_chunks().dictionary_encode()
    cells = encoded.dictionary.to_pandas(integer_object_nulls=True)
    codes = encoded.indices.to_numpy()
    given = np.array([not isinstance(cell, str) or bool(cell.strip()) for cell in cells], dtype=bool)
    filled = given[codes]
    customers = np.array(found[CUSTOMER].to_pylist(), dtype=object)[filled]
    return customers, cells[given], (np.cumsum(given) - 1)[codes[filled]]


def _refuse_leak(rule: Declared, data: Data, where: str) -> None:
    """Refuse a profile column that comes back as a log's field through a join."""
    if data.profiles is None:
        return
    for log_name, log in data.logs.items():
        for table in (log, *log.join):
            fields = [f for f, column in {**log.categorical, **log.numeric}.items() if column == rule.column]
            if fields and _same_table(table, data.profiles, data.root):
                place = Path(data.profiles.path or data.profiles.database or "").name
                raise LeakageError(
                    f"{where}: the label is read from column '{rule.column}' of {place}, and field "
                    f"'{log_name}.{fields[0]}' is a feature read from the same column; "
                    f"remove the field from data.logs.{log_name}"
                )


def _same_table(one: Table, other: Table, root: str) -> bool:
    """Tell whether two declarations read the same file or table, however they write its place."""
    here, there = (resolve(root, table.path or table.database or "").resolve() for table in (one, other))
    names = {(table.table or "").removeprefix("main.") for table in (one, other)}
    return len(names) == 1 and (here == there or here in there.parents or there in here.parents)


def _plain(value: object) -> str:
    """Return a profile cell as text; 3.0 and 3 are the same."""
    if isinstance(value, bool | np.bool_):
        return YES if value else NO
    if isinstance(value, float | np.floating | Decimal) and np.isfinite(float(value)) and value == int(value):
        return str(int(value))
    return str(value).strip()


def _numbers(column: pd.Series, where: str) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().any():
        raise DataError(
            f"{where}.bands: bands need numbers, but the column holds '{column[numbers.isna()].iloc[0]}'; use 'map'"
        )
    return numbers


def _covers(texts: pd.Series, mapping: Mapping[str, str | None], where: str) -> bool:
    missed = sorted(set(texts) - set(mapping))
    if missed:
        count = int(texts.isin(missed).sum())
        raise DataError(
            f"{where}.map: {count:,} profiles hold '{missed[0]}'{' and other values' if missed[1:] else ''}, which "
            f"the map does not name {did_you_mean(missed[0], mapping)} Map it to null to leave it out."
        )
    return True


def _order(texts: pd.Series, mapping: Mapping[str, str | None] | None) -> tuple[str, ...]:
    if mapping is None:
        return tuple(sorted(set(texts)))
    present = set(texts)
    return tuple(dict.fromkeys(value for value in mapping.values() if value is not None and value in present))


def _positions(texts: pd.Series, values: tuple[str, ...], where: str) -> np.ndarray:
    unknown = sorted(set(texts) - set(values))
    if unknown:
        raise DataError(f"{where}: '{unknown[0]}' is none of the attribute's values {did_you_mean(unknown[0], values)}")
    place = {value: position for position, value in enumerate(values)}
    return np.array([place[text] for text in texts], dtype=np.int64)
