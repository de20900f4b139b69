"""What part each token has in what customers do, by group and by how active they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.campaign.lift import Lifts, Tally, standardised_lifts
from pipeline.columns import COUNT, CUSTOMER, FIELD, TOKEN
from pipeline.engine import DuckDBEngine
from pipeline.events import bucket_file
from pipeline.features.naming import field_name
from pipeline.outputs import read_manifest

_STRATA = 10  # tenths of customers by events


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
    for file in token_files(snapshot):
        table = engine.parquet(file)
        own = table.filter(table[FIELD] == field_name(log, "weekday"))
        parts.append(engine.arrow(own.group_by(CUSTOMER).agg(n=own[COUNT].sum())).to_pandas())
    events = pd.concat(parts).set_index(CUSTOMER)["n"].sort_index()
    place = events.rank(method="average").to_numpy() / max(1, len(events))
    tenth = np.minimum((place * _STRATA).astype(np.int64), _STRATA - 1)
    return pd.Series(tenth, index=events.index)


def token_files(snapshot: Path) -> list[Path]:
    """Return the files of a snapshot's token counts."""
    return [bucket_file(snapshot / "tokens", bucket) for bucket in range(read_manifest(snapshot)["buckets"])]


def count_tokens(
    engine: DuckDBEngine,
    snapshot: Path,
    field: tuple[str, str],
    strata: pd.Series,
    groups: Mapping[str, NDArray[np.object_]],
    at_least: int,
) -> Counts:
    """Return what the base and groups of it did in one field, bucket by bucket.

    Parameters
    ----------
    field
        Log and field.
    strata
        Each customer's stratum, whole numbers from 0; others are left out.
    groups
        Ids of each group's customers.
    at_least
        Customers of the base below which a token is left out.
    """
    name = field_name(*field)
    tokens = _vocabulary(engine, snapshot, name, at_least)
    codes, place = strata.to_numpy(), pd.Index(tokens)
    shape = (int(codes.max(initial=0)) + 1, len(tokens))
    members = {None: np.ones(len(strata), dtype=bool)} | {
        group: strata.index.isin(ids) for group, ids in groups.items()
    }
    sums = {group: np.zeros((3, *shape)) for group in members}
    for file in token_files(snapshot):
        table = engine.parquet(file)
        rows = engine.arrow(table.filter(table[FIELD] == name).select(CUSTOMER, TOKEN, COUNT)).to_pandas()
        part = (rows[COUNT] / rows.groupby(CUSTOMER)[COUNT].transform("sum")).to_numpy(dtype=np.float64)
        customer, token = strata.index.get_indexer(rows[CUSTOMER]), place.get_indexer(rows[TOKEN])
        known = (customer >= 0) & (token >= 0)
        customer, part = customer[known], part[known]
        cell = codes[customer] * shape[1] + token[known]
        for group, inside in members.items():
            own = inside[customer]
            for row, weight in enumerate((np.ones_like(part), part, part**2)):
                sums[group][row] += np.bincount(cell[own], weight[own], shape[0] * shape[1]).reshape(shape)
    tallies = {
        group: Tally(np.bincount(codes[inside], minlength=shape[0]).astype(np.float64), *sums[group])
        for group, inside in members.items()
    }
    return Counts(name, tokens, tallies.pop(None), {str(group): tally for group, tally in tallies.items()})


def refined(strata: pd.Series, values: pd.Series) -> pd.Series:
    """Return strata split by each customer's value; those without one stand apart.

    >>> refined(pd.Series([0, 1], index=["a", "b"]), pd.Series(["yes"], index=["b"])).tolist()
    [0, 3]
    """
    codes, _ = pd.factorize(values.reindex(strata.index))
    return strata * (int(codes.max(initial=-1)) + 2) + codes + 1


def _vocabulary(engine: DuckDBEngine, snapshot: Path, name: str, at_least: int) -> NDArray[np.object_]:
    table = engine.parquet(token_files(snapshot))
    own = table.filter(table[FIELD] == name)
    own = own.group_by(TOKEN).agg(n=own.count())
    kept: Sequence[str] = engine.arrow(own.filter(own["n"] >= at_least).select(TOKEN))[TOKEN].to_pylist()
    return np.array(sorted(kept), dtype=object)
