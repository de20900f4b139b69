from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lookalike.described.probability import Known
from pipeline.lookalike.described.rule import Is, parse_rule
from pipeline.settings import Data, Log
from pipeline.value.conditions import attribute_conditions, field_conditions, quoted

DATA = Data("shop", {"orders": Log(path="-", id="-", time="-", numeric=["amount"])})
FEATURES = pd.DataFrame(
    {
        "orders__days__count__28d": np.arange(101.0),
        "orders__days__count__all": np.arange(101.0),
        "orders__amount__sum__28d": np.arange(101.0),
        "orders__time__recency_days__all": np.r_[np.nan, np.arange(100.0)],
        "orders__gap__std_days__all": np.arange(101.0),
        "visits__events__count__7d": np.zeros(101),
    }
)


@given(st.text(min_size=1).filter(lambda text: not ('"' in text and "'" in text) and text == text.strip()))
def test_any_value_can_be_read_back_as_a_rule(value):
    value = value.replace('"', "").replace("'", "") or "x"
    rule = parse_rule(f"age={quoted(value)}", {"age": (value, value + "z")})
    assert rule == Is("age", (value,))


def test_each_value_of_an_attribute_is_a_condition():
    nobody = np.zeros(2, dtype=bool)
    known = {"age": Known(("under 35", "old"), np.array([[0.25, 0.75], [np.nan, np.nan]]), nobody, nobody)}
    first, second = attribute_conditions(known, known)
    assert (first.words, second.words) == ('age="under 35"', "age=old")
    assert second.before.tolist() == [0.75, 0]
    assert second.known.tolist() == [True, False]


def told(hidden=()):
    return field_conditions(FEATURES, FEATURES * 2, DATA, hidden)


def test_fields_are_told_by_what_a_share_of_the_customers_reach():
    words = {c.words: c for c in told()}
    most = words["orders: number of days with events in the last 28 days ≥ 90"]
    assert most.before.sum() == 11
    assert most.now.sum() == 56  # twice as much is as much more often
    assert "orders: number of days with events in the last 28 days ≤ 25" in words
    unknown = words["orders: days since the last event ≤ 25"]
    assert unknown.before[0] == 0


def test_what_cannot_be_said_or_grows_with_the_history_is_left_out():
    said = {c.about for c in told()}
    assert said == {"orders__days__count", "orders__amount__sum", "orders__time__recency_days"}


@pytest.mark.parametrize(("hidden", "left"), [(["orders.amount"], 2), (["orders"], 0), (["orders.other"], 3)])
def test_hidden_logs_and_fields_are_not_told(hidden, left):
    assert len({c.about for c in told(hidden)}) == left
