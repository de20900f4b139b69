"""What part each token has in what customers do, by group and by how active they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.campaign.lift import Floats, Lifts, Tally, standardised_lifts
from pipeline.columns import COUNT, CUSTOMER, FIELD, TOKEN
from pipeline.engine import DuckDBEngine
from pipeline.features.naming import field_name
from pipeline.features.tokens import read_tokens
from pipeline.outputs import read_manifest

_STRATA = 10  # tenths of customers by events


@dataclass(frozen=True)
class View:
    """Each customer's stratum, whole numbers from 0, -1 for who is left out; and the ids of each group's customers."""

    strata: pd.Series
    groups: Mapping[str, NDArray[np.object_]]


@dataclass(frozen=True)
class Counts:
    """What the base and groups of it did in one field; see `lift.Tally`."""

    field: str
    tokens: NDArray[np.object_]
    base: Tally
    groups: Mapping[str, Tally]

    def lifts(self, group: str, prior: float) -> Lifts:
        """Return one group's lifts over the base."""
        return standardised_lifts(self.groups[group], self.base, prior)


def activity(engine: DuckDBEngine, snapshot: Path, log: str) -> pd.Series:
    """Return each customer's tenth by events of a log, 0 to 9; customers without an event are not in it.

    Every event has one weekday, so that the counts of these tokens are those of events.
    """
    parts = []
    for table in tables_of_tokens(engine, snapshot):
        own = table.filter(table[FIELD] == field_name(log, "weekday"))
        parts.append(engine.arrow(own.group_by(CUSTOMER).agg(n=own[COUNT].sum())).to_pandas())
    events = pd.concat(parts).set_index(CUSTOMER)["n"].sort_index()
    place = events.rank(method="average").to_numpy() / max(1, len(events))
    tenth = np.minimum((place * _STRATA).astype(np.int64), _STRATA - 1)
    return pd.Series(tenth, index=events.index)


def tables_of_tokens(engine: DuckDBEngine, snapshot: Path) -> list[ir.Table]:
    """Return a snapshot's token counts, a table for each bucket."""
    return [read_tokens(engine, snapshot, [bucket]) for bucket in range(read_manifest(snapshot)["buckets"])]


def count_tokens(
    engine: DuckDBEngine, snapshot: Path, field: tuple[str, str], views: Sequence[View], at_least: int
) -> list[Counts]:
    """Return what the base and groups of it did in one field, for each view; buckets are read once.

    Parameters
    ----------
    field
        Log and field.
    views
        All of the same customers, in the same order.
    at_least
        Customers of the base below which a token is left out.
    """
    name = field_name(*field)
    tokens = _vocabulary(engine, snapshot, name, at_least)
    people, place = views[0].strata.index, pd.Index(tokens)
    sums = [_Sums(view, len(tokens)) for view in views]
    for table in tables_of_tokens(engine, snapshot):
        rows = engine.arrow(table.filter(table[FIELD] == name).select(CUSTOMER, TOKEN, COUNT)).to_pandas()
        part = (rows[COUNT] / rows.groupby(CUSTOMER)[COUNT].transform("sum")).to_numpy(dtype=np.float64)
        customer, token = people.get_indexer(rows[CUSTOMER]), place.get_indexer(rows[TOKEN])
        known = (customer >= 0) & (token >= 0)
        for one in sums:
            one.add(customer[known], token[known], part[known])
    return [
        Counts(name, tokens, one.tally(None), {group: one.tally(group) for group in one.view.groups}) for one in sums
    ]


class _Sums:
    """The sums of one view, bucket by bucket."""

    def __init__(self, view: View, n_tokens: int) -> None:
        self.view = view
        self.codes = view.strata.to_numpy()
        self.shape = (int(self.codes.max(initial=0)) + 1, n_tokens)
        self.members = {group: view.strata.index.isin(ids) & (self.codes >= 0) for group, ids in view.groups.items()}
        self.everybody = self.codes >= 0
        self.sums: dict[str | None, Floats] = {group: np.zeros((3, *self.shape)) for group in (None, *view.groups)}

    def add(self, customer: NDArray[np.int64], token: NDArray[np.int64], part: Floats) -> None:
        """Add rows: positions of customers and tokens, and the token's part in what the customer does."""
        for group, total in self.sums.items():
            own = self._inside(group)[customer]
            cell = self.codes[customer[own]] * self.shape[1] + token[own]
            for row, power in enumerate((0, 1, 2)):
                size = self.shape[0] * self.shape[1]
                total[row] += np.bincount(cell, part[own] ** power, size).reshape(self.shape)

    def tally(self, group: str | None) -> Tally:
        """Return the sums of a group, or of the base."""
        size = np.bincount(self.codes[self._inside(group)], minlength=self.shape[0]).astype(np.float64)
        return Tally(size, *self.sums[group])

    def _inside(self, group: str | None) -> NDArray[np.bool_]:
        return self.everybody if group is None else self.members[group]


def only(strata: pd.Series, customers: NDArray[np.object_]) -> pd.Series:
    """Return strata in which other customers than these are left out.

    >>> only(pd.Series([0, 1], index=["a", "b"]), np.array(["b"], dtype=object)).tolist()
    [-1, 1]
    """
    return strata.where(strata.index.isin(customers), -1)


def refined(strata: pd.Series, values: pd.Series) -> pd.Series:
    """Return strata split by each customer's value; those without one stand apart.

    >>> refined(pd.Series([0, 1], index=["a", "b"]), pd.Series(["yes"], index=["b"])).tolist()
    [0, 3]
    """
    codes, _ = pd.factorize(values.reindex(strata.index))
    return strata * (int(codes.max(initial=-1)) + 2) + codes + 1


def _vocabulary(engine: DuckDBEngine, snapshot: Path, name: str, at_least: int) -> NDArray[np.object_]:
    table = read_tokens(engine, snapshot, range(read_manifest(snapshot)["buckets"]))
    own = table.filter(table[FIELD] == name)
    own = own.group_by(TOKEN).agg(n=own.count())
    kept: Sequence[str] = engine.arrow(own.filter(own["n"] >= at_least).select(TOKEN))[TOKEN].to_pylist()
    return np.array(sorted(kept), dtype=object)
