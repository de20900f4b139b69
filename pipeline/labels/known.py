"""The known values of one attribute, and whether they are enough to learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pipeline.errors import DataError

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
    """

    attribute: str
    kind: Literal["binary", "nominal", "ordinal"]
    values: tuple[str, ...]
    customers: np.ndarray
    y: np.ndarray

    def counts(self) -> dict[str, int]:
        """Return the number of customers by value."""
        found = np.bincount(self.y, minlength=len(self.values))
        return {value: int(n) for value, n in zip(self.values, found, strict=True)}

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
            return f"too few labels: {least} customers of each of at least two values needed, found {listed}"
        return None


def cut(numbers: pd.Series, bands: Mapping[str, tuple[float | None, float | None]], where: str) -> np.ndarray:
    """Return each number's band; a band holds its lower bound and not its upper one."""
    positions = np.full(len(numbers), -1, dtype=np.int64)
    amounts = numbers.to_numpy(dtype=float)
    for position, (low, high) in enumerate(bands.values()):
        inside = (amounts >= (-np.inf if low is None else low)) & (amounts < (np.inf if high is None else high))
        positions[inside] = position
    if (positions < 0).any():
        example = amounts[positions < 0][0]
        raise DataError(f"{where}.bands: {(positions < 0).sum():,} values lie in no band, such as {example:g}")
    return positions
