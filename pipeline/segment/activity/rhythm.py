"""The rhythm of a log: how long pauses between active days usually are, and how long is too long.

A pause is measured in units of the customer's usual one, because eight days without a purchase are much for one who
comes daily and nothing for one who comes monthly. The usual pause of a customer with few pauses is drawn towards that
of all customers, by as much as the data ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.segment.activity.days import ActiveDays, Floats, Ints

_PERIOD = 0.80  # of ended pauses are no longer than the period


@dataclass(frozen=True)
class Rhythm:
    """What pauses of a log are like.

    Attributes
    ----------
    usual_days
        Geometric mean of the customers' usual pauses.
    weight
        How many pauses of a customer's own weigh as much as what is known of all; infinite if customers do not differ.
    longer
        Three multiples of the usual pause: of pauses that ended, the shares that the settings name are no longer.
    period_days
        Four of five pauses end within so many days, every customer counting alike.
    n_pauses, n_customers
        Ended pauses that this was learnt from, and whose they are.
    """

    usual_days: float
    weight: float
    longer: tuple[float, float, float]
    period_days: int
    n_pauses: int
    n_customers: int

    def usual(self, log_sum: Floats, n: Ints) -> Floats:
        """Return each customer's usual pause in days, (n_customers,), from the sum of logarithms of n own ones.

        The posterior mean of a normal mean: Efron & Morris 1975, JASA 70, 311-319.
        """
        if np.isinf(self.weight):
            return np.full(len(n), self.usual_days)
        return np.exp((self.weight * np.log(self.usual_days) + log_sum) / np.maximum(self.weight + n, 1e-12))


def pauses(days: ActiveDays) -> tuple[Ints, Floats, Ints]:
    """Return whose each pause between two active days is, its length in days, and the day that ended it."""
    owner = days.owner
    same = owner[1:] == owner[:-1]
    return owner[1:][same], np.diff(days.day)[same].astype(np.float64), days.day[1:][same]


def fit_rhythm(parts: Sequence[ActiveDays], shares: tuple[float, ...], period_days: int | None = None) -> Rhythm | None:
    """Return the rhythm of customers in several buckets; None if nobody was active on two days.

    Parameters
    ----------
    shares
        Three rising shares of ended pauses.
    period_days
        The period, where it is not to be read from the data.

    Notes
    -----
    Variances of log pauses within and between customers are those of a one-way analysis of variance with unequal
    numbers (Searle, Casella & McCulloch 1992, Variance Components, ch. 3). A pause is compared with its customer's
    usual one as the other pauses tell it, so that it does not take part in its own yardstick. Customers count alike,
    however many pauses they have. A pause that has not ended is not among them: what is learnt is how long those who
    come back stay away.
    """
    found = [pauses(part) for part in parts]
    lengths = np.concatenate([length for _, length, _ in found]) if found else np.empty(0)
    if not len(lengths):
        return None
    offset = np.cumsum([0, *(len(part.customers) for part in parts)])
    owner = np.concatenate([own + at for (own, _, _), at in zip(found, offset[:-1], strict=True)])
    owner = np.unique(owner, return_inverse=True)[1]
    logs, n = np.log(lengths), np.bincount(owner)
    log_sum = np.bincount(owner, logs)
    means = log_sum / n
    usual = float(means.mean())
    weight = _weight(logs, owner, n, means)
    rest = n[owner] - 1
    if np.isinf(weight):
        expected = np.full(len(logs), usual)
    else:
        expected = (weight * usual + log_sum[owner] - logs) / np.maximum(weight + rest, 1e-12)
    each = 1.0 / n[owner]
    first, second, third = weighted_quantiles(np.exp(logs - expected), each, shares)
    period = period_days or max(1, round(float(weighted_quantiles(lengths, each, (_PERIOD,))[0])))
    return Rhythm(float(np.exp(usual)), weight, (first, second, third), period, len(lengths), len(n))


def _weight(logs: Floats, owner: Ints, n: Ints, means: Floats) -> float:
    """Return the variance within customers over that between them, at least a thousandth."""
    total, n_customers = int(n.sum()), len(n)
    if n_customers < 2 or total == n_customers:
        return float("inf")  # one pause each, or one customer: what is usual for one cannot be told from chance
    within = float(((logs - means[owner]) ** 2).sum()) / (total - n_customers)
    typical_n = (total - float((n**2).sum()) / total) / (n_customers - 1)
    spread = float((n * (means - logs.mean()) ** 2).sum()) / (n_customers - 1)
    between = (spread - within) / typical_n
    return max(within / between, 1e-3) if between > 0 else float("inf")


def weighted_quantiles(values: Floats, weights: Floats, shares: Sequence[float]) -> NDArray[np.float64]:
    """Return the least values that at least these shares of the weight do not exceed.

    >>> weighted_quantiles(np.array([3.0, 1.0, 2.0]), np.array([2.0, 1.0, 1.0]), (0.25, 0.5, 0.9)).tolist()
    [1.0, 2.0, 3.0]
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    at = np.searchsorted(reached, np.array(shares) - 1e-12)
    return values[order][np.minimum(at, len(values) - 1)]
