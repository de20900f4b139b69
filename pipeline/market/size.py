"""How many people of the base a segment has: told, inferred, and corrected for who told and for wrong inferences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.lookalike.described.probability import Known, probability
from pipeline.lookalike.described.rule import Rule
from pipeline.market.money import Measured
from pipeline.model.blocks import Floats, Ints, Matrix
from pipeline.model.propensity import response_propensity
from pipeline.nonresponse.shares import AttributeShares, attribute_shares

OUTSIDE, INSIDE = 0, 1


@dataclass(frozen=True)
class MarketSize:
    """The people of a segment in the base.

    Attributes
    ----------
    n_base
        Customers with features.
    n_told, n_inside
        Those whose own declarations decide the rule, and those of them who fulfil it.
    n_stated
        Further customers for whom every part of the rule is told or certified, and who fulfil it by that.
    naive
        The share among those who told, times the base: as if they had been drawn at random. Wilson's interval.
    people
        The corrected number with its 95 % interval: of the comparable customers the doubly robust estimate, the others
        taken to be like them. None where it cannot be had; `reason` then says why.
    bounds
        Between how many people there are whatever the customers are whom nobody who told is like.
    n_comparable
        Customers whose like tell in at least one case of twenty.
    outcomes
        Being inside, as far as it can be estimated of each customer, shape (n_base,), NaN where not comparable: means
        over groups of customers are the groups' shares.
    """

    n_base: int
    n_told: int
    n_inside: int
    n_stated: int
    naive: Measured
    people: Measured | None
    bounds: tuple[float, float]
    n_comparable: int
    reason: str = ""
    outcomes: Floats | None = field(default=None, repr=False)


def told_of(rule: Rule, declared: Mapping[str, Known]) -> Ints:
    """Return whether customers fulfil a rule by their own word, shape (n,): 1, 0, or -1 where it does not decide.

    Parameters
    ----------
    declared
        By attribute of the rule, what customers declared; NaN where they did not.
    """
    p = probability(rule, declared)
    return np.where(np.isnan(p), -1, p > 0.5).astype(np.int64)


def market_size(told: Ints, stated: NDArray[np.bool_], X: Matrix, n_dense: int, seed: int) -> MarketSize:
    """Return how many people of the base a segment has.

    Who told enough for the rule to be decided is one group of customers, and what they told one answer (inside or
    not); the doubly robust estimate of `pipeline.nonresponse` then corrects at once for who told and for what a model
    of behaviour gets wrong. Attributes need not be independent: the rule's own outcome is learnt, not its parts.

    Parameters
    ----------
    told
        1 inside, 0 outside, -1 not told, shape (n,).
    stated
        Customers whom portraits place inside by told or certified values, shape (n,).
    X
        Features that the rule may be predicted from, shape (n, n_features), the first `n_dense` of them dense.
    """
    answered = told >= 0
    n_told, n_inside = int(answered.sum()), int((told == INSIDE).sum())
    n_stated = int((stated & ~answered).sum())
    if not n_told:
        reason = "nobody has told enough for the rule to be decided"
        nothing = Measured(float("nan"), 0.0, float(len(told)))
        return MarketSize(len(told), 0, 0, n_stated, nothing, None, (0.0, float(len(told))), 0, reason)
    propensity = response_propensity(X, answered, n_dense, seed)
    found = attribute_shares("segment", ("outside", "inside"), X, told, n_dense, seed, propensity, keep_outcomes=True)
    return _sized(found, n_inside, n_stated)


def _sized(found: AttributeShares, n_inside: int, n_stated: int) -> MarketSize:
    n = found.n_base
    surely = n_inside, n_inside + n - found.n_answered  # all others inside, or none of them
    naive = Measured(*(float(part[INSIDE]) * n for part in (found.naive.share, found.naive.low, found.naive.high)))
    low, high = found.bounds
    people = None
    if found.corrected is not None:
        ends = (found.corrected.share, found.corrected.low, found.corrected.high)
        people = Measured(*(float(part[INSIDE]) * n for part in ends))
    return MarketSize(
        n_base=n,
        n_told=found.n_answered,
        n_inside=n_inside,
        n_stated=n_stated,
        naive=naive,
        people=people,
        bounds=(max(float(low[INSIDE]) * n, surely[0]), min(float(high[INSIDE]) * n, surely[1])),
        n_comparable=found.n_comparable,
        reason=found.reason if people is None else "",
        outcomes=None if found.outcomes is None else found.outcomes[:, INSIDE],
    )
