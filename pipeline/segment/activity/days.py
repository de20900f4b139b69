"""The days on which each customer was active, and what they spent on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ibis
import numpy as np
from numpy.typing import NDArray

from pipeline.columns import CUSTOMER, EVENT_DAY, EVENT_US
from pipeline.engine import DuckDBEngine
from pipeline.events import read_events
from pipeline.features.snapshot import cut_off

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ActiveDays:
    """Active days of n customers, one after another.

    Attributes
    ----------
    customers
        Ids, shape (n,), sorted.
    start
        Where each one's days begin, and where the last one's end: shape (n + 1,).
    day
        Local days since the epoch, rising within a customer, shape (n_days,).
    amount
        Money of each of these days, shape (n_days,); NaN where the log has no money.
    """

    customers: NDArray[np.object_]
    start: Ints
    day: Ints
    amount: Floats

    @property
    def owner(self) -> Ints:
        """Return whose day each is: positions among the customers, shape (n_days,)."""
        return np.repeat(np.arange(len(self.customers)), np.diff(self.start))

    def before(self, cut_day: int) -> ActiveDays:
        """Return the days before a day, and the customers who have one."""
        owner, kept = self.owner, self.day < cut_day
        return self._of(np.bincount(owner[kept], minlength=len(self.customers)), kept)

    def of(self, customers: NDArray[np.bool_]) -> ActiveDays:
        """Return the days of some customers, given as a mask of shape (n,)."""
        return self._of(np.where(customers, np.diff(self.start), 0), customers[self.owner])

    def _of(self, count: Ints, kept: NDArray[np.bool_]) -> ActiveDays:
        some = count > 0
        start = np.concatenate([[0], np.cumsum(count[some])])
        return ActiveDays(self.customers[some], start, self.day[kept], self.amount[kept])


def cut_day(as_of_us: int, time_zone: str) -> int:
    """Return the first local day that no event before as_of lies on.

    >>> cut_day(86_400_000_000, "UTC"), cut_day(86_400_000_001, "UTC")
    (1, 2)
    """
    return cut_off(as_of_us - 1, time_zone).as_of_day + 1


def read_days(
    engine: DuckDBEngine, events: Path, log: str, amount: Sequence[str], bucket: int, as_of_us: int
) -> ActiveDays:
    """Return the active days before as_of of one bucket's customers.

    Parameters
    ----------
    amount
        Numeric fields whose product is an event's money; an event without a number in one of them adds nothing.
    """
    table = read_events(engine, events, log, bucket)
    table = table.filter(table[EVENT_US] < as_of_us)
    money = ibis.literal(float("nan")) if not amount else table[amount[0]]
    for field in amount[1:]:
        money = money * table[field]
    spent = money.sum().fill_null(0.0) if amount else ibis.literal(float("nan"))
    daily = table.group_by(CUSTOMER, EVENT_DAY).agg(amount=spent).order_by([CUSTOMER, EVENT_DAY])
    found = engine.arrow(daily)
    encoded = found[CUSTOMER].combine_chunks().dictionary_encode()
    customers = np.array(encoded.dictionary.to_pylist(), dtype=object)
    owner = encoded.indices.to_numpy().astype(np.int64)
    start = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(customers)))]).astype(np.int64)
    return ActiveDays(
        customers, start, found[EVENT_DAY].to_numpy().astype(np.int64), found["amount"].to_numpy().astype(np.float64)
    )
