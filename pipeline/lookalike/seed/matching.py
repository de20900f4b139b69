"""From a marketer's list to matched seed members, and the one order in which customers stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError

Ids = NDArray[np.str_]


@dataclass(frozen=True)
class SeedMatch:
    """Where the members of a seed stand in the base, and what the given list held besides."""

    positions: NDArray[np.int64]  # of the members in the base, rising, each once
    n_given: int  # entries of the list
    n_duplicates: int  # entries that repeat an earlier one
    n_unknown: int  # different ids that the base does not hold
    unknown_examples: tuple[str, ...]  # up to three of them

    def mask(self, n_base: int) -> NDArray[np.bool_]:
        """Return (n_base,), true for members of the seed."""
        mask = np.zeros(n_base, dtype=bool)
        mask[self.positions] = True
        return mask


def match_seed(seed_ids: Iterable[str], base_ids: Ids) -> SeedMatch:
    """Return which customers of the base the list names; unknown and repeated entries are counted.

    Raises
    ------
    DataError
        The list is empty, names nobody of the base, or names the whole base.

    Examples
    --------
    >>> match = match_seed(["c", "x", "c"], np.array(["a", "b", "c"]))
    >>> match.positions.tolist(), match.n_duplicates, match.n_unknown, match.unknown_examples
    ([2], 1, 1, ('x',))
    """
    base = _checked_base(base_ids)
    given = np.array([str(name) for name in seed_ids], dtype=np.str_)
    if not len(given):
        raise DataError("look-alike seed: the list is empty. At least one customer id is needed.")
    names = np.unique(given)
    known = np.isin(names, base)
    unknown = names[~known]
    examples = tuple(str(name) for name in unknown[:3])
    if not known.any():
        raise DataError(
            f"look-alike seed: none of its {len(names)} ids is a customer of the base "
            f"(e.g. {_quoted(examples)}; the base holds ids like {_quoted(base[:3])}). "
            "Are both in the same id system, or is one pseudonymised?"
        )
    positions = np.flatnonzero(np.isin(base, names))
    if len(positions) == len(base):
        raise DataError(f"look-alike seed: it names all {len(base)} customers of the base, so nobody is left to find.")
    return SeedMatch(
        positions=positions,
        n_given=len(given),
        n_duplicates=len(given) - len(names),
        n_unknown=len(unknown),
        unknown_examples=examples,
    )


def best_first(ids: Ids, scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the positions (n,) in the one order of customers: score down, then id up.

    Examples
    --------
    >>> best_first(np.array(["b", "a", "c"]), np.array([0.5, 0.5, 0.9])).tolist()
    [2, 1, 0]
    """
    return np.lexsort((ids, -np.asarray(scores)))


def _checked_base(ids: Ids) -> Ids:
    base = np.asarray(ids).astype(np.str_)
    if base.ndim != 1 or not len(base):
        raise DataError(f"look-alike base: ids of shape {base.shape}; at least one customer is needed, (n,).")
    unique, counts = np.unique(base, return_counts=True)
    if len(unique) < len(base):
        raise DataError(
            f"look-alike base: {int((counts > 1).sum())} ids occur more than once "
            f"(e.g. '{unique[counts > 1][0]}'). One row per customer."
        )
    return base


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
