"""Each rule segment's market: which estimate fits what the rule asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, did_you_mean
from pipeline.features.matrix import FeatureMatrix
from pipeline.features.naming import visible
from pipeline.market.money import Measured, Z
from pipeline.market.size import Estimate, MarketSize, Told, market_size, told_of
from pipeline.model.blocks import Floats, Ints
from pipeline.segment.rules.evaluation import Asked, Evaluated, ask, evaluate_rule, in_order
from pipeline.segment.rules.facts import Facts
from pipeline.settings import SegmentRule, Settings

COUNTED, CORRECTED, EXPECTED = "counted", "corrected", "expected"


@dataclass(frozen=True)
class Market:
    """One segment's people.

    Attributes
    ----------
    name, where
        The rule.
    how
        counted: everything that the rule asks for is known of everybody; corrected: it asks for attributes that
        customers may tell, see `size.market_size`; expected: it asks for the future, which nobody can have told, or
        too few told (or did not) for a correction, and calibrated probabilities are summed.
    size
        The people; with `outcomes` in the order of `ids`.
    ids
        The customers whom it was estimated from, shape (n,).
    scale
        Customers of the base per customer of `ids`.
    attributes
        Those that the rule asks for.
    known
        Where they are corrected: 1 known to be inside, 0 outside, -1 neither, shape (n,).
    proba
        Where people are expected: each one's probability of being inside, shape (n,), NaN where it is not known.
    """

    name: str
    where: str
    how: str
    size: MarketSize
    ids: NDArray[np.str_]
    scale: float
    attributes: tuple[str, ...] = ()
    known: Ints | None = None
    proba: Floats | None = None


@dataclass(frozen=True)
class Read:
    """All rules as they can be read: what each one asks for, who is in it, and why others cannot be had."""

    asked: Mapping[str, Asked]
    evaluated: Mapping[str, Evaluated]
    wrong: Mapping[str, str]


def read_rules(rules: Mapping[str, SegmentRule], facts: Facts) -> Read:
    """Return the rules with what they ask for; those that others name come first."""
    vocabulary = facts.vocabulary(list(rules))
    ordered, wrong = in_order(rules, vocabulary)
    asked: dict[str, Asked] = {}
    done: dict[str, Evaluated] = {}
    for name, rule in ordered.items():
        try:
            asked[name] = ask(rule, facts, vocabulary, done)
            done[name] = evaluate_rule(name, rule, rules[name], facts, vocabulary, done)
        except ConfigError as error:
            wrong[name] = str(error)
            asked.pop(name, None)
    return Read(asked, done, wrong)


def chosen_rules(settings: Settings) -> list[str]:
    """Return the names of the rules whose market is sized.

    Raises
    ------
    ConfigError
        If the settings name a rule that does not exist.
    """
    rules = settings.segment.rules
    for name in settings.market.segments:
        if name not in rules:
            raise ConfigError(f"market.segments: no rule '{name}' in conf/segment {did_you_mean(name, rules)}")
    return list(settings.market.segments or rules)


def size_of(name: str, read: Read, facts: Facts, matrix: FeatureMatrix, scale: float, settings: Settings) -> Market:
    """Return the people of one segment.

    Parameters
    ----------
    matrix
        Features of the base's customers, or of a random sample of them.
    scale
        Customers of the base per customer of the matrix.
    """
    asked, found = read.asked[name], read.evaluated[name]
    rows = np.searchsorted(facts.ids, matrix.customers.astype(np.str_))
    declarable = [one for one in asked.attributes if settings.attributes[one].declared is not None]
    where = found.declared.where
    ids = facts.ids[rows]
    if not asked.attributes:
        return Market(name, where, COUNTED, _counted(found), facts.ids, 1.0)
    if len(declarable) < len(asked.attributes):
        return Market(name, where, EXPECTED, _expected(found, None, 1.0), facts.ids, 1.0, proba=found.score)
    everybody = told_of(asked.questions, facts.declared(asked.attributes), asked.facts)
    told = Told(everybody.y[rows], everybody.sure[rows])
    hide = {entry for one in asked.attributes for entry in settings.attributes[one].hide}
    columns = visible(matrix.names, sorted(hide), settings.data, f"market.{name}")
    seen = matrix if columns.all() else matrix.select(columns)
    size = market_size(told, found.members[rows], seen.X, seen.n_dense, settings.seed, settings.market.silent_odds)
    if size.people is None and found.expected is not None:
        return Market(name, where, EXPECTED, _expected(found, size, scale), facts.ids, 1.0, proba=found.score)
    return Market(name, where, CORRECTED, scaled(size, scale), ids, scale, asked.attributes, told.y)


def scaled(size: MarketSize, scale: float) -> MarketSize:
    """Return the size of the whole base from that of a sample; counts of customers are rounded.

    Intervals hold the error of having drawn the sample as well.
    """
    if scale == 1.0:
        return size

    def times(part: Measured) -> Measured:
        p = min(max(part.mean / size.n_base, 0.0), 1.0)
        drawn = Z * np.sqrt(size.n_base * p * (1 - p) * (1 - 1 / scale))
        below, above = (float(np.hypot(end, drawn)) for end in (part.mean - part.low, part.high - part.mean))
        return Measured(part.mean * scale, max(0.0, part.mean - below) * scale, (part.mean + above) * scale)

    silent = None
    if size.silent is not None:
        lower, higher = (Estimate(times(one.people), one.outcomes) for one in size.silent)
        silent = lower, higher
    least, most = (times(Measured.certain(end)) for end in size.bounds)
    return MarketSize(
        n_base=round(size.n_base * scale),
        n_told=round(size.n_told * scale),
        n_inside=round(size.n_inside * scale),
        n_stated=round(size.n_stated * scale),
        naive=times(size.naive),
        people=None if size.people is None else times(size.people),
        bounds=(least.low, min(most.high, size.n_base * scale)),
        n_comparable=round(size.n_comparable * scale),
        reason=size.reason,
        outcomes=size.outcomes,
        silent=silent,
    )


def _counted(found: Evaluated) -> MarketSize:
    n, inside = len(found.members), int(found.members.sum())
    exact = Measured.certain(float(inside))
    outcomes: Floats = found.members.astype(np.float64)
    known = Estimate(exact, outcomes)
    bounds = (float(inside), float(inside))
    return MarketSize(n, n, inside, 0, exact, exact, bounds, n, outcomes=outcomes, silent=(known, known))


def _expected(found: Evaluated, told: MarketSize | None, scale: float) -> MarketSize:
    """Return the sum of probabilities; those of whom too little is known may all be inside or none of them.

    Parameters
    ----------
    told
        What customers told, from `scale` times fewer of them, where they could.
    """
    n, stated, expected = len(found.members), int(found.members.sum()), found.expected
    naive = Measured(*(np.nan,) * 3) if told is None else scaled(told, scale).naive
    n_told = n_inside = 0
    low, high = 0.0, float(n)
    if told is not None:
        n_told, n_inside = round(told.n_told * scale), round(told.n_inside * scale)
        low, high = (end * scale for end in told.bounds)
    if expected is None:
        reason = "of nobody enough is known"
        return MarketSize(n, n_told, n_inside, stated - n_inside, naive, None, (low, high), 0, reason)
    people = Measured(expected.mean, expected.low, expected.high)
    bounds = (max(low, expected.low), min(high, expected.high + n - expected.n))
    # No outcomes: probabilities are recalibrated as a whole, not customer by customer, so that groups cannot be told.
    return MarketSize(n, n_told, n_inside, max(0, stated - n_inside), naive, people, bounds, expected.n)


def strata_of(facts: Facts, names: list[str], rows: NDArray[np.int64]) -> dict[str, Floats]:
    """Return the probabilities of margins' values of some customers; of whom nothing is known the base's shares."""
    found = {}
    for name, known in facts.of_attributes(names).items():
        proba = known.proba[rows]
        open_ = np.isnan(proba).any(axis=1)
        proba[open_] = proba[~open_].mean(axis=0) if (~open_).any() else 1 / proba.shape[1]
        found[name] = proba
    return found
