"""Token counts against a slow count in plain Python."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.engine import DuckDBEngine
from pipeline.features.tokens import token_counts, token_fields
from pipeline.settings import Log
from tests.features.source import AS_OF_US, LOGS, Rows, read_back


def slow_counts(rows: dict[str, Rows]) -> Counter[tuple[str, str, str]]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for log, own in rows.items():
        for row in own:
            if row["at"] >= AS_OF_US:
                continue
            clock = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row["at"])
            clock = clock.astimezone(ZoneInfo("America/New_York"))
            tokens = {field: row[field] for field in LOGS[log].categorical}
            tokens["weekday"] = f"{clock.weekday():02d}"
            if LOGS[log].has_clock:
                tokens["hour"] = f"{clock.hour:02d}"
            counts.update(
                (row["who"], f"{log}__{field}", token) for field, token in tokens.items() if token is not None
            )
    return counts


def test_every_count_equals_a_slow_count(snapshot: Path, rows: dict[str, Rows]) -> None:
    table = read_back(snapshot, "tokens")
    found = {(row["customer_id"], row["field"], row["token"]): row["count"] for row in table.to_pylist()}
    assert len(found) == len(table)
    assert found == slow_counts(rows)
    assert {field for _, field, _ in found} >= {"buy__item", "buy_more__item", "visit__page", "visit__weekday"}
    assert "visit__hour" not in {field for _, field, _ in found}


def test_rows_stand_field_by_field_in_the_order_of_customer_and_token(snapshot: Path) -> None:
    for bucket in range(2):
        own = pq.read_table(snapshot / "tokens" / f"bucket=000{bucket}.parquet")
        by_field = groupby(own.to_pylist(), key=lambda row: row["field"])
        groups = [(field, [(row["customer_id"], row["token"]) for row in rows]) for field, rows in by_field]
        assert len(groups) == len({field for field, _ in groups}) > 1
        assert all(keys == sorted(keys) for _, keys in groups)


def test_hour_and_weekday_are_fields_like_any_other_except_that_dates_have_no_hour() -> None:
    log = Log(path="-", id="-", time="-", categorical=["item"])
    assert token_fields(log) == ["item", "hour", "weekday"]
    assert token_fields(Log(path="-", id="-", time="-", has_clock=False)) == ["weekday"]


def test_hours_are_written_with_two_digits_and_an_event_at_as_of_is_not_counted() -> None:
    events = pa.table(
        {
            "customer_id": ["a", "a", "a"],
            "event_us": [1, 2, 3],
            "hour": pa.array([9, 10, 11], pa.int8()),
            "weekday": pa.array([0, 0, 0], pa.int8()),
        }
    )
    with DuckDBEngine() as engine:
        table = token_counts({"log": engine.memory(events)}, {"log": Log(path="-", id="-", time="-")}, 3)
        found = engine.arrow(table).to_pylist()
    assert found == [
        {"customer_id": "a", "field": "log__hour", "token": "09", "count": 1},
        {"customer_id": "a", "field": "log__hour", "token": "10", "count": 1},
        {"customer_id": "a", "field": "log__weekday", "token": "00", "count": 2},
    ]


def test_a_weighed_field_counts_units_of_an_amount_rounded_up(engine):
    events = engine.memory(
        pa.table(
            {
                "customer_id": ["a", "a", "a", "b", "b"],
                "event_us": pa.array([1, 2, 3, 1, 9], pa.int64()),
                "event_day": pa.array([0] * 5, pa.int32()),
                "hour": pa.array([0] * 5, pa.int8()),
                "weekday": pa.array([0] * 5, pa.int8()),
                "spent": ["sleep", "sleep", "work", "sleep", "work"],
                "minutes": [400.0, 80.0, 61.0, -5.0, 600.0],
            }
        )
    )
    log = Log(
        path="x", id="i", time="t", has_clock=False, categorical=["spent"], numeric=["minutes"],
        weigh={"spent": ("minutes", 30)},
    )  # fmt: skip
    found = engine.arrow(token_counts({"diary": events}, {"diary": log}, 5)).to_pylist()
    counted = {(row["customer_id"], row["token"]): row["count"] for row in found if row["field"] == "diary__spent"}
    # 480 minutes are 16 half hours, 61 are 3 begun ones; b slept -5 minutes, and worked after as_of.
    assert counted == {("a", "sleep"): 16, ("a", "work"): 3}
