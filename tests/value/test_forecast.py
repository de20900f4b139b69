from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.columns import US_PER_DAY
from pipeline.errors import DataError
from pipeline.settings import Attribute, Future
from pipeline.value import forecast as forecast_module
from pipeline.value.forecast import forecast
from pipeline.value.lifetime import why_not
from pipeline.value.methods import METHODS
from pipeline.value.moment import horizon_of
from pipeline.value.resampling import in_first_half
from tests.value.conftest import DAYS, HORIZON, buyers


def made(moments, asked="auto"):
    return forecast(moments, HORIZON, asked, 2, 200, 0)


def test_a_planted_rule_is_learnt_and_beats_the_baseline(moments):
    found = made(moments)
    assert found.method != "repeats"
    table = found.table.set_index(["method", "metric"])["estimate"]
    assert table[found.method, "deviance"] < table["repeats", "deviance"]
    assert table[found.method, "spearman"] > table["repeats", "spearman"]
    assert table[found.method, "calibration"] == pytest.approx(1, abs=0.2)  # 400 customers taught it
    assert found.table["n"].unique().tolist() == [int((~in_first_half(moments[1].customers)).sum())]
    assert found.expected.shape == (800,)
    assert (found.expected >= 0).all()


def test_a_shrinking_business_shows_in_the_calibration(moments):
    fewer = (moments[0], buyers(2, HORIZON.judged_us, growth=0.5), moments[2])
    assert made(fewer, "boosted").calibration[0] > 1.5


@pytest.mark.parametrize("name", ["boosted", "two_part"])
def test_whoever_is_judged_teaches_nothing(moments, name):
    """Other values of the judging half, in both horizons, change nothing of what is told of it."""
    learn, judge, now = moments
    told = made(moments, name)
    half = in_first_half(judge.customers)
    other = replace(learn, ahead=np.where(half, learn.ahead, 1000.0))
    again = made((other, judge, now), name)
    columns = ["method", "metric", "estimate"]
    assert told.table[columns].equals(again.table[columns])


def test_the_choice_does_not_look_at_the_judging_half(moments):
    learn, judge, now = moments
    half = in_first_half(judge.customers)
    turned = replace(judge, ahead=np.where(half, judge.ahead, judge.ahead[::-1]))
    first, second = made(moments).table, made((learn, turned, now)).table
    assert first["choice"].equals(second["choice"])
    assert not first["estimate"].equals(second["estimate"])


def test_the_same_seed_gives_the_same_expectations(moments):
    assert (made(moments, "boosted").expected == made(moments, "boosted").expected).all()


def test_nothing_is_learnt_where_nobody_was_worth_anything(moments):
    poor = tuple(replace(m, ahead=None if m.ahead is None else np.zeros(800)) for m in moments)
    with pytest.raises(DataError, match="0 customers were worth anything in the last horizon, 50 are needed"):
        made(poor)


def test_a_method_that_is_asked_for_and_cannot_be_had_says_why(moments, monkeypatch):
    monkeypatch.setattr(forecast_module, "why_not", lambda: "needs a library")
    with pytest.raises(DataError, match=r"value\.method=lifetime: needs a library"):
        made(moments, "lifetime")
    assert made(moments).skipped == {
        "lifetime": "needs a library",
        "blended": "it is the mean of two_part and lifetime",
    }


def test_the_blend_is_the_mean_of_features_and_rhythm(moments, monkeypatch):
    monkeypatch.setattr(forecast_module, "why_not", lambda: "")
    monkeypatch.setitem(METHODS, "lifetime", lambda learn, at, known, asked, days, seed: np.full(len(asked), 6.0))
    found = made(moments, "blended")
    assert found.expected == pytest.approx((made(moments, "two_part").expected + 6.0) / 2)
    assert "blended" in set(found.table["method"])


@pytest.mark.skipif(bool(why_not()), reason="needs the extra [clv]")
def test_lifetime_models_expect_what_comes(moments):
    _, judge, _ = moments
    everybody = np.arange(len(judge.customers))
    told = METHODS["lifetime"](judge, judge, judge.customers, everybody, DAYS, 0)
    assert told.sum() == pytest.approx(judge.ahead.sum(), rel=0.3)
    assert np.corrcoef(told, judge.ahead)[0, 1] > 0.4


@pytest.mark.skipif(bool(why_not()), reason="needs the extra [clv]")
def test_lifetime_models_need_repeated_purchases(moments):
    learn, judge, now = moments
    once = judge.history.assign(frequency=0.0, recency=0.0, monetary_value=0.0)
    found = forecast((learn, replace(judge, history=once), now), HORIZON, "auto", 2, 200, 0)
    assert "0 customers bought more than once, 50 are needed" in found.skipped["lifetime"]


@pytest.mark.parametrize(
    ("asked", "history_days", "days"),
    [(None, 364, 56), (None, 100, 28), (10, 100, 10), (None, 20, None), (40, 100, None)],
)
def test_three_horizons_fit_into_the_history(asked, history_days, days):
    lapse = Attribute("binary", future=Future(log="l", horizon_days=56, at_most=0))
    found, why = horizon_of({"lapse": lapse}, asked, history_days * US_PER_DAY, 0)
    assert (found.days if found else None) == days
    assert bool(why) == (days is None)
    if found:
        assert found.now_us - found.learnt_us == 2 * days * US_PER_DAY


def test_a_sample_is_the_same_customers_at_every_moment(moments):
    learn, judge, _ = (moment.sample(300) for moment in moments)
    assert len(learn.customers) == len(learn.features) == len(learn.history) == len(learn.ahead) == 300
    assert (learn.customers == judge.customers).all()
    assert list(learn.customers) == sorted(learn.customers)
    whole = dict(zip(moments[0].customers, moments[0].ahead, strict=True))
    assert [whole[c] for c in learn.customers] == learn.ahead.tolist()
    assert moments[0].sample(800) is moments[0]
