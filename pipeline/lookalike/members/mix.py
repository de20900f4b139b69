"""Keep the mix: an audience with the proportions of some attributes that the seed or the base has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.columns import UNKNOWN
from pipeline.errors import ConfigError, DataError, did_you_mean
from pipeline.lookalike.seed.matching import best_first

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Ids = NDArray[np.str_]

MIN_PER_CELL = 5  # members per joint cell, on average, up to which every cell has a quota of its own
TOLERANCE = 0.05  # of the audience: how far a value may fall short before the mix is refused
_ROUNDS = 200


@dataclass(frozen=True)
class Cells:
    """Customers by the values of the kept attributes.

    Attributes
    ----------
    attributes
        Names.
    levels
        By attribute, its values, `unknown` last.
    codes
        Position of each customer's value in `levels`, shape (n, n_attributes).
    cell
        Joint cell of each customer, shape (n,): row of `combinations`.
    combinations
        The joint cells that occur, shape (n_cells, n_attributes), as positions in `levels`.
    """

    attributes: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    codes: Ints
    cell: Ints
    combinations: Ints

    def counts(self, mask: Mask) -> Floats:
        """Return the number of customers of a mask in each joint cell, shape (n_cells,)."""
        return np.bincount(self.cell[mask], minlength=len(self.combinations)).astype(np.float64)


@dataclass(frozen=True)
class Mix:
    """An audience that keeps a mix.

    Attributes
    ----------
    members
        Positions in the base, the best first.
    quotas, reached
        Asked and chosen members of each joint cell, shape (n_cells,).
    table
        One row per value: its share in the reference, members asked and reached, and customers available.
    joint
        Whether joint proportions are kept, or those of each attribute alone.
    shortfall
        Members who had to come from another cell than the mix asks for.
    """

    members: Ints
    quotas: Ints
    reached: Ints
    table: pd.DataFrame
    joint: bool
    shortfall: int


def check_keep(keep: Sequence[str], known: Iterable[str], in_seed_rule: Collection[str] = ()) -> None:
    """Refuse a mix that cannot be meant.

    Raises
    ------
    ConfigError
        Nothing is kept, an attribute is unknown, named twice, or is what the seed was chosen by: of that the seed has
        no mix, and another mix would undo the choice.
    """
    names = list(known)
    if not keep:
        raise ConfigError("keep: it names no attribute. Leave it out to choose by score alone.")
    for place, name in enumerate(keep):
        if name not in names:
            raise ConfigError(f"keep: '{name}' is no attribute {did_you_mean(name, names)}")
        if name in keep[:place]:
            raise ConfigError(f"keep: '{name}' is named twice.")
        if name in in_seed_rule:
            raise ConfigError(
                f"keep: '{name}' contradicts the seed, whose rule asks for a value of it: the mix of an attribute "
                "that the seed is chosen by cannot be kept. Take it out of 'keep'."
            )


def cells_of(portraits: pd.DataFrame, keep: Sequence[str]) -> Cells:
    """Return customers by the stated values, declared or inferred, of the kept attributes.

    Parameters
    ----------
    portraits
        One row per customer of the base, in its order; a column per attribute, empty where no value is stated.
    """
    codes, levels = [], []
    for name in keep:
        column = portraits[name]
        values = sorted(str(value) for value in column.dropna().unique())
        code = pd.Index(values).get_indexer(pd.Index(column.astype(object).where(column.notna(), None)))
        levels.append((*values, UNKNOWN))
        codes.append(np.where(code < 0, len(values), code))
    stacked = np.stack(codes, axis=1).astype(np.int64)
    combinations, cell = np.unique(stacked, axis=0, return_inverse=True)
    return Cells(tuple(keep), tuple(levels), stacked, cell.ravel(), combinations)


def keep_mix(
    ids: Ids,
    scores: Floats,
    free: Mask,
    cells: Cells,
    reference: Mask,
    size: int,
    tolerance: float = TOLERANCE,
) -> Mix:
    """Return the `size` best free customers among those audiences that keep the mix of the reference.

    If the reference's joint cells are few (at least 5 members each, on average), each gets its share. Otherwise quotas
    keep the proportions of each attribute alone: the cells of the free customers, raked to the margins of the
    reference (iterative proportional fitting, Deming, Stephan 1940, Annals of Mathematical Statistics 11, 427-444).
    Quotas are rounded by largest remainder. A cell with fewer customers than its quota gives the rest to the cells that
    differ from it in the fewest attributes; of equally near ones to the one with most customers left.

    Parameters
    ----------
    free
        Who may become a member, (n,).
    reference
        Whose mix is kept: the seed, or everybody, (n,).
    tolerance
        Share of the audience by which a value may fall short of its quota.

    Raises
    ------
    DataError
        Too few free customers, an empty reference, or a value whose quota the free customers miss by more than the
        tolerance, with the largest size that keeps the mix.
    """
    n_free = int(free.sum())
    if not 1 <= size <= n_free or not reference.any():
        raise DataError(
            f"audience with a kept mix: size is {size:,}, {n_free:,} customers are available and "
            f"{int(reference.sum()):,} have the mix to keep."
        )
    wanted, there = cells.counts(reference), cells.counts(free)
    joint = size >= MIN_PER_CELL * int((wanted > 0).sum())
    share = wanted / wanted.sum()
    _check_margins(cells, share, there, size, tolerance)
    quotas = largest_remainder(size * share if joint else size * _raked(cells, share, there), size)
    reached = _given_to_nearest(quotas, there.astype(np.int64), cells.combinations)
    order = np.flatnonzero(free)
    order = order[best_first(ids[order], scores[order])]
    within = pd.Series(cells.cell[order]).groupby(cells.cell[order]).cumcount().to_numpy()
    members = order[within < reached[cells.cell[order]]]
    table = _table(cells, share, reached, there, size)
    return Mix(members, quotas, reached, table, joint, int(np.maximum(quotas - reached, 0).sum()))


def largest_remainder(amounts: Floats, total: int) -> Ints:
    """Return whole numbers that sum to `total`, each the amount rounded down or up (Hamilton's method).

    >>> largest_remainder(np.array([1.5, 1.25, 0.25]), 3).tolist()
    [2, 1, 0]
    """
    whole = np.floor(amounts + 1e-9).astype(np.int64)
    missing = total - int(whole.sum())
    whole[np.argsort(whole - amounts, kind="stable")[:missing]] += 1
    return whole


def _raked(cells: Cells, share: Floats, there: Floats) -> Floats:
    """Return the share of each joint cell: of the free customers' cells, with the margins of the reference."""
    fitted = there / there.sum()
    for _ in range(_ROUNDS):
        before = fitted
        for column, levels in enumerate(cells.levels):
            code = cells.combinations[:, column]
            target = np.bincount(code, share, len(levels))
            now = np.bincount(code, fitted, len(levels))
            fitted = fitted * np.divide(target, now, out=np.zeros_like(target), where=now > 0)[code]
            fitted = fitted / fitted.sum()
        if np.abs(fitted - before).max() < 1e-9:
            break
    return fitted


def _given_to_nearest(quotas: Ints, there: Ints, combinations: Ints) -> Ints:
    """Return the number to be chosen of each cell: no more than there are, the sum as before."""
    reached = np.minimum(quotas, there)
    left = there - reached
    for cell in np.argsort(-(quotas - reached), kind="stable"):
        missing = int(quotas[cell] - min(quotas[cell], there[cell]))
        if missing == 0:
            break
        apart = (combinations != combinations[cell]).sum(axis=1)
        for other in np.lexsort((-left, apart)):
            moved = min(missing, int(left[other]))
            reached[other] += moved
            left[other] -= moved
            missing -= moved
            if missing == 0:
                break
    return reached


def _check_margins(cells: Cells, share: Floats, there: Floats, size: int, tolerance: float) -> None:
    for column, (name, levels) in enumerate(zip(cells.attributes, cells.levels, strict=True)):
        code = cells.combinations[:, column]
        wanted, have = np.bincount(code, share, len(levels)), np.bincount(code, there, len(levels))
        short = size * wanted - have - tolerance * size
        worst = int(np.argmax(short))
        if short[worst] > 0.5:
            room = wanted - tolerance
            largest = int(np.min(np.divide(have, room, out=np.full(len(have), np.inf), where=room > 0)))
            smaller = f"Choose a size of at most {largest:,}, or take" if largest else "Take"
            raise DataError(
                f"keep: {name}={levels[worst]} is {wanted[worst]:.1%} of the mix, {size * wanted[worst]:,.0f} of "
                f"{size:,} members, but only {have[worst]:,.0f} such customers are available. "
                f"{smaller} '{name}' out of 'keep'."
            )


def _table(cells: Cells, share: Floats, reached: Ints, there: Floats, size: int) -> pd.DataFrame:
    rows = []
    for column, (name, levels) in enumerate(zip(cells.attributes, cells.levels, strict=True)):
        code = cells.combinations[:, column]
        wanted, got, have = (np.bincount(code, amounts, len(levels)) for amounts in (share, reached, there))
        for value, w, g, h in zip(levels, wanted, got, have, strict=True):
            if w or g or h:
                row = {"attribute": name, "value": value, "share_in_reference": w, "asked": size * w}
                rows.append({**row, "reached": int(g), "share_reached": g / size, "available": int(h)})
    return pd.DataFrame(rows)
