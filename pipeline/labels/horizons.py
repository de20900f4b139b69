"""A rule's sums over the horizons before as_of, customer by customer, from its days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import log

import numpy as np
from numpy.typing import NDArray

from pipeline.columns import US_PER_DAY
from pipeline.labels.daily import Condition, Days

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Horizons:
    """Sums of n customers over single horizons before as_of, and what their whole history says.

    Attributes
    ----------
    counts, days, sums, known
        Events, active days, the amount's sum and how many events have an amount: shape (n, lags + 2); column k is the
        horizon that ended k horizons before as_of, the last column all before these. Zeros without an amount.
    first_us
        The first event of each of these horizons, shape (n, lags + 2); infinity: none.
    recent
        Active days, each worth half as much per one horizon, or per two, that it is old, shape (n, 2).
    recency_days, tenure_days, span_days
        Days since the last and the first event, and between the days of both, shape (n,); NaN without events.
    """

    counts: Floats
    days: Floats
    sums: Floats
    known: Floats
    first_us: Floats
    recent: Floats
    recency_days: Floats
    tenure_days: Floats
    span_days: Floats

    def of(self, places: NDArray[np.intp]) -> Horizons:
        """Return them of customers at these places, -1 for one without events."""
        return replace(self, **{name: values[places] for name, values in vars(self).items()})

    def within(self, what: str, horizons: int | None) -> Floats:
        """Return `counts`, `days`, `sums` or `known` of the last horizons together, of all if None, shape (n,)."""
        values: Floats = getattr(self, what)[:, slice(horizons)].sum(axis=1)
        return values


def horizons(
    days: Days, condition: Condition, amount: str | None, horizon_days: int, lags: int, as_of_us: int
) -> Horizons:
    """Return the sums of events that meet a condition: a row per customer of `days`, and one of nobody as the last.

    An active day is counted once in each horizon that it lies in.
    """
    rows = days.meeting(condition)
    who, day, back = days.who[rows], days.day[rows], days.age[rows] // horizon_days
    begins = np.ones(len(who), dtype=bool)
    begins[1:] = (who[1:] != who[:-1]) | (day[1:] != day[:-1]) | (back[1:] != back[:-1])
    starts = np.flatnonzero(begins)
    n, width = len(days.customers) + 1, lags + 2
    cell = who * width + np.minimum(back, width - 1)

    def added(weights: np.ndarray | None, cells: np.ndarray = cell) -> Floats:
        return np.bincount(cells, weights, minlength=n * width).astype(np.float64).reshape(n, width)

    nothing = np.zeros((n, width))
    of_day, who, day = cell[starts], who[starts], day[starts]
    first_us, last_us = _least(days.first_us[rows], starts), -_least(-days.last_us[rows], starts)
    first_of = np.full((n, width), np.inf)
    runs = _changes(of_day)  # hardly more than cells: a customer's days stand in the order of time
    np.minimum.at(first_of.ravel(), of_day[runs], _least(first_us, runs).astype(np.float64))  # below 2**53: exact
    age_days = (as_of_us - last_us).astype(np.float64) / US_PER_DAY
    one = _changes(who)
    here = who[one]
    recency, span_days = np.full(n, np.nan), np.full(n, np.nan)
    recency[here] = _least(age_days, one)
    span_days[here] = -_least(-day, one) - _least(day, one)
    recent = [np.bincount(who, np.exp(age_days * (-log(2.0) / (span * horizon_days))), minlength=n) for span in (1, 2)]
    tenure = (as_of_us - first_of.min(axis=1)) / US_PER_DAY
    return Horizons(
        added(days.number[rows]),
        added(None, of_day),
        nothing if amount is None else added(days.sums[amount][rows]),
        nothing if amount is None else added(days.known[amount][rows]),
        first_of,
        np.column_stack(recent),
        recency,
        np.where(np.isfinite(tenure), tenure, np.nan),
        span_days,
    )


def joined(parts: Sequence[Horizons]) -> Horizons:
    """Return the sums of all customers of some parts, one after another, and nobody's as the last row.

    Raises
    ------
    ValueError
        If there is no part.
    """
    if len(parts) == 1:
        return parts[0]
    cut = [{f.name: getattr(part, f.name)[:-1] for f in fields(part)} for part in parts[:-1]]
    last = {f.name: getattr(parts[-1], f.name) for f in fields(Horizons)}
    return Horizons(**{name: np.concatenate([*(part[name] for part in cut), last[name]]) for name in last})


def _changes(values: np.ndarray) -> NDArray[np.intp]:
    """Return where runs of equal values begin."""
    begins = np.ones(len(values), dtype=bool)
    begins[1:] = values[1:] != values[:-1]
    return np.flatnonzero(begins)


def _least(values: np.ndarray, starts: NDArray[np.intp]) -> np.ndarray:
    """Return the least value of each run; none of no values, where `reduceat` would have one."""
    return np.minimum.reduceat(values, starts) if len(starts) else values
