"""Differences on the same customers: right in size, honest in what is called no luck."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline import metrics
from pipeline.evaluation import paired_bootstrap
from pipeline.judged import Judged
from pipeline.paired import MEAN, differences, holm, not_comparable

N = 120


def judged(seed: int, strength: float, repeats: int = 1, first: int = 0, n: int = N) -> Judged:
    """Return predictions that know the truth by `strength`, of customers numbered from `first`; truths are the same."""
    rng = np.random.default_rng(seed)
    y = (np.arange(first, first + n) * 7 % 3 == 0).astype(np.int64)
    score = strength * (y - 0.3) + rng.normal(0, 1, (repeats, n))
    yes = 1 / (1 + np.exp(-score))
    ids = np.array([f"c{i:04}" for i in range(first, first + n)], dtype=object)
    folds = np.array([(np.arange(n) + repeat) % 4 for repeat in range(repeats)])
    return Judged(ids, y, np.stack([1 - yes, yes], axis=2), np.full((repeats, n), -1), folds)


def test_one_attribute_differs_as_the_plain_paired_bootstrap_says() -> None:
    new, old = judged(1, 2.0), judged(2, 1.0)
    losses = [metrics.log_loss_rows(one.y, one.proba[0]) for one in (new, old)]
    found = differences({"likes": (new, old)}, "log_loss", 500, 3)["likes"]
    assert (found.estimate, found.low, found.high) == pytest.approx(paired_bootstrap(*losses, 3, 500))
    assert found.p < 0.05
    assert found.n == N


def test_auc_differs_by_what_the_two_areas_differ() -> None:
    new, old = judged(1, 2.0), judged(2, 0.5)
    areas = [metrics.auc(one.y, one.proba[0], folds=one.folds[0]) for one in (new, old)]
    found = differences({"likes": (new, old)}, "auc", 200)["likes"]
    assert found.estimate == pytest.approx(areas[0] - areas[1])
    assert found.low < found.estimate < found.high


def test_the_mean_is_over_the_attributes_asked_for_and_knows_that_they_share_customers() -> None:
    pairs = {"a": (judged(1, 2.0), judged(2, 1.0)), "b": (judged(3, 1.0, first=60), judged(4, 1.5, first=60))}
    found = differences(pairs, "log_loss", 300)
    assert found[MEAN].estimate == pytest.approx((found["a"].estimate + found["b"].estimate) / 2)
    assert found[MEAN].n == 180
    only = differences(pairs, "log_loss", 300, in_mean=["b"])
    assert only[MEAN].estimate == pytest.approx(found["b"].estimate)
    # The same attribute twice is no more certain than once.
    twice = differences({"a": pairs["a"], "again": pairs["a"]}, "log_loss", 300)
    assert (twice[MEAN].low, twice[MEAN].high) == pytest.approx((twice["a"].low, twice["a"].high))


def test_only_repeats_that_both_have_are_compared() -> None:
    two, one = judged(1, 2.0, repeats=2), judged(2, 1.0)
    assert not_comparable(two, one) is None
    assert differences({"a": (two, one)}, "brier", 100) == differences({"a": (two.first(1), one)}, "brier", 100)


def test_a_run_does_not_differ_from_itself() -> None:
    found = differences({"a": (judged(1, 1.0), judged(1, 1.0))}, "auc", 100)["a"]
    assert (found.estimate, found.low, found.high) == (0, 0, 0)
    assert np.isnan(found.p)


BASE = judged(1, 1.0)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (replace(BASE, proba=np.full((1, N, 3), 1 / 3)), r"other values \(2, not 3\)"),
        (judged(1, 1.0, first=20), r"other test customers \(120 and 120, 100 in common\)"),
        (
            replace(BASE, y=np.where(np.arange(N) < 5, 1 - BASE.y, BASE.y)),
            r"other labels \(of 5 of 120 test customers\)",
        ),
        (replace(BASE, folds=BASE.folds % 3), r"other test folds \(4 and 3\)"),
    ],
)
def test_what_cannot_be_paired_says_why(other: Judged, reason: str) -> None:
    told = not_comparable(BASE, other)
    assert told is not None
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(told)


def test_too_few_customers_are_not_compared() -> None:
    few = judged(1, 1.0, n=20)
    assert not_comparable(few, few) == "only 20 test customers, 30 needed"


def test_two_recipes_of_the_same_worth_seldom_differ() -> None:
    p_values = [differences({"a": (judged(s, 1.0), judged(s + 500, 1.0))}, "log_loss", 100)["a"].p for s in range(200)]
    # A tenth is 20; three binomial standard deviations are 13.
    assert 7 <= sum(p < 0.1 for p in p_values) <= 33
    assert (
        sum(min(holm(p_values[i : i + 10])) <= 0.05 for i in range(0, 200, 10)) <= 4
    )  # one in twenty families is expected


def test_holm_counts_undefined_tests_as_made() -> None:
    nan = float("nan")
    assert holm([0.02, nan]).tolist() == [0.04, 1.0]
    assert holm([0.02, nan, nan]).tolist() == [0.06, 1.0, 1.0]
    assert holm([]).tolist() == []


def test_holm_s_method_is_that_of_its_paper() -> None:
    np.testing.assert_allclose(holm([0.04, 0.005, 0.03, 0.01]), [0.06, 0.02, 0.06, 0.03])
