"""A sealed control group: customers held back by lot, before anybody's score is known, to measure an audience by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from pipeline.errors import ConfigError, DataError
from pipeline.split import hash32

Mask = NDArray[np.bool_]
Ids = NDArray[np.str_]

POWER, LEVEL = 0.80, 0.05
_ENOUGH = 5  # responders that are expected in the smaller group, below which the normal approximation misleads


@dataclass(frozen=True)
class ControlGroup:
    """The drawn customers: `drawn` (n,) over the base, and the `seal` of their ids."""

    drawn: Mask
    share: float
    salt: str
    seal: str


@dataclass(frozen=True)
class Detectable:
    """The smallest lift of the response rate that a comparison of members with control finds.

    `absolute` is in share of customers, `relative` in share of the base rate; None where no lift can be found.
    `enough` is false where fewer than 5 responders are expected in the smaller group, so that the figure is too good.
    """

    n_contacted: int
    n_control: int
    rate: float
    absolute: float | None
    relative: float | None
    enough: bool

    def words(self) -> str:
        """Return the statement in words."""
        groups = f"{self.n_contacted:,} contacted against {self.n_control:,} held back"
        if self.absolute is None or self.relative is None:
            return f"{groups}: no lift of a response rate of {self.rate:.2%} can be detected."
        text = (
            f"{groups}: a response rate of {self.rate:.2%} without contact must rise by {100 * self.absolute:.2f} "
            f"points ({self.relative:+.0%}) to be detected with {POWER:.0%} power at two-sided {LEVEL:.0%}."
        )
        return text if self.enough else text + " So few responders are expected that even this is optimistic."


def draw_control(ids: Ids, free: Mask, share: float, name: str, salt: str = "") -> ControlGroup:
    """Return the control group of an audience: each free customer is in it with probability `share`.

    The lot is a hash of audience, salt and id. It depends on nothing else: neither on scores nor on size, order,
    engine or machine; so it can be drawn and sealed before the ranking is made, and drawn again to be checked.
    Audiences of different names have independent control groups.

    Parameters
    ----------
    ids, free
        The base and who may become a member, (n,) each.
    share
        Share of the free customers that is held back, above 0 and at most one half.
    name
        Of the audience.

    Raises
    ------
    ConfigError
        If the share is out of range.
    DataError
        If nobody was drawn.

    Examples
    --------
    >>> ids = np.array([f"c{i}" for i in range(1000)])
    >>> group = draw_control(ids, np.ones(1000, dtype=bool), 0.1, "spring")
    >>> int(group.drawn.sum()), group.seal == seal(ids[group.drawn][::-1])
    (89, True)
    """
    if not 0 < share <= 0.5:
        raise ConfigError(f"control group: share is {share:g}; it must be above 0 and at most 0.5.")
    key = f"control:{name}:{salt}"
    below = share * 2**32
    drawn = np.zeros(len(ids), dtype=bool)
    rows = np.flatnonzero(free)
    drawn[rows] = [hash32(f"{key}:{ids[row]}") < below for row in rows]
    if not drawn.any():
        raise DataError(
            f"control group: {len(rows):,} customers are available and a share of {share:g} drew nobody of them. "
            "Hold back a larger share."
        )
    return ControlGroup(drawn, share, salt, seal(ids[drawn]))


def seal(ids: Iterable[str]) -> str:
    """Return the SHA-256 of the sorted ids; each is preceded by its length, so that no two sets share a text.

    >>> seal(["b", "a"]) == seal(["a", "b"]), seal(["ab"]) == seal(["a", "b"])
    (True, False)
    """
    digest = hashlib.sha256()
    for name in sorted(str(name) for name in ids):
        text = name.encode()
        digest.update(b"%d:" % len(text) + text)
    return digest.hexdigest()


def verify_seal(ids: Iterable[str], expected: str) -> None:
    """Refuse a control group that is not the one that was sealed.

    Raises
    ------
    DataError
        If ids were added, removed or changed since.
    """
    listed = list(ids)
    found = seal(listed)
    if found != expected:
        raise DataError(
            f"control group: the seal is broken: {len(listed):,} ids give {found[:12]}…, sealed was {expected[:12]}…. "
            "Somebody was added, removed or renamed since the group was drawn; do not measure against it."
        )


def held_back(
    chosen: NDArray[np.int64], control: Mask, order: NDArray[np.int64], cells: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the control customers who would have been members: those a member can be compared with.

    Members were chosen among the others, in each cell from the top. A control customer would have been chosen if it
    stands before the last member of its cell, or if its cell was used up. Without a mix everybody is in one cell.

    Parameters
    ----------
    chosen
        Positions of the members.
    control
        The control group, (n,).
    order
        Positions of all free customers, the best first.
    cells
        Cell of each customer, (n,), whole numbers from 0.

    Returns
    -------
    ndarray
        Positions in the order of `order`.

    Examples
    --------
    >>> control = np.array([True, False, False, True])
    >>> held_back(np.array([1]), control, np.array([0, 1, 3, 2]), np.zeros(4, dtype=int))
    array([0])
    """
    place = np.full(len(cells), -1)
    place[order] = np.arange(len(order))
    last = np.full(int(cells.max()) + 1, -1)
    np.maximum.at(last, cells[chosen], place[chosen])
    others = order[~control[order]]
    used_up = np.bincount(cells[others], minlength=len(last)) == np.bincount(cells[chosen], minlength=len(last))
    asked = np.bincount(cells[chosen], minlength=len(last)) > 0
    last[used_up & asked] = len(order)
    candidates = order[control[order]]
    return candidates[place[candidates] < last[cells[candidates]]]


def detectable_lift(n_contacted: int, n_control: int, rate: float) -> Detectable:
    """Return the smallest rise of a response rate that is detected with 80 % power at two-sided 5 %.

    The two-proportion z-test, pooled under the null hypothesis: the rise d solves
    d = z(0.975) sqrt(p (1 - p) (1/m + 1/n)) + z(0.80) sqrt(p1 (1 - p1)/m + p0 (1 - p0)/n), where p0 is the rate of the
    n held back, p1 = p0 + d that of the m contacted and p their pooled rate (Fleiss, Levin, Paik 2003, Statistical
    Methods for Rates and Proportions, 3rd edition, section 4.4, without continuity correction).

    Parameters
    ----------
    rate
        Response rate without contact, between 0 and 1 exclusive.

    Raises
    ------
    ConfigError
        If the rate is out of range.
    DataError
        If a group is empty.

    Examples
    --------
    >>> round(detectable_lift(10_000, 1_000, 0.02).absolute, 4)
    0.0159
    """
    if not 0 < rate < 1:
        raise ConfigError(f"control group: the response rate is {rate:g}; it must be between 0 and 1.")
    if min(n_contacted, n_control) < 1:
        raise DataError(f"control group: {n_contacted:,} contacted and {n_control:,} held back: one group is empty.")
    m, n, p0 = n_contacted, n_control, rate

    def missing(d: float) -> float:
        p1 = p0 + d
        p = (m * p1 + n * p0) / (m + n)
        null = norm.ppf(1 - LEVEL / 2) * np.sqrt(p * (1 - p) * (1 / m + 1 / n))
        return float(null + norm.ppf(POWER) * np.sqrt(p1 * (1 - p1) / m + p0 * (1 - p0) / n) - d)

    enough = min(n * p0, m * p0) >= _ENOUGH
    if missing(1 - p0) > 0:
        return Detectable(m, n, rate, None, None, enough)
    d = float(brentq(missing, 0.0, 1 - p0))
    return Detectable(m, n, rate, d, d / p0, enough)
