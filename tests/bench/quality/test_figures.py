from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.predictor import OutOfFold
from tests.bench.quality.figures import METRICS, coverage_at, fold_auc, reached, recall_at, score

NOBODY = np.empty(0, np.int64)


def out_of_fold(y: list[int], yes: list[float], stated: list[int] | None = None) -> OutOfFold:
    n = len(y)
    proba = np.column_stack([1 - np.array(yes), yes])[None]
    return OutOfFold(
        customers=np.array([f"c{i:03d}" for i in range(n)], dtype=object),
        y=np.array(y),
        proba=proba,
        prior=np.full((1, n, 2), 0.5),
        stated=np.array([stated or [-1] * n]),
        folds=np.zeros((1, n), dtype=np.int64),
        sets=np.zeros((1, n, 2), dtype=bool),
        unlike=np.zeros((1, n), dtype=bool),
        rounds=(),
        n_events=np.ones(n),
    )


def test_the_auc_is_the_mean_over_folds_and_never_compares_customers_of_two() -> None:
    y, yes = np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.9, 0.8])  # fold 0 ranks rightly, fold 1 wrongly
    proba = np.column_stack([1 - yes, yes])
    assert fold_auc(y, proba, NOBODY, np.array([0, 0, 1, 1])) == 0.5
    assert fold_auc(y, proba, NOBODY, np.array([0, 0, 0, 0])) == 0.5  # pairs: right, right, wrong, wrong
    assert fold_auc(y, proba, NOBODY, np.array([0, 0, 1, 2])) == 1.0  # folds without both values say nothing


def test_the_longest_list_that_is_right_often_enough_may_dip_below_before_it_ends() -> None:
    right = np.array([True, False, True, True, True, False, False])
    scores = np.arange(7, 0, -1) / 10
    assert reached(scores, right, least=0.8) == (4.0, 5.0)  # 4 of 5; after two it was 1 of 2
    assert reached(np.full(7, 0.5), right, least=0.8) == (0.0, 0.0)  # equal scores stand or fall together: 4 of 7


def test_coverage_counts_the_likeliest_value_and_recall_the_last_one() -> None:
    y = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 1])
    yes = np.array([0.9, 0.8, 0.7, 0.6, 0.2, 0.1, 0.15, 0.05, 0.12, 0.3])
    proba = np.column_stack([1 - yes, yes])
    # By confidence: seven right (.95 to .8), then two equal ones at .7 wrong, which leaves 7 of 9.
    assert coverage_at(y, proba, NOBODY, NOBODY) == pytest.approx(7 / 10)
    # By the last value: .9 and .8 right, .7 wrong, which leaves 2 of 3; two of the three who have it are found.
    assert recall_at(y, proba, NOBODY, NOBODY) == pytest.approx(2 / 3)


def test_weights_count_customers_as_often_as_they_are_drawn() -> None:
    y, yes = np.array([1, 0, 1, 1]), np.array([0.9, 0.8, 0.7, 0.6])
    proba = np.column_stack([1 - yes, yes])
    weights = np.array([[1.0, 1, 1, 1], [1, 0, 1, 2]])
    assert recall_at(y, proba, NOBODY, NOBODY, weights).tolist() == [pytest.approx(1 / 3), 1.0]
    nobody_with_it = np.array([[0.0, 4, 0, 0]])
    assert np.isnan(recall_at(y, proba, NOBODY, NOBODY, nobody_with_it)).all()


def test_the_interval_of_a_mean_knows_that_attributes_are_of_the_same_customers() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200).tolist()
    yes = [0.5 + 0.1 * (2 * value - 1) + 0.2 * rng.standard_normal() for value in y]
    one = out_of_fold(y, np.clip(yes, 0.01, 0.99).tolist())
    alone, twice = score({"a": one}), score({"a": one, "b": one})
    area, mean = alone.figures()["a"]["auc"], twice.figures()["mean"]["auc"]
    assert (mean.estimate, mean.low, mean.high) == pytest.approx((area.estimate, area.low, area.high))
    assert area.low < area.estimate < area.high
    assert area.n == 200


def test_a_difference_is_paired() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 100).tolist()
    yes = rng.uniform(0.2, 0.8, 100)
    found = score({"a": out_of_fold(y, yes.tolist())})
    sharper = [0.5 + 0.5 * (p - 0.5) for p in yes]  # the same order: no other AUC, in no resample
    difference = score({"a": out_of_fold(y, sharper)}).difference(found)
    assert difference["auc"] == (0.0, 0.0, 0.0)
    estimate, low, high = difference["log_loss"]
    assert low < estimate < high


def test_certified_figures_count_what_was_stated() -> None:
    one = out_of_fold([1, 1, 0, 0, 1], [0.9, 0.9, 0.9, 0.1, 0.4], stated=[1, 1, 1, 0, -1])
    found = score({"a": one}).figures()["a"]
    assert found["certified_coverage"].estimate == pytest.approx(4 / 5)
    assert found["certified_precision"].estimate == pytest.approx(3 / 4)
    assert found["certified_precision_last"].estimate == pytest.approx(2 / 3)
    assert found["certified_recall"].estimate == pytest.approx(2 / 3)
    assert found["recall"].prior == pytest.approx(3 / 5)
    assert set(found) == set(METRICS)


def test_where_nothing_was_certified_its_figures_are_undefined() -> None:
    one = out_of_fold([1, 0, 1], [0.9, 0.2, 0.6])
    found = score({"a": one}, resamples=5, certified=False).figures()["a"]
    assert [metric for metric in METRICS if np.isnan(found[metric].estimate)] == [
        metric for metric in METRICS if metric.startswith("certified")
    ]


def test_beyond_two_values_there_is_no_recall() -> None:
    one = out_of_fold([1, 0, 1], [0.9, 0.2, 0.6])
    alike = np.full((1, 3, 3), 1 / 3)
    three = replace(one, y=np.array([0, 1, 2]), proba=alike, prior=alike, sets=np.zeros((1, 3, 3), dtype=bool))
    found = score({"three": three, "two": one}).figures()
    assert np.isnan(found["three"]["recall"].estimate)
    assert found["mean"]["recall"].estimate == found["two"]["recall"].estimate
    assert found["three"]["log_loss"].estimate == pytest.approx(np.log(3))
