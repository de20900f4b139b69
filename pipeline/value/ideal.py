"""The ideal customer profile: a description found on one half of the customers and checked on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeline.value.conditions import Condition
from pipeline.value.goals import Goal
from pipeline.value.resampling import Estimate, Floats, Mask, bootstrap, ratio
from pipeline.value.search import Conjunction, describe, fitting


@dataclass(frozen=True)
class Ideal:
    """One description of the best customers by one goal.

    Attributes
    ----------
    by
        What it may say: *profile* (attributes that customers declare), *attributes*, *fields*, or both.
    conditions
        As they are read, the strongest first.
    found_lift
        On the half that found it.
    n, members, lift, precision, recall
        On the other half: customers asked, how many it fits in expectation, their mean outcome over that of all of whom
        it is known whether it fits, the share of best among them, and the share of all the best that it fits.
    each
        By condition alone, the lift on the other half.
    fit
        Of today's customers, the probability that it fits, shape (n_now,).
    """

    goal: Goal
    by: str
    conditions: tuple[Condition, ...]
    description: Conjunction
    found_lift: float
    n: int
    members: float
    lift: Estimate
    precision: Estimate
    recall: Estimate
    each: tuple[Estimate, ...]
    fit: Floats

    @property
    def holds(self) -> bool:
        """Tell whether those it fits are better than the others on the half that did not find it."""
        return self.lift.low > 1

    @property
    def words(self) -> str:
        """Return the description as one text."""
        return " and ".join(condition.words for condition in self.conditions)


def ideal(
    goal: Goal,
    by: str,
    conditions: Sequence[Condition],
    customers: np.ndarray,
    first: Mask,
    longest: int,
    least: int,
    resamples: int,
    seed: int,
) -> Ideal | None:
    """Return the smallest description of a goal's best customers, or None if none is worth anything.

    Parameters
    ----------
    customers, first
        Where descriptions are judged, and who is of the half that finds them; shapes (n,).
    least
        Customers that it must fit in either half; one that fits fewer of the other half is none.
    """
    finding, checking = first & goal.asked, ~first & goal.asked
    here = [condition.of(finding) for condition in conditions]
    description = describe(here, goal.best[finding], customers[finding], longest, least)
    if not description.chosen:
        return None
    weight = fitting(conditions, description.chosen)
    members = float(weight[checking].sum())
    if members < least:
        return None
    told = tuple(conditions[i] for i in description.chosen)
    known: Floats = np.all([condition.known for condition in told], axis=0).astype(np.float64)
    came, there = goal.outcome, goal.outcome[checking]
    best = goal.best[checking].astype(np.float64)
    w = weight[checking]
    task = (len(there), resamples, seed)
    return Ideal(
        goal=goal,
        by=by,
        conditions=told,
        description=description,
        found_lift=float(lift_of(np.ones((1, int(finding.sum()))), weight[finding], known[finding], came[finding])[0]),
        n=len(there),
        members=members,
        lift=bootstrap(partial(lift_of, member=w, known=known[checking], outcome=there), *task),
        precision=bootstrap(lambda u: ratio(u @ (w * best), u @ w), *task),
        recall=bootstrap(lambda u: ratio(u @ (w * best), u @ best), *task),
        each=tuple(
            bootstrap(partial(lift_of, member=one.before, known=one.known.astype(np.float64), outcome=there), *task)
            for one in (condition.of(checking) for condition in told)
        ),
        fit=fitting(conditions, description.chosen, now=True),
    )


def lift_of(u: Floats, member: Floats, known: Floats, outcome: Floats) -> Floats:
    """Return how many times the mean outcome of those who are known that of the members is, shape (n_resamples,).

    >>> four, known = np.ones((1, 4)), np.array([1.0, 1.0, 1.0, 0.0])
    >>> lift_of(four, np.array([1.0, 0.0, 0.0, 0.0]), known, np.array([3.0, 1.0, 2.0, 50.0])).tolist()
    [1.5]
    """
    return ratio(ratio(u @ (member * outcome), u @ member), ratio(u @ (known * outcome), u @ known))


def expected_number(probability: Floats) -> Estimate:
    """Return how many are expected to fit, with the 95 % interval of a Poisson-binomial number.

    That probabilities may be off is not in it.

    >>> expected_number(np.array([1.0, 1.0, 0.0]))
    Estimate(estimate=2.0, low=2.0, high=2.0)
    """
    mean, spread = float(probability.sum()), float((probability * (1 - probability)).sum())
    margin = 1.96 * float(np.sqrt(spread))
    sure, possible = float((probability >= 1).sum()), float((probability > 0).sum())
    return Estimate(mean, max(sure, mean - margin), min(possible, mean + margin))
