"""What a market's people bring, by the values that the stage value expects."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataError
from pipeline.market.money import Measured
from pipeline.market.size import Estimate, MarketSize
from pipeline.market.sizing import CORRECTED, COUNTED, EXPECTED, Market
from pipeline.market.worth import Values, brought, expected_values, mean_value, total_value

IDS = np.array(["a", "b", "c", "d"])


def snapshot(outputs, fingerprint="this"):
    folder = outputs / "snapshot-1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "_manifest.json").write_text(json.dumps({"fingerprint": fingerprint}))
    return folder


def written(outputs, values, of="this"):
    (outputs / "value" / "customers").mkdir(parents=True)
    (outputs / "value" / "_manifest.json").write_text(json.dumps({"snapshot": of, "as_of_us": 7}))
    table = pa.table({"customer_id": list(values), "expected_value": pa.array(list(values.values()), pa.float64())})
    pq.write_table(table, outputs / "value" / "customers" / "bucket=0000.parquet")


def test_values_are_found_by_id_and_customers_without_one_have_none(tmp_path):
    written(tmp_path, {"c": 0.0, "a": 2.0, "b": float("nan"), "e": None})
    found = expected_values(tmp_path, snapshot(tmp_path))
    assert found.ids.tolist() == ["a", "c"]
    np.testing.assert_array_equal(found.of(np.array(["c", "b", "a", "zz", "e"])), [0.0, np.nan, 2.0, np.nan, np.nan])


@pytest.mark.parametrize(
    ("values", "of", "said"),
    [
        (None, "this", "holds no values; run the stage value first"),
        ({"a": 1.0}, "another", "of another snapshot than snapshot-1 as it stands"),
        ({}, "this", "nothing of"),
    ],
)
def test_what_is_missing_is_said(tmp_path, values, of, said):
    if values is not None:
        written(tmp_path, values, of)
    with pytest.raises(DataError, match=said):
        expected_values(tmp_path, snapshot(tmp_path))


def test_the_mean_is_over_the_people_inside():
    found = mean_value(np.array([1.0, 0.0, 1.0, np.nan]), np.array([10.0, 500.0, 30.0, 900.0]))
    assert found.mean == 20.0
    assert found.low < 20.0 < found.high


def test_a_customer_who_is_probably_inside_counts_by_that():
    found = mean_value(np.array([1.0, 0.25, 0.0, 0.0]), np.array([10.0, 50.0, 1.0, np.nan]))
    assert found.mean == pytest.approx((10 + 0.25 * 50) / 1.25)


def test_nobody_inside_is_worth_nothing_that_could_be_told():
    assert mean_value(np.zeros(4), np.full(4, 10.0)) is None
    assert mean_value(np.ones(4), np.full(4, np.nan)) is None


@pytest.mark.parametrize("value", [[-5.0, -1.0, -3.0, -2.0], [-100.0, 3.0, 4.0, 5.0]])
def test_the_interval_holds_the_mean_also_of_those_who_return_more_than_they_buy(value):
    outcomes = np.array([1.4, 0.6, -0.1, 0.9])  # as corrections make them
    found = mean_value(outcomes, np.array(value))
    assert found.low < found.mean < found.high
    assert found.mean < 0


def test_the_interval_holds_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        value = rng.exponential(20, 400)
        found = mean_value((rng.random(400) < 0.3).astype(float), value)
        held += found.low <= 20 <= found.high
    assert held >= 178  # 190 if sums of exponential numbers were normal


def market(how, size, proba=None, scale=1.0):
    return Market("m", "x=y", how, size, IDS, scale, proba=proba)


def size_of(people, outcomes, silent=None):
    return MarketSize(4, 0, 0, 0, people, people, (0.0, 4.0), 4, outcomes=outcomes, silent=silent)


VALUES = Values(IDS[:3], np.array([10.0, 20.0, 90.0]))


def test_money_is_what_those_bring_who_are_inside_and_not_people_times_a_mean():
    """The likelier inside is worth more: three halves of a person at the mean of the base would bring 60."""
    outcomes = np.array([0.0, 0.5, 1.0, np.nan])
    lower, higher = (Estimate(Measured(1.5, 1.0, 2.0), outcomes * k) for k in (0.5, 1.5))
    found = brought(market(CORRECTED, size_of(Measured(1.5, 1.0, 2.0), outcomes, (lower, higher))), VALUES, 1)
    assert found.total.mean == pytest.approx(100)
    assert found.total.low < 100 < found.total.high
    assert found.each.mean == pytest.approx(100 / 1.5)
    assert found.if_silent_differ.low < found.total.low
    assert found.if_silent_differ.high > found.total.high


def test_a_sample_stands_for_the_base():
    outcomes = np.array([0.0, 0.5, 1.0, 0.0])
    known = (Estimate(Measured(1.5, 1.0, 2.0), outcomes),) * 2
    one, ten = (
        brought(market(CORRECTED, size_of(Measured(1.5, 1.0, 2.0), outcomes, known), scale=k), VALUES, 1)
        for k in (1.0, 10.0)
    )
    assert ten.total.mean == pytest.approx(10 * one.total.mean)
    assert ten.total.low == pytest.approx(10 * one.total.low)
    assert ten.each == one.each


def test_of_a_customer_without_a_value_the_mean_is_expected():
    outcomes = np.array([1.0, 0.0, 0.0, 1.0])
    known = (Estimate(Measured.certain(2.0), outcomes),) * 2
    found = brought(market(COUNTED, size_of(Measured.certain(2.0), outcomes, known)), VALUES, 1)
    assert found.total == found.if_silent_differ == Measured.certain(20.0)  # who they are is known


def test_people_who_are_only_expected_are_weighed_by_their_probabilities():
    proba = np.array([0.9, 0.1, 0.0, np.nan])
    found = brought(market(EXPECTED, size_of(Measured(2.0, 1.5, 2.5), None), proba), VALUES, 1)
    assert found.each.mean == pytest.approx((9 + 2) / 1.0)
    assert found.total.mean == pytest.approx(2 * 11)
    assert found.if_silent_differ is None


def test_of_too_few_known_values_nothing_is_told() -> None:
    outcomes = np.array([1.0, 1.0, 0.0, 1.0])
    known = (Estimate(Measured.certain(3.0), outcomes),) * 2
    sized = market(COUNTED, size_of(Measured.certain(3.0), outcomes, known))
    assert brought(sized, VALUES, 2) is not None
    assert brought(sized, VALUES, 3) is None  # of three the value of two is known


def test_expected_people_who_take_more_than_they_bring_have_an_interval() -> None:
    values = Values(IDS, np.full(4, -10.0))
    found = brought(market(EXPECTED, size_of(Measured(2.0, 1.0, 3.0), None), np.full(4, 0.5)), values, 1)
    assert (round(found.total.low), round(found.total.mean), round(found.total.high)) == (-30, -20, -10)


def test_money_is_at_least_what_those_known_to_be_inside_bring_and_at_most_that_of_all_who_may_be() -> None:
    outcomes = np.array([1.0, 0.0, 5.0, -3.0])  # heavy weights
    known = (Estimate(Measured(2.0, 1.0, 2.0), outcomes),) * 2
    values = Values(IDS, np.array([10.0, 20.0, 90.0, 7.0]))
    sized = replace(
        market(CORRECTED, size_of(Measured(2.0, 1.0, 2.0), outcomes, known)), known=np.array([1, 0, -1, -1])
    )
    found = brought(sized, values, 1)
    assert (found.total.low, found.total.high) == (10.0, 107.0)


def test_the_interval_of_the_money_holds_the_truth_as_often_as_it_says():
    """Customers who spend more tell less often, and are inside more often: only the sum of both finds the money."""
    rng = np.random.default_rng(1)
    held = fooled = 0
    for _ in range(200):
        x = rng.random(1000)
        value = 10 + 90 * x
        inside = rng.random(1000) < 0.2 + 0.6 * x
        e = 0.9 - 0.7 * x
        told = rng.random(1000) < e
        m = np.clip(0.3 + 0.4 * x, 0, 1)  # not quite the truth
        outcomes = m + np.where(told, (inside - m) / e, 0.0)
        found = total_value(outcomes, value, 1.0, is_certain=False)
        truth = float(value[inside].sum())
        held += found.low <= truth <= found.high
        fooled += not found.low <= outcomes.sum() * value.mean() <= found.high
    assert held >= 180
    assert fooled >= 100  # people times the base's mean is another number
