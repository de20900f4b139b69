"""Aggregates of a log's events that can be merged: what is counted once need not be read again.

Each table may have several rows of a customer, from events of different days; merging them gives what all the events
together would have given. Windows are of whole local days. Days of one part must all lie before those of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from pipeline.columns import CUSTOMER, EVENT_DAY, EVENT_US
from pipeline.settings import Log

N, FIRST_US, LAST_US = "_n", "_first_us", "_last_us"  # of totals: events, instants of the first and last
DAYS, FIRST_DAY, LAST_DAY = "_days", "_first_day", "_last_day"  # of rhythm: days with events
GAP_SQUARES, GAP_MAX = "_gap_squares", "_gap_max"  # of rhythm: days from one such day to the next
INSIDE = "_inside"  # of windows: the shortest window, in days, that the events lie in
_BEYOND = 2**31 - 1  # what stands there if they lie in none


@dataclass(frozen=True)
class Aggregates:
    """What is known of a log's events, by customer.

    Attributes
    ----------
    totals
        `_n, _first_us, _last_us`; of each numeric field number, sum, sum of squared deviations from the mean, least and
        greatest (`<field>__n, __sum, __squares, __min, __max`).
    windows
        `_inside, _n, _days`, and of each numeric field number and sum.
    rhythm
        `_days, _first_day, _last_day, _gap_squares, _gap_max`.
    """

    totals: ir.Table
    windows: ir.Table
    rhythm: ir.Table

    def __add__(self, later: Aggregates) -> Aggregates:
        """Return both together, not yet merged."""
        return Aggregates(
            _both(self.totals, later.totals), _both(self.windows, later.windows), _both(self.rhythm, later.rhythm)
        )


def of_events(events: ir.Table, log: Log, windows_days: Sequence[int], as_of_day: int) -> Aggregates:
    """Aggregate events; those of the windows are one pass with few groups, distinct days another."""
    banded = events.mutate(**{INSIDE: _inside(events[EVENT_DAY], windows_days, as_of_day)})
    totals = summed(banded, log, [CUSTOMER, INSIDE])
    amounts = [name for field in log.numeric for name in (f"{field}__n", f"{field}__sum")]
    windows = totals.select(CUSTOMER, INSIDE, N, *amounts, **{DAYS: ibis.literal(0.0)})
    days = distinct_days(events)
    by_window = days.mutate(**{INSIDE: _inside(days[EVENT_DAY], windows_days, as_of_day)}).group_by(CUSTOMER, INSIDE)
    counted = by_window.agg(**{DAYS: ibis._.count().cast("float64")})
    counted = counted.mutate(**{name: ibis.literal(0.0) for name in (N, *amounts)})
    return Aggregates(totals.drop(INSIDE), _both(windows, counted), rhythm(days))


def of_kept(
    totals: ir.Table, daily: ir.Table, kept_rhythm: ir.Table, log: Log, windows_days: Sequence[int], as_of_day: int
) -> Aggregates:
    """Return aggregates that were kept, with the windows summed from days."""
    days = daily.mutate(**{INSIDE: _inside(daily[EVENT_DAY], windows_days, as_of_day), DAYS: ibis.literal(1.0)})
    names = [N, DAYS, *(name for field in log.numeric for name in (f"{field}__n", f"{field}__sum"))]
    windows = days.group_by(CUSTOMER, INSIDE).agg(**{name: days[name].sum() for name in names})
    return Aggregates(totals, windows, kept_rhythm)


def summed(events: ir.Table, log: Log, by: Sequence[str]) -> ir.Table:
    """Return totals by customer and whatever else is named."""
    found: dict[str, ir.Value] = {
        N: events.count().cast("float64"),
        FIRST_US: events[EVENT_US].min(),
        LAST_US: events[EVENT_US].max(),
    }
    for field in log.numeric:
        amount = events[field]
        found |= {
            f"{field}__n": amount.count().cast("float64"),
            f"{field}__sum": amount.sum().fill_null(0.0),
            f"{field}__squares": amount.var(how="pop") * amount.count().cast("float64"),
            f"{field}__min": amount.min(),
            f"{field}__max": amount.max(),
        }
    return events.group_by(by).agg(**found)


def daily(events: ir.Table, log: Log) -> ir.Table:
    """Return number of events, and number and sum of each numeric field, by customer and local day."""
    found: dict[str, ir.Value] = {N: events.count().cast("float64")}
    for field in log.numeric:
        found[f"{field}__n"] = events[field].count().cast("float64")
        found[f"{field}__sum"] = events[field].sum().fill_null(0.0)
    return events.group_by(CUSTOMER, EVENT_DAY).agg(**found)


def distinct_days(events: ir.Table) -> ir.Table:
    """Return the days on which each customer has events."""
    return events.select(CUSTOMER, EVENT_DAY).distinct()


def rhythm(days: ir.Table) -> ir.Table:
    """Return number of days and gaps between them. Whole numbers: their squares are summed without rounding."""
    by_time = ibis.window(group_by=CUSTOMER, order_by=EVENT_DAY)
    days = days.mutate(_gap=(days[EVENT_DAY] - days[EVENT_DAY].lag().over(by_time)).cast("float64"))
    return days.group_by(CUSTOMER).agg(
        **{
            DAYS: days.count().cast("float64"),
            FIRST_DAY: days[EVENT_DAY].min().cast("float64"),
            LAST_DAY: days[EVENT_DAY].max().cast("float64"),
            GAP_SQUARES: (days["_gap"] * days["_gap"]).sum().fill_null(0.0),
            GAP_MAX: days["_gap"].max(),
        }
    )


def merged_totals(parts: ir.Table, log: Log) -> ir.Table:
    """Return one row per customer.

    Squared deviations of parts are merged as by Chan, Golub and LeVeque (1983, doi:10.1080/00031305.1983.10483115), for
    any number of parts at once: their sum, and n (mean of the part - mean of all)² of each.
    """
    apart: dict[str, ir.Value] = {}
    together = ibis.window(group_by=CUSTOMER)
    for field in log.numeric:
        n, amount = parts[f"{field}__n"], parts[f"{field}__sum"]
        distance = amount / n.nullif(0.0) - amount.sum().over(together) / n.sum().over(together).nullif(0.0)
        apart[f"{field}__squares"] = parts[f"{field}__squares"] + n * distance * distance
    parts = parts.mutate(**apart)
    how: dict[str, Callable[[ir.Column], ir.Value]] = {
        "min": lambda column: column.min(),
        "max": lambda column: column.max(),
    }
    found: dict[str, ir.Value] = {
        N: parts[N].sum(),
        FIRST_US: parts[FIRST_US].min(),
        LAST_US: parts[LAST_US].max(),
    }
    for field in log.numeric:
        for what in ("n", "sum", "squares", "min", "max"):
            column = parts[f"{field}__{what}"]
            found[f"{field}__{what}"] = how.get(what, lambda column: column.sum())(column)
    return parts.group_by(CUSTOMER).agg(**found)


def merged_rhythm(parts: ir.Table) -> ir.Table:
    """Return one row per customer; between two parts lies one more gap."""
    by_time = ibis.window(group_by=CUSTOMER, order_by=FIRST_DAY)
    parts = parts.mutate(_between=parts[FIRST_DAY] - parts[LAST_DAY].lag().over(by_time))
    parts = parts.mutate(_widest=ibis.greatest(parts[GAP_MAX].fill_null(0.0), parts["_between"].fill_null(0.0)))
    return parts.group_by(CUSTOMER).agg(
        **{
            DAYS: parts[DAYS].sum(),
            FIRST_DAY: parts[FIRST_DAY].min(),
            LAST_DAY: parts[LAST_DAY].max(),
            GAP_SQUARES: parts[GAP_SQUARES].sum() + (parts["_between"] * parts["_between"]).sum().fill_null(0.0),
            GAP_MAX: parts["_widest"].max().nullif(0.0),
        }
    )


def within(windows: ir.Table, column: str, days: int) -> ir.Value:
    """Return the sum of a column over the rows that lie inside a window."""
    return windows[column].sum(where=windows[INSIDE] <= days).fill_null(0.0)


def _inside(day: ir.IntegerColumn, windows_days: Sequence[int], as_of_day: int) -> ir.IntegerValue:
    since: Mapping[int, int] = {days: as_of_day - days for days in sorted(windows_days)}
    if not since:
        return ibis.literal(_BEYOND, "int32")
    return ibis.cases(
        *((day >= first, ibis.literal(days, "int32")) for days, first in since.items()),
        else_=ibis.literal(_BEYOND, "int32"),
    )


def _both(one: ir.Table, other: ir.Table) -> ir.Table:
    """Return the rows of two tables of the same columns; types of files win over those that Ibis infers."""
    return ibis.union(one, other.select(one.columns).cast(dict(one.schema().items())))
