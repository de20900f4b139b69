"""Token counts: how often each customer met each token of each categorical field before as_of.

One cheap pass per field. A field that is weighed by an amount counts how many units of it, rounded up, rather than
how many events; a customer whose amounts sum to nothing has not met the token. Hour and weekday are fields like any
other. Everything that describes a field's distribution (shares, distinct counts, entropy) is computed from this table.

On disk a bucket is one file, or a file of what was counted up to some day and, as a part of its own, what later events
add to each count. Who reads all parts and sums has the counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import ibis
import ibis.expr.types as ir

from pipeline.columns import COUNT, CUSTOMER, EVENT_US, FIELD, HOUR, TOKEN, WEEKDAY
from pipeline.engine import DuckDBEngine
from pipeline.event_parts import parts_of
from pipeline.features.naming import field_name
from pipeline.settings import Log

AMOUNT = "amount"  # of sums: what a weighed field's tokens weigh, before it is counted in units
KEY = [CUSTOMER, FIELD, TOKEN]
# Units that a sum may exceed a whole number by and still be it: in another order doubles sum to another last digit.
_TOLERANCE = 1e-9


def token_fields(log: Log) -> list[str]:
    """Return the columns of canonical events that carry tokens."""
    return [*log.categorical, *([HOUR] if log.has_clock else []), WEEKDAY]


def token_counts(events: Mapping[str, ir.Table], logs: Mapping[str, Log], as_of_us: int) -> ir.Table:
    """Return the table (customer_id, field, token, count) of events before `as_of_us`, sorted by field first.

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
            if field in log.weigh:
                weighed = _sums(before, name, log, field)
                met = weighed.select(*KEY, **{COUNT: _met(weighed[AMOUNT], log.weigh[field][1])})
                counted.append(met.filter(met[COUNT] > 0))
            else:
                counted.append(_counts(before, name, field))
    return _sorted(counted)


def token_sums(events: Mapping[str, ir.Table], logs: Mapping[str, Log]) -> ir.Table:
    """Return the table (customer_id, field, token, amount) of all weighed fields, of which there is at least one."""
    return _sorted(_sums(events[name], name, log, field) for name, log in logs.items() for field in log.weigh)


def added_counts(
    events: Mapping[str, ir.Table], logs: Mapping[str, Log], as_of_us: int, kept_sums: ir.Table | None
) -> ir.Table:
    """Return what later events add to counts that were kept, in the same form; of amounts it may be negative.

    Parameters
    ----------
    kept_sums
        What `token_sums` returned for the earlier events.
    """
    before = {name: table.filter(table[EVENT_US] < as_of_us) for name, table in events.items()}
    counted = []
    for name, log in logs.items():
        for field in token_fields(log):
            if field not in log.weigh:
                counted.append(_counts(before[name], name, field))
            elif kept_sums is not None:
                unit = log.weigh[field][1]
                joined = _sums(before[name], name, log, field).left_join(kept_sums, KEY)
                kept = joined[f"{AMOUNT}_right"].fill_null(0.0)
                added = _met(kept + joined[AMOUNT], unit) - _met(kept, unit)
                found = joined.select(*KEY, **{COUNT: added})
                counted.append(found.filter(found[COUNT] != 0))
    return _sorted(counted)


def summed_counts(kept: ir.Table, added: ir.Table) -> ir.Table:
    """Return the counts of all events; the small table is what is looked up, the large one is read as it comes."""
    joined = kept.left_join(added, KEY)
    old = joined.select(*KEY, **{COUNT: joined[COUNT] + joined[f"{COUNT}_right"].fill_null(0)})
    table = ibis.union(old, added.anti_join(kept, KEY).select(*KEY, COUNT))
    return table.filter(table[COUNT] > 0)


def read_tokens(engine: DuckDBEngine, snapshot: Path, buckets: Sequence[int] | range, summed: bool = True) -> ir.Table:
    """Open a snapshot's token counts, of all or some buckets.

    Parameters
    ----------
    summed
        One row for each customer, field and token. Otherwise there may be several, to be added up by the reader, which
        saves a pass.
    """
    files = [file for bucket in buckets for file in parts_of(snapshot / "tokens", bucket)]
    table = engine.parquet(files)
    if not summed or len(files) == len(buckets):
        return table
    table = table.group_by(KEY).agg(**{COUNT: table[COUNT].sum().cast("int64")})
    return table.filter(table[COUNT] > 0)


def as_text(token: ir.Column) -> ir.StringColumn:
    """Return tokens as texts; hours and weekdays with two digits, so that they sort."""
    text = token.cast("string")
    return text.lpad(2, "0") if token.type().is_integer() else text


def _counts(events: ir.Table, name: str, field: str) -> ir.Table:
    known = events.filter(events[field].notnull())
    return _named(known.group_by(CUSTOMER, field).agg(**{COUNT: known.count()}), name, field, COUNT)


def _sums(events: ir.Table, name: str, log: Log, field: str) -> ir.Table:
    known = events.filter(events[field].notnull())
    total = known[log.weigh[field][0]].sum().fill_null(0.0)
    return _named(known.group_by(CUSTOMER, field).agg(**{AMOUNT: total}), name, field, AMOUNT)


def _named(table: ir.Table, name: str, field: str, value: str) -> ir.Table:
    """Return groups under the field's name, its tokens as texts: written once per group, not per event."""
    own = {FIELD: ibis.literal(field_name(name, field)), TOKEN: as_text(table[field])}
    return table.select(CUSTOMER, **own, **{value: table[value]})


def _met(amount: ir.FloatingValue, unit: float) -> ir.IntegerValue:
    """Return units, rounded up; none where the amounts sum to nothing."""
    units = (amount / float(unit) - _TOLERANCE).ceil().cast("int64")
    return (units > 0).ifelse(units, 0)


def _sorted(tables: Iterable[ir.Table]) -> ir.Table:
    """Return the tables one after another, each sorted: cheaper than sorting all, and files find a field faster."""
    ordered = [table.order_by([CUSTOMER, TOKEN]) for table in tables]
    return ibis.union(*ordered) if len(ordered) > 1 else ordered[0]
