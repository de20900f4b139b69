"""One thing that one set of customers has more or less often than another, and which of many to tell first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

_MIN_SHARE = 0.05  # in either set: rarer things are tested, but not told first
_PER_SUBJECT = 2


@dataclass(frozen=True)
class Difference:
    """One thing that one set has more or less often than another.

    Attributes
    ----------
    kind
        *attribute*: value stated in portraits, declared or inferred; *token*: met at least once; *total*: a dense
        column.
    subject, words
        What it is about (its field or attribute), and the thing itself, in words.
    ours, theirs
        Shares of the set and of the others; medians for totals.
    lift, low, high
        ours / theirs with its 95 % interval, see `differences.differences`.
    n_ours, n_theirs
        Customers of whom it is known.
    significant
        By the procedure of Benjamini and Hochberg at 5 % among all of its kind.
    """

    kind: Literal["attribute", "token", "total"]
    name: str
    subject: str
    words: str
    ours: float
    theirs: float
    lift: float
    low: float
    high: float
    p_value: float
    q_value: float
    n_ours: int
    n_theirs: int
    significant: bool


def telling(rows: Sequence[Difference], limit: int, more_only: bool = False) -> list[Difference]:
    """Return the significant ones whose lift is surely farthest from 1, at most two per subject.

    Parameters
    ----------
    more_only
        Leave out what the set has less often.
    """
    chosen: list[Difference] = []
    per_subject: dict[str, int] = {}
    for row in sorted(rows, key=lambda row: (-_surely(row), row.p_value, row.name)):
        enough = row.kind == "total" or max(row.ours, row.theirs) >= _MIN_SHARE
        if not row.significant or not enough or _surely(row) <= 0 or (more_only and row.lift <= 1):
            continue
        per_subject[row.subject] = per_subject.get(row.subject, 0) + 1
        if per_subject[row.subject] <= _PER_SUBJECT:
            chosen.append(row)
        if len(chosen) == limit:
            break
    return chosen


def told(row: Difference) -> str:
    """Return a difference as one phrase: what, how often in both sets, and how many times as often."""
    lift, low, high = (_spoken(value) for value in (row.lift, row.low, row.high))
    times = f"{lift} times the others' ({low} to {high})"
    if row.kind == "total":
        return f"{row.words}: {times}"
    return f"{row.words}: {row.ours:.0%} against {row.theirs:.0%}, {times}"


def _spoken(times: float) -> str:
    return f"{times:,.0f}" if times >= 10 else f"{times:.2g}"


def _surely(row: Difference) -> float:
    """Return the end of the interval that is nearest to "no difference", as a distance on the log scale."""
    if not (np.isfinite(row.low) and np.isfinite(row.high)) or row.low <= 0 or row.low <= 1 <= row.high:
        return 0.0
    return float(min(abs(np.log(row.low)), abs(np.log(row.high))))
