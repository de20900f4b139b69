"""What the logs of the SYNTHETIC operator hold of each line between two days, as `best` needs it: counts and sums.

Given its user's flags, these are all that the events of a line tell of him (sufficient statistics), but for who its
`partner`s are: the rest is chance that does not depend on the user.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.synthetic.calendar import ZONE, instant_us
from pipeline.synthetic.logs import LOGS, MEGABYTES, OTHER_MEGABYTES
from pipeline.synthetic.population import REGIONS


@dataclass
class Evidence:
    """Counts and sums of lines, arrays of shape (n,) but for regions, by name of the cause."""

    counts: dict[str, np.ndarray] = field(default_factory=dict)  # events of a stream
    sorts: dict[str, np.ndarray] = field(default_factory=dict)  # of them, those of a share's sort
    sums: dict[str, np.ndarray] = field(default_factory=dict)  # of the logarithms of amounts
    rows: dict[str, np.ndarray] = field(default_factory=dict)  # of a log
    regions: dict[str, np.ndarray] = field(default_factory=dict)  # by kind of place, whether seen there: (n, n_regions)

    def of(self, part: slice) -> Evidence:
        """Return the evidence of some lines."""
        groups = (self.counts, self.sorts, self.sums, self.rows, self.regions)
        return Evidence(*({name: values[part] for name, values in group.items()} for group in groups))


def gather(folder: Path, ids: np.ndarray, first: int, below: int) -> Evidence:
    """Return the evidence in the local days `first` to `below` - 1.

    Parameters
    ----------
    ids
        Sorted `line_id`, shape (n,).
    """
    found = Evidence()
    for log in LOGS:
        found.rows[log] = np.zeros(len(ids))
        for line, table in _read(folder, log, ids, first, below):
            found.rows[log] += np.bincount(line, minlength=len(ids))
            _add(found, log, line, table, len(ids))
    return found


def daily(folder: Path, ids: np.ndarray, below: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what tells whether a line is still used, both of shape (n, below), before the day `below`.

    First the number of events that come at a rate (those of all streams, and top-ups); then whether a bill came.
    """
    events, bills = np.zeros((len(ids), below)), np.zeros((len(ids), below), dtype=bool)
    midnights = instant_us(np.arange(below + 1), np.zeros(below + 1))
    for log in LOGS:
        for line, table in _read(folder, log, ids, 0, below):
            day = np.searchsorted(midnights, _instants(table), side="right") - 1
            kept = np.full(len(line), log != "handsets")
            if log == "roaming":
                kept = _is(table, "leg", "arrival")
            if log == "payments":
                kept = _is(table, "payment", "top-up")
                bills[line[~kept], day[~kept]] = True
            np.add.at(events, (line[kept], day[kept]), 1.0)
    return events, bills


def _add(found: Evidence, log: str, line: np.ndarray, table: pa.Table, n: int) -> None:
    def count(group: dict[str, np.ndarray], name: str, chosen: np.ndarray, weights: np.ndarray | None = None) -> None:
        of = weights[chosen] if weights is not None else None
        group[name] = group.get(name, np.zeros(n)) + np.bincount(line[chosen], of, minlength=n)

    everything = np.ones(len(line), dtype=bool)
    if log == "calls":
        hour = _hour(table)
        count(found.counts, "call", everything)
        count(found.sorts, "working_hours", (hour >= 9) & (hour < 17))
        count(found.sorts, "incoming", _is(table, "direction", "in"))
        count(found.sums, "talk_seconds", everything, np.log(table["talk_seconds"].to_numpy()))
    elif log == "messages":
        count(found.counts, "message", everything)
    elif log == "sessions":
        for app in pc.unique(table["app"]).to_pylist():
            chosen = _is(table, "app", app)
            count(found.counts, app, chosen)
            typical = MEGABYTES.get(app, OTHER_MEGABYTES)
            count(found.sums, "megabytes", chosen, np.log(table["megabytes"].to_numpy().clip(1e-4) / typical))
        count(found.sorts, "night", _hour(table) < 6)
    elif log == "sightings":
        region = np.asarray(pc.index_in(table["region"], pa.array(REGIONS)).to_numpy())
        for kind in ("home", "work", "away"):
            chosen = _is(table, "place_kind", kind)
            count(found.counts, kind, chosen)
            found.regions.setdefault(kind, np.zeros((n, len(REGIONS)), dtype=bool))[line[chosen], region[chosen]] = True
    elif log == "payments":
        count(found.counts, "top-up", _is(table, "payment", "top-up"))
    elif log == "roaming":
        count(found.counts, "trip", _is(table, "leg", "arrival"))


def _read(folder: Path, log: str, ids: np.ndarray, first: int, below: int) -> Iterator[tuple[np.ndarray, pa.Table]]:
    """Yield the positions of lines and the rows of each file, between two local midnights."""
    from_us, below_us = instant_us(np.array([first, below]), np.zeros(2))
    for file in sorted((folder / log).rglob("part-*.parquet")):
        table = pq.ParquetFile(file).read()
        at = _instants(table)
        wanted = table["line_id"].to_numpy()
        line = np.searchsorted(ids, wanted).clip(max=len(ids) - 1)
        kept = (at >= from_us) & (at < below_us) & (ids[line] == wanted)
        if kept.any():
            yield line[kept], table.filter(pa.array(kept))


def _instants(table: pa.Table) -> np.ndarray:
    return np.asarray(table["started_at"].cast(pa.int64()).to_numpy())


def _hour(table: pa.Table) -> np.ndarray:
    local = pc.local_timestamp(table["started_at"].cast(pa.timestamp("us", tz=ZONE)))
    return np.asarray(pc.hour(local).to_numpy())


def _is(table: pa.Table, column: str, token: str) -> np.ndarray:
    return np.asarray(pc.equal(table[column], token).to_numpy())
