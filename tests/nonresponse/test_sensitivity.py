"""What silent customers stand for if they differ from those like them who answered."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from pipeline.nonresponse.estimation import pseudo_outcomes
from pipeline.nonresponse.sensitivity import recalibrated, tilted_outcomes

N = 20_000


def draw(odds: float, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Return true answers, who answered, and exact probabilities of yes among who answered, and of answering."""
    rng = np.random.default_rng(seed)
    proba, propensity = rng.uniform(0.1, 0.9, N), rng.uniform(0.2, 0.9, N)
    answered = rng.random(N) < propensity
    silent = odds * proba / (odds * proba + 1 - proba)
    return rng.random(N) < np.where(answered, proba, silent), answered, proba, propensity


@pytest.mark.parametrize("odds", [0.25, 1.0, 4.0])
def test_the_mean_is_the_true_share_at_the_true_odds(odds):
    y, answered, proba, propensity = draw(odds)
    found = tilted_outcomes(answered, y, proba, propensity, odds)
    error = found.std() / np.sqrt(N)
    assert abs(found.mean() - y.mean()) < 4 * error
    if odds != 1.0:
        assert abs(tilted_outcomes(answered, y, proba, propensity, 1.0).mean() - y.mean()) > 10 * error


@pytest.mark.parametrize("odds", [0.25, 1.0, 4.0])
def test_a_model_of_answers_that_is_wrong_by_a_little_does_little_harm(odds):
    """The first-order error is corrected: one of 0.1 in the log-odds moves the mean by far less than it moves tau."""
    y, answered, proba, propensity = draw(odds)
    wrong = 1 / (1 + np.exp(-0.1) * (1 - proba) / proba)
    moved = tilted_outcomes(answered, y, wrong, propensity, odds).mean()
    right = tilted_outcomes(answered, y, proba, propensity, odds).mean()
    bare = (odds * wrong / (odds * wrong + 1 - wrong) - odds * proba / (odds * proba + 1 - proba)).mean()
    assert abs(moved - right) < 0.1 * bare


def test_at_equal_odds_outcomes_are_those_of_the_correction():
    y, answered, proba, propensity = draw(1.0)
    both = np.column_stack([1 - proba, proba])
    expected = pseudo_outcomes(answered, y.astype(np.int64), both, propensity)[:, 1]
    np.testing.assert_allclose(tilted_outcomes(answered, y, proba, propensity, 1.0), expected, atol=1e-12)


@pytest.mark.parametrize("odds", [0.25, 4.0])
def test_a_model_that_is_drawn_to_the_mean_is_brought_back(odds):
    """A quarter of the log-odds: exact propensities do not help, the share is off by 0.012 until it is calibrated."""
    off, mended = [], []
    for seed in range(8):
        y, answered, proba, propensity = draw(odds, seed)
        shrunk = expit(logit(proba) / 4)
        again = recalibrated(answered, y, shrunk, propensity)
        for errors, m in ((off, shrunk), (mended, again)):
            errors.append(tilted_outcomes(answered, y, m, propensity, odds).mean() - y.mean())
    assert abs(np.mean(off)) > 0.008
    assert abs(np.mean(mended)) < 0.003


def test_what_separates_all_answers_is_not_taken_as_sure():
    """Of 100 answers none contradicts; one of the silent in a hundred still may."""
    yes = np.arange(100) < 50
    found = recalibrated(np.ones(100, dtype=bool), yes, np.where(yes, 0.9999, 0.0001), np.full(100, 0.5))
    assert found.max() == pytest.approx(51 / 52, abs=1e-4)
    assert found.min() == pytest.approx(1 / 52, abs=1e-4)
