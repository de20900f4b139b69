"""Labels that customers declared: profile columns, mapped or cut into bands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.columns import CUSTOMER
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError, LeakageError, did_you_mean
from pipeline.events import bucket_file
from pipeline.features.counts import only_of
from pipeline.labels.known import NO, YES, Labels, cut, ordered
from pipeline.labels.lots import Lottery, ids_of, with_lots
from pipeline.outputs import read_manifest
from pipeline.profiles import read_profiles
from pipeline.settings import Attribute, Data, Declared, Table
from pipeline.sources import resolve

_POSITION = "_position"


def declared_labels(
    engine: DuckDBEngine,
    profiles: Path,
    name: str,
    attribute: Attribute,
    data: Data,
    buckets: Sequence[int] | range | None = None,
    only: np.ndarray | None = None,
) -> Labels:
    """Return the labels of a declared attribute, of all customers or of some buckets; a blank cell is none.

    Parameters
    ----------
    only
        Ids whose labels are wanted, shape (n,); None: everybody's. The values, and what is wrong with the column, are
        those of all profiles.

    Raises
    ------
    ConfigError
        If the profile column does not exist, the source has no profile table, or `values` and bands differ.
    DataError
        If a value of the column is missing in the map, or no number where bands are asked for.
    LeakageError
        If a field of a log is read from the very profile column that is to be learnt.
    """
    tables = _open(engine, profiles, name, attribute, data, buckets)
    if only is None:
        parts = [engine.arrow(table) for table in tables]
        found = pa.concat_tables(parts, promote_options="default")  # an empty bucket may differ in what can be missing
        return told_labels(found, name, attribute, data)
    said = _said(_cells(engine.arrow(table.drop(CUSTOMER)) for table in tables), name, attribute, data)
    return said.labels(pa.concat_tables([said.known(engine.arrow(only_of(engine, table, only))) for table in tables]))


def drawn_labels(
    engine: DuckDBEngine, profiles: Path, name: str, attribute: Attribute, data: Data, snapshot: Path, at_most: int
) -> Labels:
    """Return the labels of a random sample of a snapshot's customers who have one, or of all of these.

    Parameters
    ----------
    at_most
        Customers that are drawn, those of the lowest lots. The values, and what is wrong with the column, are those of
        all profiles.

    Raises
    ------
    ConfigError, DataError, LeakageError
        As `declared_labels`.
    """
    tables = _open(engine, profiles, name, attribute, data)
    said = _said(_cells(engine.arrow(table.drop(CUSTOMER)) for table in tables), name, attribute, data)
    lottery = Lottery(at_most)
    for bucket, table in enumerate(tables):
        featured = engine.parquet(bucket_file(snapshot / "dense", bucket)).select(CUSTOMER)
        lottery.add(said.known(engine.arrow(with_lots(engine, table.semi_join(featured, CUSTOMER)))))
    return replace(said.labels(lottery.drawn()), sampled_from=lottery.sampled_from)


def told_labels(found: pa.Table, name: str, attribute: Attribute, data: Data) -> Labels:
    """Return the labels of a declared attribute by profiles at hand, as `declared_labels` does.

    Parameters
    ----------
    found
        One row per customer, with a column of ids and that of the rule.
    """
    rule = _rule_of(name, attribute, data)
    _require_column(rule, found.column_names, name)
    found = found.select([CUSTOMER, rule.column]).sort_by(CUSTOMER)
    said = _said(_cells([found.drop_columns(CUSTOMER)]), name, attribute, data)
    return said.labels(said.known(found))


@dataclass(frozen=True)
class _Said:
    """What the cells of a profile column say, worked out once for each word and not once for each customer.

    Attributes
    ----------
    cells
        The distinct ones, shape (n_cells,).
    place
        Position in `values` of what each says, shape (n_cells,); -1: nothing.
    """

    name: str
    attribute: Attribute
    column: str
    values: tuple[str, ...]
    cells: pa.Array
    place: np.ndarray

    def known(self, profiles: pa.Table) -> pa.Table:
        """Return the rows of customers whose cell says something, with what it says in place of the cell."""
        codes = pc.index_in(profiles[self.column], value_set=self.cells).fill_null(len(self.cells)).to_numpy()
        positions = np.append(self.place, -1)[codes]
        told = profiles.drop_columns(self.column).append_column(_POSITION, pa.array(positions, pa.int64()))
        return told.filter(pa.array(positions >= 0))

    def labels(self, known: pa.Table) -> Labels:
        known = known.sort_by(CUSTOMER)
        y = known[_POSITION].to_numpy()
        return Labels(self.name, self.attribute.kind, self.values, ids_of(known), y)


def _open(
    engine: DuckDBEngine,
    profiles: Path,
    name: str,
    attribute: Attribute,
    data: Data,
    buckets: Sequence[int] | range | None = None,
) -> list[ir.Table]:
    """Return ids and the rule's column of each bucket."""
    rule = _rule_of(name, attribute, data)
    buckets = range(read_manifest(profiles)["buckets"]) if buckets is None else buckets
    tables = [read_profiles(engine, profiles, bucket) for bucket in buckets]
    _require_column(rule, tables[0].columns, name)
    return [table.select(CUSTOMER, rule.column) for table in tables]


def _cells(parts: Iterable[pa.Table]) -> tuple[pa.Array, np.ndarray]:
    """Return the distinct cells of a column that comes in parts, and how often each stands; empty ones are none."""
    counted = []
    for part in parts:
        column = part.column(0)
        filled = column.filter(pc.invert(pc.is_null(column, nan_is_null=True)))
        n, cells = (pc.value_counts(filled).field(field) for field in ("counts", "values"))
        counted.append(pa.table({"cell": cells, "n": n}))
    both = pa.concat_tables(counted, promote_options="default").group_by("cell", use_threads=False)
    distinct = both.aggregate([("n", "sum")])
    return distinct["cell"].combine_chunks(), distinct["n_sum"].to_numpy()


def _said(found: tuple[pa.Array, np.ndarray], name: str, attribute: Attribute, data: Data) -> _Said:
    """Work out what each distinct cell says, given with how often it stands."""
    rule, where = _rule_of(name, attribute, data), f"attributes.{name}.declared"
    cells, counts = found
    words = cells.to_pandas(integer_object_nulls=True)
    given = np.array([not isinstance(word, str) or bool(word.strip()) for word in words], dtype=bool)
    words, counts = words[given], counts[given]
    place = np.full(len(cells), -1, dtype=np.int64)
    if rule.bands is not None:
        values = ordered(rule.bands, attribute.values, f"attributes.{name}")
        place[given] = cut(_numbers(words, where), {value: rule.bands[value] for value in values}, where, counts)
        return _Said(name, attribute, rule.column, values, cells, place)
    texts = words.map(_plain)
    if rule.map is not None and _covers(texts, counts, rule.map, where):
        texts = texts.map(dict(rule.map))
    values = attribute.values or _order(texts.dropna(), rule.map)
    said = texts.notna().to_numpy()
    place[np.flatnonzero(given)[said]] = _positions(texts[said], values, where)
    return _Said(name, attribute, rule.column, values, cells, place)


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


def _covers(texts: pd.Series, counts: np.ndarray, mapping: Mapping[str, str | None], where: str) -> bool:
    missed = sorted(set(texts) - set(mapping))
    if missed:
        count = int(counts[texts.isin(missed)].sum())
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
