"""What is kept of test customers, and the figures that comparisons are made of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.judged import Judged, judged_of

# Two repeats, three customers, not in the order of their ids. Positives are given these probabilities:
YES = np.array([[0.9, 0.2, 0.6], [0.7, 0.4, 0.5]])
ONE = Judged(
    customers=np.array(["c", "a", "b"], dtype=object),
    y=np.array([1, 0, 1]),
    proba=np.stack([1 - YES, YES], axis=2),
    stated=np.array([[1, 0, -1], [-1, 0, -1]]),
    folds=np.array([[0, 0, 1], [1, 0, 1]]),
)


def test_the_table_is_read_back_sorted_by_id() -> None:
    found = judged_of(ONE.table())
    assert found is not None
    assert found.customers.tolist() == ["a", "b", "c"]
    assert found.y.tolist() == [0, 1, 1]
    assert found.folds.tolist() == [[0, 1, 0], [0, 1, 1]]
    assert found.stated.tolist() == [[0, -1, 1], [0, -1, -1]]
    np.testing.assert_array_equal(found.proba[:, :, 1], YES[:, [1, 2, 0]])


def test_a_table_of_losses_alone_holds_nothing_to_compare() -> None:
    assert judged_of(pd.DataFrame({"customer_id": ["a"], "y": [0], "log_loss": [0.1]})) is None


def test_the_table_keeps_the_mean_loss_over_repeats() -> None:
    expected = -(np.log(YES[0]) + np.log(YES[1])) / 2
    expected[1] = -(np.log(0.8) + np.log(0.6)) / 2
    np.testing.assert_allclose(ONE.table()["log_loss"], expected)


def test_fold_figures_are_those_of_each_fold_of_each_repeat() -> None:
    right = [[1.0, 1.0], [1.0, 0.0 + 0.5]]  # at 0.5 the first value wins: customer b is wrong in the second repeat
    assert ONE.fold_figures("accuracy").tolist() == [*right[0], *right[1]]


def test_a_fold_of_one_value_has_no_auc() -> None:
    assert ONE.fold_figures("auc").tolist() == [1.0]  # only fold 0 of repeat 0 holds both values


def test_the_score_is_the_mean_over_repeats_also_under_weights() -> None:
    assert ONE.score("accuracy") == pytest.approx((1 + 2 / 3) / 2)
    doubled = ONE.score("accuracy", np.array([[1.0, 1.0, 2.0], [1.0, 1.0, 0.0]]))
    np.testing.assert_allclose(doubled, [(1 + 2 / 4) / 2, 1.0])


def test_coverage_tells_the_most_common_value_apart() -> None:
    said, rarer = ONE.coverage()  # "1" is the most common value; it is stated once, "0" twice, of six
    assert said == pytest.approx(3 / 6)
    assert rarer == pytest.approx(2 / 6)
