"""Bootstrap over customers as weights, and which half of them a customer belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation import resampled_weights
from pipeline.split import folds

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_CELLS = 20_000_000  # of the weights that are held at a time


@dataclass(frozen=True)
class Estimate:
    """A figure with the ends of its 95 % interval."""

    estimate: float
    low: float
    high: float

    def words(self, pattern: str = "{:.2f}") -> str:
        """Return it as a text.

        >>> Estimate(1.5, 1.0, 2.0).words("{:.1f}")
        '1.5 [1.0, 2.0]'
        """
        return f"{pattern.format(self.estimate)} [{pattern.format(self.low)}, {pattern.format(self.high)}]"


NOTHING = Estimate(float("nan"), float("nan"), float("nan"))


def in_first_half(customers: Iterable[str]) -> Mask:
    """Return who belongs to the half on which groups and descriptions are found, shape (n,); the others report them.

    >>> in_first_half(["a", "b", "c", "d"]).tolist() == in_first_half(["d", "c", "b", "a"])[::-1].tolist()
    True
    """
    return np.asarray(folds(customers, 2, "value: half") == 0)


def weights_of(n: int, n_resamples: int, seed: int) -> Iterator[Floats]:
    """Yield bootstrap weights of n customers, (some, n) at a time, with bounded memory."""
    yield from resampled_weights(n, n_resamples, seed, max(1, min(100, _CELLS // max(1, n))))


def interval(point: float, resampled: Floats) -> Estimate:
    """Return the percentile interval of the defined resamples."""
    known = resampled[np.isfinite(resampled)]
    if not len(known):
        return Estimate(point, float("nan"), float("nan"))
    low, high = np.percentile(known, [2.5, 97.5])
    return Estimate(float(point), float(low), float(high))


def bootstrap(figure: Callable[[Floats], Floats], n: int, n_resamples: int, seed: int) -> Estimate:
    """Return a figure of n customers with its bootstrap interval.

    Parameters
    ----------
    figure
        Of weights (some, n) the figures (some,).
    """
    if n == 0:
        return NOTHING
    point = float(figure(np.ones((1, n)))[0])
    return interval(point, np.concatenate([figure(w) for w in weights_of(n, n_resamples, seed)]))


def ratio(above: Floats, below: Floats) -> Floats:
    """Return the quotient, NaN where the divisor is not positive."""
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below > 0)
