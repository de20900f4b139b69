"""How many certificates may be wrong when many are given: per value, per attribute, per catalogue.

A certificate is wrong if the precision of what is stated at its threshold is below the required one.

* *value*: each certificate alone is wrong with probability at most delta. Of many that are given some are wrong.
* *attribute*: the probability that any of an attribute's certificates is wrong is at most delta (family-wise error).
* *catalogue*: of all certificates that are given in a catalogue, the expected share of wrong ones is at most delta
  (false discovery rate).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from pipeline.model.blocks import Floats
from pipeline.model.certification import Evidence

Scope = Literal["value", "attribute", "catalogue"]


@dataclass(frozen=True)
class Levels:
    """The delta at which one value is tested, by what the promise is made for; 0 where it is not certified."""

    value: float
    attribute: float
    catalogue: float

    def passed(self, p_value: float) -> dict[str, bool]:
        """Tell what a value of this p-value is certified for."""
        return {scope: p_value <= getattr(self, scope) for scope in get_args(Scope)}


def attribute_levels(evidence: Sequence[Evidence], delta: float) -> Floats:
    """Return the level of each value such that with probability 1 - delta all thresholds are precise enough.

    Holm's procedure (1979, Scandinavian Journal of Statistics 6, 65-70) over the values' walks down the grid: each of
    k values holds delta / k, and one whose walk has reached the end of its grid hands its level on to the others.
    A value that is merely certified must not: below its threshold lie hypotheses that its level still pays for, and
    with textbook Holm on the values' p-values the chance that some threshold is too low may be twice delta. As a graph
    of hypotheses whose level is handed on only when they are rejected (Bretz, Maurer, Brannath, Posch 2009, Statistics
    in Medicine 28, 586-604) it holds in finite samples, whatever the dependence between values.

    Parameters
    ----------
    evidence
        Of each value of one attribute.
    delta
        1 - confidence.

    Returns
    -------
    Array of shape (n_values,).

    Examples
    --------
    >>> from pipeline.model.certification import gather
    >>> always, rarely = gather(np.full(99, 0.95), np.ones(99), 0.8), gather(np.full(12, 0.95), np.ones(12), 0.8)
    >>> attribute_levels([always, rarely, rarely], 0.1).round(3)  # "always" needs 0.033 and hands it on
    array([0.033, 0.05 , 0.05 ])
    """
    levels = np.zeros(len(evidence))
    waiting = list(range(len(evidence)))
    while waiting:
        level = delta / len(waiting)
        levels[waiting] = level
        done = [i for i in waiting if evidence[i].exhausted(level)]
        if not done:
            break
        waiting = [i for i in waiting if i not in done]
    return levels


def catalogue_level(p_values: Sequence[float] | Floats, delta: float) -> float:
    """Return the level for all values of a catalogue such that at most delta of the certificates are wrong on average.

    The step-up procedure of Benjamini and Yekutieli (2001, Annals of Statistics 29, 1165-1188): the largest
    r delta / (m (1 + 1/2 + … + 1/m)) that r of the m values' p-values do not exceed; 0 if there is none. Not that of
    Benjamini and Hochberg (1995), which saves the harmonic sum: it needs independence or positive dependence, and the
    same customers, hence dependence of unknown sign, stand behind all attributes. The r values are then certified, with
    their thresholds, at this level (as selected intervals are: Benjamini, Yekutieli 2005, JASA 100, 71-81). Why the
    thresholds may be chosen too: let e be the smallest delta at which a value's walk rejects a hypothesis that is
    true; P(e <= d) <= d, and the certificate is wrong only if e is at most the level. The proof needs no more of a
    p-value than that.

    Parameters
    ----------
    p_values
        `Evidence.p_value` of all values of all attributes that were tested, shape (m,).
    delta
        1 - confidence.

    Examples
    --------
    >>> round(catalogue_level([0.0001, 0.0002, 0.9], 0.1), 4)  # 2/3 of 0.1 / (1 + 1/2 + 1/3)
    0.0364
    >>> catalogue_level([0.5, 0.9], 0.1)
    0.0
    """
    ordered = np.sort(np.asarray(p_values, dtype=np.float64))
    m = len(ordered)
    if m == 0:
        return 0.0
    ranks = np.arange(1, m + 1)
    bounds = ranks * delta / (m * (1 / ranks).sum())
    passed = np.flatnonzero(ordered <= bounds)
    return float(bounds[passed[-1]]) if len(passed) else 0.0
