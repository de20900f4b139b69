"""Whether a seed is an earlier audience: look-alikes of look-alikes drift away from the people who were meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import hypergeom

from pipeline.errors import DataError

MAX_SHARE = 0.5  # of the seed's members who may come from one earlier audience
_LEVEL = 0.01


@dataclass(frozen=True)
class Ancestry:
    """How much of a seed comes from an earlier audience.

    Attributes
    ----------
    audience
        Its name.
    n_shared
        Members of the seed who are members of the audience.
    of_seed, of_audience
        Their share of the seed and of the audience. Most of a seed but little of an audience are likely people who
        answered: they did something themselves, but only those who were asked could.
    by_chance
        Share of the seed expected in the audience if the seed were drawn at random from the base.
    """

    audience: str
    n_shared: int
    of_seed: float
    of_audience: float
    by_chance: float


def resembles_audience(
    seed_ids: Iterable[str], audiences: Mapping[str, Iterable[str]], n_base: int, max_share: float = MAX_SHARE
) -> Ancestry | None:
    """Return the earlier audience of which the seed is mostly made, or None.

    A seed is made of an audience if at least `max_share` of its members come from it, and more than chance explains
    (hypergeometric, 1 %): an audience of half the base holds half of any seed.

    Parameters
    ----------
    seed_ids
        Members of the seed who are customers of the base; repetitions change nothing.
    audiences
        Members of each earlier audience by its name.
    n_base
        Customers in the base.

    Examples
    --------
    >>> resembles_audience(["a", "b", "c"], {"spring": ["b", "c", "d"]}, n_base=1000).of_seed.__round__(2)
    0.67
    >>> resembles_audience(["a", "b", "c"], {"spring": ["c", "d"]}, n_base=1000) is None
    True
    """
    seed = {str(name) for name in seed_ids}
    if not seed:
        return None
    found = []
    for audience, members in audiences.items():
        names = {str(name) for name in members}
        shared, size = len(seed & names), min(len(names), n_base)
        luck = float(hypergeom.sf(shared - 1, n_base, size, min(len(seed), n_base)))
        if shared and shared / len(seed) >= max_share and luck <= _LEVEL:
            found.append(Ancestry(audience, shared, shared / len(seed), shared / len(names), size / n_base))
    return max(found, key=lambda ancestry: (ancestry.of_seed, ancestry.of_audience), default=None)


def refuse_audience(
    seed_ids: Iterable[str], audiences: Mapping[str, Iterable[str]], n_base: int, max_share: float = MAX_SHARE
) -> None:
    """Raise a DataError if the seed is mostly made of an earlier audience, see `resembles_audience`."""
    members = np.unique(np.array([str(name) for name in seed_ids], dtype=np.str_))
    found = resembles_audience(members, audiences, n_base, max_share)
    if found is not None:
        raise DataError(
            f"look-alike seed: {found.n_shared} of its {len(members)} members ({found.of_seed:.0%}; by chance "
            f"{found.by_chance:.0%}) come from the earlier audience '{found.audience}'. Look-alikes of look-alikes "
            f"drift away from the people who were meant; less than {max_share:.0%} of a seed may come from one "
            f"audience. Use the seed of '{found.audience}', or people chosen by what they did themselves."
        )
