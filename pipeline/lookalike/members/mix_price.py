"""What keeping a mix costs in recall, measured on hidden members of the seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.lookalike.members.mix import TOLERANCE, Cells, keep_mix
from pipeline.lookalike.seed.matching import best_first

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Ids = NDArray[np.str_]


@dataclass(frozen=True)
class Halving:
    """One halving of the seed: who was hidden, what the ranking learnt from the rest gave, who was ranked.

    All shapes (n,) over the base. `reference` is whose mix is kept: the kept half, or everybody.
    """

    hidden: Mask
    scores: Floats
    available: Mask
    reference: Mask


@dataclass(frozen=True)
class Price:
    """What keeping the mix costs: recall of hidden members with and without it, and the difference.

    `low` and `high` are a 95 % interval of the difference; lifts are recalls divided by the share of the ranked.
    """

    size: int
    share: float
    recall_without: float
    recall_with: float
    lift_without: float
    lift_with: float
    difference: float
    low: float
    high: float
    n_hidden: int
    n_repeats: int

    def words(self) -> str:
        """Return the statement in words."""
        return (
            f"Keeping the mix changes the expected recall at {self.size:,} members from {self.recall_without:.1%} to "
            f"{self.recall_with:.1%} (difference {100 * self.difference:+.1f} points, 95 % interval "
            f"{100 * self.low:+.1f} to {100 * self.high:+.1f}) and the lift from {self.lift_without:.2f} to "
            f"{self.lift_with:.2f}; learnt from half of the seed, measured on {self.n_hidden:,} hidden members, "
            f"{self.n_repeats} times."
        )


def price(ids: Ids, held_out: Sequence[Halving], cells: Cells, size: int, tolerance: float = TOLERANCE) -> Price:
    """Return what the mix costs, from held-out halvings of the seed.

    Notes
    -----
    Both audiences stand on the same hidden members, so the interval is of their paired difference: mean over repeats
    +- 1.96 times the root mean square of one repeat's standard error (the infinitesimal jackknife over hidden members;
    repeats share members and are taken as fully dependent, as in `hold_out_evaluation`).

    Raises
    ------
    DataError
        No halvings, nobody hidden, or see `keep_mix`.
    """
    if not held_out or any(not part.hidden[part.available].any() for part in held_out):
        raise DataError("price of the mix: it needs held-out halvings in which somebody is hidden.")
    points, variances, shares, n_hidden = [], [], [], []
    for part in held_out:
        rows = np.flatnonzero(part.available)
        without = np.zeros(len(ids), dtype=bool)
        without[rows[best_first(ids[rows], part.scores[rows])][:size]] = True
        with_mix = np.zeros(len(ids), dtype=bool)
        with_mix[keep_mix(ids, part.scores, part.available, cells, part.reference, size, tolerance).members] = True
        hidden = part.hidden & part.available
        moves = with_mix[hidden].astype(float) - without[hidden]
        points.append((without[hidden].mean(), with_mix[hidden].mean()))
        variances.append(float(((moves - moves.mean()) ** 2).sum() / len(moves) ** 2))
        shares.append(size / len(rows))
        n_hidden.append(len(moves))
    recall_without, recall_with = (float(value) for value in np.mean(points, axis=0))
    share, margin = float(np.mean(shares)), 1.96 * float(np.sqrt(np.mean(variances)))
    difference = recall_with - recall_without
    return Price(
        size=size,
        share=share,
        recall_without=recall_without,
        recall_with=recall_with,
        lift_without=recall_without / share,
        lift_with=recall_with / share,
        difference=difference,
        low=max(-1.0, difference - margin),
        high=min(1.0, difference + margin),
        n_hidden=min(n_hidden),
        n_repeats=len(held_out),
    )
