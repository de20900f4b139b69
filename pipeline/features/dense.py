"""Dense aggregates of each customer: activity, rhythm, money and variety, over windows.

The list of features follows from the declared fields; nobody writes one. All of them are worked out from aggregates
that can be merged, so that a refresh gives what a rebuild gives. Only integer and double arithmetic is used, so that
every engine gives the same numbers. Unknown is NULL (a mean of nothing); a count, sum or number of distinct tokens of
nothing is 0. A window of w days holds the w whole local days before that of as_of, and that day as far as it has gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir

from pipeline.columns import CUSTOMER, EVENT_US, US_PER_DAY
from pipeline.features.aggregates import (
    DAYS,
    FIRST_DAY,
    FIRST_US,
    GAP_MAX,
    GAP_SQUARES,
    LAST_DAY,
    LAST_US,
    Aggregates,
    N,
    merged_rhythm,
    merged_totals,
    of_events,
    within,
)
from pipeline.features.naming import aggregate_of, dense_name
from pipeline.features.tokens import token_fields
from pipeline.features.variety import Counts, clock_tokens, variety_features
from pipeline.settings import Log


@dataclass(frozen=True)
class CutOff:
    """The instant before which features look back."""

    as_of_us: int  # microseconds since the epoch; events at or after it are not read
    as_of_day: int  # the source's local day of that instant, days since the epoch


def cut_off(as_of_us: int, time_zone: str) -> CutOff:
    """Return a cut-off with its local day.

    >>> cut_off(86_400_000_000, "UTC").as_of_day
    1
    """
    local = datetime.fromtimestamp(as_of_us // 1_000_000, ZoneInfo(time_zone))
    midnight = datetime(local.year, local.month, local.day, tzinfo=UTC)
    return CutOff(as_of_us, int(midnight.timestamp()) // 86_400)


def dense_features(
    events: Mapping[str, ir.Table],
    counts: Counts,
    logs: Mapping[str, Log],
    windows_days: Sequence[int],
    cut: CutOff,
    kept: Mapping[str, Aggregates] | None = None,
) -> ir.Table:
    """Return one row per customer with an event before as_of, sorted by customer.

    Parameters
    ----------
    events
        Canonical events by log; where aggregates are kept, those of the days after.
    counts
        What the token counts of all events at the same as_of come to.
    windows_days
        Look-back windows, each in days; the whole history comes besides.
    kept
        Aggregates of the days before those of `events`, by log.
    """
    parts = {}
    for name, log in logs.items():
        before = events[name].filter(events[name][EVENT_US] < cut.as_of_us)
        found = of_events(before, log, windows_days, cut.as_of_day)
        parts[name] = kept[name] + found if kept else found
    totals = {name: merged_totals(parts[name].totals, log) for name, log in logs.items()}
    known = [table.select(CUSTOMER) for table in totals.values()]
    customers = ibis.union(*known, distinct=True) if len(known) > 1 else known[0]
    blocks = []
    for name, log in logs.items():
        blocks += [_activity(totals[name], name, log, cut), _rhythm(parts[name], name)]
        blocks += [_spans(parts[name].windows, name, log, windows_days)] if windows_days else []
        blocks += variety_features(counts, name, log)
    table = customers
    for number, block in enumerate(blocks):  # one chain: a step for each would name all columns over and over
        key = f"_customer{number}"
        block = block.rename({key: CUSTOMER})
        table = table.left_join(block, table[CUSTOMER] == block[key])
    columns = [column for name, log in logs.items() for column in dense_names(name, log, windows_days)]
    zero = ("count", "sum", "distinct")
    filled = {
        column: table[column].cast("float64").fill_null(0.0)
        if aggregate_of(column) in zero
        else table[column].cast("float64")
        for column in columns
    }
    return table.select(CUSTOMER, **filled).order_by(CUSTOMER)


def dense_names(log: str, declared: Log, windows_days: Sequence[int]) -> list[str]:
    """Return the names of a log's dense features, in their order."""
    names = [dense_name(log, "events", "count")]
    names += [dense_name(log, "time", what) for what in ("recency_days", "tenure_days")]
    for field in declared.numeric:
        names += [dense_name(log, field, what) for what in ("sum", "mean", "min", "max", "std")]
    for days in windows_days:
        names.append(dense_name(log, "events", "count", days))
        names += [dense_name(log, field, what, days) for field in declared.numeric for what in ("sum", "mean")]
    names.append(dense_name(log, "days", "count"))
    names += [dense_name(log, "gap", what) for what in ("mean_days", "std_days", "max_days", "cv")]
    names += [dense_name(log, "days", "count", days) for days in windows_days]
    for field in token_fields(declared):
        names += [dense_name(log, field, what) for what in ("distinct", "entropy", "top_share")]
        names += [dense_name(log, field, f"share_{token}") for token in clock_tokens(field)]
    return names


def _activity(totals: ir.Table, log: str, declared: Log, cut: CutOff) -> ir.Table:
    """Return counts, recency, tenure and money of the whole history."""
    features: dict[str, ir.Value] = {
        dense_name(log, "events", "count"): totals[N],
        dense_name(log, "time", "recency_days"): _days_until(totals[LAST_US], cut),
        dense_name(log, "time", "tenure_days"): _days_until(totals[FIRST_US], cut),
    }
    for field in declared.numeric:
        n, amount = totals[f"{field}__n"], totals[f"{field}__sum"]
        features |= {
            dense_name(log, field, "sum"): amount,
            dense_name(log, field, "mean"): amount / n.nullif(0.0),
            dense_name(log, field, "min"): totals[f"{field}__min"],
            dense_name(log, field, "max"): totals[f"{field}__max"],
            dense_name(log, field, "std"): (totals[f"{field}__squares"] / _positive(n - 1.0)).sqrt(),
        }
    return totals.select(CUSTOMER, **features)


def _spans(windows: ir.Table, log: str, declared: Log, windows_days: Sequence[int]) -> ir.Table:
    """Return counts, active days and money of each window."""
    inside: dict[str, ir.Value] = {}
    for days in windows_days:
        inside[dense_name(log, "events", "count", days)] = within(windows, N, days)
        for field in declared.numeric:
            n, amount = within(windows, f"{field}__n", days), within(windows, f"{field}__sum", days)
            inside[dense_name(log, field, "sum", days)] = amount
            inside[dense_name(log, field, "mean", days)] = amount / n.nullif(0.0)
        inside[dense_name(log, "days", "count", days)] = within(windows, DAYS, days)
    return windows.group_by(CUSTOMER).agg(**inside)


def _days_until(event_us: ir.IntegerColumn, cut: CutOff) -> ir.FloatingValue:
    return (cut.as_of_us - event_us).cast("float64") / float(US_PER_DAY)


def _positive(number: ir.FloatingValue) -> ir.FloatingValue:
    """Return what may be divided by; a spread of one number or none is unknown."""
    return (number > 0.0).ifelse(number, ibis.null("float64"))


def _rhythm(parts: Aggregates, log: str) -> ir.Table:
    """Active days and the gaps between them; regularity is the gaps' coefficient of variation.

    All gaps together are the days from the first to the last, and their squares whole numbers: no rounding before the
    division.
    """
    table = merged_rhythm(parts.rhythm)
    gaps, length = table[DAYS] - 1.0, table[LAST_DAY] - table[FIRST_DAY]
    mean = length / _positive(gaps)
    deviation = ((gaps * table[GAP_SQUARES] - length * length) / (gaps * _positive(gaps - 1.0))).sqrt()
    return table.select(
        CUSTOMER,
        **{
            dense_name(log, "days", "count"): table[DAYS],
            dense_name(log, "gap", "mean_days"): mean,
            dense_name(log, "gap", "std_days"): deviation,
            dense_name(log, "gap", "max_days"): table[GAP_MAX],
            dense_name(log, "gap", "cv"): deviation / mean,
        },
    )
