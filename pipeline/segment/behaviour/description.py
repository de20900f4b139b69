"""What sets each cluster apart from all other customers, and the name that follows from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.columns import SEGMENT
from pipeline.lookalike.doctor.difference import Difference
from pipeline.lookalike.doctor.differences import differences
from pipeline.lookalike.population import Base

COLUMNS = (SEGMENT, "kind", "what", "share", "elsewhere", "lift", "low", "high", "q_value", "n", "n_elsewhere")
_TOLD = {"attribute": 4, "token": 8, "total": 3}  # of each cluster
_IN_NAME = 2


def traits(
    base: Base, labels: NDArray[np.int64], k: int, portraits: pd.DataFrame | None, min_cell: int, random_state: int
) -> list[list[Difference]]:
    """Return by cluster what its members have surely more or less often than all others, the strongest first.

    Parameters
    ----------
    labels
        Cluster of each customer of the base, (n,), -1 for none.
    portraits
        See `differences.differences`.

    Notes
    -----
    Shares, tests and intervals are those of the seed doctor: that thousands of things were looked at is accounted for
    within each cluster (Benjamini & Hochberg 1995; intervals by Benjamini & Yekutieli 2005). Clusters were made from
    the very tokens, so these intervals say how large a difference is, not whether there are clusters. Things that fewer
    than `min_cell` members have, and values of attributes that all but so few have, are not told.
    """
    found = []
    for cluster in range(k):
        ours, theirs = np.flatnonzero(labels == cluster), np.flatnonzero((labels != cluster) & (labels >= 0))
        rows = [row for row in differences(base, ours, theirs, portraits, random_state) if _told(row, min_cell)]
        found.append([row for kind, n in _TOLD.items() for row in strongest([r for r in rows if r.kind == kind], n)])
    return found


def strongest(rows: Sequence[Difference], limit: int, per_subject: int = 3) -> list[Difference]:
    """Return the significant ones that tell most of the cluster, of each subject a few.

    What a thing tells is how many have it times how surely more often, `share * log(lift)` at the end of the interval
    that is nearest to 1: its part of the Kullback-Leibler divergence. By lift alone the rarest things would come first.
    """
    chosen: list[Difference] = []
    subjects: list[str] = []
    for row in sorted(rows, key=lambda row: (-abs(tells(row)), row.p_value, row.name)):
        if row.significant and tells(row) and subjects.count(row.subject) < per_subject and len(chosen) < limit:
            subjects.append(row.subject)
            chosen.append(row)
    return chosen


def tells(row: Difference) -> float:
    """Return how much a thing tells, above 0 if the cluster has more of it, below 0 if less, 0 if that is not sure."""
    if row.low > 1:
        return (1.0 if row.kind == "total" else row.ours) * float(np.log(row.low))
    if 0 < row.high < 1:
        return (1.0 if row.kind == "total" else row.theirs) * float(np.log(row.high))
    return 0.0


def _told(row: Difference, min_cell: int) -> bool:
    if row.kind == "total":
        return True
    n = round(row.ours * row.n_ours)
    others = row.n_ours - n if row.kind == "attribute" else 0  # who has not met a token is not told of
    return not 0 < n < min_cell and not 0 < others < min_cell


def names_of(found: Sequence[Sequence[Difference]]) -> list[str]:
    """Return a name for each cluster: the two things that tell most, what it has more of first; each name once."""
    names: list[str] = []
    for rows in found:
        ordered = sorted((row for row in rows if row.kind != "total"), key=lambda row: (-tells(row), row.name))
        more = [_short(row) for row in ordered if tells(row) > 0]
        less = [f"less {_short(row)}" for row in reversed(ordered) if tells(row) < 0 and _short(row)]
        words = list(dict.fromkeys(word for word in (*more, *less) if word))[:_IN_NAME]
        base_name = " and ".join(words) or "like the others"
        name, number = base_name, 2
        while name in names:
            name, number = f"{base_name} ({number})", number + 1
        names.append(name)
    return names


def _short(row: Difference) -> str:
    """Return a thing in the fewest words; nothing for a token that is a number rather than words."""
    if row.kind == "attribute":
        return row.words
    token = " ".join(row.name.partition("=")[2].split())
    letters, digits = (sum(map(kind, token)) for kind in (str.isalpha, str.isdigit))
    return token if letters > digits else ""


def described(names: Sequence[str], found: Sequence[Sequence[Difference]]) -> pd.DataFrame:
    """Return one row per cluster and thing that sets it apart; shares, or medians for totals."""
    rows = [
        (
            name,
            row.kind,
            row.words,
            row.ours,
            row.theirs,
            row.lift,
            row.low,
            row.high,
            row.q_value,
            row.n_ours,
            row.n_theirs,
        )
        for name, things in zip(names, found, strict=True)
        for row in things
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
