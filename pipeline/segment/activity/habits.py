"""What each customer's active days say at one instant: one number each of recency, frequency, money, pace."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pipeline.segment.activity.days import ActiveDays, Floats, Ints
from pipeline.segment.activity.rhythm import Rhythm, pauses


@dataclass(frozen=True)
class Habits:
    """Habits of n customers at one instant; all shapes (n,).

    Attributes
    ----------
    recency_days, tenure_days
        Days since the last and since the first active one; 1 is the day before the instant.
    active_days
        How many there were.
    amount
        Money of all of them, NaN where the log has none.
    usual_days
        Usual pause, NaN where the log has no rhythm.
    recent, before
        Active days in the last `pace_days` and in those before them; 0 where there is no period.
    longest_ended
        Longest pause that ended within the last period, in units of the usual one; 0 if none did.
    """

    customers: NDArray[np.object_]
    recency_days: Ints
    tenure_days: Ints
    active_days: Ints
    amount: Floats
    usual_days: Floats
    recent: Ints
    before: Ints
    longest_ended: Floats

    def __len__(self) -> int:
        return len(self.customers)


def pace_days(period_days: int, history_days: int) -> int:
    """Return over how many days growth is told: four periods, or a third of the history if that is shorter.

    One period holds few active days of most customers, and few days cannot show a change.

    >>> pace_days(18, 365), pace_days(113, 374)
    (72, 124)
    """
    return max(1, min(4 * period_days, history_days // 3))


def habits_of(
    days: ActiveDays, cut_day: int, rhythm: Rhythm | None, period_days: int | None, pace: int | None
) -> Habits:
    """Return the habits of those who were active before a day."""
    days = days.before(cut_day)
    n = len(days.customers)
    owner = days.owner
    whose, length, ended = pauses(days)
    usual, longest = np.full(n, np.nan), np.zeros(n)
    if rhythm is not None:
        usual = rhythm.usual(np.bincount(whose, np.log(length), n).astype(np.float64), np.bincount(whose, minlength=n))
        if period_days is not None:
            late = ended >= cut_day - period_days
            # Against the other pauses, as the limits are learnt: a long one makes itself usual else.
            n_own = np.bincount(whose, minlength=n)
            log_sum = np.bincount(whose, np.log(length), n).astype(np.float64)
            others = rhythm.usual(log_sum[whose] - np.log(length), n_own[whose] - 1)
            np.maximum.at(longest, whose[late], length[late] / others[late])
    span = pace or 0
    last = days.day >= cut_day - span
    earlier = ~last & (days.day >= cut_day - 2 * span)
    return Habits(
        customers=days.customers,
        recency_days=cut_day - days.day[days.start[1:] - 1] if n else np.empty(0, np.int64),
        tenure_days=cut_day - days.day[days.start[:-1]] if n else np.empty(0, np.int64),
        active_days=np.diff(days.start),
        amount=np.bincount(owner, days.amount, n).astype(np.float64),
        usual_days=usual,
        recent=np.bincount(owner[last], minlength=n),
        before=np.bincount(owner[earlier], minlength=n),
        longest_ended=longest,
    )


def joined(parts: list[Habits]) -> Habits:
    """Return the habits of several buckets as one, in their order."""
    return Habits(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Habits)))
