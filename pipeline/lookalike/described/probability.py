"""How probable a rule is for each customer: exact under independence of attributes, and in bounds without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.columns import ATTRIBUTE, CUSTOMER, DECLARED, LIKELIEST, PROBABILITY, REASON, STATE
from pipeline.errors import DataError
from pipeline.lookalike.described.rule import AllOf, AnyOf, Is, Not, Rule, Values, given, shared_attribute
from pipeline.score import NO_EVENTS, NO_MODEL, OUTSIDE, UNLIKE, UNREACHED

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_UNFOUNDED = (NO_EVENTS, NO_MODEL, OUTSIDE, UNLIKE, UNREACHED)


@dataclass(frozen=True)
class Known:
    """What is known of one attribute of each of n customers.

    Attributes
    ----------
    values
        All values of the attribute.
    proba
        Probability of each value, shape (n, n_values); a row of NaN where nothing can be said.
    partial
        Where only the likeliest value's probability is known and the rest was shared out among the others, shape (n,).
    declared
        Where the customer told it, shape (n,).
    """

    values: tuple[str, ...]
    proba: Floats
    partial: Mask
    declared: Mask

    def of(self, wanted: tuple[str, ...]) -> Floats:
        """Return the probability (n,) that the value is one of the wanted, NaN where nothing can be said."""
        return np.minimum(self.proba[:, np.isin(self.values, wanted)].sum(axis=1), 1.0)

    def bounds(self, wanted: tuple[str, ...]) -> tuple[Floats, Floats]:
        """Return the least and the greatest probability (n,) of the wanted that fit what is known.

        The likeliest value has probability p, the others share 1 - p, none of them more than p.
        """
        inside = np.isin(self.values, wanted)
        nothing = np.isnan(self.proba[:, 0])
        filled = np.where(nothing[:, None], 1.0, self.proba)
        best = filled.argmax(axis=1)
        p = filled.max(axis=1)
        hit = inside[best]
        n_in, n_out = inside.sum() - hit, (~inside).sum() - ~hit  # of the other values
        low = np.where(hit, p, 0.0) + np.maximum(0.0, 1 - p - n_out * p)
        high = np.where(hit, p, 0.0) + np.minimum(1 - p, n_in * p)
        exact = self.of(wanted)
        low, high = np.where(self.partial, low, exact), np.where(self.partial, high, exact)
        return np.where(nothing, 0.0, low), np.where(nothing, 1.0, np.minimum(high, 1.0))


def known_of(predictions: pd.DataFrame, ids: NDArray[np.str_], values: Values) -> dict[str, Known]:
    """Return what the predictions say of some attributes of some customers.

    A probability is calibrated for customers like those it was learnt from. So nothing is known of a customer without
    events, unlike the training customers, whom no answering customer is like, or whom the attribute does not concern.

    Parameters
    ----------
    predictions
        The data set of that name: one row per customer and attribute.
    ids
        Customers, (n,); one that the predictions do not hold is one of whom nothing is known.
    values
        Attributes that are wanted, and all values of each.

    Raises
    ------
    DataError
        The predictions do not hold an attribute, or tell a value that is not among its values.
    """
    found = {}
    for name, all_values in values.items():
        own = predictions[predictions[ATTRIBUTE].to_numpy() == name]
        if own.empty:
            raise DataError(f"predictions: no row of attribute '{name}'. Score again, with it among the attributes.")
        told = pd.Index(all_values).get_indexer(pd.Index(own[LIKELIEST].to_numpy(dtype=object)))
        p = own[PROBABILITY].to_numpy(dtype=np.float64)
        usable = ~(np.isnan(p) | own[REASON].isin(_UNFOUNDED).to_numpy())
        strange = np.flatnonzero(usable & (told < 0))
        if len(strange):
            raise DataError(
                f"predictions: '{own[LIKELIEST].iloc[strange[0]]}' is no value of attribute '{name}' "
                f"({', '.join(all_values)})."
            )
        often: Floats = np.bincount(told[usable], minlength=len(all_values)).astype(np.float64) + 1
        rows = pd.Index(own[CUSTOMER].astype(str)).get_indexer(pd.Index(ids.astype(str)))
        usable = usable[rows] & (rows >= 0)
        declared = usable & (own[STATE].to_numpy(dtype=object)[rows] == DECLARED)
        proba = np.full((len(ids), len(all_values)), np.nan)
        proba[usable] = _spread(often, told[rows[usable]], p[rows[usable]])
        partial = usable & (len(all_values) > 2) & (p[rows] < 1)
        found[name] = Known(tuple(all_values), proba, partial, declared)
    return found


def _spread(often: Floats, told: NDArray[np.int64], p: Floats) -> Floats:
    """Return the probability of each value, (n, n_values).

    What the likeliest leaves is shared out among the others in proportion to how often each is the likeliest of a
    customer. None gets more than the likeliest: the surplus goes to the rest.
    """
    rows = np.arange(len(p))
    weight = np.tile(often, (len(p), 1))
    weight[rows, told] = 0.0
    part = np.zeros_like(weight)
    for _ in often:
        rest = 1 - p - part.sum(axis=1)
        open_ = np.where(part < p[:, None], weight, 0.0)
        total = open_.sum(axis=1)
        part += open_ * np.divide(rest, total, out=np.zeros_like(rest), where=total > 0)[:, None]
        part = np.minimum(part, p[:, None])
    part[rows, told] = p
    return part


def probability(rule: Rule, known: Mapping[str, Known]) -> Floats:
    """Return the probability (n,) that the rule holds if attributes are independent given behaviour; NaN: not decided.

    Values of one attribute exclude each other, which is respected: an attribute that several parts ask for is
    conditioned on (Shannon's expansion, Boole 1854: P(rule) = sum over its values v of P(v) P(rule given v)).
    """
    if isinstance(rule, Is):
        return known[rule.attribute].of(rule.values)
    if isinstance(rule, Not):
        return 1 - probability(rule.part, known)
    if not rule.parts:
        n = len(next(iter(known.values())).declared)
        return np.full(n, 1.0 if isinstance(rule, AllOf) else 0.0)
    shared = shared_attribute(rule)
    if shared is not None:
        return _expanded(rule, shared, known)
    parts = [probability(part, known) for part in rule.parts]
    return _product(parts) if isinstance(rule, AllOf) else 1 - _product([1 - part for part in parts])


def _expanded(rule: AllOf | AnyOf, attribute: str, known: Mapping[str, Known]) -> Floats:
    own = known[attribute]
    branches = np.stack([probability(given(rule, attribute, value), known) for value in own.values], axis=1)
    weighed = np.where(own.proba == 0, 0.0, own.proba * branches).sum(axis=1)
    same = (branches == branches[:, :1]).all(axis=1)  # NaN equals nothing
    return np.where(same, branches[:, 0], weighed)


def _product(parts: list[Floats]) -> Floats:
    """Multiply; what is impossible by one part alone is impossible, whatever is not known of the others."""
    impossible = np.any([part == 0 for part in parts], axis=0)
    return np.where(impossible, 0.0, np.prod(parts, axis=0))


def bounds(rule: Rule, known: Mapping[str, Known]) -> tuple[Floats, Floats]:
    """Return between which probabilities, (n,) each, the rule lies however attributes depend on each other.

    Fréchet 1935, Fundamenta Mathematicae 25, 379-390: for `and` from max(0, sum - (m - 1)) to the smallest of the m
    parts, for `or` from the greatest to min(1, sum). Sharp where no attribute is asked for twice; valid always.
    """
    if isinstance(rule, Is):
        return known[rule.attribute].bounds(rule.values)
    if isinstance(rule, Not):
        low, high = bounds(rule.part, known)
        return 1 - high, 1 - low
    both = [bounds(part, known) for part in rule.parts]
    lows, highs = np.array([low for low, _ in both]), np.array([high for _, high in both])
    if isinstance(rule, AllOf):
        return np.maximum(0.0, lows.sum(axis=0) - (len(both) - 1)), highs.min(axis=0)
    return lows.max(axis=0), np.minimum(1.0, highs.sum(axis=0))
