"""Purchases of any size as daily Parquet files, a day in memory at a time; a day depends on the seed and itself alone.

A customer's rate is a gamma variate of shape 0.8, so that few make most purchases; hours and weekdays have their own
weights. Tokens of the three categorical fields are drawn from 20, 300 and 3,000 by Zipf's law with exponent 1.1.
Amounts are log-normal, quantities geometric, and 2 % of each are NULL.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.columns import US_PER_DAY
from pipeline.engine import DuckDBEngine
from pipeline.events import write_events
from pipeline.settings import Data, Log

FIRST_DAY = 19_723  # 2024-01-01, a Monday, in days since the epoch
DAYS = 365
LOG = "purchases"
TOKENS = {"category": 20, "brand": 300, "product": 3_000}
AMOUNTS = ("amount", "quantity")
_EVENTS_PER_BUCKET = 2_000_000
_HOURS = np.r_[np.full(7, 0.2), np.linspace(1, 3, 12), np.linspace(3, 0.5, 5)]
_WEEKDAYS = np.array([0.9, 0.9, 0.95, 1.0, 1.2, 1.3, 0.75])


@dataclass(frozen=True)
class World:
    """How many events there are in a year, of how many customers, and the seed of all that is random."""

    events: int
    customers: int
    seed: int = 0

    def rates(self) -> np.ndarray:
        """Return the customers' cumulative shares of all events, shape (customers,), increasing to 1."""
        shares = np.cumsum(np.random.default_rng(self.seed).gamma(0.8, size=self.customers))
        return np.asarray(shares / shares[-1])


def sized(events: int) -> World:
    """Return a world with a hundred events per customer."""
    return World(events, max(events // 100, 1))


def purchases(root: Path) -> Data:
    """Return the source whose daily files stand below `root`."""
    log = Log(
        path=LOG, id="customer", time="bought_at", categorical={t: t for t in TOKENS}, numeric={a: a for a in AMOUNTS}
    )
    return Data(name="bench", root=str(root), logs={LOG: log}, time_zone="UTC")


def as_of(days: int = DAYS) -> int:
    """Return the midnight after so many days, microseconds since the epoch."""
    return (FIRST_DAY + days) * US_PER_DAY


def write_days(world: World, root: Path, days: range) -> None:
    """Write a file for each day, counted from the first."""
    (root / LOG).mkdir(parents=True, exist_ok=True)
    for day, table in zip(days, _days(world, days), strict=True):
        pq.write_table(table, root / LOG / f"day={day:04d}.parquet", compression="zstd")


def buckets(events: int) -> int:
    """Return the number of hash buckets for so many events."""
    return max(4, -(-events // _EVENTS_PER_BUCKET))


def write_canonical(data: Data, events: int, outputs: Path, workers: int) -> None:
    """Write the canonical events that all ways of making features read."""
    with DuckDBEngine(workers) as engine:
        write_events(data, buckets(events), outputs / "events", outputs / "quarantine", engine)


def _days(world: World, days: range) -> Iterator[pa.Table]:
    rates = world.rates()
    texts = {name: pa.array([f"{name} {token:04d}" for token in range(number)]) for name, number in TOKENS.items()}
    zipf = {
        name: np.cumsum(np.arange(1, n + 1) ** -1.1) / np.sum(np.arange(1, n + 1) ** -1.1) for name, n in TOKENS.items()
    }
    hours = _HOURS / _HOURS.sum()
    for day in days:
        rng = np.random.default_rng([world.seed, day])
        n = int(rng.poisson(world.events / DAYS * _WEEKDAYS[day % 7] / _WEEKDAYS.mean()))
        second = rng.choice(24, n, p=hours) * 3_600 + rng.integers(0, 3_600, n)
        instant = (FIRST_DAY + day) * US_PER_DAY + second * 1_000_000 + rng.integers(0, 1_000_000, n)
        columns = {
            "customer": pa.array(_drawn(rng, rates, n)),
            "bought_at": pa.array(np.sort(instant), pa.timestamp("us", "UTC")),
            **{name: texts[name].take(pa.array(_drawn(rng, shares, n))) for name, shares in zipf.items()},
            "amount": pa.array(np.round(rng.lognormal(2.0, 1.0, n), 2), mask=rng.random(n) < 0.02),
            "quantity": pa.array(rng.geometric(0.6, n).astype(float), mask=rng.random(n) < 0.02),
        }
        yield pa.table(columns)


def _drawn(rng: np.random.Generator, cumulative: np.ndarray, n: int) -> np.ndarray:
    """Return `n` positions drawn by their cumulative shares."""
    return np.minimum(np.searchsorted(cumulative, rng.random(n), side="right"), len(cumulative) - 1)


if __name__ == "__main__":
    size, source, outputs = sys.argv[1:]
    write_canonical(purchases(Path(source)), int(size), Path(outputs), 2)
