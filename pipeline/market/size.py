"""How many people of the base a segment has: told, inferred, and corrected for who told and for wrong inferences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.lookalike.described.probability import Known, probability
from pipeline.lookalike.described.rule import Rule
from pipeline.market.money import Measured, Z
from pipeline.model.blocks import Floats, Ints, Matrix
from pipeline.model.propensity import response_propensity
from pipeline.nonresponse.estimation import Shares
from pipeline.nonresponse.sensitivity import recalibrated, tilted_outcomes
from pipeline.nonresponse.shares import MIN_PROPENSITY, attribute_shares

OUTSIDE, INSIDE = 0, 1
_COMPARABLE = 0.5  # of the customers whom facts do not decide; if fewer are, no number is told


@dataclass(frozen=True)
class Estimate:
    """A number of people, and what each customer stands for in it, shape (n_base,)."""

    people: Measured
    outcomes: Floats = field(repr=False)


@dataclass(frozen=True)
class MarketSize:
    """The people of a segment in the base.

    Attributes
    ----------
    n_base
        Customers with features.
    n_told, n_inside
        Those whom facts decide or who told all that the rule asks for, and those of them who fulfil it.
    n_stated
        Further customers for whom every part of the rule is told or certified, and who fulfil it by that.
    naive
        Of those whom facts do not decide: the share among those who told, times all of them, as if they had been drawn
        at random, with Wilson's interval; besides those whom facts place inside.
    people
        The corrected number with its 95 % interval: of the comparable customers the doubly robust estimate, of the
        others, whose like hardly ever tell, what they told or the model of behaviour predicts, taken as exact. None
        where it cannot be had, or too few are comparable; `reason` then says why.
    silent
        What it would be if, of customers who behave alike, the odds of being inside were as many times lower, and
        higher, among the silent as was asked (`nonresponse.sensitivity`). None where it cannot be had.
    bounds
        Between how many people there are if, besides, customers whom nobody who told is like may be whatever they are.
    n_comparable
        Customers whose like tell in at least one case of twenty.
    outcomes
        Being inside, as far as it can be estimated of each customer, shape (n_base,), NaN where there is no estimate:
        means over groups of customers are the groups' shares.
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
    silent: tuple[Estimate, Estimate] | None = None

    @property
    def if_silent_differ(self) -> Measured | None:
        """Return the people with the interval that holds those of `silent` as well."""
        if self.people is None or self.silent is None:
            return None
        every = [self.people, *(one.people for one in self.silent)]
        return Measured(self.people.mean, min(one.low for one in every), max(one.high for one in every))


@dataclass(frozen=True)
class Told:
    """Who is inside a segment, as far as facts and customers' own words say.

    Attributes
    ----------
    y
        1 inside, 0 outside, -1 not known, shape (n,).
    sure
        Where facts alone decide the rule, whoever tells what, shape (n,).
    """

    y: Ints
    sure: NDArray[np.bool_]


def told_of(rule: Rule, declared: Mapping[str, Known], facts: Mapping[str, Known]) -> Told:
    """Return who fulfils a rule by facts, or by having told *all* that it asks for.

    Of `family=yes and wine=yes` a single "no" would decide, a "yes" needs both parts. Were all decided customers taken,
    being among them would depend on the answer, and those inside be missed more often than those outside, beyond all
    correction.

    Parameters
    ----------
    declared
        By attribute of the rule, what customers declared; NaN where they did not.
    facts
        What else the rule asks for, known of everybody.
    """
    nothing = {name: replace(known, proba=np.full_like(known.proba, np.nan)) for name, known in declared.items()}
    by_facts = probability(rule, nothing | dict(facts))
    sure = ~np.isnan(by_facts)
    complete = np.all([known.declared for known in declared.values()], axis=0)
    p = probability(rule, dict(declared) | dict(facts))
    y = np.where(sure, by_facts > 0.5, np.where(complete, p > 0.5, -1))
    return Told(y.astype(np.int64), sure)


def market_size(
    told: Told, stated: NDArray[np.bool_], X: Matrix, n_dense: int, seed: int, silent_odds: float = 1.0
) -> MarketSize:
    """Return how many people of the base a segment has.

    Of customers whom facts do not decide, those who told all that the rule asks for are one group, and what they told
    is one answer (inside or not); the doubly robust estimate of `pipeline.nonresponse` then corrects at once for who
    told and for what a model of behaviour gets wrong. Attributes need not be independent: the rule's own outcome is
    learnt, not its parts.

    Parameters
    ----------
    stated
        Customers whom portraits place inside by told or certified values, shape (n,).
    X
        Features that the rule may be predicted from, shape (n, n_features), the first `n_dense` of them dense.
    silent_odds
        How many times as high, or as low, the odds of being inside may be among silent customers as among those who
        told and behave alike, at least 1.
    """
    counted = _Counted.of(told, stated)
    y, n_rest = counted.y, len(counted.rest)
    if (y >= 0).all():
        return _certain(counted, told)
    if not (y >= 0).any():
        return _unknown(counted)
    X = X[counted.rest]
    propensity = response_propensity(X, y >= 0, n_dense, seed)
    found = attribute_shares("segment", ("outside", "inside"), X, y, n_dense, seed, propensity, keep_outcomes=True)
    size = MarketSize(
        *counted.numbers,
        naive=Measured(*(counted.n_by_facts + float(part[INSIDE]) * n_rest for part in _ends(found.naive))),
        people=None,
        bounds=(float(counted.n_inside), float(counted.n_inside + (y < 0).sum())),
        n_comparable=counted.n_base - n_rest + found.n_comparable,
        reason=found.reason or _too_few(found.n_comparable, n_rest),
        outcomes=counted.outcomes,
    )
    if size.reason or found.outcomes is None or found.proba is None or propensity is None:
        return size
    near = propensity[0] >= MIN_PROPENSITY
    if_lower, if_higher = _tilted(y, found.proba[:, INSIDE], propensity[0], near, silent_odds)
    corrected = counted.estimate(found.outcomes[:, INSIDE])
    return replace(
        size,
        people=corrected.people,
        bounds=_bounds(counted, near, if_lower, if_higher),
        outcomes=corrected.outcomes,
        silent=(counted.estimate(if_lower), counted.estimate(if_higher)),
    )


@dataclass(frozen=True)
class _Counted:
    """The customers of the base, before anything is estimated.

    Attributes
    ----------
    n_base, n_told, n_inside, n_stated
        As in `MarketSize`.
    n_by_facts
        Those whom facts alone place inside.
    rest
        Positions of those whom facts do not decide, shape (n_rest,).
    y
        What is known of them, as in `Told`, shape (n_rest,).
    outcomes
        Being inside of those whom facts decide, NaN of the rest, shape (n_base,).
    """

    n_base: int
    n_told: int
    n_inside: int
    n_stated: int
    n_by_facts: int
    rest: Ints
    y: Ints
    outcomes: Floats

    @classmethod
    def of(cls, told: Told, stated: NDArray[np.bool_]) -> _Counted:
        rest = np.flatnonzero(~told.sure)
        return cls(
            n_base=len(told.y),
            n_told=int((told.y >= 0).sum()),
            n_inside=int((told.y == INSIDE).sum()),
            n_stated=int((stated & (told.y < 0)).sum()),
            n_by_facts=int((told.y[told.sure] == INSIDE).sum()),
            rest=rest,
            y=told.y[rest],
            outcomes=np.where(told.sure, told.y, np.nan).astype(np.float64),
        )

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        """The first fields of a `MarketSize`."""
        return self.n_base, self.n_told, self.n_inside, self.n_stated

    def estimate(self, each: Floats) -> Estimate:
        """Return the people, given what each of the rest stands for."""
        people, outcomes = _people(each, self.y), self.outcomes.copy()
        outcomes[self.rest] = each
        return Estimate(Measured(*(self.n_by_facts + end for end in (people.mean, people.low, people.high))), outcomes)


def _certain(counted: _Counted, told: Told) -> MarketSize:
    """Return the size where of everybody it is known whether they are inside."""
    people, outcomes = Measured.certain(float(counted.n_inside)), told.y.astype(np.float64)
    bounds, known = (people.mean, people.mean), Estimate(people, outcomes)
    return MarketSize(
        *counted.numbers, people, people, bounds, counted.n_base, outcomes=outcomes, silent=(known, known)
    )


def _unknown(counted: _Counted) -> MarketSize:
    """Return the size where only facts tell anything."""
    n_rest = len(counted.rest)
    bounds = (float(counted.n_by_facts), float(counted.n_by_facts + n_rest))
    reason, nothing = "nobody has told all that the rule asks for", Measured(float("nan"), *bounds)
    return MarketSize(
        *counted.numbers, nothing, None, bounds, counted.n_base - n_rest, reason, outcomes=counted.outcomes
    )


def _too_few(n_comparable: int, n_rest: int) -> str:
    """Return why no number is told, if too few are like any who told; otherwise nothing."""
    if n_comparable >= _COMPARABLE * n_rest:
        return ""
    return (
        f"of {n_rest:,} customers only {n_comparable:,} are like any who told all that the rule asks for: a number "
        "would be guessed of most"
    )


def _bounds(counted: _Counted, near: NDArray[np.bool_], if_lower: Floats, if_higher: Floats) -> tuple[float, float]:
    """Return between how many people there are if those whom nobody who told is like may be whatever they are."""
    y = counted.y
    least, most = _people(if_lower[near], y[near]).low, _people(if_higher[near], y[near]).high
    return (
        counted.n_by_facts + least + float((y[~near] == INSIDE).sum()),
        counted.n_by_facts + most + float((y[~near] != OUTSIDE).sum()),
    )


def _ends(shares: Shares) -> tuple[Floats, Floats, Floats]:
    return shares.share, shares.low, shares.high


def _people(each: Floats, y: Ints) -> Measured:
    """Return the people and their 95 % interval: no fewer than are known to be inside, or more than may be.

    It is that of customers drawn from a larger population, as everywhere in `nonresponse`: of these very ones, who told
    most of it, it says less than it could.
    """
    least, most = float((y == INSIDE).sum()), float((y != OUTSIDE).sum())
    half = Z * float(np.sqrt(((each - each.mean()) ** 2).sum()))
    return Measured(*(float(np.clip(each.sum() + step, least, most)) for step in (0.0, -half, half)))


def _tilted(y: Ints, proba: Floats, propensity: Floats, near: NDArray[np.bool_], odds: float) -> tuple[Floats, Floats]:
    """Return what each customer stands for if the silent have lower odds of being inside, and if they have higher.

    Those who are not near stand for what they told, or for what is predicted of them.
    """
    told = y >= 0
    if odds > 1:  # what fits those near says nothing of those who are not: there predictions are taken as they stand
        proba = np.where(near, recalibrated(told & near, y == INSIDE, proba, propensity), proba)

    def at(odds: float) -> Floats:
        each = np.where(told, y == INSIDE, odds * proba / (odds * proba + 1 - proba))
        each[near] = tilted_outcomes(told[near], y[near] == INSIDE, proba[near], propensity[near], odds)
        return each

    return at(1 / odds), at(odds)
