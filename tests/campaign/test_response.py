"""What a response is, how rates are drawn to the base's, and when an approach is chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.campaign.choice import CHOSEN, HYPOTHESIS, OTHER, choose
from pipeline.campaign.response import Later, Rate, contacts, in_time, later, rates, usual_rate, without_own
from pipeline.columns import US_PER_DAY
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError
from pipeline.events import write_events
from pipeline.settings import Campaign, CampaignSource, Data, Log, Response
from tests.source import NOW_US, us

RESPONSE = Response("sent", "used", by="letter", offer="sort", days=10, approach={"A": "reminder", "B": "novelty"})
CAMPAIGN = Campaign(source=CampaignSource(response=RESPONSE))
APPROACHES = ("benefit", "novelty", "reminder")


@pytest.fixture
def post(tmp_path: Path) -> Data:
    """Return a source of letters: who got which, who used it when."""
    sent = [
        "c,1,2024-01-01,A",
        "c,1,2024-01-05,A",
        "c,2,2024-02-01,B",
        "d,1,2024-01-01,A",
        "e,3,2024-03-25,B",
        "f,4,2024-01-01,C",
    ]
    used = ["c,1,2024-01-09", "c,2,2024-02-11", "d,2,2024-01-03", "e,3,2024-03-26", "d,1,2023-12-31"]
    (tmp_path / "sent.csv").write_text("\n".join(["who,letter,day,sort", *sent]) + "\n", "utf-8")
    (tmp_path / "used.csv").write_text("\n".join(["who,letter,day", *used]) + "\n", "utf-8")
    plain = {"id": "who", "time": "day", "has_clock": False}
    return Data(
        "post",
        {
            "sent": Log(path="sent.csv", categorical={"letter": "letter", "sort": "sort"}, **plain),
            "used": Log(path="used.csv", categorical={"letter": "letter"}, **plain),
        },
        root=str(tmp_path),
    )


def test_a_response_is_of_the_same_customer_and_letter_and_within_the_days(post: Data, tmp_path: Path) -> None:
    with DuckDBEngine() as engine:
        write_events(post, 2, tmp_path / "events", tmp_path / "quarantine", engine, now_us=NOW_US)
        found = contacts(engine, tmp_path / "events", RESPONSE, post, us(2024, 4, 1))
    told = {(row.customer_id, row.approach): bool(row.responded) for row in found.itertuples()}
    # c's first letter counts once, from its first day on; its second was used on the eleventh day; d used another one,
    # and its own before it came; e's days are not over; nobody said by which approach f was addressed.
    assert told == {("c", "reminder"): True, ("c", "novelty"): False, ("d", "reminder"): False}
    assert len(found) == 3


def test_logs_and_fields_that_are_not_there_are_told(post: Data, tmp_path: Path) -> None:
    for wrong, told in (
        (Response("snt", "used", "letter", "sort"), r"'snt' is no log .*Did you mean 'sent'\?"),
        (Response("sent", "used", "leter", "sort"), r"'leter' is no categorical field of 'sent' .*'letter'\?"),
        (Response("sent", "used", "letter", "srt"), r"'srt' is no categorical field of 'sent' .*'sort'\?"),
    ):
        with DuckDBEngine() as engine, pytest.raises(ConfigError, match=r"campaign\.source\.response: " + told):
            contacts(engine, tmp_path / "events", wrong, post, NOW_US)


def sent(rng: np.random.Generator, n: int, chances: dict[str, float], per: int = 1, day: int = 0) -> pd.DataFrame:
    """Return contacts of n customers, `per` of each approach; with `per` > 1 a customer answers all letters alike."""
    parts = []
    for approach, chance in chances.items():
        for _ in range(per):
            ids = [f"c{place:05d}" for place in range(n)]
            mood = np.random.default_rng(7).random(n) if per > 1 else rng.random(n)
            days = day + rng.integers(0, 100, n)
            row = {"customer_id": ids, "event_us": days * US_PER_DAY, "offer": approach, "approach": approach}
            parts.append(pd.DataFrame(row | {"responded": mood < chance}))
    return pd.concat(parts, ignore_index=True)


def test_a_small_segment_is_drawn_to_the_base_and_a_large_one_is_not() -> None:
    told = sent(np.random.default_rng(1), 4000, {"reminder": 0.1})
    told.loc[told["customer_id"] < "c01000", "responded"] = np.random.default_rng(2).random(1000) < 0.3
    base = told["responded"].mean()
    small, large = (np.array([f"c{place:05d}" for place in range(n)], dtype=object) for n in (25, 1000))
    few, many = (rates(told, ids, 50, 20)["reminder"] for ids in (small, large))
    own = told.loc[:24, "responded"].mean()
    assert few.rate == pytest.approx((25 * own + 50 * base) / 75, rel=1e-3)
    assert abs(many.rate - 0.3) < 0.03
    assert few.high - few.low > 2 * (many.high - many.low)
    assert rates(told, small[:19], 50, 20) == {}


def test_contacts_of_one_customer_count_less_than_as_many_of_others() -> None:
    told = sent(np.random.default_rng(3), 500, {"reminder": 0.2}, per=4)
    found = rates(told, None, 1, 20)["reminder"]
    assert found.n == 2000
    assert found.effective == pytest.approx(500, rel=0.02)  # four equal answers are one


def test_the_interval_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(120):
        found = rates(sent(rng, 300, {"reminder": 0.15}), None, 50, 20)["reminder"]
        held += found.low <= 0.15 <= found.high
    assert held / 120 >= 0.89


def seen(n: int = 500, **observed: float) -> Later:
    """Return what later contacts would say: `n` of as many customers for each approach."""
    told = {
        name: Rate(name, rate, rate - 0.01, rate + 0.01, n, n, round(n * rate), n, n + 1)
        for name, rate in observed.items()
    }
    return Later(len(told) * n, len(told) * n, 0.3, 0.4, 0.1, 0.05, 0.15, told)


SEEN = seen(reminder=0.2, novelty=0.1)
EVERYBODY = np.array([f"c{place:05d}" for place in range(600)], dtype=object)


def test_a_clearly_better_approach_is_chosen_and_an_untried_one_stays_a_hypothesis() -> None:
    told = sent(np.random.default_rng(5), 600, {"reminder": 0.3, "novelty": 0.1})
    found = choose(told, EVERYBODY, APPROACHES, CAMPAIGN, SEEN, 0)
    assert found.approach == "reminder"
    assert found.probability > 0.99
    assert [found.status(one) for one in APPROACHES] == [HYPOTHESIS, OTHER, CHOSEN]


@pytest.mark.parametrize(
    ("chances", "seen", "told"),
    [
        ({"reminder": 0.2, "novelty": 0.19}, SEEN, "less than 97.5%"),
        ({"reminder": 0.1, "novelty": 0.3}, SEEN, "among later contacts of the base reminder was better with"),
        ({"reminder": 0.3, "novelty": 0.1}, None, "too few later contacts"),
        ({"reminder": 0.3, "novelty": 0.1}, seen(reminder=0.3), "do not hold it and another one with 20 customers"),
        ({"reminder": 0.3}, SEEN, "fewer than two approaches"),
    ],
)
def test_what_responses_do_not_show_stays_a_hypothesis(
    chances: dict[str, float], seen: Later | None, told: str
) -> None:
    found = choose(sent(np.random.default_rng(16), 600, chances), EVERYBODY, APPROACHES, CAMPAIGN, seen, 0)
    assert found.approach is None
    assert told in found.why
    assert {found.status(one) for one in APPROACHES} == {HYPOTHESIS}


@pytest.mark.parametrize(
    ("later_contacts", "said"),
    [
        (seen(30, reminder=0.19, novelty=0.22), "later contacts of the base do not tell it from all others"),
        (
            seen(reminder=0.3, novelty=0.1),
            "later contacts of the base agree (10.0% of 500 for novelty, 30.0% of 500 for it)",
        ),
    ],
)
def test_what_later_contacts_cannot_tell_is_said_and_no_veto(later_contacts: Later, said: str) -> None:
    told = sent(np.random.default_rng(5), 600, {"reminder": 0.3, "novelty": 0.1})
    found = choose(told, EVERYBODY, APPROACHES, CAMPAIGN, later_contacts, 0)
    assert found.approach == "reminder"
    assert said in found.why


def test_any_approach_that_is_surely_better_later_is_a_veto_not_only_the_one_of_the_highest_rate() -> None:
    told = sent(np.random.default_rng(5), 600, {"reminder": 0.3, "novelty": 0.1, "benefit": 0.1})
    few = seen(25, benefit=0.08).rates
    many = seen(10_000, reminder=0.04, novelty=0.06)
    found = choose(told, EVERYBODY, APPROACHES, CAMPAIGN, replace(many, rates={**many.rates, **few}), 0)
    assert found.approach is None
    assert "novelty was better with more than 99.9%" in found.why


@pytest.mark.parametrize("n", [25, 100])
def test_of_two_equal_approaches_later_contacts_rarely_hold_one_for_better(n: int) -> None:
    """Rates of all contacts are drawn to nothing: drawn to themselves they would seem far surer than they are."""
    rng, vetoes = np.random.default_rng(12), 0
    told = sent(np.random.default_rng(5), 600, {"reminder": 0.3, "novelty": 0.1})
    for _ in range(120):
        rates_ = rates(sent(rng, n, {"reminder": 0.2, "novelty": 0.2}), None, 50, 20)
        judge = replace(SEEN, rates=rates_)
        vetoes += "was better with" in choose(told, EVERYBODY, APPROACHES, CAMPAIGN, judge, 0).why
    assert vetoes <= 9  # one in forty: three expected


def test_of_two_equal_approaches_one_is_rarely_chosen() -> None:
    rng = np.random.default_rng(11)
    chosen = 0
    for _ in range(80):
        told = sent(rng, 300, {"reminder": 0.2, "novelty": 0.2})
        judge = seen(25, reminder=rng.binomial(25, 0.2) / 25, novelty=rng.binomial(25, 0.2) / 25)
        chosen += choose(told, EVERYBODY, APPROACHES, CAMPAIGN, judge, 0).approach is not None
    assert chosen <= 8  # one in twenty by the earlier contacts: four expected


def test_without_a_response_log_the_size_of_a_test_is_told() -> None:
    found = choose(None, EVERYBODY, APPROACHES, Campaign(), None, 0)
    assert found.approach is None
    assert [(size.rate, size.arms, size.enough) for size in found.tests] == [(0.01, 3, False), (0.05, 3, False)]
    given = choose(None, EVERYBODY, APPROACHES, Campaign(response_rate=0.4, effect=0.9), None, 0)
    assert [(size.rate, size.enough) for size in given.tests] == [(0.4, True)]


def test_a_segment_chosen_among_those_who_never_responded_takes_the_rates_of_the_base() -> None:
    told = sent(np.random.default_rng(7), 600, {"reminder": 0.3, "novelty": 0.1})
    never = np.array(sorted(set(told["customer_id"]) - set(told.loc[told["responded"], "customer_id"])), dtype=object)
    assert without_own(told, never)
    assert not without_own(told, EVERYBODY)
    assert not without_own(told, never[:5])  # five of whom none responded are no evidence
    found = choose(told, never, APPROACHES, CAMPAIGN, SEEN, 0)
    assert found.of_base
    before, _ = in_time(told, 10)
    expected = before.loc[before["approach"] == "reminder", "responded"].mean()
    assert found.rates[1].rate == pytest.approx(expected, rel=0.01)


def test_later_responses_do_not_decide_whether_its_own_rates_are_taken() -> None:
    """None of the segment responded before; that one did later must not turn to rates of nought."""
    told = sent(np.random.default_rng(7), 600, {"reminder": 0.3, "novelty": 0.1})
    before, after = in_time(told, 10)
    early = set(before.loc[before["responded"], "customer_id"])
    never = np.array(sorted(set(told["customer_id"]) - early), dtype=object)
    assert after.loc[after["customer_id"].isin(never), "responded"].any()
    assert choose(told, never, APPROACHES, CAMPAIGN, SEEN, 0).of_base


def test_contacts_that_judge_a_choice_took_no_part_in_it() -> None:
    told = sent(np.random.default_rng(5), 600, {"reminder": 0.3, "novelty": 0.1})
    turned = told.copy()
    after = told.index.isin(in_time(told, 10)[1].index)
    turned.loc[after, "responded"] = ~told.loc[after, "responded"]
    assert after.sum() > 100
    one, other = (choose(table, EVERYBODY, APPROACHES, CAMPAIGN, SEEN, 0) for table in (told, turned))
    assert one.rates == other.rates
    assert one.probability == other.probability


def test_the_size_of_a_test_is_by_the_segments_own_rate() -> None:
    rng = np.random.default_rng(8)
    others = sent(rng, 300, {"reminder": 0.05})
    others["customer_id"] = "x" + others["customer_id"]
    told = pd.concat([sent(rng, 300, {"reminder": 0.4}), others], ignore_index=True)
    keen, all_of_them = EVERYBODY[:300], np.array(sorted(set(told["customer_id"])), dtype=object)
    (own,), (base,) = (choose(told, who, APPROACHES, CAMPAIGN, SEEN, 0).tests for who in (keen, all_of_them))
    assert abs(own.rate - 0.4) < 0.07
    assert abs(base.rate - 0.225) < 0.05
    assert own.per_arm < base.per_arm


def test_contacts_of_one_customer_count_less_in_the_size_of_a_test_too() -> None:
    told = sent(np.random.default_rng(3), 500, {"reminder": 0.2}, per=4)
    base = told["responded"].mean()
    few = told["customer_id"].unique()[:20].astype(object)
    own = told.loc[told["customer_id"].isin(few), "responded"].mean()
    assert own != base
    assert usual_rate(told, few, 50) == pytest.approx((20 * own + 50 * base) / 70, rel=0.01)  # 80 contacts of 20


def test_later_contacts_judge_and_earlier_ones_predict() -> None:
    told = sent(np.random.default_rng(8), 3000, {"reminder": 0.3, "novelty": 0.05})
    found = later(told, 10, 50, 20, 0)
    assert found is not None
    assert found.low > 0
    assert found.log_loss < found.baseline
    split = np.quantile(told["event_us"], 0.6)
    assert found.n == (told["event_us"] >= split).sum()
    flat = later(sent(np.random.default_rng(9), 3000, {"reminder": 0.2, "novelty": 0.2}), 10, 50, 20, 0)
    assert flat is not None
    assert flat.low <= 0.002
    assert later(told.head(10), 10, 50, 20, 0) is None


def test_what_happens_later_does_not_change_what_is_predicted() -> None:
    told = sent(np.random.default_rng(10), 3000, {"reminder": 0.3, "novelty": 0.05})
    turned = told.copy()
    after = turned["event_us"] >= np.quantile(told["event_us"], 0.6)
    turned.loc[after, "responded"] = ~turned.loc[after, "responded"]
    one, two = later(told, 10, 50, 20, 0), later(turned, 10, 50, 20, 0)
    assert one is not None
    assert two is not None
    predicted = {}
    for name, found in (("one", one), ("two", two)):  # the baseline's loss gives away the rate it was made from
        share = sum(one.responses for one in found.rates.values()) / found.n
        predicted[name] = (found.baseline, share)
    rate = told.loc[told["event_us"] + 10 * US_PER_DAY <= np.quantile(told["event_us"], 0.6), "responded"].mean()
    for baseline, share in predicted.values():
        assert baseline == pytest.approx(-(share * np.log(rate) + (1 - share) * np.log(1 - rate)))
