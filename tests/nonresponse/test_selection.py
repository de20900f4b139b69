"""Shares where answering depends on the answer: on planted customers the interval holds where the correction cannot."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from pipeline.nonresponse.estimation import corrected_shares, naive_shares
from pipeline.nonresponse.selection import answer_dependent_shares, log_odds

N = 4_000


def draw(seed: int, by_answer: float, by_other: float = 0.0) -> tuple[np.ndarray, ...]:
    """Return answers, who answered, exact probabilities given behaviour among those who answered, and the context.

    Behaviour is a normal sign of the answer, and one of another trait that goes with it.
    """
    rng = np.random.default_rng(seed)
    y = (rng.random(N) < 0.35).astype(np.int64)
    other = rng.random(N) < 0.3 + 0.3 * y
    sign, sign_of_other = rng.normal(1.6 * y), rng.normal(1.6 * other)
    answered = rng.random(N) < expit(0.4 - by_answer * y - by_other * other)
    odds = np.zeros(N)
    for one in (0, 1):  # P(y, both signs, answered), the other trait summed over
        parts = [
            (0.35 if one else 0.65)
            * ((0.3 + 0.3 * one) if trait else 1 - (0.3 + 0.3 * one))
            * np.exp(-((sign - 1.6 * one) ** 2 + (sign_of_other - 1.6 * trait) ** 2) / 2)
            * expit(0.4 - by_answer * one - by_other * trait)
            for trait in (0, 1)
        ]
        odds += (1 if one else -1) * np.log(sum(parts))
    yes = expit(odds)
    return y, answered, np.column_stack([1 - yes, yes]), np.column_stack([1.6 * sign_of_other - 1.28])


def propensity(answered: np.ndarray, proba: np.ndarray, context: np.ndarray) -> np.ndarray:
    """Return P(answered | behaviour), counted in cells of behaviour."""
    cells = np.digitize(proba[:, 1], np.quantile(proba[:, 1], np.arange(1, 20) / 20))
    cells = cells * 4 + np.digitize(context[:, 0], np.quantile(context[:, 0], [0.25, 0.5, 0.75]))
    return (np.bincount(cells, answered) / np.maximum(np.bincount(cells), 1))[cells].clip(0.05)


@pytest.mark.parametrize(("by_answer", "by_other"), [(1.0, 0.0), (1.0, 0.7), (0.0, 0.0)])
def test_the_interval_holds_the_truth_where_the_answer_decides(by_answer: float, by_other: float) -> None:
    held = counted = 0
    for seed in range(12):
        y, answered, proba, context = draw(seed, by_answer, by_other)
        found = answer_dependent_shares(answered, y, proba, context, 40, 0)
        naive = naive_shares(y[answered], 2)
        held += found.low[1] - 0.005 <= y.mean() <= found.high[1] + 0.005
        counted += naive.low[1] <= y.mean() <= naive.high[1]
    assert held >= 10
    assert counted == 0 if by_answer else counted >= 10


def test_what_is_right_given_behaviour_is_not_where_the_answer_decides() -> None:
    misses = []
    for seed in range(8):
        y, answered, proba, context = draw(seed, 1.0)
        given_behaviour = corrected_shares(answered, y, proba, propensity(answered, proba, context))
        ours = answer_dependent_shares(answered, y, proba, context, 1, 0)
        misses.append((abs(given_behaviour.share[1] - y.mean()), abs(ours.share[1] - y.mean())))
    theirs, ours_mean = np.mean(misses, axis=0)
    assert ours_mean < 0.5 * theirs


def test_shares_add_up_and_the_same_seed_gives_the_same_interval() -> None:
    y, answered, proba, context = draw(0, 1.0)
    one, two = (answer_dependent_shares(answered, y, proba, context, 10, 3) for _ in range(2))
    assert one.share.sum() == pytest.approx(1)
    assert one.low.tolist() == two.low.tolist()
    assert (one.low <= one.share).all()
    assert (one.share <= one.high).all()


def test_a_context_that_says_nothing_changes_nothing() -> None:
    y, answered, proba, _ = draw(0, 1.0)
    without = answer_dependent_shares(answered, y, proba, np.empty((N, 0)), 1, 0)
    constant = answer_dependent_shares(answered, y, proba, np.ones((N, 2)), 1, 0)
    assert without.share.tolist() == constant.share.tolist()


def test_log_odds_are_finite_where_a_probability_is_nought() -> None:
    assert np.isfinite(log_odds(np.array([[1.0, 0.0], [0.0, 1.0]]))).all()
