"""An audience without a seed: how probable it is for each customer that a rule about attributes holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.lookalike.described.probability import Known, bounds, known_of, probability
from pipeline.lookalike.described.rule import Rule, Values, attributes_of
from pipeline.lookalike.seed.matching import best_first

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MIN_DECLARED = 30  # customers who declared all attributes of a rule, below which dependence is not judged
_RESAMPLES = 500


@dataclass(frozen=True)
class Described:
    """How probable a rule is for every customer of the base; all shapes (n,).

    Attributes
    ----------
    score
        Probability under independence of attributes given behaviour; NaN where what is known does not decide.
    low, high
        Bounds that hold however attributes depend on each other, if each attribute's probabilities are right.
    certain
        Customers whose declared values decide the rule.
    declared
        By attribute of the rule, customers who declared it.
    """

    rule: Rule
    values: Values
    ids: NDArray[np.str_]
    score: Floats
    low: Floats
    high: Floats
    certain: Mask
    declared: Mapping[str, Mask]

    @property
    def rankable(self) -> Mask:
        """Customers who can be ranked: all but those of whom too little is known."""
        return ~np.isnan(self.score)

    def ranking(self, available: Mask) -> NDArray[np.int64]:
        """Return the positions of the available customers who can be ranked, the most probable first."""
        rows = np.flatnonzero(available & self.rankable)
        return rows[best_first(self.ids[rows], self.score[rows])]

    def choose(self, available: Mask, size: int) -> NDArray[np.int64]:
        """Return the positions of the `size` most probable available customers, the most probable first.

        Raises
        ------
        DataError
            If fewer can fulfil the rule, as far as is known.
        """
        ranked = self.ranking(available)
        possible = ranked[self.score[ranked] > 0]
        if not 1 <= size <= len(possible):
            raise DataError(
                f"described audience: size is {size:,}; of {int(available.sum()):,} available customers "
                f"{len(possible):,} may fulfil the rule, {len(ranked) - len(possible):,} certainly do not, and of "
                f"{int((available & ~self.rankable).sum()):,} too little is known. Choose a size from 1 to "
                f"{len(possible):,}."
            )
        return possible[:size]


@dataclass(frozen=True)
class Independence:
    """Do attributes go together? Among customers who declared all that the rule asks for.

    `share` fulfil the rule, `independent` would if their attributes had nothing to do with each other; `ratio` is
    between them, with its 95 % interval. It is the dependence before behaviour is looked at; behaviour explains a part.
    """

    n: int
    share: float
    independent: float
    ratio: float
    low: float
    high: float


def described(rule: Rule, ids: NDArray[np.str_], predictions: pd.DataFrame, values: Values) -> Described:
    """Return how probable the rule is for each customer.

    Parameters
    ----------
    ids
        The base, (n,).
    predictions
        The data set of that name.
    values
        By attribute, all its values; at least those of the rule.

    Raises
    ------
    DataError
        If the predictions lack an attribute of the rule.
    """
    known = known_of(predictions, ids, {name: values[name] for name in attributes_of(rule)})
    return described_by(rule, ids, known, values)


def described_by(rule: Rule, ids: NDArray[np.str_], known: Mapping[str, Known], values: Values) -> Described:
    """Return the same from what is known of each attribute of the rule, wherever it is known from."""
    score = probability(rule, known)
    low, high = bounds(rule, known)
    return Described(
        rule=rule,
        values=values,
        ids=ids,
        score=score,
        low=np.fmin(low, score),
        high=np.fmax(high, score),
        certain=_certain(rule, known),
        declared={name: own.declared for name, own in known.items()},
    )


def _certain(rule: Rule, known: Mapping[str, Known]) -> Mask:
    """Return where the rule is decided even if all that was not declared is forgotten."""
    declared = {}
    for name, own in known.items():
        proba = np.where(own.declared[:, None], own.proba, np.nan)
        declared[name] = Known(own.values, proba, np.zeros(len(proba), dtype=bool), own.declared)
    return np.asarray(~np.isnan(probability(rule, declared)))


def independence(rule: Rule, known: Mapping[str, Known], random_state: int = 0) -> Independence | None:
    """Return whether the rule's attributes go together, or None if it has one or fewer than 30 declared them all.

    The interval is the percentile interval of 500 bootstrap samples of these customers.
    """
    names = attributes_of(rule)
    everything = np.all([known[name].declared for name in names], axis=0)
    n = int(everything.sum())
    if len(names) < 2 or n < MIN_DECLARED:
        return None
    facts = {name: known[name].proba[everything] for name in names}
    drawn = np.random.default_rng(random_state).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES) / n
    weights = np.vstack([np.full((1, n), 1 / n), drawn])  # the sample itself comes first
    nobody = np.zeros(len(weights), dtype=bool)
    shares = {name: Known(known[name].values, weights @ facts[name], nobody, nobody) for name in names}
    whole = np.zeros(n, dtype=bool)
    hold = probability(rule, {name: Known(known[name].values, facts[name], whole, ~whole) for name in names})
    share, alone = weights @ hold, probability(rule, shares)
    ratio = np.divide(share, alone, out=np.ones_like(share), where=alone > 0)
    low, high = np.percentile(ratio[1:], [2.5, 97.5])
    return Independence(n, float(share[0]), float(alone[0]), float(ratio[0]), float(low), float(high))
