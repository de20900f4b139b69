"""An audience without a seed: the customers who most probably fit a rule, and how many of them do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from pipeline.errors import DataError
from pipeline.judged import Judged
from pipeline.lookalike.audience import best_first
from pipeline.lookalike.probability import Known, bounds, known_of, probability
from pipeline.lookalike.rule import Rule, Values, attributes_of

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MIN_BAND = 30  # judged customers that tell whether probabilities are right
_RESAMPLES = 500
_SURE = 1e-9  # a probability this close to 0 or 1 is a fact


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
    """

    rule: Rule
    values: Values
    ids: NDArray[np.str_]
    score: Floats
    low: Floats
    high: Floats
    certain: Mask

    @property
    def rankable(self) -> Mask:
        """Customers who can be ranked: all but those of whom too little is known."""
        return ~np.isnan(self.score)

    def ranking(self, available: Mask) -> NDArray[np.int64]:
        """Return the positions of the available customers who can be ranked, the most probable first."""
        rows = np.flatnonzero(available & self.rankable)
        return rows[best_first(self.ids[rows], self.score[rows])]


@dataclass(frozen=True)
class Calibrated:
    """How far the rule's probabilities are right, measured on customers whose true values are known.

    `shift` is added to the log-odds; `error` its standard error. `n` customers were looked at, `n_hold` fulfil the
    rule, `predicted` were expected to.
    """

    shift: float
    error: float
    n: int
    n_hold: int
    predicted: float


@dataclass(frozen=True)
class Expected:
    """How many of the chosen fulfil the rule.

    `mean` with `low` and `high`, a 95 % interval; `range_low` and `range_high` are the expected numbers that remain
    possible if nothing at all is assumed of how attributes depend on each other.
    """

    n: int
    n_certain: int  # by their own declaration
    mean: float
    low: float
    high: float
    range_low: float
    range_high: float
    calibrated: Calibrated | None

    def words(self) -> str:
        """Return the statement in words."""
        text = (
            f"Of {self.n:,} chosen, {self.mean:,.0f} are expected to fulfil the rule (95 % interval {self.low:,.0f} to "
            f"{self.high:,.0f}); {self.n_certain:,} declared it themselves. Attributes are taken as independent given "
            f"behaviour; without that assumption, {self.range_low:,.0f} to {self.range_high:,.0f}."
        )
        if self.calibrated is None:
            return text + " The interval takes the probabilities as right: nobody's true values were there to check it."
        seen = self.calibrated
        return (
            f"{text} Checked on {seen.n:,} customers whose values are known: {seen.predicted:,.0f} expected, "
            f"{seen.n_hold:,} found."
        )


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
    score = probability(rule, known)
    low, high = bounds(rule, known)
    return Described(rule, values, ids, score, np.fmin(low, score), np.fmax(high, score), _certain(rule, known))


def _certain(rule: Rule, known: Mapping[str, Known]) -> Mask:
    """Return where the rule is decided even if all that was not declared is forgotten."""
    declared = {}
    for name, own in known.items():
        proba = np.where(own.declared[:, None], own.proba, np.nan)
        declared[name] = Known(own.values, proba, np.zeros(len(proba), dtype=bool), own.declared)
    return np.asarray(~np.isnan(probability(rule, declared)))


def expected_members(
    chosen: NDArray[np.int64], found: Described, judged: Mapping[str, Judged] | None = None
) -> Expected:
    """Return how many of the chosen fulfil the rule, with a 95 % interval.

    Parameters
    ----------
    chosen
        Positions in the base.
    judged
        By attribute, customers whose true value is known and what models that had not seen them said; None, or without
        30 customers who have all attributes of the rule: the interval holds no error of the probabilities.

    Raises
    ------
    DataError
        Nobody chosen, or somebody whom the rule cannot be decided for.

    Notes
    -----
    Customers are independent given their probabilities p, so the number is Poisson-binomial: mean sum(p), variance
    sum(p (1 - p)). That the probabilities themselves may be off is measured on judged customers: one shift `a` of the
    log-odds makes expected and found numbers equal (recalibration in the large, Cox 1958, Biometrika 45, 562-565). It
    repairs wrong calibration and dependent attributes alike, in the region the chosen are in. Its variance 1 / sum(q (1
    - q)) is carried over by the delta method: the slope of the mean is sum(p (1 - p)).
    """
    p = found.score[chosen]
    if not len(p) or np.isnan(p).any():
        raise DataError(f"described audience: {len(p)} chosen, {int(np.isnan(p).sum())} of them not to be decided.")
    open_ = (p > _SURE) & (p < 1 - _SURE)
    calibrated = (
        calibration(found.rule, found.values, judged, float(p[open_].min())) if judged and open_.any() else None
    )
    shifted = p.copy()
    if calibrated is not None:
        shifted[open_] = expit(logit(p[open_]) + calibrated.shift)
    mean, spread = float(shifted.sum()), float((shifted * (1 - shifted)).sum())
    of_shift = (spread * calibrated.error) ** 2 if calibrated is not None else 0.0
    margin = 1.96 * np.sqrt(spread + of_shift)
    n_sure = int((p >= 1 - _SURE).sum())
    return Expected(
        n=len(p),
        n_certain=int((found.certain[chosen] & (p >= 1 - _SURE)).sum()),
        mean=mean,
        low=max(float(n_sure), mean - margin),
        high=min(float(len(p) - (p <= _SURE).sum()), mean + margin),
        range_low=float(found.low[chosen].sum()),
        range_high=float(found.high[chosen].sum()),
        calibrated=calibrated,
    )


def calibration(rule: Rule, values: Values, judged: Mapping[str, Judged], least: float) -> Calibrated | None:
    """Return how far probabilities of `least` or more are right, or None if too few customers can tell.

    Looked at are the judged customers of such a probability; where they are fewer than 30, the 30 most probable.
    """
    names = attributes_of(rule)
    if any(name not in judged for name in names):
        return None
    ids = sorted(set.intersection(*(set(judged[name].customers) for name in names)))
    if len(ids) < MIN_BAND:
        return None
    said, true = {}, {}
    for name in names:
        own = judged[name]
        rows = pd.Index(own.customers).get_indexer(pd.Index(ids))
        mean, facts = own.proba.mean(axis=0)[rows], np.eye(own.proba.shape[2])[own.y[rows]]
        said[name] = Known(tuple(values[name]), mean, np.zeros(len(ids), dtype=bool), np.zeros(len(ids), dtype=bool))
        true[name] = Known(tuple(values[name]), facts, np.zeros(len(ids), dtype=bool), np.ones(len(ids), dtype=bool))
    q, hold = probability(rule, said), probability(rule, true)
    band = np.argsort(-q, kind="stable")[: max(MIN_BAND, int((q >= least).sum()))]
    return _shift(np.clip(q[band], _SURE, 1 - _SURE), hold[band])


def _shift(q: Floats, hold: Floats) -> Calibrated:
    """Return the shift of the log-odds at which as many are expected as were found; half a customer from the ends."""
    n, found = len(q), float(hold.sum())
    wanted = min(max(found, 0.5), n - 0.5)
    odds = logit(q)
    shift = float(brentq(lambda a: expit(odds + a).sum() - wanted, -60.0, 60.0))
    right = expit(odds + shift)
    error = float(1 / np.sqrt((right * (1 - right)).sum()))
    return Calibrated(shift, error, n, round(found), float(q.sum()))


def independence(rule: Rule, known: Mapping[str, Known], random_state: int = 0) -> Independence | None:
    """Return whether the rule's attributes go together, or None if it has one or fewer than 30 declared them all.

    The interval is the percentile interval of 500 bootstrap samples of these customers.
    """
    names = attributes_of(rule)
    everything = np.all([known[name].declared for name in names], axis=0)
    n = int(everything.sum())
    if len(names) < 2 or n < MIN_BAND:
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
