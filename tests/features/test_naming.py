"""Names can be read back, and hiding a log or field hides all of it and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.features.naming import (
    aggregate_of,
    dense_name,
    field_name,
    is_component,
    is_past,
    past_name,
    readable,
    subject,
    vector_names,
    visible,
    window_name,
    with_siblings,
)
from pipeline.settings import Data, Log

DATA = Data(
    "shop",
    {
        "buy": Log(path="-", id="-", time="-", categorical=["item", "item_kind"], numeric=["amount"]),
        "buy_more": Log(path="-", id="-", time="-", categorical=["item"], numeric=["amount"]),
        "vector": Log(path="-", id="-", time="-", categorical=["item"]),
    },
)
NAMES = [
    "buy__events__count__all",
    "buy__amount__sum__28d",
    "buy__item__entropy__all",
    "buy__item_kind__entropy__all",
    "buy__hour__share_03__all",
    "buy__weekday__entropy__all",
    "buy_more__amount__sum__28d",
    "buy_more__item__entropy__all",
    "vector__events__count__all",
    "vector__000",
    "vector__1000",
    "buy__item=tea",
    "buy__item=buy__item_kind=x",
    "buy__item_kind=tea",
    "buy__hour=03",
    "buy_more__item=tea",
    "vector__item=007",
]


def hidden(*entries: str) -> list[str]:
    mask = visible(NAMES, entries, DATA, "attributes.lapses.hide")
    assert mask.dtype == bool
    return [name for name, seen in zip(NAMES, mask, strict=True) if not seen]


CODES = Log(
    path="-",
    id="-",
    time="-",
    categorical={"code": "c", "group": "c", "time": "c", "place": "p"},
    numeric={"minutes": "m"},
    first={"group": 2},
    weigh={"time": ("minutes", 30)},
)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("diary.group", {"code", "group", "time"}),
        ("diary.minutes", {"minutes", "time"}),
        ("diary.place", {"place"}),
        ("diary.hour", {"hour"}),
    ],
)
def test_hiding_a_field_hides_the_other_levels_of_its_column_and_what_is_counted_in_it(
    entry: str, expected: set[str]
) -> None:
    data = Data("survey", {"diary": CODES})
    assert set(with_siblings([entry], data)) == {f"diary.{field}" for field in expected}
    fields = ("code", "group", "time", "place", "hour", "minutes")
    seen = visible([f"diary__{field}__entropy__all" for field in fields], [entry], data, "x")
    assert {field for field, kept in zip(fields, seen, strict=True) if not kept} == expected


def test_a_whole_log_and_what_is_not_declared_have_no_siblings() -> None:
    assert with_siblings(["buy", "nothing.at_all", "buy"], DATA) == ("buy", "nothing.at_all")


VECTORS = ["vector__000", "vector__1000"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("buy", [name for name in NAMES if name.startswith("buy__")]),
        ("buy_more", ["buy_more__amount__sum__28d", "buy_more__item__entropy__all", "buy_more__item=tea"]),
        ("buy.item", ["buy__item__entropy__all", "buy__item=tea", "buy__item=buy__item_kind=x"]),
        ("buy.item_kind", ["buy__item_kind__entropy__all", "buy__item_kind=tea"]),
        ("buy.amount", ["buy__amount__sum__28d"]),
        ("buy.hour", ["buy__hour__share_03__all", "buy__hour=03"]),
        ("vector", ["vector__events__count__all", "vector__item=007"]),
    ],
)
def test_hiding_hides_the_entry_and_the_behaviour_vector_and_nothing_else(entry: str, expected: list[str]) -> None:
    assert sorted(hidden(entry)) == sorted([*expected, *VECTORS])


def test_several_entries_add_up_and_none_hides_nothing() -> None:
    assert sorted(hidden("buy.item", "buy_more")) == sorted({*hidden("buy.item"), *hidden("buy_more")})
    assert hidden() == []
    assert visible([], ["buy"], DATA, "x").dtype == bool


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("by", r"attributes\.lapses\.hide: 'by' is no log and no field .*Did you mean 'buy'\?"),
        ("buy.itm", r"'buy\.itm' is no log and no field .*Did you mean 'buy\.item'\?"),
        ("buy_more.item_kind", r"'buy_more\.item_kind' is no log and no field"),
        ("", "'' is no log and no field"),
    ],
)
def test_an_entry_that_is_not_declared_is_refused(entry: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        hidden(entry)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("buy__amount__sum__28d", "buy: total amount in the last 28 days"),
        ("buy__unit_price__max__all", "buy: largest unit price of an event"),
        ("buy__gap__mean_days__all", "buy: average days from one active day to the next"),
        ("buy__days__count__7d", "buy: number of days with events in the last 7 days"),
        ("buy__time__tenure_days__all", "buy: days since the first event"),
        ("buy__time__entropy__all", "buy: variety of time"),  # a field that is called like a feature of the clock
        ("buy__hour__share_03__all", "buy: share of events from 03:00 to 04:00"),
        ("buy__hour__entropy__all", "buy: variety of hour of the day"),
        ("buy__item__share_07__all", "buy: item, share 07"),  # made by a later rule: told as it is
        ("buy__amount___sum__all", "buy: total amount "),
        ("buy__hour=23", "buy: from 23:00 to 24:00"),
        ("buy__weekday=00", "buy: on Mondays"),
        ("buy__weekday=holiday", "buy: weekday holiday"),
        ("buy__item=a=b__c", "buy: item a=b__c"),
        ("made__otherwise", "made__otherwise"),
        ("vector__012", "overall behaviour pattern 12"),
        ("vector__events__count__all", "vector: number of events"),
        ("vector__item=007", "vector: item 007"),
    ],
)
def test_names_in_words(name: str, words: str) -> None:
    assert readable(name) == words


@pytest.mark.parametrize(
    ("expected", "names"),
    [
        ("buy: how often", ["buy__events__count__all", "buy__days__count__7d"]),
        ("buy: how recently, since when", ["buy__time__recency_days__all", "buy__time__tenure_days__all"]),
        ("buy: rhythm", ["buy__gap__cv__all"]),
        ("buy: item kind", ["buy__item_kind=tea", "buy__item_kind__entropy__all"]),
        ("buy: item", ["buy__item=buy__item_kind=x"]),
        ("buy: amount", ["buy__amount__sum__28d", "buy__amount__min__all"]),
        ("buy: hour of the day", ["buy__hour=03", "buy__hour__share_03__all"]),
        ("buy: time", ["buy__time__entropy__all", "buy__time=noon"]),
        ("overall behaviour pattern", ["vector__000", "vector__1000"]),
        ("vector: item", ["vector__item=007"]),
    ],
)
def test_features_of_one_log_and_field_have_one_subject(expected: str, names: list[str]) -> None:
    assert {subject(name) for name in names} == {expected}
    assert is_component(names).tolist() == [expected == "overall behaviour pattern"] * len(names)


def test_a_name_is_made_by_one_rule_and_gives_its_aggregate_back() -> None:
    assert (window_name(7), window_name(None)) == ("7d", "all")
    assert dense_name("buy", "amount", "sum", 7) == "buy__amount__sum__7d"
    assert dense_name("buy", "amount", "sum") == "buy__amount__sum__all"
    assert field_name("buy", "item") == "buy__item"
    assert vector_names(1001)[::500] == ["vector__000", "vector__500", "vector__1000"]
    for field in ("amount", "amount_", "_amount"):
        assert aggregate_of(dense_name("buy", field, "sum", 7)) == "sum"


def test_numpy_names_are_taken_as_they_come() -> None:
    assert visible(np.array(NAMES), ["buy"], DATA, "x").sum() == len(NAMES) - len(hidden("buy"))


PAST = [
    past_name("buy", "buys_tea", aggregate, 56) for aggregate in ("count", "days", "sum", "recent_days", "amount_1")
]


def test_an_own_past_is_told_from_all_else() -> None:
    assert is_past(PAST).all()
    assert is_past([past_name("buy_more", "a__b", "count", everything=True)]).all()
    assert not is_past([*NAMES, "buy__item=past.x__count__all", "buy__item=a__past.b"]).any()


@pytest.mark.parametrize(
    ("aggregate", "days", "everything", "words"),
    [
        ("count", 56, False, "buy: number of events that count for 'buys tea' in the last 56 days"),
        ("count", None, True, "buy: number of events"),
        ("recency_days", None, False, "buy: days since the last of the events that count for 'buys tea'"),
        ("amount_1", 56, False, "buy: what decides 'buys tea', counted over the last 56 days"),
        ("amount_2", 56, False, "buy: what decides 'buys tea', counted over the 56 days before the last 56"),
        ("amount_mean", 224, False, "buy: what decides 'buys tea', on average in the last 224 days"),
        ("yes_share", 224, False, "buy: how often 'buys tea' came true in the last 224 days"),
    ],
)
def test_an_own_past_in_words(aggregate: str, days: int | None, everything: bool, words: str) -> None:
    assert readable(past_name("buy", "buys_tea", aggregate, days, everything)) == words


def test_an_own_past_is_one_subject_and_the_pace_of_its_log_another() -> None:
    assert {subject(name) for name in PAST} == {"buy: own past of 'buys tea'"}
    assert subject(past_name("buy", "buys_tea", "gap_days", everything=True)) == subject("buy__events__count__all")


def test_hiding_a_log_hides_the_past_that_is_read_from_it() -> None:
    assert not visible(PAST, ["buy"], DATA, "x").any()
    assert visible(PAST, ["buy_more"], DATA, "x").all()
