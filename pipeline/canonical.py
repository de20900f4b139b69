"""One view of every log: text ids, integer instants, text tokens, double amounts, and what is wrong with a row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ibis
import ibis.expr.types as ir

from pipeline.columns import BUCKET, CUSTOMER, EVENT_DAY, EVENT_US, HOUR, RAW, REASON, UNMATCHED, WEEKDAY
from pipeline.engine import QueryEngine, names_zone
from pipeline.errors import ConfigError, DataError
from pipeline.settings import Data, Log
from pipeline.sources import open_table, place_of, require_column

_EARLIEST_US = -2_208_988_800_000_000  # 1900-01-01: before it, a time stands for "unknown" in some program
_LATEST = "9999-12-31"  # what lies beyond, infinity too, no zone can be applied to
_MOST = 9_000_000_000_000_000_000  # microseconds that an int64 holds
_DATE = "^[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}"
_LOCAL = _DATE + r"([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?)?$"
_ABSOLUTE = (
    _DATE
    + r"[ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)? ?(Z|UTC|[A-Za-z_]+/[A-Za-z_/]+|[+-][01][0-9](:?[0-5][0-9])?)$"
)


def canonical(
    engine: QueryEngine,
    log: Log,
    data: Data,
    where: str,
    buckets: int,
    now_us: int,
    files: Sequence[Path] | None = None,
) -> ir.Table:
    """Return a log's rows in canonical form, with `reason` set where a row cannot be used; `files`: of these alone."""
    table = _joined(engine, log, data, where, files)
    texts = [name for name, column in log.numeric.items() if not _is_number(table[column])]
    read = sampled(engine, _read(engine, table, log, data, where, texts), data)
    judged = _judged(engine, read, log, data, texts, now_us)
    return _shown(judged, log, buckets)


def _read(engine: QueryEngine, table: ir.Table, log: Log, data: Data, where: str, texts: list[str]) -> ir.Table:
    """Return ids, instants, tokens and amounts, and beside them what they were made of.

    Parameters
    ----------
    texts
        Numeric fields that are read from texts.
    """
    event_us, given = _event_us(engine, table[log.time], log, log.zone or data.time_zone, where)
    return table.select(
        **{
            CUSTOMER: customer_id(table[log.id]),
            EVENT_US: event_us,
            "_given": given,
            **{name: _level(_token(table[column]), name, log) for name, column in log.categorical.items()},
            **{name: _number(table[column]) for name, column in log.numeric.items()},
            **{f"_filled_{name}": _token(table[log.numeric[name]]).notnull() for name in texts},
            **{f"_found_{place}": table[column] for place, column in enumerate(_columns_shown(log))},
            UNMATCHED: table[UNMATCHED],
        }
    ).view()  # a step of its own: fused into the next, each name would stand for its whole expression


def _judged(engine: QueryEngine, read: ir.Table, log: Log, data: Data, texts: list[str], now_us: int) -> ir.Table:
    """Return the rows with what is wrong with each, its local time where it is usable, and a hash of its customer."""
    event_us = read[EVENT_US]
    usable_us = ((event_us >= _EARLIEST_US) & (event_us <= now_us)).ifelse(event_us, ibis.null("int64"))
    return read.mutate(
        **{
            REASON: _reason(read, texts, list(log.numeric), now_us),
            "_clock": engine.clock(usable_us, data.time_zone),
            "_hash": engine.hash32(read[CUSTOMER].fill_null("")),
        }
    ).view()


def _shown(judged: ir.Table, log: Log, buckets: int) -> ir.Table:
    """Return the canonical columns, and of a row that cannot be used all that was found in it."""
    clock = judged["_clock"]
    found = [
        ibis.literal(f"{column}=") + judged[f"_found_{place}"].cast("string").fill_null("NULL")
        for place, column in enumerate(_columns_shown(log))
    ]
    return judged.select(
        **{
            CUSTOMER: judged[CUSTOMER],
            EVENT_US: judged[EVENT_US],
            EVENT_DAY: clock.date().epoch_days().cast("int32"),
            HOUR: clock.hour().cast("int8"),
            WEEKDAY: clock.day_of_week.index().cast("int8"),
            **{name: judged[name] for name in log.categorical},
            **{name: judged[name].isnan().ifelse(ibis.null("float64"), judged[name]) for name in log.numeric},
            REASON: judged[REASON],
            RAW: judged[REASON].notnull().ifelse(ibis.literal("; ").join(found), ibis.null("string")),
            UNMATCHED: judged[UNMATCHED],
            BUCKET: (judged["_hash"] % buckets).cast("int32"),
        }
    )


def _columns_shown(log: Log) -> list[str]:
    """Return the columns whose cells are shown of a row that cannot be used."""
    return list(dict.fromkeys([log.id, log.time, *log.categorical.values(), *log.numeric.values()]))


def sampled(engine: QueryEngine, table: ir.Table, data: Data) -> ir.Table:
    """Return the rows of the customers that `data.sample` keeps, by a hash of the id.

    Rows without an id are thinned as much, by a hash of all that is in them, so that the share of bad rows stays what
    it is in the whole source.
    """
    if data.sample is None:
        return table
    content = [table[name].cast("string").fill_null("") for name in table.columns if name != CUSTOMER]
    key = table[CUSTOMER].fill_null(ibis.literal("|").join(content)) if content else table[CUSTOMER].fill_null("")
    return table.filter(engine.hash32(ibis.literal("sample:") + key) < int(data.sample * 2**32))


def _level(token: ir.StringColumn, name: str, log: Log) -> ir.StringColumn:
    """Return a code with its leading zeros, or its first characters: a higher level of its hierarchy."""
    if name in log.digits:
        token = (token.length() < log.digits[name]).ifelse(token.lpad(log.digits[name], "0"), token)
    return token.left(log.first[name]) if name in log.first else token


def _reason(read: ir.Table, texts: list[str], numeric: list[str], now_us: int) -> ir.StringColumn:
    """Return the first fault of each row, NULL where there is none; only `texts` can hold what is no number."""
    event_us = read[EVENT_US]
    return ibis.cases(
        (read[CUSTOMER].isnull(), "null id"),
        (~read["_given"], "null time"),
        (event_us.isnull(), "unparseable time"),
        (event_us > now_us, "future time"),
        (event_us < _EARLIEST_US, "time before 1900"),
        *((read[f"_filled_{name}"] & read[name].isnull(), f"{name}: not a number") for name in texts),
        *((read[name].isinf(), f"{name}: infinite") for name in numeric),
        else_=ibis.null("string"),
    )


def columns_read(log: Log) -> list[str]:
    """Return the columns that a declaration reads, of the log or of a table joined to it."""
    keys = [key for join in log.join for key in join.by]
    return list(dict.fromkeys([*_columns_shown(log), *keys]))


def _joined(engine: QueryEngine, log: Log, data: Data, where: str, files: Sequence[Path] | None) -> ir.Table:
    """Return the log with the declared columns of its reference tables at its side."""
    table = open_table(engine, log, data, where, files)
    wanted = [log.id, log.time, *log.categorical.values(), *log.numeric.values()]
    for position, join in enumerate(log.join):
        here = f"{where}.join[{position}]"
        other_place = place_of(join)
        other = open_table(engine, join, data, here)
        if not join.by:
            raise ConfigError(f"{here}.by: this key is required: the column or columns that {other_place} is joined by")
        for ours, theirs in join.by.items():
            require_column(table, ours, here, data, log)
            require_column(other, theirs, here, data, join)
        keys = {f"_key{place_of}": customer_id(other[theirs]) for place_of, theirs in enumerate(join.by.values())}
        taken = {name: other[name] for name in wanted if name not in table.columns and name in other.columns}
        reference = other.select(**keys, **taken)
        reference = reference.filter([reference[key].notnull() for key in keys])
        _refuse_repeated(engine, reference, list(keys), f"{here}: {other_place}", list(join.by.values()))
        matched = table.left_join(
            reference,
            [customer_id(table[ours]) == reference[key] for ours, key in zip(join.by, keys, strict=True)],
        )
        flag = matched["_key0"].isnull().cast("int64")
        table = matched.mutate(**{f"{UNMATCHED}{position}": flag}).drop(*keys)
    for column in wanted:
        require_column(table, column, where, data, log, *log.join)
    flags = [name for name in table.columns if name.startswith(UNMATCHED)]
    return table.mutate(
        **{UNMATCHED: ibis.greatest(*(table[name] for name in flags)) if flags else ibis.literal(0, "int64")}
    )


def _refuse_repeated(engine: QueryEngine, reference: ir.Table, keys: list[str], where: str, columns: list[str]) -> None:
    """Refuse a key that stands twice in a reference table: it would silently double events."""
    repeated = reference.group_by(keys).agg(n=ibis._.count()).filter(ibis._.n > 1).limit(3)
    found = engine.arrow(repeated, where).to_pylist()
    if found:
        examples = ", ".join(str(tuple(row[key] for key in keys)) for row in found)
        raise DataError(
            f"{where}: {', '.join(columns)} must be unique in a reference table, otherwise events would be "
            f"multiplied; standing more than once: {examples}"
        )


def customer_id(column: ir.Column) -> ir.StringColumn:
    """Return ids as texts; 12346.0 and 12346 are the same customer, blank and not-a-number are none.

    A column of whole numbers becomes one of doubles as soon as one program has seen a gap in it, and is then written
    to CSV with a decimal point.
    """
    return _token(column).re_replace(r"^([+-]?[0-9]+)\.0+$", r"\1")


def _token(column: ir.Column) -> ir.StringColumn:
    """Return cells as texts without blanks around them; 12.0 in a column of doubles is 12."""
    if column.type().is_floating():
        column = column.cast("float64")
        column = (column.isnan() | column.isinf()).ifelse(ibis.null("float64"), column)
        whole_number = column.try_cast("int64")
        column = (whole_number.cast("float64") == column).ifelse(whole_number.cast("string"), column.cast("string"))
    text = column.cast("string").strip()
    return (text.length() == 0).ifelse(ibis.null("string"), text)


def _is_number(column: ir.Column) -> bool:
    return bool(column.type().is_numeric() or column.type().is_boolean())


def _number(column: ir.Column) -> ir.FloatingColumn:
    value = column.cast("float64") if _is_number(column) else column.cast("string").strip().try_cast("float64")
    return value + 0.0  # of -0.0 and 0.0, which are equal, one is left: the total order needs it


def _event_us(
    engine: QueryEngine, column: ir.Column, log: Log, zone: str, where: str
) -> tuple[ir.IntegerColumn, ir.BooleanColumn]:
    """Return instants in microseconds and whether a time was given at all."""
    kind = column.type()
    if kind.is_timestamp() or kind.is_date():
        zoned = kind.is_timestamp() and kind.timezone is not None
        return engine.instant_us(_bounded(column.try_cast("timestamp")), "UTC" if zoned else zone), column.notnull()
    text = _token(column)
    given = text.notnull()
    if log.time_format is not None:
        try:
            parsed = engine.parse_time(text, log.time_format)
        except DataError as error:
            raise ConfigError(f"{where}.time_format: '{log.time_format}': {error}") from None
        return engine.instant_us(_bounded(parsed), "UTC" if names_zone(log.time_format) else zone), given
    if kind.is_numeric() or log.time_unit is not None:
        factor = {"s": 1_000_000, "ms": 1_000, "us": 1}[log.time_unit or "s"]
        return _epoch_us(column, factor), given
    local = _bounded(text.re_search(_LOCAL).ifelse(text, ibis.null("string")).try_cast("timestamp"))
    # DuckDB reads an offset only right behind the clock, and only into an instant: a plain timestamp drops it.
    joined = text.re_search(_ABSOLUTE).ifelse(text.re_replace(r" ([+-][0-9:]+)$", r"\1"), ibis.null("string"))
    absolute = joined.try_cast("timestamp('UTC')").cast("timestamp")
    return ibis.coalesce(engine.instant_us(local, zone), engine.instant_us(_bounded(absolute), "UTC")), given


def _epoch_us(column: ir.Column, factor: int) -> ir.IntegerColumn:
    """Return a count of units since the epoch in microseconds; what an int64 cannot hold is cut to its bounds."""
    if not column.type().is_integer():  # doubles and texts: whole units exactly, parts of one rounded
        text = column.cast("string").strip()
        number = text.try_cast("float64")
        usable = number.abs() < _MOST // factor
        parts = (usable.ifelse(number, ibis.null("float64")) * factor).round().cast("int64")
        whole = usable.ifelse(text.try_cast("int64"), ibis.null("int64")) * factor
        whole = text.re_search(r"^[+-]?[0-9]+$").ifelse(whole, ibis.null("int64"))
        beyond = (number > 0).ifelse(_MOST, (number < 0).ifelse(-_MOST, ibis.null("int64")))
        return ibis.coalesce(whole, parts, number.isnan().ifelse(ibis.null("int64"), beyond))
    limit = _MOST // factor
    low = (column < -limit).ifelse(-limit, column)
    return (low > limit).ifelse(limit, low).cast("int64") * factor


def _bounded(local: ir.TimestampColumn) -> ir.TimestampColumn:
    """Return clock times cut to those that every zone can be applied to; they are refused later by what they say."""
    latest, earliest = ibis.timestamp(_LATEST), ibis.timestamp("1800-01-01")
    late = (local > latest).ifelse(latest, local)
    return (late < earliest).ifelse(earliest, late)
