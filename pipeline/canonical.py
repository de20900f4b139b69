"""One view of every log: text ids, integer instants, text tokens, double amounts, and what is wrong with a row."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from pipeline.columns import BUCKET, CUSTOMER, EVENT_DAY, EVENT_US, HOUR, RAW, REASON, UNMATCHED, WEEKDAY
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError
from pipeline.settings import Data, Log
from pipeline.sources import open_table, require_column

_EARLIEST_US = -62_135_596_800_000_000  # year 1, the first that a timestamp can show


def canonical(engine: DuckDBEngine, log: Log, data: Data, where: str, buckets: int, now_us: int) -> ir.Table:
    """Return a log's rows in canonical form, with `reason` set where a row cannot be used."""
    table = _joined(engine, log, data, where)
    ids = customer_id(table[log.id])
    event_us, time_found = _event_us(engine, table[log.time], log, log.zone or data.time_zone)
    usable_us = (event_us >= _EARLIEST_US) & (event_us <= now_us)
    numbers = {name: _number(table[column]) for name, column in log.numeric.items()}
    reason = ibis.cases(
        (ids.isnull(), "null id"),
        (~time_found, "null time"),
        (event_us.isnull(), "unparseable time"),
        (event_us > now_us, "future time"),
        *(
            (
                table[column].cast("string").strip().length().fill_null(0).cast("int64").sign()
                * value.isnull().cast("int8")
                > 0,
                f"{name}: not a number",
            )
            for (name, column), value in zip(log.numeric.items(), numbers.values(), strict=True)
        ),
        *((value.isinf(), f"{name}: infinite") for name, value in numbers.items()),
        else_=ibis.null("string"),
    )
    clock = engine.clock(usable_us.ifelse(event_us, ibis.null("int64")), data.time_zone)
    shown = [
        ibis.literal(f"{column}=") + table[column].cast("string").fill_null("NULL")
        for column in dict.fromkeys([log.id, log.time, *log.categorical.values(), *log.numeric.values()])
    ]
    return table.select(
        **{
            CUSTOMER: ids,
            EVENT_US: event_us,
            EVENT_DAY: clock.date().epoch_days().cast("int32"),
            HOUR: clock.hour().cast("int8"),
            WEEKDAY: clock.day_of_week.index().cast("int8"),
            **{name: _token(table[column]) for name, column in log.categorical.items()},
            **{name: value.isnan().ifelse(ibis.null("float64"), value) for name, value in numbers.items()},
            REASON: reason,
            RAW: reason.notnull().ifelse(ibis.literal("; ").join(shown), ibis.null("string")),
            UNMATCHED: table[UNMATCHED],
            BUCKET: (engine.hash32(ids.fill_null("")) % buckets).cast("int32"),
        }
    )


def _joined(engine: DuckDBEngine, log: Log, data: Data, where: str) -> ir.Table:
    """Return the log with the declared columns of its reference tables at its side."""
    table = open_table(engine, log, data, where)
    place = log.path or f"{log.database}:{log.table}"
    wanted = [log.id, log.time, *log.categorical.values(), *log.numeric.values()]
    unmatched = ibis.literal(0, "int64")
    places = [place]
    for position, join in enumerate(log.join):
        here = f"{where}.join[{position}]"
        other_place = join.path or f"{join.database}:{join.table}"
        places.append(other_place)
        other = open_table(engine, join, data, here)
        if not join.by:
            raise ConfigError(f"{here}.by: this key is required: the column or columns that {other_place} is joined by")
        for ours, theirs in join.by.items():
            require_column(table, ours, here, place)
            require_column(other, theirs, here, other_place)
        keys = {f"_key{place_of}": other[theirs].cast("string") for place_of, theirs in enumerate(join.by.values())}
        taken = {name: other[name] for name in wanted if name not in table.columns and name in other.columns}
        reference = other.select(**keys, **taken)
        _refuse_repeated(engine, reference, list(keys), f"{here}: {other_place}", list(join.by.values()))
        matched = table.left_join(
            reference,
            [table[ours].cast("string") == reference[key] for ours, key in zip(join.by, keys, strict=True)],
        )
        unmatched_name = f"{UNMATCHED}{position}"
        table = matched.mutate(**{unmatched_name: matched["_key0"].isnull().cast("int64")}).drop(*keys)
        unmatched = unmatched + table[unmatched_name] if position == 0 else unmatched
    for column in wanted:
        require_column(table, column, where, " or ".join(places))
    flags = [name for name in table.columns if name.startswith(UNMATCHED)]
    return table.mutate(
        **{UNMATCHED: ibis.greatest(*(table[name] for name in flags)) if flags else ibis.literal(0, "int64")}
    )


def _refuse_repeated(
    engine: DuckDBEngine, reference: ir.Table, keys: list[str], where: str, columns: list[str]
) -> None:
    """Refuse a key that stands twice in a reference table: it would silently double events."""
    repeated = reference.group_by(keys).agg(n=ibis._.count()).filter(ibis._.n > 1).limit(3)
    found = engine.arrow(repeated).to_pylist()
    if found:
        examples = ", ".join(str(tuple(row[key] for key in keys)) for row in found)
        raise DataError(
            f"{where}: {', '.join(columns)} must be unique in a reference table, otherwise events would be "
            f"multiplied; standing more than once: {examples}"
        )


def customer_id(column: ir.Column) -> ir.StringColumn:
    """Return ids as texts; 12346.0 and 12346 are the same customer, blank is none."""
    if column.type().is_floating():
        whole_number = column.try_cast("int64")
        column = (whole_number.cast("float64") == column).ifelse(whole_number.cast("string"), column.cast("string"))
    text = column.cast("string").strip()
    return (text.length() == 0).ifelse(ibis.null("string"), text)


def _token(column: ir.Column) -> ir.StringColumn:
    text = column.cast("string").strip()
    return (text.length() == 0).ifelse(ibis.null("string"), text)


def _number(column: ir.Column) -> ir.FloatingColumn:
    if column.type().is_numeric() or column.type().is_boolean():
        return column.cast("float64")
    return column.cast("string").strip().try_cast("float64")


def _event_us(
    engine: DuckDBEngine, column: ir.Column, log: Log, zone: str
) -> tuple[ir.IntegerColumn, ir.BooleanColumn]:
    """Return instants in microseconds and whether a time was given at all."""
    kind = column.type()
    if kind.is_timestamp() and kind.timezone is not None:
        return engine.instant_us(column.cast("timestamp"), "UTC"), column.notnull()
    if kind.is_timestamp() or kind.is_date():
        return engine.instant_us(column.cast("timestamp"), zone), column.notnull()
    if kind.is_integer():
        factor = {"s": 1_000_000, "ms": 1_000, "us": 1}[log.time_unit]
        return column.cast("int64") * factor, column.notnull()
    text = column.cast("string").strip()
    given = (text.length() > 0).fill_null(False)
    if log.time_format is not None:
        return engine.instant_us(engine.parse_time(text, log.time_format), zone), given
    absolute = text.re_search(r"[0-9]{2}:?[0-9]{2}.*(Z|[+-][0-9]{2}(:?[0-9]{2})?)$")
    parsed = text.try_cast("timestamp")
    return absolute.ifelse(engine.instant_us(parsed, "UTC"), engine.instant_us(parsed, zone)), given
