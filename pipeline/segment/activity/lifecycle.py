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
counts (Przyborowski & Wilenski 1940, Biometrika 31), one sided at 5 %, for customers who were there through both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from pipeline.segment.activity.fifths import Fifths
from pipeline.segment.activity.habits import Habits
from pipeline.segment.activity.rhythm import Rhythm
from pipeline.segment.cells import merge_small

NEW, ONE_TIME, LAPSED, AT_RISK, COOLING = "new", "one-time", "lapsed", "at risk", "cooling"
RETURNED, CHAMPION, GROWING, LOYAL = "returned", "champion", "growing", "loyal"
STAGES = (NEW, GROWING, LOYAL, CHAMPION, RETURNED, COOLING, AT_RISK, LAPSED, ONE_TIME)
LEVEL = 0.05
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
    whole = habits.tenure_days > 2 * (pace or 0)
    total = habits.recent + habits.before
    more = whole & (binom.sf(habits.recent - 1, total, 0.5) <= LEVEL)
    fewer = whole & (binom.cdf(habits.recent, total, 0.5) <= LEVEL)
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
