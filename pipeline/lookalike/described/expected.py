"""How many of the chosen fulfil a rule, with an interval that is measured on customers whose values are known."""

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
from pipeline.lookalike.described.likelihood import Described
from pipeline.lookalike.described.probability import Known, probability
from pipeline.lookalike.described.rule import attributes_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_BAND = 30  # judged customers that tell whether probabilities are right
_SURE = 1e-9  # a probability this close to 0 or 1 is a fact


@dataclass(frozen=True)
class Calibrated:
    """How far the rule's probabilities are right, measured on customers whose true values are known.

    `shift` is added to the log-odds; `error` its standard error. `n` customers were looked at, `n_hold` fulfil the
    rule, `predicted` were expected to. It holds for `n_chosen` members, those who declared just these attributes.
    """

    declared: tuple[str, ...]
    n_chosen: int
    shift: float
    error: float
    n: int
    n_hold: int
    predicted: float


@dataclass(frozen=True)
class Expected:
    """How many of the chosen fulfil the rule.

    `mean` with `low` and `high`, a 95 % interval; `range_low` and `range_high` are the expected numbers that remain
    possible if each attribute's own probabilities are right, however attributes depend on each other. For `n_unchecked`
    members whom declarations do not decide nothing told whether the probabilities are right.
    """

    n: int
    n_certain: int  # by their own declaration
    mean: float
    low: float
    high: float
    range_low: float
    range_high: float
    checks: tuple[Calibrated, ...]
    n_unchecked: int

    def words(self) -> str:
        """Return the statement in words."""
        text = (
            f"Of {self.n:,} chosen, {self.mean:,.0f} are expected to fulfil the rule (95 % interval {self.low:,.0f} to "
            f"{self.high:,.0f}); {self.n_certain:,} declared it themselves. Attributes are taken as independent given "
            f"behaviour; if each one's own probabilities are right, {self.range_low:,.0f} to {self.range_high:,.0f} "
            "are expected however they depend on each other."
        )
        for seen in self.checks:
            who = f"who declared {' and '.join(seen.declared)}" if seen.declared else "who declared nothing of it"
            text += (
                f" For {seen.n_chosen:,} {who}, checked on {seen.n:,} customers whose values are known: "
                f"{seen.predicted:,.0f} expected, {seen.n_hold:,} found."
            )
        if self.n_unchecked:
            text += f" For {self.n_unchecked:,} the probabilities are taken as right: too few true values are known."
        if self.checks:
            text += " It holds if others are like those whose values are known."
        return text


def expected_members(chosen: Ints, found: Described, judged: Mapping[str, Judged] | None = None) -> Expected:
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
    repairs wrong calibration and dependent attributes alike, where the chosen are, and separately for those
    who declared this or that. Its variance 1 / sum(q (1 - q)) is carried over by the delta method: the slope of the
    mean is sum(p (1 - p)). Shifts share judged customers and are taken as fully dependent. Judged customers are those
    whose value is known; that others behave like them is assumed.
    """
    p = found.score[chosen]
    if not len(p) or np.isnan(p).any():
        raise DataError(f"described audience: {len(p)} chosen, {int(np.isnan(p).sum())} of them not to be decided.")
    shifted, error, checks, unchecked = p.copy(), 0.0, [], 0
    open_ = (p > _SURE) & (p < 1 - _SURE)
    for declared, rows in _by_declaration(found, chosen, np.flatnonzero(open_)):
        check = calibration(found, judged or {}, declared, p[rows])
        if check is None:
            unchecked += len(rows)
            continue
        checks.append(check)
        shifted[rows] = expit(logit(p[rows]) + check.shift)
        error += float((shifted[rows] * (1 - shifted[rows])).sum()) * check.error
    mean, spread = float(shifted.sum()), float((shifted * (1 - shifted)).sum())
    margin = 1.96 * float(np.sqrt(spread + error**2))
    return Expected(
        n=len(p),
        n_certain=int((found.certain[chosen] & (p >= 1 - _SURE)).sum()),
        mean=mean,
        low=max(float((p >= 1 - _SURE).sum()), mean - margin),
        high=min(float((p > _SURE).sum()), mean + margin),
        range_low=float(found.low[chosen].sum()),
        range_high=float(found.high[chosen].sum()),
        checks=tuple(checks),
        n_unchecked=unchecked,
    )


def _by_declaration(found: Described, chosen: Ints, rows: Ints) -> list[tuple[tuple[str, ...], Ints]]:
    """Return the rows of `chosen` by which attributes of the rule the customers declared."""
    told = np.stack([mask[chosen[rows]] for mask in found.declared.values()], axis=1)
    patterns, group = np.unique(told, axis=0, return_inverse=True)
    names = np.array(list(found.declared), dtype=object)
    return [(tuple(names[pattern]), rows[group.ravel() == g]) for g, pattern in enumerate(patterns)]


def calibration(
    found: Described, judged: Mapping[str, Judged], declared: tuple[str, ...], p: Floats
) -> Calibrated | None:
    """Return how far probabilities like p are right where some attributes are declared, or None if too few can tell.

    Looked at are the judged customers, with their true values of the declared attributes, whom these do not decide and
    whose probability is at least the smallest of p; where they are fewer than 30, the 30 most probable.
    """
    names = attributes_of(found.rule)
    if any(name not in judged for name in names):
        return None
    ids = sorted(set.intersection(*(set(judged[name].customers) for name in names)))
    nobody = np.zeros(len(ids), dtype=bool)
    said, true = {}, {}
    for name in names:
        own, values = judged[name], tuple(found.values[name])
        rows = pd.Index(own.customers).get_indexer(pd.Index(ids))
        facts = np.eye(len(values))[own.y[rows]]
        true[name] = Known(values, facts, nobody, nobody)
        said[name] = true[name] if name in declared else Known(values, own.proba.mean(axis=0)[rows], nobody, nobody)
    q, hold = probability(found.rule, said), probability(found.rule, true)
    undecided = np.flatnonzero((q > _SURE) & (q < 1 - _SURE))
    if len(undecided) < MIN_BAND:
        return None
    n_band = max(MIN_BAND, int((q[undecided] >= p.min()).sum()))
    band = undecided[np.argsort(-q[undecided], kind="stable")[:n_band]]
    return _shift(q[band], hold[band], declared, len(p))


def _shift(q: Floats, hold: Floats, declared: tuple[str, ...], n_chosen: int) -> Calibrated:
    """Return the shift of the log-odds at which as many are expected as were found; half a customer from the ends."""
    n, found = len(q), float(hold.sum())
    wanted = min(max(found, 0.5), n - 0.5)
    odds = logit(q)
    shift = float(brentq(lambda a: expit(odds + a).sum() - wanted, -60.0, 60.0))
    right = expit(odds + shift)
    error = float(1 / np.sqrt((right * (1 - right)).sum()))
    return Calibrated(declared, n_chosen, shift, error, n, round(found), float(q.sum()))
