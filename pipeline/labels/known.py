"""The known values of one attribute, and whether they are enough to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from pipeline.errors import ConfigError, DataError

YES, NO = "yes", "no"


@dataclass(frozen=True)
class Labels:
    """The known values of one attribute.

    Attributes
    ----------
    attribute
        Name of the attribute.
    kind
        binary, nominal or ordinal.
    values
        All values it can take; from low to high where the kind is ordinal, the sought one last where binary.
    customers
        Ids of the customers whose value is known, shape (n_labels,), sorted.
    y
        Position of each one's value in `values`, shape (n_labels,).
    since_us
        Instant from which events make the labels, None where they were declared: no feature may look beyond it.
    sampled_from
        Customers whose value is known, of whom these are a sample; None: these are all.

    Raises
    ------
    ConfigError
        If a binary attribute has more than two values.
    """

    attribute: str
    kind: Literal["binary", "nominal", "ordinal"]
    values: tuple[str, ...]
    customers: np.ndarray
    y: np.ndarray
    since_us: int | None = None
    sampled_from: int | None = None

    def __post_init__(self) -> None:
        if self.kind == "binary" and len(self.values) > 2:
            raise ConfigError(
                f"attributes.{self.attribute}.kind: a binary attribute has two values, found {len(self.values)}: "
                f"{', '.join(self.values[:6])}; map them to two, or call it nominal or ordinal"
            )

    def counts(self) -> dict[str, int]:
        """Return the number of customers by value."""
        found = np.bincount(self.y, minlength=len(self.values))
        return {value: int(n) for value, n in zip(self.values, found, strict=True)}

    def of(self, customers: np.ndarray) -> Labels:
        """Return the labels of some customers: those with features, for the others cannot be learnt from."""
        known = pd.Index(self.customers).isin(customers)  # by hashing: a million ids are slow to sort
        return replace(self, customers=self.customers[known], y=self.y[known])

    def ineligible(self, least: int) -> str | None:
        """Return why nothing can be learnt from these labels, or None.

        Parameters
        ----------
        least
            Customers needed for each value.
        """
        counts = self.counts()
        if not len(self.y):
            return f"no label: {least} customers of each value needed, none found"
        few = {value: n for value, n in counts.items() if n < least}
        if few or len(counts) < 2:
            listed = ", ".join(f"'{value}': {n:,}" for value, n in counts.items())
            among = f" in a sample of {self.sampled_from:,} labelled customers" if self.sampled_from else ""
            return f"too few labels: {least} customers of each of at least two values needed, found {listed}{among}"
        return None


def ordered(found: Iterable[str], wanted: tuple[str, ...] | None, where: str) -> tuple[str, ...]:
    """Return the values that a rule gives, in the order that the attribute's `values` ask for.

    Raises
    ------
    ConfigError
        If these are other values than the rule gives.

    Examples
    --------
    >>> ordered(["no", "yes"], None, "attributes.lapses")
    ('no', 'yes')
    >>> ordered(["no", "yes"], ("yes", "no"), "attributes.stays")
    ('yes', 'no')
    """
    values = tuple(found)
    if wanted is None:
        return values
    if sorted(wanted) != sorted(values):
        raise ConfigError(f"{where}: 'values' are {', '.join(wanted)}, but the rule gives {', '.join(values)}")
    return wanted


def cut(
    numbers: pd.Series,
    bands: Mapping[str, tuple[float | None, float | None]],
    where: str,
    counts: np.ndarray | None = None,
) -> np.ndarray:
    """Return each number's band; a band holds its lower bound and not its upper one.

    Parameters
    ----------
    counts
        How often each number stands, shape (n_numbers,), for what is told of those in no band; None: once.

    Raises
    ------
    DataError
        If a number lies in no band.
    """
    positions = banded(numbers.to_numpy(dtype=float), bands)
    beyond = positions < 0
    if beyond.any():
        n = beyond.sum() if counts is None else counts[beyond].sum()
        example = numbers.to_numpy(dtype=float)[beyond][0]
        raise DataError(f"{where}.bands: {n:,} values lie in no band, such as {example:g}")
    return positions


def banded(amounts: np.ndarray, bands: Mapping[str, tuple[float | None, float | None]]) -> np.ndarray:
    """Return each amount's band by its position, -1 where it lies in none."""
    positions = np.full(len(amounts), -1, dtype=np.int64)
    for position, (low, high) in enumerate(bands.values()):
        inside = (amounts >= (-np.inf if low is None else low)) & (amounts < high if high is not None else True)
        positions[inside] = position
    return positions
