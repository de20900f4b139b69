"""How many times as large a part of what a group does a token is, against equally active customers of the base."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, poisson

Floats = NDArray[np.float64]
_ENOUGH = 5.0  # customers expected to have met a token; with fewer the normal approximation is not used


@dataclass(frozen=True)
class Tally:
    """What some customers did, by stratum.

    Attributes
    ----------
    size
        Customers, shape (n_strata,).
    met
        Customers who met each token, shape (n_strata, n_tokens).
    part, square
        Sum over customers of the token's part in what each of them did in its field, in [0, 1], and of its square.
    """

    size: Floats
    met: Floats
    part: Floats
    square: Floats


@dataclass(frozen=True)
class Lifts:
    """A group's tokens against those of equally active customers; arrays of shape (n_tokens,).

    Attributes
    ----------
    n
        Customers of the group who met the token.
    lift
        Its part in what the group does, customer by customer, over that expected, drawn to 1.
    error
        Standard error of the lift.
    p_value
        Two-sided, of the group being a random draw from its strata.
    """

    n: Floats
    lift: Floats
    error: Floats
    p_value: Floats

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Return the bounds of the lift at 1 - `level`; normal, from the spread between the group's customers."""
        reach = norm.ppf(1 - level / 2) * self.error
        return np.maximum(self.lift - reach, 0.0), self.lift + reach


def standardised_lifts(group: Tally, base: Tally, prior: float) -> Lifts:
    """Return the lifts of all tokens, standardised by stratum.

    Who does more meets more of everything, so a group of active customers would seem to be interested in all there
    is. So each customer counts once, by the token's part in what it does, and the group is compared with random draws
    of as many customers from each stratum of equally active ones: their sum has the mean and the variance of sampling
    without replacement (Cochran 1977, Sampling Techniques, 3rd edition, theorems 2.1 and 2.2), summed over strata.
    The ratio is indirectly standardised, and drawn to 1 by `prior` customers who are like the expected ones.

    Where fewer than five of the group are expected to have met a token, those who did are counted instead, by the upper
    tail of a Poisson distribution: sums of hypergeometric numbers spread less. That fewer met it is then no evidence.

    Parameters
    ----------
    group, base
        The base holds the group.

    Examples
    --------
    Of 100 customers 20 meet a token and do nothing else; 16 of them are among the 40 of a group, where 8 are expected.

    >>> base = Tally(np.array([100.0]), *(np.array([[20.0]]) for _ in range(3)))
    >>> found = standardised_lifts(Tally(np.array([40.0]), *(np.array([[16.0]]) for _ in range(3))), base, prior=10)
    >>> found.lift.round(2), (found.p_value < 0.001).tolist()
    (array([1.8]), [True])
    """
    drawn, there = group.size[:, None], base.size[:, None]
    some = there > 1
    share = np.divide(drawn, there, out=np.zeros_like(drawn), where=there > 0)
    expected, expected_met = (share * base.part).sum(axis=0), (share * base.met).sum(axis=0)
    spread = np.where(some, base.square - base.part**2 / np.maximum(there, 1), 0.0) / np.maximum(there - 1, 1)
    variance = (drawn * (1 - share) * np.maximum(spread, 0.0)).sum(axis=0)
    observed, n = group.part.sum(axis=0), max(1.0, float(group.size.sum()))
    known, met = variance > 0, group.met.sum(axis=0)
    z = np.divide(np.abs(observed - expected), np.sqrt(variance), out=np.zeros_like(observed), where=known)
    p_value = np.where(expected_met >= _ENOUGH, 2 * norm.sf(z), 2 * poisson.sf(met - 1, expected_met))
    own = np.maximum(group.square.sum(axis=0) - observed**2 / n, 0.0) / max(1.0, n - 1)
    weight = expected * (1 + prior / n)
    safe = np.maximum(weight, 1e-12)
    return Lifts(
        n=met,
        lift=np.where(weight > 0, (observed + expected * prior / n) / safe, 1.0),
        error=np.sqrt(n * own) / safe,
        p_value=np.where(known, np.minimum(1.0, p_value), 1.0),
    )
