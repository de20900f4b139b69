from __future__ import annotations

import numpy as np
import pytest

from pipeline.columns import US_PER_DAY
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError
from pipeline.settings import Model, Money, SeedRule, Settings, Value
from pipeline.value.goals import goals, happened
from pipeline.value.moment import Horizon, Moment
from pipeline.value.money import Purse
from tests.source import csv_log, ingest, us

AT = us(2024, 3, 1)
HORIZON = Horizon(10, AT + 10 * US_PER_DAY, AT, AT - 10 * US_PER_DAY)
N = 240
PEOPLE = np.array([f"c{i:03d}" for i in range(N)], dtype=object)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Even customers buy before AT, every third after it (i coins each); every fifth purchase after it is `red`."""
    folder = tmp_path_factory.mktemp("goals")
    lines = ["id,time,coins,kind"]
    for i in range(N):
        lines.append(f"c{i:03d},2024-01-01T00:00:00,1,old")
        lines += [f"c{i:03d},2024-02-25T00:00:00,1,old"] if i % 2 == 0 else []
        lines += [f"c{i:03d},2024-03-05T00:00:00,{i},{'red' if i % 5 == 0 else 'blue'}"] if i % 3 == 0 else []
    lines.append("c000,2024-03-11T00:00:00,1,red")  # where the horizon ends
    data = csv_log(folder / "in", lines, categorical={"kind": "kind"}, numeric={"coins": "coins"})
    ingest(data, folder, buckets=2)
    with DuckDBEngine() as engine:
        yield engine, folder / "events", data


def asked(world, first=None, money=True, seed=None, **chosen):
    engine, events, data = world
    object.__setattr__(data, "seed", seed)
    settings = Settings(data, Model("m", {}), value=Value(**chosen))
    purse = Purse(engine, events, Money("log", "coins"), "") if money else None
    ahead = purse.spent(PEOPLE, AT, HORIZON.now_us) if purse else None
    judge = Moment(AT, PEOPLE, None, None, None, ahead)
    first = np.ones(N, dtype=bool) if first is None else first
    found, missing = goals(settings, engine, events, judge, HORIZON, purse, first)
    return {goal.name: goal for goal in found}, missing


def test_events_are_looked_for_in_the_horizon_alone(world):
    engine, events, _ = world
    came = happened(engine, events, "log", {"kind": ("red",)}, PEOPLE, AT, HORIZON.now_us)
    assert [i for i in range(N) if came[i]] == list(range(0, N, 15))
    assert not happened(engine, events, "log", {}, PEOPLE, AT - US_PER_DAY, AT).any()


def test_the_best_by_profit_are_a_share_of_the_choosing_half(world):
    profit = asked(world, best_share=0.1)[0]["profit"]
    assert profit.outcome[6] == 6
    assert profit.best.sum() == 24
    assert profit.outcome[profit.best].min() > profit.outcome[~profit.best].max()
    assert profit.hidden == ("log.coins",)
    half = np.arange(N) < 120  # with smaller amounts: the bound is lower
    assert asked(world, first=half, best_share=0.2)[0]["profit"].best.sum() > 48


def test_who_was_active_is_asked_whether_it_stays(world):
    stays = asked(world)[0]["retention"]
    assert [i for i in range(N) if stays.asked[i]] == list(range(0, N, 2))
    assert [i for i in range(N) if stays.best[i]] == list(range(0, N, 3))


def test_responses_are_the_standing_seeds_and_hide_what_gives_them_away(world):
    rule = SeedRule(log="log", where={"kind": ("red", "blue")}, hide=("log.coins",))
    response = asked(world, seed=rule)[0]["response"]
    assert response.best.sum() == 80
    assert response.hidden == ("log", "log.coins")


def test_a_goal_that_cannot_be_told_says_why(world):
    found, missing = asked(world, money=False)
    assert set(found) == {"retention"}
    assert missing == {
        "profit": "no money is known",
        "response": "no log of responses is known; name one with value.response=<log>",
    }
    rare = SeedRule(log="log", where={"kind": ("red",)})
    assert "16 of 240 customers of the choosing half; at least 20" in asked(world, seed=rare)[1]["response"]
    with pytest.raises(ConfigError, match=r"value\.response: 'logg' is no log of 'one' .*Did you mean 'log'\?"):
        asked(world, response="logg")
