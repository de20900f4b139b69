"""Dense aggregates of each customer: activity, rhythm, money and variety, over windows.

The list of features follows from the declared fields; nobody writes one. Windows are conditional
aggregates inside one pass per log. Only integer and double arithmetic is used, so that every engine
gives the same numbers. Unknown is NULL (a mean of nothing); a count, sum or number of distinct tokens of nothing is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from pipeline.columns import COUNT, CUSTOMER, EVENT_DAY, EVENT_US, FIELD, TOKEN, US_PER_DAY
from pipeline.features.naming import aggregate_of, dense_name, field_name
from pipeline.features.tokens import token_fields
from pipeline.settings import Log


@dataclass(frozen=True)
class CutOff:
    """The instant before which features look back."""

    as_of_us: int  # microseconds since the epoch; events at or after it are not read
    as_of_day: int  # the source's local day of that instant, days since the epoch


def dense_features(
    events: Mapping[str, ir.Table],
    tokens: ir.Table,
    logs: Mapping[str, Log],
    windows_days: Sequence[int],
    cut: CutOff,
) -> ir.Table:
    """Return one row per customer with an event before as_of, sorted by customer.

    Parameters
    ----------
    events
        Canonical events by log.
    tokens
        The token counts of the same events at the same as_of.
    windows_days
        Look-back windows, each in days; the whole history comes besides.
    """
    before = {name: table.filter(table[EVENT_US] < cut.as_of_us) for name, table in events.items()}
    known = [table.select(CUSTOMER).distinct() for table in before.values()]
    customers = (ibis.union(*known, distinct=True) if len(known) > 1 else known[0]).select(CUSTOMER)
    table = customers
    for name, log in logs.items():
        parts = [
            _activity(before[name], name, log, windows_days, cut),
            _rhythm(before[name], name, windows_days, cut),
            _variety(tokens, name, log),
        ]
        for part in parts:
            table = table.left_join(part, CUSTOMER).drop(f"{CUSTOMER}_right")
    zero = {
        column: table[column].cast("float64").fill_null(0.0)
        for column in table.columns
        if column != CUSTOMER and aggregate_of(column) in ("count", "sum", "distinct")
    }
    rest = {c: table[c].cast("float64") for c in table.columns if c != CUSTOMER and c not in zero}
    return table.mutate(**zero, **rest).order_by(CUSTOMER)


def _activity(events: ir.Table, log: str, declared: Log, windows_days: Sequence[int], cut: CutOff) -> ir.Table:
    """Return counts, recency, tenure and money."""
    time = events[EVENT_US]
    features: dict[str, ir.Value] = {
        dense_name(log, "events", "count"): events.count(),
        dense_name(log, "time", "recency_days"): (cut.as_of_us - time.max()).cast("float64") / float(US_PER_DAY),
        dense_name(log, "time", "tenure_days"): (cut.as_of_us - time.min()).cast("float64") / float(US_PER_DAY),
    }
    for field in declared.numeric:
        amount = events[field]
        features |= {
            dense_name(log, field, "sum"): amount.sum(),
            dense_name(log, field, "mean"): amount.mean(),
            dense_name(log, field, "min"): amount.min(),
            dense_name(log, field, "max"): amount.max(),
            dense_name(log, field, "std"): amount.std(how="sample"),
        }
    for days in windows_days:
        inside = time >= cut.as_of_us - days * US_PER_DAY
        features[dense_name(log, "events", "count", days)] = events.count(where=inside)
        for field in declared.numeric:
            features[dense_name(log, field, "sum", days)] = events[field].sum(where=inside)
            features[dense_name(log, field, "mean", days)] = events[field].mean(where=inside)
    return events.group_by(CUSTOMER).agg(**features)


def _rhythm(events: ir.Table, log: str, windows_days: Sequence[int], cut: CutOff) -> ir.Table:
    """Active days and the gaps between them; regularity is the gaps' coefficient of variation."""
    days = events.select(CUSTOMER, EVENT_DAY).distinct()
    by_time = ibis.window(group_by=CUSTOMER, order_by=EVENT_DAY)
    gap = (days[EVENT_DAY] - days[EVENT_DAY].lag().over(by_time)).cast("float64")
    days = days.mutate(gap=gap)
    mean, deviation = days["gap"].mean(), days["gap"].std(how="sample")
    features: dict[str, ir.Value] = {
        dense_name(log, "days", "count"): days.count(),
        dense_name(log, "gap", "mean_days"): mean,
        dense_name(log, "gap", "std_days"): deviation,
        dense_name(log, "gap", "max_days"): days["gap"].max(),
        dense_name(log, "gap", "cv"): deviation / mean,
    }
    for window in windows_days:
        inside = days[EVENT_DAY] >= cut.as_of_day - window
        features[dense_name(log, "days", "count", window)] = days.count(where=inside)
    return days.group_by(CUSTOMER).agg(**features)


def _variety(tokens: ir.Table, log: str, declared: Log) -> ir.Table:
    """Distinct tokens, Shannon entropy in nats, share of the most frequent token; shares of hours and weekdays.

    Entropy from counts: H = ln N - (sum of n ln n) / N (Shannon 1948, doi:10.1002/j.1538-7305.1948.tb01338.x).
    """
    fields = token_fields(declared)
    names = {field: field_name(log, field) for field in fields}
    own = tokens.filter(tokens[FIELD].isin(list(names.values())))
    count = own[COUNT].cast("float64")
    own = own.mutate(_n=count, _n_log=count * count.ln())
    features: dict[str, ir.Value] = {}
    for field, name in names.items():
        here = own[FIELD] == name
        total = own["_n"].sum(where=here)
        entropy = total.ln() - own["_n_log"].sum(where=here) / total
        features |= {
            dense_name(log, field, "distinct"): own.count(where=here),
            # Not greatest(): it would read the entropy of no token as 0.
            dense_name(log, field, "entropy"): (entropy < 0.0).ifelse(0.0, entropy),
            dense_name(log, field, "top_share"): own["_n"].max(where=here) / total,
        }
        for token in _shares(field):
            part = own["_n"].sum(where=here & (own[TOKEN] == token)).fill_null(0.0)
            features[dense_name(log, field, f"share_{token}")] = part / total
    return own.group_by(CUSTOMER).agg(**features)


def _shares(field: str) -> list[str]:
    return [f"{value:02d}" for value in range({"hour": 24, "weekday": 7}.get(field, 0))]
