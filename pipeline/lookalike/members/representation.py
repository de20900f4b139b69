"""Who is left out: groups of customers whose share in the audience is far below their share in the base."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from pipeline.columns import UNKNOWN
from pipeline.errors import DataError

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FAR_BELOW = 0.8  # the four-fifths rule: US Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4 (D)
MIN_GROUP = 20  # customers of the base, below which a group is not judged


@dataclass(frozen=True)
class Group:
    """One value of one attribute in base and audience.

    `ratio` is the share in the audience divided by the share in the base; `low` and `high` its 95 % interval, which
    holds for all groups at once. `left_out` tells that even `high` is below four fifths.
    """

    attribute: str
    value: str
    sensitive: bool
    n_base: int
    n_audience: int
    share_base: float
    share_audience: float
    ratio: float
    low: float
    high: float

    @property
    def left_out(self) -> bool:
        """Whether the group's share is clearly less than four fifths of what it is in the base."""
        return self.high < FAR_BELOW

    def words(self) -> str:
        """Return the group in words."""
        told = "nothing is stated" if self.value == UNKNOWN else self.value
        return (
            f"{self.attribute}: {told}: {self.share_audience:.1%} of the audience, {self.share_base:.1%} of the base "
            f"({self.ratio:.2f} times, {self.low:.2f} to {self.high:.2f})" + ("; sensitive" if self.sensitive else "")
        )


def representation(
    portraits: pd.DataFrame,
    attributes: Sequence[str],
    audience: Mask,
    among: Mask,
    sensitive: Collection[str] = (),
) -> list[Group]:
    """Return all groups, the most left out first.

    Groups are stated values, declared or inferred, and the customers of whom no value is stated; an inferred value is
    right as often as it was certified to be, not always. Groups of fewer than 20 customers are not judged.

    Parameters
    ----------
    portraits
        One row per customer of the base, in its order; a column per attribute, empty where no value is stated.
    attributes
        Those to look at.
    audience
        The members, (n,).
    among
        Whom the audience was chosen from, (n,); members are counted with it.
    sensitive
        Attributes that tell of a person's private life.

    Raises
    ------
    DataError
        No member.
    """
    if not audience.any():
        raise DataError("representation: the audience has no member.")
    base = among | audience
    inside = audience[base]
    counted: list[tuple[str, str, int, int]] = []
    for name in attributes:
        values = portraits[name].astype(object).where(portraits[name].notna(), UNKNOWN)[base].astype(str)
        table = pd.crosstab(values.to_numpy(), inside)
        for value, row in table.iterrows():
            if row.sum() >= MIN_GROUP:
                counted.append((name, str(value), int(row.sum()), int(row.get(True, 0))))
    if not counted:
        return []
    n_v, n_av = (np.array([row[at] for row in counted], dtype=np.float64) for at in (2, 3))
    ratio, low, high = share_ratio(n_av, float(inside.sum()), n_v, float(len(inside)), at_once=len(counted))
    groups = [
        Group(
            name, value, name in sensitive, n, k, n / len(inside), k / int(inside.sum()), float(r), float(lo), float(hi)
        )
        for (name, value, n, k), r, lo, hi in zip(counted, ratio, low, high, strict=True)
    ]
    return sorted(groups, key=lambda group: (group.high, group.ratio))


def share_ratio(n_av: Floats, n_a: float, n_v: Floats, n: float, at_once: int = 1) -> tuple[Floats, Floats, Floats]:
    """Return share in the audience by share in the base, with a 95 % interval, shape (m,) each.

    The audience is a part of the base. The standard error of the log ratio is the infinitesimal jackknife over the
    n customers (Efron 1982): the root of the sum of squared influences, which are the same for all customers of one of
    the four cells. A group without members is counted as half a member for the interval.

    Parameters
    ----------
    n_av, n_a, n_v, n
        Customers in group and audience, in the audience, in the group, in the base.
    at_once
        Ratios for which the interval is to hold together (Bonferroni).
    """
    k = np.maximum(n_av, 0.5)
    ratio = (n_av / n_a) / (n_v / n)
    of_av = 1 / k - 1 / n_a - 1 / n_v + 1 / n
    of_a, of_v, of_rest = -1 / n_a + 1 / n, -1 / n_v + 1 / n, 1 / n
    others = np.maximum(n - n_a - n_v + n_av, 0)
    variance = k * of_av**2 + (n_a - n_av) * of_a**2 + (n_v - n_av) * of_v**2 + others * of_rest**2
    margin = norm.ppf(1 - 0.025 / at_once) * np.sqrt(variance)
    middle = (k / n_a) / (n_v / n)
    low = np.where(n_av > 0, middle * np.exp(-margin), 0.0)
    return ratio, low, middle * np.exp(margin)
