"""Token counts: how often each customer met each token of each categorical field before as_of.

One cheap pass per field. A field that is weighed by an amount counts how many units of it, rounded up, rather than
how many events; a customer whose amounts sum to nothing has not met the token. Hour and weekday are fields like any
other. Everything that describes a field's distribution (shares, distinct counts, entropy) is computed from this table.
"""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from pipeline.columns import COUNT, CUSTOMER, EVENT_US, FIELD, HOUR, TOKEN, WEEKDAY
from pipeline.features.naming import field_name
from pipeline.settings import Log

_AMOUNT = "_amount"


def token_fields(log: Log) -> list[str]:
    """Return the columns of canonical events that carry tokens."""
    return [*log.categorical, *([HOUR] if log.has_clock else []), WEEKDAY]


def token_counts(events: Mapping[str, ir.Table], logs: Mapping[str, Log], as_of_us: int) -> ir.Table:
    """Return the table (customer_id, field, token, count) of events before `as_of_us`.

    Parameters
    ----------
    events
        Canonical events by log.
    as_of_us
        Cut-off instant, microseconds since the epoch; events at or after it are not read.
    """
    counted = []
    for name, log in logs.items():
        before = events[name].filter(events[name][EVENT_US] < as_of_us)
        for field in token_fields(log):
            token = before[field]
            amount, unit = log.weigh.get(field, (None, 1.0))
            known = before.filter(token.notnull()).select(
                **{
                    CUSTOMER: before[CUSTOMER],
                    FIELD: ibis.literal(field_name(name, field)),
                    TOKEN: as_text(token),
                    _AMOUNT: before[amount] if amount else ibis.literal(1.0),
                }
            )
            by_token = known.group_by(CUSTOMER, FIELD, TOKEN)
            if amount is None:
                counted.append(by_token.agg(**{COUNT: known.count()}))
            else:
                met = (known[_AMOUNT].sum().fill_null(0.0) / float(unit)).ceil().cast("int64")
                weighed = by_token.agg(**{COUNT: met})
                counted.append(weighed.filter(weighed[COUNT] > 0))
    table = ibis.union(*counted) if len(counted) > 1 else counted[0]
    return table.select(CUSTOMER, FIELD, TOKEN, COUNT).order_by([CUSTOMER, FIELD, TOKEN])


def as_text(token: ir.Column) -> ir.StringColumn:
    """Return tokens as texts; hours and weekdays with two digits, so that they sort."""
    text = token.cast("string")
    return text.lpad(2, "0") if token.type().is_integer() else text
