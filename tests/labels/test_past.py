"""An attribute's own past, against hand calculation; what comes after as_of changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.events import write_events
from pipeline.labels import daily
from pipeline.labels import past as past_module
from pipeline.labels.future import future_labels
from pipeline.labels.past import OwnPast, PastReader, may_look_back
from pipeline.settings import Attribute, Data, Declared, Future, Log, Quality

DAY_US = 86_400_000_000
AS_OF_US = 20_000 * DAY_US
HORIZON = 10
WINE = {"item": ("wine",)}
# customer, days before as_of, item, amount: the horizons before as_of end 0, 10, 20 and 30 days before it.
ROWS = [
    ("often", 1.0, "wine", 4.0),
    ("often", 0.75, "wine", 6.0),
    ("often", 1.5, "tea", 2.0),
    ("often", 9.0, "wine", 5.0),
    ("often", 12.0, "wine", 3.0),
    ("often", 31.0, "wine", 7.0),
    ("once", 15.0, "wine", 8.0),
    ("once", 45.0, "tea", 1.0),
    ("never", 3.0, "tea", 9.0),
]
LATER = [("often", -0.0, "wine", 100.0), ("once", -3.0, "wine", 100.0), ("never", -5.0, "wine", 100.0)]
CUSTOMERS = np.array(["never", "often", "once", "stranger"], dtype=object)


def shop(folder: Path, rows: Sequence[tuple[str, float, str, float]], buckets: int = 2) -> tuple[Path, Data]:
    folder.mkdir(exist_ok=True)
    who, back, item, amount = zip(*rows, strict=True)
    at = [AS_OF_US - round(days * DAY_US) for days in back]
    pq.write_table(pa.table({"who": who, "at": at, "item": item, "amount": amount}), folder / "buy.parquet")
    log = Log(
        path="buy.parquet",
        id="who",
        time="at",
        time_unit="us",
        categorical=["item"],
        numeric=["amount"],
        duplicates="keep",
    )
    data = Data("shop", {"buy": log}, root=str(folder), quality=Quality(1.0))
    with DuckDBEngine() as engine:
        write_events(data, buckets, folder / "events", folder / "quarantine", engine)
    return folder / "events", data


def past(
    where: tuple[Path, Data],
    rule: Future,
    customers: np.ndarray = CUSTOMERS,
    buckets: Sequence[int] = (0, 1),
    hide: Sequence[str] = (),
) -> dict[str, list[float]]:
    """Return the columns of an attribute's past by what stands behind its name, rounded."""
    events, data = where
    with DuckDBEngine(1) as engine:
        found = PastReader(engine, events, data, AS_OF_US, buckets).read(
            "wine", Attribute("binary", future=rule), hide, customers
        )
    assert found is not None
    assert found.block.shape == (len(customers), len(found.names))
    return {
        name.removeprefix("buy__").replace("past.wine__", ""): column
        for name, column in zip(found.names.tolist(), found.block.round(6).T.tolist(), strict=True)
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Data]:
    return shop(tmp_path_factory.mktemp("shop"), [*ROWS, *LATER])


def rule(**options: Any) -> Future:
    return Future("buy", HORIZON, **{"where": WINE, "at_least": 1, **options})


NAN = float("nan")


@pytest.mark.parametrize(
    ("column", "expected"),  # never, often, once, stranger
    [
        ("count__10d", [0, 3, 0, 0]),
        ("count__20d", [0, 4, 1, 0]),
        ("count__all", [0, 5, 1, 0]),
        ("days__10d", [0, 2, 0, 0]),
        ("days__all", [0, 4, 1, 0]),
        ("recency_days__all", [NAN, 0.75, 15, NAN]),
        ("tenure_days__all", [NAN, 31, 15, NAN]),
        ("gap_days__all", [NAN, 10, NAN, NAN]),  # 31, 12, 9 and, twice, 1 day before: 3 gaps
        ("recent_days__10d", [0, 2**-0.075 + 2**-0.9 + 2**-1.2 + 2**-3.1, 2**-1.5, 0]),
        ("amount_1__10d", [0, 3, 0, 0]),
        ("amount_2__10d", [0, 1, 1, 0]),
        ("amount_mean__40d", [0, 5 / 4, 1 / 4, 0]),
        ("yes_share__40d", [0, 3 / 4, 1 / 4, 0]),
        ("pace.wine__count__10d", [1, 4, 0, 0]),
        ("pace.wine__recency_days__all", [3, 0.75, 15, NAN]),
    ],
)
def test_a_column_by_hand(written: tuple[Path, Data], column: str, expected: list[float]) -> None:
    np.testing.assert_allclose(past(written, rule())[column], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "last", "before"),  # the rule's amount in the last horizon and in the one before it
    [
        ({"aggregate": "active_days"}, [0, 2, 0, 0], [0, 1, 1, 0]),
        ({"aggregate": "sum", "field": "amount"}, [0, 15, 0, 0], [0, 3, 8, 0]),
        ({"aggregate": "mean", "field": "amount"}, [NAN, 5, NAN, NAN], [NAN, 3, 8, NAN]),
        ({"aggregate": "per_day", "field": "amount"}, [NAN, 7.5, NAN, NAN], [NAN, 3, 8, NAN]),
        ({"aggregate": "share", "at_least": 0.5}, [0, 0.75, NAN, NAN], [NAN, 1, 1, NAN]),
        ({"aggregate": "share", "field": "amount", "at_least": 0.5}, [0, 15 / 17, NAN, NAN], [NAN, 1, 1, NAN]),
        ({"aggregate": "growth"}, [NAN, 3, 0, NAN], [NAN, NAN, NAN, NAN]),
        ({"aggregate": "delay_days"}, [10, 1, 10, 10], [10, 8, 5, 10]),
        ({"above": {"amount": 4.5}}, [0, 2, 0, 0], [0, 0, 1, 0]),
    ],
)
def test_the_amount_is_the_rules(
    written: tuple[Path, Data], options: dict[str, Any], last: list[float], before: list[float]
) -> None:
    found = past(written, rule(**options))
    np.testing.assert_allclose(found["amount_1__10d"], last, atol=1e-6)
    np.testing.assert_allclose(found["amount_2__10d"], before, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"aggregate": "sum", "field": "amount", "at_least": 7},
        {"aggregate": "per_day", "field": "amount", "at_least": 7},
        {"aggregate": "share", "at_least": 0.5},
        {"aggregate": "delay_days", "at_least": None, "at_most": 4},
        {"where": {}, "at_least": None, "at_most": 0},
    ],
)
def test_the_last_answer_is_the_label_of_one_horizon_earlier(
    written: tuple[Path, Data], tmp_path: Path, options: dict[str, Any]
) -> None:
    events, data = written
    asked = rule(**options)
    everybody = pa.table({"customer_id": CUSTOMERS[:3].tolist()})
    (tmp_path / "dense").mkdir()
    for bucket in (0, 1):
        pq.write_table(everybody if bucket == 0 else everybody[:0], tmp_path / "dense" / f"bucket=000{bucket}.parquet")
    events, data = shop(tmp_path / "one", [*ROWS, *LATER], buckets=1)
    attribute = Attribute("binary", future=asked)
    with DuckDBEngine(1) as engine:
        labels = future_labels(engine, events, tmp_path, "wine", attribute, data, AS_OF_US - HORIZON * DAY_US)
    amounts = dict(zip(CUSTOMERS, past((events, data), asked, buckets=[0])["amount_1__10d"], strict=True))
    bound = asked.at_least if asked.at_least is not None else asked.at_most
    for customer, y in zip(labels.customers, labels.y, strict=True):
        said = amounts[customer] >= bound if asked.at_least is not None else amounts[customer] <= bound
        assert labels.values[y] == ("yes" if said else "no")


def test_horizons_before_the_log_began_are_unknown(tmp_path: Path) -> None:
    found = past(shop(tmp_path, [row for row in ROWS if row[1] < 16]), rule())
    assert found["amount_1__10d"] == [0, 3, 0, 0]
    assert np.isnan(found["amount_2__10d"]).all()  # its first five days are not recorded
    assert found["amount_mean__40d"] == found["amount_1__10d"]
    grown = past(shop(tmp_path / "grown", [row for row in ROWS if row[1] < 16]), rule(aggregate="growth"))
    assert np.isnan(grown["amount_1__10d"]).all()  # it would be divided by a horizon of which half is recorded


def test_what_happens_from_as_of_on_changes_nothing(written: tuple[Path, Data], tmp_path: Path) -> None:
    for options in ({}, {"aggregate": "share", "field": "amount"}, {"aggregate": "delay_days"}, {"where": {}}):
        np.testing.assert_equal(past(shop(tmp_path, ROWS), rule(**options)), past(written, rule(**options)))


def test_buckets_are_as_the_whole_and_the_order_does_not_matter(written: tuple[Path, Data]) -> None:
    whole = past(written, rule(aggregate="sum", field="amount"))
    events, _ = written
    for bucket in (0, 1):
        here = pq.read_table(events / "buy" / f"bucket=000{bucket}.parquet")["customer_id"].to_pylist()
        own = np.array(sorted(set(here), reverse=True), dtype=object)
        places = np.searchsorted(CUSTOMERS, own)
        found = past(written, rule(aggregate="sum", field="amount"), own, [bucket])
        for column, cells in found.items():
            np.testing.assert_equal(cells, np.array(whole[column])[places].tolist())


def test_the_past_of_some_customers_is_theirs_among_all(written: tuple[Path, Data]) -> None:
    events, data = written
    some = CUSTOMERS[::2]
    with DuckDBEngine(1) as engine:
        reader = PastReader(engine, events, data, AS_OF_US, [0, 1], only=some)
        found = reader.read("wine", Attribute("binary", future=rule()), (), some)
        whole = PastReader(engine, events, data, AS_OF_US, [0, 1]).read(
            "wine", Attribute("binary", future=rule()), (), CUSTOMERS
        )
    assert found is not None
    assert whole is not None
    np.testing.assert_array_equal(found.block, whole.block[::2])
    others = Attribute("binary", future=rule())
    with DuckDBEngine(1) as engine:
        reader = PastReader(engine, events, data, AS_OF_US, [0, 1], only=some)
        nothing = reader.read("wine", others, (), CUSTOMERS[1::2])
    assert nothing is not None
    assert not np.array_equal(nothing.block, whole.block[1::2])  # events of the others were not read


def test_a_bucket_without_customers_has_the_same_columns(written: tuple[Path, Data]) -> None:
    assert [*past(written, rule(), np.empty(0, dtype=object))] == [*past(written, rule())]


@pytest.mark.parametrize(
    ("hide", "expected"),
    [((), True), (("buy",), False), (("buy.item",), False), (("buy.amount",), True), (("buy.hour",), True)],
)
def test_a_rule_over_hidden_fields_has_no_past(
    written: tuple[Path, Data], hide: tuple[str, ...], expected: bool
) -> None:
    events, data = written
    assert may_look_back(rule(), hide, data) == expected
    with DuckDBEngine(1) as engine:
        found = PastReader(engine, events, data, AS_OF_US, [0, 1]).read(
            "wine", Attribute("binary", future=rule()), hide, CUSTOMERS
        )
    assert (found is not None) == expected


def test_a_hidden_amount_hides_the_past_that_sums_it(written: tuple[Path, Data]) -> None:
    assert not may_look_back(rule(aggregate="sum", field="amount"), ["buy.amount"], written[1])
    assert not may_look_back(rule(above={"amount": 1}), ["buy.amount"], written[1])


def test_declared_attributes_have_no_past(written: tuple[Path, Data]) -> None:
    events, data = written
    with DuckDBEngine(1) as engine:
        reader = PastReader(engine, events, data, AS_OF_US, [0, 1])
        assert reader.read("sex", Attribute("binary", declared=Declared("sex")), (), CUSTOMERS) is None


MANY = [
    rule(),
    rule(where={}),
    rule(where={"item": ("te*",)}, aggregate="active_days"),
    rule(aggregate="sum", field="amount"),
    rule(aggregate="share", field="amount", at_least=0.5),
    rule(aggregate="growth"),
    rule(aggregate="delay_days", at_least=None, at_most=4),
    rule(above={"amount": 4.5}),
    rule(where={"item": ("wine", "beer")}, aggregate="mean", field="amount"),
    Future("buy", 3, where=WINE, at_least=1),
]


def several(where: tuple[Path, Data], together: Sequence[Future]) -> tuple[list[OwnPast | None], int]:
    """Return the past of `MANY`, and how many times something was read."""
    events, data = where
    with DuckDBEngine(1) as engine:
        reader = PastReader(engine, events, data, AS_OF_US, [0, 1], together=together)
        with mock.patch.object(engine, "arrow", wraps=engine.arrow) as arrow:
            found = [reader.read(f"a{k}", Attribute("binary", future=one), (), CUSTOMERS) for k, one in enumerate(MANY)]
            return found, arrow.call_count


def assert_same(one: Sequence[OwnPast | None], other: Sequence[OwnPast | None]) -> None:
    for mine, yours in zip(one, other, strict=True):
        assert mine is not None
        assert yours is not None
        assert mine.names.tolist() == yours.names.tolist()
        np.testing.assert_allclose(mine.block, yours.block, rtol=1e-12)


def test_rules_read_together_say_what_they_say_alone_and_read_the_log_once(
    shuffled: tuple[Path, Data], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, n_alone = several(shuffled, ())
    together, n_together = several(shuffled, MANY)
    assert_same(together, alone)
    assert n_together == 1
    assert n_alone == len(MANY) - 1  # all events of the log, which one of the rules asks for, were read with the first
    monkeypatch.setattr(daily, "MARKS", 2)  # conditions for which one pass has marks; there are five
    in_passes, n_passes = several(shuffled, MANY)
    assert_same(in_passes, alone)
    assert n_passes == 3


def test_parts_of_the_log_are_as_the_whole(shuffled: tuple[Path, Data], monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = several(shuffled, MANY)
    monkeypatch.setattr(past_module, "_AT_ONCE", 1)
    parts, n_parts = several(shuffled, MANY)
    assert_same(parts, whole)
    assert n_parts == 2  # one for each bucket


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Data]:
    """Return a log of 600 events of the customers, some of them from as_of on."""
    rng = np.random.default_rng(0)
    rows = [
        (str(who), float(back), str(item), float(amount))
        for who, back, item, amount in zip(
            rng.choice(["never", "often", "once"], 600, p=[0.1, 0.6, 0.3]),
            rng.uniform(-5, 60, 600),
            rng.choice(["wine", "tea", "beer", "teapot"], 600),
            rng.exponential(5.0, 600),
            strict=True,
        )
    ]
    return shop(tmp_path_factory.mktemp("shuffled"), rows)


@pytest.mark.parametrize("wanted", [MANY[0], MANY[3], MANY[9]])
def test_random_days_by_a_second_way(shuffled: tuple[Path, Data], wanted: Future) -> None:
    events, _ = shuffled
    frame = pd.concat([pq.read_table(file).to_pandas() for file in sorted((events / "buy").glob("*.parquet"))])
    frame = frame[(frame.event_us < AS_OF_US) & (frame["item"] == "wine")]
    found = past(shuffled, wanted)
    days = wanted.horizon_days
    for place, customer in enumerate(CUSTOMERS):
        own = frame[frame.customer_id == customer]
        for horizons in (1, 2, 4):
            inside = own[own.event_us >= AS_OF_US - horizons * days * DAY_US]
            assert found[f"count__{horizons * days}d"][place] == len(inside)
            if wanted.field:
                assert found[f"sum__{horizons * days}d"][place] == pytest.approx(inside.amount.sum(), abs=2e-6)
        ages = (AS_OF_US - own.event_us) / DAY_US
        assert found["recency_days__all"][place] == pytest.approx(ages.min(), abs=2e-6, nan_ok=True)
        assert found["tenure_days__all"][place] == pytest.approx(ages.max(), abs=2e-6, nan_ok=True)
        by_day = ages.groupby([own.event_day, (ages * DAY_US - 1) // (days * DAY_US)]).min()
        assert found["days__all"][place] == len(by_day)
        assert found[f"recent_days__{days}d"][place] == pytest.approx((0.5 ** (by_day / days)).sum(), abs=2e-6)
