"""Shares of a base of which only some answered: the naive count and the doubly robust correction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from pipeline.model.blocks import Floats, Ints

_Z = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Shares:
    """Estimated shares of all values with 95 % intervals; arrays of shape (n_values,) that lie in [0, 1]."""

    share: Floats
    low: Floats
    high: Floats


def naive_shares(y_index: Ints, n_values: int) -> Shares:
    """Return the shares among those who answered, with Wilson's intervals (1927, doi:10.2307/2276774).

    As if the customers who answered had been drawn at random.

    Parameters
    ----------
    y_index
        Position of each answer, shape (n_answered,).

    Examples
    --------
    >>> found = naive_shares(np.array([0] * 40 + [1] * 60), 2)
    >>> found.share.tolist(), found.low.round(3).tolist(), found.high.round(3).tolist()
    ([0.4, 0.6], [0.309, 0.502], [0.498, 0.691])
    """
    n = len(y_index)
    share = np.bincount(y_index, minlength=n_values) / n
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return Shares(share, np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1))


def corrected_shares(answered: np.ndarray, y_index: Ints, proba: Floats, propensity: Floats) -> Shares:
    """Return shares of all customers: mean prediction plus what predictions miss among those who answered.

    The misses of those who answered are weighed by one over their propensity (augmented inverse-propensity weighting:
    Robins, Rotnitzky, Zhao 1994, doi:10.1080/01621459.1994.10476818), the weights scaled to sum to 1; propensities and
    predictions are cross-fitted (Chernozhukov et al. 2018, doi:10.1111/ectj.12097). It is prediction-powered
    inference (Angelopoulos et al. 2023, doi:10.1126/science.adi6000; Zrnic, Candès 2024, doi:10.1073/pnas.2322083121)
    whose rectifier allows for those who answered being other people. Consistent if the model of answering or
    that of answers is right; needs that, given behaviour, answering does not depend on the answer (*missing at
    random*), and that everybody could have answered (propensities well above 0).

    Intervals are 95 % normal ones from the variance of the influence function: of customers drawn from a larger
    population, and so on the safe side for the very customers at hand.

    Parameters
    ----------
    answered
        Who answered, shape (n,), bool.
    y_index
        Position of each one's value, shape (n,); read only where answered.
    proba
        Predicted probabilities of the values, shape (n, n_values), by models that have not seen the customer.
    propensity
        Probabilities of answering, shape (n,), above 0; likewise.

    Examples
    --------
    Of the frequent half everybody answered (yes, no), of the rare half one in two (no): 25 %, not a third, say yes.

    >>> answered = np.array([True, True, True, False])
    >>> half = np.full((4, 2), 0.5)
    >>> found = corrected_shares(answered, np.array([0, 1, 0, -1]), half, np.array([1, 1, 0.5, 0.5]))
    >>> found.share.tolist()
    [0.75, 0.25]
    """
    weight, missed = _weighed_misses(answered, y_index, proba, propensity)
    share = (proba + weight[:, None] * missed).mean(axis=0)
    # The weights' sum is estimated as well, hence the mean of the misses in the influence function.
    rectifier = (weight[:, None] * missed).mean(axis=0)
    influence = proba - proba.mean(axis=0) + weight[:, None] * (missed - rectifier)
    half = _Z * np.sqrt((influence**2).mean(axis=0) / len(weight))
    return Shares(np.clip(share, 0, 1), np.clip(share - half, 0, 1), np.clip(share + half, 0, 1))


def pseudo_outcomes(answered: np.ndarray, y_index: Ints, proba: Floats, propensity: Floats) -> Floats:
    """Return what each customer stands for, shape (n, n_values): its means are the shares of `corrected_shares`.

    Parameters as there. Means over groups of customers estimate the shares in these groups (Kennedy 2023,
    doi:10.1214/23-EJS2157).

    Examples
    --------
    >>> half = np.full((2, 2), 0.5)
    >>> pseudo_outcomes(np.array([True, False]), np.array([0, -1]), half, np.array([0.5, 0.5])).tolist()
    [[1.5, -0.5], [0.5, 0.5]]
    """
    weight, missed = _weighed_misses(answered, y_index, proba, propensity)
    return proba + weight[:, None] * missed


def _weighed_misses(answered: np.ndarray, y_index: Ints, proba: Floats, propensity: Floats) -> tuple[Floats, Floats]:
    """Return the weight of each answer, their mean 1 over all customers, and what the prediction misses of it."""
    weight = np.where(answered, 1 / propensity, 0.0)
    weight *= len(weight) / weight.sum()
    missed = np.zeros_like(proba)
    missed[answered] = np.eye(proba.shape[1])[y_index[answered]] - proba[answered]
    return weight, missed


def effective_answers(propensity: Floats) -> float:
    """Return how many answers of equal weight those who answered are worth (Kish 1965, Survey Sampling).

    Parameters
    ----------
    propensity
        Of those who answered, shape (n_answered,).

    Examples
    --------
    >>> effective_answers(np.array([0.5, 0.5])), round(effective_answers(np.array([0.9, 0.1])), 2)
    (2.0, 1.22)
    """
    weight = 1 / propensity
    return float(weight.sum() ** 2 / (weight**2).sum())
