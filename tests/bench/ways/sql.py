"""The default features as one hand-written DuckDB script over the canonical files, with all threads.

Written for this log alone. Each field's tokens are one grouping; windows are filters of one wide grouping by customer;
variety is made of token counts. Tokens are not sorted, which the program's are.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from tests.bench.events import AMOUNTS, LOG, TOKENS
from tests.bench.ways.columns import WINDOWS, dense_columns

_DAY_US = "86400000000.0"


def run(events: Path, out: Path, as_of_us: int) -> None:
    """Write `dense.parquet` and `tokens.parquet` from the canonical files below `events`."""
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(script(events, out, as_of_us))


def script(events: Path, out: Path, as_of_us: int) -> str:
    """Return the script."""
    clock = {name: f"lpad({name}::VARCHAR, 2, '0')" for name in ("hour", "weekday")}
    texts = {**{name: name for name in TOKENS}, **clock}
    counted = " UNION ALL ".join(
        f"SELECT customer_id, '{LOG}__{name}' AS field, {text} AS token, count FROM (SELECT customer_id, {name}, "
        f"count(*) AS count FROM events WHERE {name} IS NOT NULL GROUP BY ALL)"
        for name, text in texts.items()
    )
    columns = ", ".join(f'coalesce("{c}", 0)::DOUBLE AS "{c}"' if _zero(c) else f'"{c}"' for c in dense_columns())
    return f"""
    CREATE VIEW events AS
        SELECT * FROM read_parquet('{events}/{LOG}/*.parquet', hive_partitioning = false) WHERE event_us < {as_of_us};
    CREATE TEMP TABLE tokens AS {counted};
    COPY tokens TO '{out}/tokens.parquet' (COMPRESSION zstd);
    COPY (
        WITH activity AS (SELECT customer_id, {_activity(as_of_us)} FROM events GROUP BY customer_id),
        days AS (
            SELECT customer_id, event_day, event_day - lag(event_day) OVER (
                PARTITION BY customer_id ORDER BY event_day) AS gap
            FROM (SELECT DISTINCT customer_id, event_day FROM events)),
        rhythm AS (SELECT customer_id, {_rhythm(as_of_us)} FROM days GROUP BY customer_id),
        by_field AS (
            SELECT customer_id, field, count(*) AS different, sum(count) AS total, max(count) AS top,
                greatest(ln(sum(count)) - sum(count * ln(count)) / sum(count), 0) AS entropy
            FROM tokens GROUP BY ALL),
        variety AS (SELECT customer_id, {_variety()} FROM by_field GROUP BY customer_id),
        shares AS (SELECT customer_id, {_shares()} FROM tokens
            WHERE field IN ('{LOG}__hour', '{LOG}__weekday') GROUP BY customer_id)
        SELECT customer_id, {columns}
        FROM activity LEFT JOIN rhythm USING (customer_id) LEFT JOIN variety USING (customer_id)
            LEFT JOIN shares USING (customer_id)
        ORDER BY customer_id
    ) TO '{out}/dense.parquet' (COMPRESSION zstd);
    """


def _zero(column: str) -> bool:
    return column.rsplit("__", 2)[1] in ("count", "sum", "distinct")


def _activity(as_of_us: int) -> str:
    found = {
        "events__count__all": "count(*)",
        "time__recency_days__all": f"({as_of_us} - max(event_us)) / {_DAY_US}",
        "time__tenure_days__all": f"({as_of_us} - min(event_us)) / {_DAY_US}",
    }
    for field in AMOUNTS:
        for name, function in {"sum": "sum", "mean": "avg", "min": "min", "max": "max", "std": "stddev_samp"}.items():
            found[f"{field}__{name}__all"] = f"{function}({field})"
    first = as_of_us // 86_400_000_000
    for days in WINDOWS:
        inside = f"FILTER (WHERE event_day >= {first - days})"
        found[f"events__count__{days}d"] = f"count(*) {inside}"
        for field in AMOUNTS:
            found[f"{field}__sum__{days}d"] = f"sum({field}) {inside}"
            found[f"{field}__mean__{days}d"] = f"avg({field}) {inside}"
    return _named(found)


def _rhythm(as_of_us: int) -> str:
    first = as_of_us // 86_400_000_000
    found = {
        "days__count__all": "count(*)",
        "gap__mean_days__all": "avg(gap)",
        "gap__std_days__all": "stddev_samp(gap)",
        "gap__max_days__all": "max(gap)::DOUBLE",
        "gap__cv__all": "stddev_samp(gap) / avg(gap)",
        **{f"days__count__{days}d": f"count(*) FILTER (WHERE event_day >= {first - days})" for days in WINDOWS},
    }
    return _named(found)


def _variety() -> str:
    found = {}
    for field in (*TOKENS, "hour", "weekday"):
        here = f"FILTER (WHERE field = '{LOG}__{field}')"
        found[f"{field}__distinct__all"] = f"max(different) {here}"
        found[f"{field}__entropy__all"] = f"max(entropy) {here}"
        found[f"{field}__top_share__all"] = f"max(top / total) {here}"
    return _named(found)


def _shares() -> str:
    found = {}
    for field, number in {"hour": 24, "weekday": 7}.items():
        here = f"field = '{LOG}__{field}'"
        for token in range(number):
            part = f"coalesce(sum(count) FILTER (WHERE {here} AND token = '{token:02d}'), 0)"
            found[f"{field}__share_{token:02d}__all"] = f"{part} / sum(count) FILTER (WHERE {here})"
    return _named(found)


def _named(found: dict[str, str]) -> str:
    return ", ".join(f'{expression} AS "{LOG}__{name}"' for name, expression in found.items())
