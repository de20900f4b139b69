"""Who of the base may become a member at all, how many members there may be, and what no seed may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.lookalike.methods import MIN_SEED

Mask = NDArray[np.bool_]
Ids = NDArray[np.str_]

MIN_AUDIENCE = 50  # fewer are too few to measure an effect on, and too close to a list of persons
_MOSTLY = 0.9  # of a seed inside an earlier audience
_LARGE = 0.5  # of that audience inside the seed


@dataclass(frozen=True)
class Listed:
    """What a list of ids took from the base: each customer is counted by the first reason that applies."""

    n_given: int  # different ids
    n_unknown: int  # of them not in the base
    n_taken: int  # customers who were free until this list


@dataclass(frozen=True)
class Available:
    """The customers who may become members; seed, suppressed, excluded, control and free ones sum to the base.

    `suppressed` may not be contacted (objection, consent withdrawn); `excluded` may be, but are not wanted, such as
    those who have the product already.
    """

    free: Mask
    n_seed: int
    suppressed: Listed
    excluded: Listed
    n_control: int = 0

    def without_control(self, drawn: Mask) -> Available:
        """Return who is left to become a member when a control group, (n,), is held back."""
        return replace(self, free=self.free & ~drawn, n_control=int((self.free & drawn).sum()))

    @property
    def n_free(self) -> int:
        """Number of customers who may become members."""
        return int(self.free.sum())

    def words(self) -> str:
        """Return where the base went, in words."""
        control = f", {self.n_control:,} in the control group" if self.n_control else ""
        return (
            f"{self.n_free:,} of {len(self.free):,} customers are available ({self.n_seed:,} in the seed, "
            f"{self.suppressed.n_taken:,} suppressed, {self.excluded.n_taken:,} excluded{control})"
        )

    def checked_size(self, size: int, minimum: int = MIN_AUDIENCE) -> int:
        """Return the size of the audience.

        Raises
        ------
        DataError
            If it is smaller than the minimum or larger than what is available.
        """
        if self.n_free < minimum:
            raise DataError(f"audience: {self.words()}; an audience has at least {minimum:,} members.")
        if size > len(self.free):
            raise DataError(
                f"audience: size is {size:,}, more than the whole base of {len(self.free):,} customers. "
                f"Choose a size from {minimum:,} to {self.n_free:,}."
            )
        if not minimum <= size <= self.n_free:
            raise DataError(
                f"audience: size is {size:,}, but {self.words()} and an audience has at least {minimum:,} members. "
                f"Choose a size from {minimum:,} to {self.n_free:,}."
            )
        return size


def available(ids: Ids, seed: Mask, suppress: Iterable[str] = (), exclude: Iterable[str] = ()) -> Available:
    """Return who may become a member.

    Parameters
    ----------
    ids
        The base, (n,), each once.
    seed
        Members of the seed, (n,).
    suppress, exclude
        Ids that must not become members, for two reasons; those the base does not hold are counted.

    Examples
    --------
    >>> found = available(np.array(["a", "b", "c", "d"]), np.array([True, False, False, False]), ["a", "b"], ["b", "x"])
    >>> found.free.tolist(), found.suppressed, found.excluded
    ([False, False, True, True], Listed(n_given=2, n_unknown=0, n_taken=1), Listed(n_given=2, n_unknown=1, n_taken=0))
    """
    free = ~np.asarray(seed, dtype=bool)
    told = []
    for names in (suppress, exclude):
        listed = np.unique(np.array([str(name) for name in names], dtype=np.str_))
        hit = np.isin(ids, listed)
        told.append(Listed(len(listed), len(listed) - int(hit.sum()), int((hit & free).sum())))
        free = free & ~hit
    return Available(free, int(np.sum(seed)), told[0], told[1])


def check_seed_size(n_members: int, minimum: int = MIN_SEED) -> None:
    """Refuse a seed that is too small to learn from.

    Raises
    ------
    DataError
        Fewer members than the minimum, which is at least 10.
    """
    least = max(minimum, MIN_SEED)
    if n_members < least:
        only = "only 1 of its ids is" if n_members == 1 else f"{n_members:,} of its ids are"
        raise DataError(
            f"look-alike seed: {only} in the base; at least {least:,} members are needed to tell what they share. "
            "Bring a longer list, or describe the wanted people by a rule."
        )


def check_lineage(seed_ids: Iterable[str], earlier: Mapping[str, list[str]]) -> None:
    """Refuse a seed that is itself an audience: a look-alike of a look-alike resembles the method, not people.

    Those who responded to an earlier audience are a good seed although all of them were members. So membership alone
    says nothing. Refused is a seed of which nine in ten were members, if it holds half of that audience or more, or
    nine in ten of its own length from the top: nobody's response follows the ranking so closely.

    Parameters
    ----------
    earlier
        Earlier audiences by name: ids of the members, the best first.

    Raises
    ------
    DataError
        Naming the audience.
    """
    seed = {str(name) for name in seed_ids}
    for audience, members in earlier.items():
        inside = len(seed.intersection(members))
        top = len(seed.intersection(members[: len(seed)]))
        if not seed or inside < _MOSTLY * len(seed):
            continue
        if inside >= _LARGE * len(members) or (len(seed) >= MIN_SEED and top >= _MOSTLY * len(seed)):
            raise DataError(
                f"look-alike seed: {inside:,} of its {len(seed):,} ids are members of the audience '{audience}' and "
                f"hold {inside / len(members):.0%} of it: a look-alike of a look-alike. Use its original seed with a "
                "larger size, or those of its members who responded."
            )
