"""Hours, prices, rhythm, and the size of a test: each against a hand calculation or a simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.campaign.hours import peaks, timing
from pipeline.campaign.manner import manner, manner_columns, median
from pipeline.campaign.price import price_columns, price_scores, price_sense
from pipeline.campaign.sample_size import per_arm
from pipeline.errors import ConfigError
from pipeline.settings import Campaign, Data, Log, Price

IDS = np.array([f"c{place:03d}" for place in range(200)], dtype=object)


def shares(rng: np.random.Generator) -> pd.DataFrame:
    """Return hours of 200 customers; the first 60 come in the evening, and at night."""
    weights = np.ones((200, 24))
    weights[:60, 19] = 20
    weights[:60, 2] = 40
    weights[:, 11] = 0
    drawn = np.array([rng.multinomial(40, row / row.sum()) for row in weights])
    return pd.DataFrame(drawn / 40, index=IDS)


def test_the_busiest_hour_is_one_at_which_messages_may_be_sent() -> None:
    table = shares(np.random.default_rng(1))
    found = timing("log", table, None, IDS[:60], (9, 21), 20)
    assert found.hour is not None
    assert found.hour.at == 19
    assert found.hour.low > 1
    assert found.hour.share == pytest.approx(table.to_numpy()[:60, 19].mean())
    assert found.hour.lift == pytest.approx(table.to_numpy()[:60, 19].mean() / table.to_numpy()[:, 19].mean())
    assert 11 in found.idle_hours
    assert found.weekday is None
    assert timing("log", table, None, IDS[:60], (0, 24), 20).hour.at == 2


def test_no_clock_and_few_customers_are_told_and_nothing_is_made_up() -> None:
    table = shares(np.random.default_rng(1))
    assert "no clock" in timing("log", None, None, IDS, (9, 20), 20).reason
    few = timing("log", table, table.iloc[:, :7], IDS[:19], (9, 20), 20)
    assert (few.hour, few.weekday) == (None, None)
    assert "fewer than 20" in few.reason


def test_random_groups_have_no_hour_of_their_own() -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame(rng.multinomial(30, np.full(24, 1 / 24), 200) / 30, index=IDS)
    alarms = 0
    for _ in range(60):
        own = rng.choice(IDS, 50, replace=False)
        alarms += any(peak.low > 1 for peak in peaks(table, own))
    assert alarms <= 6  # at most one in twenty is expected


def dense(saved: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"buy__paid__sum__all": 100 - saved, "buy__saved__sum__all": saved}, index=IDS)


DATA = Data("shop", {"buy": Log(path="-", id="-", time="-", numeric={"paid": "paid", "saved": "saved"})})
PRICE = Price("buy", paid="paid", saved=("saved",))


def test_who_saves_more_looks_at_prices() -> None:
    rng = np.random.default_rng(3)
    saved = rng.uniform(0, 40, 200)
    saved[:50] += 30
    columns = price_columns(PRICE, DATA)
    scores, words = price_scores(dense(saved), PRICE, columns)
    assert words == "share saved by saved"
    assert scores.iloc[0] == pytest.approx(saved[0] / 100)
    found = price_sense(scores, words, IDS[:50], 20)
    by_hand = np.mean([(a > b) + 0.5 * (a == b) for a in saved[:50] for b in saved[50:]])
    assert found.probability == pytest.approx(by_hand)
    assert found.level == "high"
    assert price_sense(scores, words, IDS[50:120], 20).level == "low"
    assert price_sense(scores, words, IDS[::4], 20).level == "like everybody"
    assert price_sense(scores, words, IDS[:19], 20).level is None


def test_savings_written_below_zero_and_prices_of_a_piece_mean_the_same() -> None:
    saved = np.linspace(1, 50, 200)
    table = dense(saved)
    negative = table.assign(buy__saved__sum__all=-table["buy__saved__sum__all"])
    columns = price_columns(PRICE, DATA)
    pd.testing.assert_series_equal(price_scores(table, PRICE, columns)[0], price_scores(negative, PRICE, columns)[0])
    piece = Price("buy", price="paid")
    table = pd.DataFrame({"buy__paid__mean__all": saved}, index=IDS)
    scores, _ = price_scores(table, piece, price_columns(piece, DATA))
    assert price_sense(scores, "", IDS[:40], 20).level == "high"  # those of the cheapest pieces


@pytest.mark.parametrize(
    ("price", "told"),
    [
        (Price("by", price="paid"), r"campaign\.source\.price\.log: 'by' is no log .*Did you mean 'buy'\?"),
        (Price("buy", price="pad"), r"'pad' is no numeric field of 'buy' .*Did you mean 'paid'\?"),
    ],
)
def test_a_price_that_is_not_declared_is_told(price: Price, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        price_columns(price, DATA)


def test_the_interval_of_a_median_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(400):
        found = median(rng.exponential(size=41), np.ones(3), 20)
        assert found is not None
        held += found.low <= np.log(2) <= found.high
    assert 0.93 <= held / 400 <= 0.99
    assert median(np.ones(19), np.ones(3), 20) is None


@pytest.mark.parametrize(
    ("tenure", "recency", "days", "tone"),
    [
        (10, 5, 2, "welcoming"),
        (300, 90, 2, "returning"),
        (300, 5, 99, "familiar"),
        (300, 5, 10, "neutral"),
    ],
)
def test_the_tone_follows_from_behaviour_or_is_given(tenure: float, recency: float, days: float, tone: str) -> None:
    gap, since, last, active = manner_columns("buy")
    table = pd.DataFrame({gap: 7.0, since: 300.0, last: 5.0, active: np.arange(200) % 40}, index=IDS)
    table.iloc[:40, 1:] = (tenure, recency, days)
    found = manner(table, "buy", "own", IDS[:40], Campaign())
    assert found.tone == tone
    assert found.gap_days is not None
    assert found.gap_days.value == 7.0
    assert manner(table, "buy", "own", IDS[:40], Campaign(tone={"own": "welcoming"})).tone == "welcoming"
    assert manner(table, "buy", "own", IDS[:9], Campaign()).tone == "neutral"  # too few to say


@pytest.mark.parametrize(("rate", "effect", "arms"), [(0.05, 0.2, 2), (0.02, 0.5, 2), (0.1, 0.2, 3)])
def test_a_test_of_that_size_finds_the_effect_four_times_of_five(rate: float, effect: float, arms: int) -> None:
    rng = np.random.default_rng(5)
    n = per_arm(rate, effect, arms)
    a, b = rng.binomial(n, rate, 20_000) / n, rng.binomial(n, rate * (1 + effect), 20_000) / n
    z = (b - a) / np.sqrt((a + b) / 2 * (1 - (a + b) / 2) * 2 / n)
    critical = {2: 1.959964, 3: 2.393980}[arms]  # two-sided 5 %, shared by the pairs
    assert (z > critical).mean() == pytest.approx(0.8, abs=0.015)
