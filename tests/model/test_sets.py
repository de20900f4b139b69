import numpy as np
import pytest

from pipeline.model.sets import fit_cut, sets_of


def truth_and_proba(rng, n):
    """Four ordered values; probabilities that are too sure of themselves, as uncalibrated ones are."""
    logits = rng.normal(size=(n, 4)) * 1.5
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (rng.random(n)[:, None] > true.cumsum(axis=1)).sum(axis=1)
    sure = true**2
    return y, sure / sure.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_sets_hold_the_true_value_as_often_as_promised(coverage, ordered):
    # The mean over 200 draws of the calibration customers is what conformal prediction guarantees.
    rng = np.random.default_rng(0)
    found, sizes = [], []
    for _ in range(200):
        y, proba = truth_and_proba(rng, 100)
        new_y, new = truth_and_proba(rng, 1000)
        inside = sets_of(new, fit_cut(proba, y, coverage), ordered)
        found.append(inside[np.arange(1000), new_y].mean())
        sizes.append(inside.sum(axis=1).mean())
    assert np.mean(found) > coverage - 2 * np.std(found) / np.sqrt(200)
    assert np.mean(sizes) < 3.2  # naming all four would keep any promise


def test_the_cut_is_the_conformal_quantile():
    # Ten customers, 80 %: the rank is ceil(11 * 0.8) = 9, the ninth largest probability of the true value.
    of_true = np.array([0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.1])
    proba = np.column_stack([of_true, 1 - of_true])
    assert fit_cut(proba, np.zeros(10, dtype=int), 0.8) == 0.3
    assert fit_cut(proba[:3], np.zeros(3, dtype=int), 0.8) == 0.0  # ceil(4 * 0.8) = 4 of 3: nothing can be ruled out


def test_bands_between_two_that_cannot_be_ruled_out_are_in_the_set_too():
    proba = np.array([[0.45, 0.1, 0.45], [0.1, 0.1, 0.8]])
    assert sets_of(proba, 0.4, ordered=True).tolist() == [[True, True, True], [False, False, True]]
    assert sets_of(proba, 0.4, ordered=False).tolist() == [[True, False, True], [False, False, True]]


def test_no_set_is_empty():
    assert sets_of(np.array([[0.4, 0.3, 0.3]]), 0.9, ordered=False).tolist() == [[True, False, False]]
