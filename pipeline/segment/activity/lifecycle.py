"""Stages of a customer's life cycle, told by the customer's own rhythm and that of all.

========= =====================================================================================================
stage     who, at an instant; the first line that fits counts
========= =====================================================================================================
new       first active within the last period
one-time  active on one day only, longer ago than a period
lapsed    silent for longer than the third multiple of the usual pause (by default: one ended pause in 100 was)
at risk   longer than the second (one in 20)
cooling   longer than the first (one in 5); or on significantly fewer days lately than before
returned  active again after a pause beyond the third multiple, which ended within the last period
champion  top fifth by active days, and top two fifths by money where there is money
growing   on significantly more days lately than before
loyal     all others: they come as they use to
========= =====================================================================================================

Lately and before are two spans of `habits.pace_days`. Significantly: by the exact conditional test of two Poisson
counts (Przyborowski & Wilenski 1940, Biometrika 31), one sided, for customers who were there through both. A customer
is compared with how the days of ordinary customers who are still there divide into the two, or else everybody would
grow before Christmas; and with how much that varies from one to the next beyond two Poisson counts, because rates waver
without anything having changed (`ordinary`). So many customers are tested that some pass by chance: of those who are
told to come more often, one in ten or fewer is expected to (Benjamini & Hochberg 1995,
doi:10.1111/j.2517-6161.1995.tb02031.x), and likewise the others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, false_discovery_control, norm

from pipeline.segment.activity.fifths import Fifths
from pipeline.segment.activity.habits import Habits
from pipeline.segment.activity.ordinary import ordinary
from pipeline.segment.activity.rhythm import Rhythm
from pipeline.segment.cells import merge_small

NEW, ONE_TIME, LAPSED, AT_RISK, COOLING = "new", "one-time", "lapsed", "at risk", "cooling"
RETURNED, CHAMPION, GROWING, LOYAL = "returned", "champion", "growing", "loyal"
STAGES = (NEW, GROWING, LOYAL, CHAMPION, RETURNED, COOLING, AT_RISK, LAPSED, ONE_TIME)
FALSE_SHARE = 0.1  # of those found to come more often, or more rarely, who are expected to be so by chance
# Where those of a stage of too few customers are counted: what is nearest to it.
_NEAREST = {
    GROWING: LOYAL,
    CHAMPION: LOYAL,
    RETURNED: LOYAL,
    NEW: LOYAL,
    COOLING: LOYAL,
    AT_RISK: COOLING,
    LAPSED: AT_RISK,
    ONE_TIME: LAPSED,
}


def stages_of(
    habits: Habits, fifths: Fifths, rhythm: Rhythm | None, period_days: int | None, pace: int | None
) -> NDArray[np.object_]:
    """Return each customer's stage, shape (n,).

    Without a rhythm nobody was active on two days: everybody is new or one-time, and without a period one-time.
    """
    n = len(habits)
    is_new = habits.tenure_days <= (period_days or 0)
    single = habits.active_days == 1
    if rhythm is None:
        return np.where(is_new, NEW, ONE_TIME).astype(object)
    silence = habits.recency_days / habits.usual_days
    cooling, at_risk, lapsed = rhythm.longer
    more, fewer = changes(habits, (habits.tenure_days > 2 * (pace or 0)) & ~single & (silence <= at_risk))
    money = np.full(n, 5) if fifths.amount is None else fifths.amount
    conditions = {
        NEW: is_new,
        ONE_TIME: single,
        LAPSED: silence > lapsed,
        AT_RISK: silence > at_risk,
        COOLING: (silence > cooling) | fewer,
        RETURNED: habits.longest_ended > lapsed,
        CHAMPION: (fifths.frequency == 5) & (money >= 4),
        GROWING: more,
    }
    return np.select([*conditions.values()], [np.array(name, dtype=object) for name in conditions], LOYAL).astype(
        object
    )


def changes(habits: Habits, tested: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return who came on significantly more days lately than before, and who on fewer, shape (n,) each.

    By the deviate of the exact test, over the root of how many times a binomial's the variance of ordinary customers'
    shares is (`ordinary`).

    Parameters
    ----------
    tested
        The customers who are compared with one another, shape (n,); nobody else is told to have changed.
    """
    recent, total = habits.recent[tested], (habits.recent + habits.before)[tested]
    found = np.zeros((2, len(tested)), dtype=bool)
    if total.sum() > 0:
        usual, rho = ordinary(recent, total)
        scale = np.sqrt(1 + np.maximum(total - 1, 0) * rho)
        # The distribution of counts is discrete: a chance may come out as 1 and a rounding error.
        exact = (np.clip(p, 0, 1) for p in (binom.sf(recent - 1, total, usual), binom.cdf(recent, total, usual)))
        found[:, tested] = [false_discovery_control(norm.sf(norm.isf(p) / scale)) <= FALSE_SHARE for p in exact]
    return found[0], found[1]


def told_stages(stages: NDArray[np.object_], min_cell: int) -> NDArray[np.object_]:
    """Return the stages (n,) with those of fewer than `min_cell` customers counted with the nearest one.

    >>> told_stages(np.array([GROWING] * 2 + [LOYAL] * 5 + [LAPSED] * 3, dtype=object), 3).tolist()[:3]
    ['loyal', 'loyal', 'loyal']
    """
    told = stages.copy()
    for name in (GROWING, CHAMPION, RETURNED, NEW, ONE_TIME, LAPSED, AT_RISK, COOLING):
        if 0 < (told == name).sum() < min_cell:
            told[told == name] = _NEAREST[name]
    return merge_small(told, min_cell)
