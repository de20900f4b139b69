"""Labels from the horizon after as_of, against a slow reading of the rule in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError
from pipeline.events import write_events
from pipeline.labels.future import future_labels
from pipeline.labels.known import Labels
from pipeline.settings import Attribute, Data, Declared, Future, Log, Quality
from pipeline.split import hash32

DAY_US = 86_400_000_000
AS_OF_US = 1_710_140_400_000_000  # 2024-03-11 03:00 in New York
END_US = AS_OF_US + 10 * DAY_US
LAST_US = END_US + 2 * DAY_US
ITEMS = [None, "BABY FOOD", "BABY WIPES", "BABY", "BAYBY", "baby oil", "B_BY", "5% FAT", "5x FAT", "a.c", "abc", "x*y"]
BUCKETS = 2


@dataclass(frozen=True)
class Shop:
    """Written events, a snapshot with its customers, and the rows they were made from."""

    data: Data
    events: Path
    snapshot: Path
    rows: dict[str, list[dict[str, Any]]]

    def base(self) -> list[str]:
        return sorted({row["who"] for own in self.rows.values() for row in own if row["at"] < AS_OF_US})


def rows() -> dict[str, list[dict[str, Any]]]:
    rng = np.random.default_rng(5)

    def row(who: str, at: int) -> dict[str, Any]:
        amount = [None, float("nan"), 0.1, -2.5, float(rng.normal(3))][rng.integers(0, 5)]
        return {"who": who, "at": at, "item": ITEMS[rng.integers(0, len(ITEMS))], "amount": amount}

    buy = [row(f"c{rng.integers(0, 30)}", AS_OF_US + int(rng.integers(-40 * DAY_US, 12 * DAY_US))) for _ in range(300)]
    edges = {"begins": AS_OF_US, "last": END_US - 1, "ends": END_US, "before": AS_OF_US - 1}
    for who, at in edges.items():
        buy += [row(who, AS_OF_US - 30 * DAY_US), {**row(who, at), "item": "edge", "amount": 100.0}]
    buy += [{**row("active", AS_OF_US - 7 * DAY_US), "item": "seen"}, {**row("idle", AS_OF_US - 7 * DAY_US - 1)}]
    buy += [{**row("exact", AS_OF_US + n), "amount": amount} for n, amount in enumerate((0.7, 0.1, 0.1, 0.1))]
    buy += [row("exact", AS_OF_US - DAY_US)]
    buy += [row("new", AS_OF_US + DAY_US), row("c0", LAST_US)]
    visit = [{"who": f"v{n}", "at": AS_OF_US - n * DAY_US} for n in range(1, 5)]
    return {"buy": buy, "visit": visit}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, engine: DuckDBEngine) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    written = rows()
    types = {"who": pa.string(), "at": pa.int64(), "item": pa.string(), "amount": pa.float64()}
    for log, own in written.items():
        columns = {name: pa.array([row[name] for row in own], types[name]) for name in own[0]}
        pq.write_table(pa.table(columns), folder / f"{log}.parquet")
    common = {"id": "who", "time": "at", "time_unit": "us", "duplicates": "keep"}
    logs = {
        "buy": Log(path="buy.parquet", categorical=["item"], numeric=["amount"], **common),
        "visit": Log(path="visit.parquet", **common),
    }
    data = Data("shop", logs, root=str(folder), time_zone="America/New_York", quality=Quality(1.0))
    write_events(data, BUCKETS, folder / "events", folder / "quarantine", engine)
    found = Shop(data, folder / "events", folder / "snapshot", written)
    for bucket in range(BUCKETS):
        (folder / "snapshot" / "dense").mkdir(parents=True, exist_ok=True)
        seen = {
            who
            for log in logs
            for who in pq.read_table(folder / "events" / log / f"bucket=000{bucket}.parquet")["customer_id"].to_pylist()
        }
        own = pa.array([who for who in found.base() if who in seen], pa.string())
        pq.write_table(pa.table({"customer_id": own}), folder / "snapshot" / "dense" / f"bucket=000{bucket}.parquet")
    return found


Read = Callable[..., Labels]


@pytest.fixture
def read(shop: Shop, engine: DuckDBEngine) -> Read:
    def read(
        rule: Future, kind: str = "binary", as_of_us: int = AS_OF_US, at_most: int | None = None, **options: Any
    ) -> Labels:
        attribute = Attribute(kind, future=rule, **options)
        return future_labels(engine, shop.events, shop.snapshot, "spends", attribute, shop.data, as_of_us, at_most)

    return read


def told(labels: Labels) -> dict[str, str]:
    assert labels.customers.tolist() == sorted(labels.customers)
    return {who: labels.values[y] for who, y in zip(labels.customers, labels.y, strict=True)}


def fits(item: str | None, wanted: tuple[str, ...]) -> bool:
    """Read a condition: a star at the end means any ending, everything else means itself."""
    for token in wanted:
        if item is not None and (item == token or (token[-1] == "*" and item[: len(token) - 1] == token[:-1])):
            return True
    return False


def day(at_us: int) -> int:
    clock = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)).astimezone(ZoneInfo("America/New_York"))
    return clock.toordinal()


def is_number(amount: float | None) -> bool:
    return amount is not None and not math.isnan(amount)


def cell(row: dict[str, Any], field: str) -> str | None:
    """Return a row's token; weekdays count from Monday, 00."""
    if field in ("hour", "weekday"):
        instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row["at"])
        clock = instant.astimezone(ZoneInfo("America/New_York"))
        return f"{clock.hour if field == 'hour' else clock.weekday():02d}"
    return row[field]


def meeting(rows: list[dict[str, Any]], rule: Future) -> tuple[list[dict[str, Any]], list[float]]:
    """Return the rows that meet a rule's conditions, and the amounts in them."""
    rows = [row for row in rows if all(fits(cell(row, field), wanted) for field, wanted in rule.where.items())]
    for field, bound in rule.above.items():
        rows = [row for row in rows if is_number(row[field]) and row[field] > bound]
    return rows, [row[rule.field] for row in rows if rule.field and is_number(row[rule.field])]


def amounts(shop: Shop, rule: Future) -> dict[str, float]:
    """Return each base customer's aggregate; without an event it is 0, a mean, a share and a sum per day are none."""
    found: dict[str, float] = {}
    own_log = shop.rows[rule.log]
    for who in shop.base():
        own = [row for row in own_log if row["who"] == who]
        since = AS_OF_US - (rule.among_active_days or rule.among_idle_days or 0) * DAY_US
        lately = any(since <= row["at"] < AS_OF_US for row in own)
        ever = any(row["at"] < AS_OF_US for row in own)
        if (rule.among_active_days and not lately) or (rule.among_idle_days and (lately or not ever)):
            continue
        span = rule.horizon_days * DAY_US
        everything = [row for row in own if AS_OF_US <= row["at"] < AS_OF_US + span]
        ahead, numbers = meeting(everything, rule)
        if rule.aggregate == "mean" and not numbers:
            continue
        if rule.aggregate == "per_day" and not (ahead and numbers):
            continue
        compared = 1.0
        if rule.aggregate in ("share", "growth"):
            earlier = [row for row in own if AS_OF_US - span <= row["at"] < AS_OF_US]
            rows, sums = (
                meeting(earlier, rule)
                if rule.aggregate == "growth"
                else (everything, [row["amount"] for row in everything if is_number(row["amount"])])
            )
            compared = math.fsum(sums) if rule.field else len(rows)
            if compared <= 0:
                continue
        total = math.fsum(numbers) if rule.field else len(ahead)
        found[who] = {
            "count": lambda total=total: total,
            "active_days": lambda ahead=ahead: len({day(row["at"]) for row in ahead}),
            "sum": lambda total=total: total,
            "mean": lambda total=total, numbers=numbers: total / len(numbers),
            "per_day": lambda total=total, ahead=ahead: total / len({day(row["at"]) for row in ahead}),
            "share": lambda total=total, compared=compared: total / compared,
            "growth": lambda total=total, compared=compared: total / compared,
            "delay_days": lambda ahead=ahead: min([row["at"] - AS_OF_US for row in ahead], default=math.inf) / DAY_US,
        }[rule.aggregate]()
    return found


def slow_answers(shop: Shop, rule: Future) -> dict[str, str]:
    found = amounts(shop, rule)
    if rule.bands is not None:
        return {
            who: next(
                name
                for name, (low, high) in rule.bands.items()
                if (low is None or amount >= low) and (high is None or amount < high)
            )
            for who, amount in found.items()
        }
    if rule.at_least is not None:
        return {who: "yes" if amount >= rule.at_least else "no" for who, amount in found.items()}
    if rule.at_most is not None:
        return {who: "yes" if amount <= rule.at_most else "no" for who, amount in found.items()}
    # Of the largest share those are *yes* who have more than the first one outside it.
    falling = sorted(found.values(), reverse=True)
    outside = falling[math.floor(rule.top_share * len(falling) + 1e-9)]
    return {who: "yes" if amount > outside else "no" for who, amount in found.items()}


BANDS = {"none": (None, 1.0), "some": (1.0, 4.0), "many": (4.0, None)}
RULES = {
    "count at least": Future("buy", 10, at_least=2),
    "count at most: nobody came back": Future("buy", 10, at_most=0),
    "active days at least": Future("buy", 10, aggregate="active_days", at_least=3),
    "sum at least": Future("buy", 10, aggregate="sum", field="amount", at_least=2.75),
    "sum at most": Future("buy", 10, aggregate="sum", field="amount", at_most=0.0),
    "sum of the top third": Future("buy", 10, aggregate="sum", field="amount", top_share=1 / 3),
    "sum of the top 70 %": Future("buy", 10, aggregate="sum", field="amount", top_share=0.7),
    "mean at least": Future("buy", 10, aggregate="mean", field="amount", at_least=1.0),
    "mean at most": Future("buy", 10, aggregate="mean", field="amount", at_most=1.0),
    "count in bands": Future("buy", 10, bands=BANDS),
    "among the active": Future("buy", 10, at_least=1, among_active_days=7),
    "top of the active": Future("buy", 10, aggregate="active_days", top_share=0.2, among_active_days=20),
    "a short horizon": Future("buy", 1, at_least=1),
    "exact tokens": Future("buy", 10, where={"item": ("BABY", "abc")}, at_least=1),
    "a beginning": Future("buy", 10, where={"item": ("BABY*",)}, at_least=1),
    "a beginning or a token": Future("buy", 10, where={"item": ("BABY *", "a.c")}, at_least=1),
    "everything with a token": Future("buy", 10, where={"item": ("*",)}, at_least=2),
    "money for some tokens": Future("buy", 10, {"item": ("BABY*",)}, "sum", "amount", at_least=0.1),
    "an underscore": Future("buy", 10, where={"item": ("B_BY*",)}, at_least=1),
    "a percent sign": Future("buy", 10, where={"item": ("5%*",)}, at_least=1),
    "a dot": Future("buy", 10, where={"item": ("a.*",)}, at_least=1),
    "amounts above a bound": Future("buy", 10, above={"amount": 0.1}, at_least=1),
    "weekdays": Future("buy", 10, where={"weekday": ("05", "06")}, at_least=1),
    "hours": Future("buy", 10, where={"hour": ("0*", "10")}, at_least=1),
    "sum per active day": Future("buy", 10, aggregate="per_day", field="amount", at_least=1.0),
    "share of the events": Future("buy", 10, where={"item": ("BABY*",)}, aggregate="share", at_least=0.3),
    "share of the money": Future("buy", 10, above={"amount": 2.0}, aggregate="share", field="amount", at_least=0.9),
    "growth of the count": Future("buy", 10, aggregate="growth", at_least=1.2),
    "growth of the money": Future("buy", 10, aggregate="growth", field="amount", at_most=0.8),
    "growth of some tokens": Future("buy", 10, where={"item": ("BABY*", "a*")}, aggregate="growth", at_least=0.5),
    "delay": Future("buy", 10, aggregate="delay_days", at_most=3.0),
    "delay in bands": Future("buy", 10, aggregate="delay_days", bands={"soon": (None, 4.0), "later": (4.0, None)}),
    "return of the idle": Future("buy", 10, at_least=1, among_idle_days=7),
    "a star inside": Future("buy", 10, where={"item": ("x*y",)}, at_least=1),
}


@pytest.mark.parametrize("name", RULES)
def test_labels_equal_a_slow_reading_of_the_rule(name: str, read: Read, shop: Shop) -> None:
    rule = RULES[name]
    kind = "ordinal" if rule.bands else "binary"
    expected = slow_answers(shop, rule)
    assert told(read(rule, kind)) == expected
    assert len(set(expected.values())) > 1  # otherwise the case would show nothing


@pytest.mark.parametrize("name", RULES)
def test_of_a_sample_of_customers_the_answers_are_those_among_all(name: str, read: Read, shop: Shop) -> None:
    rule = RULES[name]
    expected = slow_answers(shop, rule)
    lowest = sorted(expected, key=lambda who: (hash32(f"train:{who}"), who))[: len(expected) // 3]
    found = read(rule, "ordinal" if rule.bands else "binary", at_most=len(lowest))
    assert found.customers.tolist() == sorted(lowest)
    assert told(found) == {who: expected[who] for who in lowest}
    assert found.sampled_from == len(expected)


def test_an_amount_in_no_band_is_told_also_where_nobody_drawn_has_it(read: Read, shop: Shop) -> None:
    counts = slow_answers(shop, Future("buy", 10, bands={"few": (None, 4.0), "many": (4.0, None)}))
    many = sum(value == "many" for value in counts.values())
    (first,) = read(Future("buy", 10, at_least=1), at_most=1).customers
    assert counts[first] == "few"
    with pytest.raises(DataError, match=rf"spends\.future\.bands: {many} values lie in no band, such as "):
        read(Future("buy", 10, bands={"few": (None, 4.0)}), "ordinal", at_most=1)


def test_an_event_at_as_of_counts_and_one_at_the_end_does_not(read: Read) -> None:
    found = told(read(Future("buy", 10, where={"item": ("edge",)}, at_least=1)))
    assert {who: found[who] for who in ("begins", "last", "ends", "before")} == {
        "begins": "yes",
        "last": "yes",
        "ends": "no",
        "before": "no",
    }


def test_customers_without_an_event_in_the_horizon_are_a_no_and_later_ones_have_no_label(read: Read) -> None:
    found = told(read(Future("buy", 10, at_least=1)))
    assert (found["idle"], found["v1"]) == ("no", "no")
    assert "new" not in found
    assert told(read(Future("buy", 10, at_most=0)))["v1"] == "yes"


def test_a_sum_of_exactly_the_bound_reaches_it(read: Read) -> None:
    """In doubles 0.7 + 0.1 + 0.1 + 0.1 is 0.9999999999999999."""
    assert told(read(Future("buy", 10, aggregate="sum", field="amount", at_least=1.0)))["exact"] == "yes"
    assert told(read(Future("buy", 10, aggregate="sum", field="amount", at_most=1.0)))["exact"] == "yes"
    assert told(read(Future("buy", 10, aggregate="sum", field="amount", at_least=1.000001)))["exact"] == "no"


def test_the_active_were_seen_in_the_log_since_the_window_s_first_instant(read: Read) -> None:
    found = told(read(Future("buy", 10, at_least=1, among_active_days=7)))
    assert found["active"] == "no"
    assert "idle" not in found
    assert "v1" not in found


def test_the_idle_were_seen_in_the_log_but_not_lately(read: Read) -> None:
    found = told(read(Future("buy", 10, at_least=1, among_idle_days=7)))
    assert found["idle"] == "no"
    assert "active" not in found
    assert "v1" not in found  # a visitor who never bought cannot come back to buying


def test_values_set_the_order_which_else_is_no_yes_or_that_of_the_bands(read: Read) -> None:
    rule = Future("buy", 10, at_least=2)
    assert read(rule).values == ("no", "yes")
    turned = read(rule, values=("yes", "no"))
    assert turned.values == ("yes", "no")
    assert told(turned) == told(read(rule))
    assert read(Future("buy", 10, bands=BANDS), "ordinal").values == ("none", "some", "many")
    with pytest.raises(
        ConfigError, match=r"attributes\.spends: 'values' are often, rarely, but the rule gives no, yes"
    ):
        read(rule, values=("often", "rarely"))


def test_a_horizon_may_end_with_the_day_of_the_last_event_but_not_later(read: Read) -> None:
    rule = Future("buy", 10, at_least=1)
    latest_us = LAST_US - 10 * DAY_US + DAY_US  # the last event may be of the day's first instant
    read(rule, as_of_us=latest_us)
    read(rule, as_of_us=latest_us + DAY_US // 24)  # and the day one of 25 hours
    with pytest.raises(
        ConfigError,
        match=r"attributes\.spends\.future\.horizon_days: 10 days after 20240314T080000\.000001Z reach beyond the last "
        r"event of 20240323T070000Z: the label would count what has not been recorded yet",
    ):
        read(rule, as_of_us=latest_us + DAY_US // 24 + 1)


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        (
            Future("by", 10, at_least=1),
            ConfigError,
            r"attributes\.spends\.future\.log: 'by' is no log of 'shop' \(allowed: buy, visit\)\. Did you mean 'buy'\?",
        ),
        (
            Future("buy", 10, {"itm": ("BABY",)}, at_least=1),
            ConfigError,
            r"future\.where: 'itm' is no categorical field of 'buy' \(allowed: item, .*Did you mean 'item'\?",
        ),
        (
            Future("buy", 10, {"amount": ("1",)}, at_least=1),
            ConfigError,
            r"future\.where: 'amount' is no categorical field of 'buy'",
        ),
        (
            Future("buy", 10, aggregate="sum", field="amont", at_least=1),
            ConfigError,
            r"future\.field: 'amont' is no numeric field of 'buy' \(allowed: amount\)\. Did you mean 'amount'\?",
        ),
        (
            Future("buy", 10, {"item": ("BABY", "BABY FOOT")}, at_least=1),
            DataError,
            r"future\.where\.item: no event has 'BABY FOOT' .* Did you mean 'BABY FOOD'\?",
        ),
        (Future("buy", 10, {"item": ("BABI*",)}, at_least=1), DataError, r"no event has 'BABI\*'"),
        (Future("buy", 10, {"item": ("%FOOD*",)}, at_least=1), DataError, r"no event has '%FOOD\*'"),
        (Future("buy", 10, {"item": (".ABY",)}, at_least=1), DataError, r"no event has '\.ABY'"),
        (Future("buy", 10, {"item": ("*FOOD",)}, at_least=1), DataError, r"no event has '\*FOOD'"),
        (Future("buy", 10, {"item": ()}, at_least=1), DataError, r"future\.where\.item: no token is given"),
    ],
    ids=lambda case: "" if isinstance(case, type | str) else f"{case.log} {case.where} {case.field}",
)
def test_a_rule_that_names_what_does_not_exist_is_refused(
    rule: Future, error: type[Exception], message: str, read: Read
) -> None:
    with pytest.raises(error, match=message):
        read(rule)


def test_a_declared_attribute_has_no_future(shop: Shop, engine: DuckDBEngine) -> None:
    attribute = Attribute("binary", Declared("age"))
    with pytest.raises(ConfigError, match=r"attributes\.spends\.future: this attribute is no future one"):
        future_labels(engine, shop.events, shop.snapshot, "spends", attribute, shop.data, AS_OF_US)
