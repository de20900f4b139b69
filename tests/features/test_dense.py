"""Every dense feature against a slow definition in plain Python."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.features.dense import CutOff, dense_features
from pipeline.features.tokens import token_counts
from pipeline.features.variety import of_counts
from pipeline.settings import Log
from tests.features.source import AS_OF_US, DAY_US, LOGS, WINDOWS, Rows, read_back

ZONE = ZoneInfo("America/New_York")
EPOCH = datetime(1970, 1, 1)


def local(at_us: int) -> datetime:
    """Return the clock in New York, without its zone."""
    utc = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC")) + timedelta(microseconds=at_us)
    return utc.astimezone(ZONE).replace(tzinfo=None)


def day(at_us: int) -> int:
    return (local(at_us) - EPOCH).days


def known(amounts: Iterable[float | None]) -> list[float]:
    return [amount for amount in amounts if amount is not None and not math.isnan(amount)]


def of_numbers(prefix: str, amounts: list[float], span: str, all_of_them: bool) -> dict[str, float | None]:
    found: dict[str, float | None] = {
        f"{prefix}__sum__{span}": math.fsum(amounts),
        f"{prefix}__mean__{span}": math.fsum(amounts) / len(amounts) if amounts else None,
    }
    if all_of_them:
        found[f"{prefix}__min__{span}"] = min(amounts, default=None)
        found[f"{prefix}__max__{span}"] = max(amounts, default=None)
        found[f"{prefix}__std__{span}"] = statistics.stdev(amounts) if len(amounts) > 1 else None
    return found


def of_tokens(prefix: str, tokens: list[str], shares: int) -> dict[str, float | None]:
    counts, n = Counter(tokens), len(tokens)
    found: dict[str, float | None] = {
        f"{prefix}__distinct__all": len(counts),
        f"{prefix}__entropy__all": -math.fsum(c / n * math.log(c / n) for c in counts.values()) if n else None,
        f"{prefix}__top_share__all": max(counts.values()) / n if n else None,
    }
    for value in range(shares):
        token = f"{value:02d}"
        found[f"{prefix}__share_{token}__all"] = counts[token] / n if n else None
    return found


def of_log(name: str, log: Log, events: Rows) -> dict[str, float | None]:
    """Return a customer's features of one log, from the rows before as_of."""
    times = sorted(row["at"] for row in events)
    found: dict[str, float | None] = {
        f"{name}__events__count__all": len(events),
        f"{name}__time__recency_days__all": (AS_OF_US - times[-1]) / DAY_US if times else None,
        f"{name}__time__tenure_days__all": (AS_OF_US - times[0]) / DAY_US if times else None,
    }
    days = sorted({day(at) for at in times})
    gaps = [float(later - earlier) for earlier, later in pairwise(days)]
    mean = statistics.fmean(gaps) if gaps else None
    deviation = statistics.stdev(gaps) if len(gaps) > 1 else None
    found |= {
        f"{name}__days__count__all": len(days),
        f"{name}__gap__mean_days__all": mean,
        f"{name}__gap__std_days__all": deviation,
        f"{name}__gap__max_days__all": max(gaps, default=None),
        f"{name}__gap__cv__all": deviation / mean if deviation is not None and mean else None,
    }
    for field in log.numeric:
        found |= of_numbers(f"{name}__{field}", known(row[field] for row in events), "all", True)
    for window in WINDOWS:
        inside = [row for row in events if day(row["at"]) >= day(AS_OF_US) - window]
        found[f"{name}__events__count__{window}d"] = len(inside)
        found[f"{name}__days__count__{window}d"] = sum(one >= day(AS_OF_US) - window for one in days)
        for field in log.numeric:
            found |= of_numbers(f"{name}__{field}", known(row[field] for row in inside), f"{window}d", False)
    for field in log.categorical:
        found |= of_tokens(f"{name}__{field}", [row[field] for row in events if row[field] is not None], 0)
    clocks = [local(at) for at in times]
    if log.has_clock:
        found |= of_tokens(f"{name}__hour", [f"{clock.hour:02d}" for clock in clocks], 24)
    return found | of_tokens(f"{name}__weekday", [f"{clock.weekday():02d}" for clock in clocks], 7)


def test_every_feature_equals_its_definition(snapshot: Path, rows: dict[str, Rows]) -> None:
    before = {log: [row for row in own if row["at"] < AS_OF_US] for log, own in rows.items()}
    customers = sorted({row["who"] for own in before.values() for row in own})
    table = read_back(snapshot, "dense")
    assert table["customer_id"].to_pylist() == customers
    wrong = []
    for found in table.to_pylist():
        own = {log: [row for row in before[log] if row["who"] == found["customer_id"]] for log in rows}
        expected = {name: value for log in rows for name, value in of_log(log, LOGS[log], own[log]).items()}
        assert set(found) == {"customer_id", *expected}
        for name, value in expected.items():
            same = (
                found[name] is None
                if value is None
                else found[name] is not None and math.isclose(found[name], value, rel_tol=1e-12, abs_tol=1e-12)
            )
            if not same:
                wrong.append((found["customer_id"], name, found[name], value))
    assert not wrong


def test_the_random_source_holds_the_hard_cases(snapshot: Path, rows: dict[str, Rows]) -> None:
    """Otherwise the comparison above would prove less than it seems to."""
    found = {row["customer_id"]: row for row in read_back(snapshot, "dense").to_pylist()}
    assert found["once"]["buy__events__count__all"] == 1
    assert found["once"]["buy__gap__mean_days__all"] is None
    assert found["only visits"]["buy__events__count__all"] == 0
    assert found["only visits"]["buy__item__distinct__all"] == 0
    assert found["bare"]["buy__item__entropy__all"] is None
    assert found["edges"]["buy__events__count__all"] == 10  # of its 12 rows two are not before as_of
    assert [found["edges"][f"buy__events__count__{days}d"] for days in WINDOWS] == [3, 6, 9]
    assert "at as_of" not in found
    assert "later" not in found
    amounts = [row["amount"] for row in rows["buy"]]
    assert any(amount is None for amount in amounts)
    assert any(amount is not None and math.isnan(amount) for amount in amounts)


@pytest.fixture
def hand() -> dict[str, dict[str, object]]:
    """Return features of a source that can be counted on fingers: 1970-01-01 was a Thursday, weekday 3."""
    at_us = [0, DAY_US, 3 * DAY_US, 3 * DAY_US + 1]
    events = pa.table(
        {
            "customer_id": ["a", "a", "a", "b"],
            "event_us": at_us,
            "event_day": pa.array([0, 1, 3, 3], pa.int32()),
            "hour": pa.array([0, 0, 0, 0], pa.int8()),
            "weekday": pa.array([3, 4, 6, 6], pa.int8()),
            "item_": ["tea", "tea", "milk", None],
            "amount_": [1.0, 2.0, -6.0, None],
        }
    )
    logs = {"shop": Log(path="-", id="-", time="-", categorical=["item_"], numeric=["amount_"])}
    with DuckDBEngine() as engine:
        tables = {"shop": engine.memory(events)}
        tokens = engine.memory(engine.arrow(token_counts(tables, logs, 4 * DAY_US)))
        table = dense_features(tables, of_counts(tokens), logs, (2,), CutOff(4 * DAY_US, 4))
        return {row["customer_id"]: row for row in engine.arrow(table).to_pylist()}


def test_a_source_counted_by_hand(hand: dict[str, dict[str, object]]) -> None:
    expected = {
        "shop__events__count__all": 3,
        "shop__events__count__2d": 1,
        "shop__time__recency_days__all": 1,
        "shop__time__tenure_days__all": 4,
        "shop__days__count__all": 3,
        "shop__days__count__2d": 1,
        "shop__gap__mean_days__all": 1.5,
        "shop__gap__std_days__all": math.sqrt(0.5),
        "shop__gap__max_days__all": 2,
        "shop__gap__cv__all": math.sqrt(0.5) / 1.5,
        "shop__amount___sum__all": -3,
        "shop__amount___mean__all": -1,
        "shop__amount___std__all": math.sqrt(19),
        "shop__amount___sum__2d": -6,
        "shop__item___distinct__all": 2,
        "shop__item___top_share__all": 2 / 3,
        "shop__item___entropy__all": math.log(3) - 2 / 3 * math.log(2),
        "shop__weekday__share_06__all": 1 / 3,
        "shop__hour__entropy__all": 0,
    }
    assert {name: hand["a"][name] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_a_sum_of_nothing_is_zero_and_a_mean_of_nothing_unknown_also_where_names_end_in_underscores(
    hand: dict[str, dict[str, object]],
) -> None:
    own = hand["b"]
    assert (own["shop__amount___sum__all"], own["shop__amount___sum__2d"], own["shop__item___distinct__all"]) == (
        0,
        0,
        0,
    )
    unknown = [name for name, value in own.items() if value is None]
    amounts = [
        f"shop__amount___{aggregate}" for aggregate in ("mean__all", "min__all", "max__all", "std__all", "mean__2d")
    ]
    gaps = [f"shop__gap__{aggregate}__all" for aggregate in ("mean_days", "std_days", "max_days", "cv")]
    assert sorted(unknown) == sorted([*amounts, *gaps, "shop__item___entropy__all", "shop__item___top_share__all"])


def test_customers_stand_in_order_in_each_file(snapshot: Path) -> None:
    for bucket in range(2):
        ids = pq.read_table(snapshot / "dense" / f"bucket=000{bucket}.parquet")["customer_id"].to_pylist()
        assert ids == sorted(ids)
        assert len(ids) > 2


def test_not_a_number_is_unknown_also_in_a_column_without_gaps(take: Callable[..., Path]) -> None:
    rows = [{"who": "a", "at": n, "amount": amount} for n, amount in enumerate((math.nan, 0.5, 1.0, 2.0))]
    filled = [{"item": "tea", "shop": "x", "pieces": 1.0, **row} for row in rows]
    (found,) = read_back(take({"buy": filled}, buckets=1), "dense").to_pylist()
    assert found["buy__amount__sum__all"] == 3.5
    assert found["buy__amount__mean__all"] == pytest.approx(3.5 / 3)
