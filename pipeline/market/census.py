"""Beyond the base: what a segment's share says of a population whose margins are known from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.market.money import Measured

Floats = NDArray[np.float64]

RESAMPLES = 500
_ROUNDS, _CLOSE = 500, 1e-10
_LEAST_CELL = 1e-9  # of the base: a stratum with fewer customers tells nothing of its like


@dataclass(frozen=True)
class Poststratified:
    """A segment's share of a population.

    Attributes
    ----------
    share
        With its 95 % interval from customers drawn anew; the margins are taken as exact.
    base_share
        Of the base itself, for comparison.
    weights
        By margin and value: share in the population over share in the base.
    n_effective
        How many customers of equal weight the weighed base is worth (Kish 1965).
    """

    share: Measured
    base_share: float
    weights: dict[str, dict[str, float]]
    n_effective: float


def rake(mass: Floats, margins: tuple[Floats, ...]) -> Floats:
    """Return a table of the margins asked for, as near to `mass` as can be, shape of `mass`, sum 1.

    Iterative proportional fitting (Deming, Stephan 1940, doi:10.1214/aoms/1177731829): the table of smallest
    Kullback-Leibler divergence from `mass`.

    Parameters
    ----------
    mass
        Share of the base in each cell, one axis per margin.
    margins
        One array per axis, each summing to 1.

    Raises
    ------
    DataError
        If no such table exists, because cells without customers would be needed.

    Examples
    --------
    >>> rake(np.array([[0.4, 0.1], [0.1, 0.4]]), (np.array([0.5, 0.5]), np.array([0.8, 0.2]))).round(3).tolist()
    [[0.483, 0.017], [0.317, 0.183]]
    """
    table = mass / mass.sum()
    for _ in range(_ROUNDS):
        for axis, wanted in enumerate(margins):
            others = tuple(place for place in range(table.ndim) if place != axis)
            found = table.sum(axis=others)
            factor = np.divide(wanted, found, out=np.zeros_like(wanted), where=found > _LEAST_CELL)
            table = table * np.expand_dims(factor, others)
        off = max(_off(table, axis, wanted) for axis, wanted in enumerate(margins))
        if off < _CLOSE:
            return table
    if off > 1e-4:
        raise DataError(
            f"market.population: no weights of customers give its margins (the nearest differ by {off:.1%}): a value "
            "that the population has, nobody in the base has, at least not together with the others. Merge values."
        )
    return table


def poststratified(
    outcome: Floats,
    strata: Mapping[str, Floats],
    values: Mapping[str, tuple[str, ...]],
    margins: Mapping[str, Mapping[str, float]],
    seed: int = 0,
) -> Poststratified:
    """Return a segment's share of a population with other margins than the base.

    In each stratum people who are no customers are taken to be in the segment as often as customers of that stratum
    are (post-stratification: Holt, Smith 1979, doi:10.2307/2344652); strata that are told by several margins are raked.

    Parameters
    ----------
    outcome
        Being in the segment, shape (n,): 0 or 1 where known, else an estimate whose mean over customers is unbiased.
    strata
        By margin, each customer's probabilities of its values, shape (n, n_values): 0 or 1 where told.
    values
        By margin, its values, in the order of the columns.
    margins
        By margin, the share of each value in the population; they sum to 1.

    Raises
    ------
    DataError
        If a margin names other values than the attribute has, or asks for people like whom no customer is.
    """
    wanted = tuple(_margin(name, values[name], margins[name]) for name in margins)
    cells = _cells([strata[name] for name in margins])
    shape = tuple(len(part) for part in wanted)
    share, weight = _weighed(outcome, cells, shape, wanted)
    rng = np.random.default_rng(seed)
    n = len(outcome)
    drawn = []
    for _ in range(RESAMPLES):
        times = rng.multinomial(n, np.full(n, 1 / n)).astype(np.float64)
        drawn.append(_weighed(outcome, cells, shape, wanted, times)[0])
    low, high = np.percentile(drawn, [2.5, 97.5])
    told = {}
    for name, target in zip(margins, wanted, strict=True):
        base = strata[name].mean(axis=0)
        ratio = np.divide(target, base, out=np.full_like(target, np.inf), where=base > 0)
        told[name] = dict(zip(values[name], ratio.tolist(), strict=True))
    worth = float(weight.sum() ** 2 / (weight**2).sum())
    return Poststratified(
        Measured(float(np.clip(share, 0, 1)), float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))),
        float(np.clip(outcome.mean(), 0, 1)),
        told,
        worth,
    )


def _weighed(
    outcome: Floats, cells: Floats, shape: tuple[int, ...], margins: tuple[Floats, ...], times: Floats | None = None
) -> tuple[float, Floats]:
    """Return the share in the population, and each customer's weight."""
    each = np.full(len(outcome), 1.0) if times is None else times
    mass = each @ cells / each.sum()
    table = rake(mass.reshape(shape), margins).ravel()
    factor = np.divide(table, mass, out=np.zeros_like(mass), where=mass > _LEAST_CELL)
    weight = each * (cells @ factor)
    return float(weight @ outcome / weight.sum()), weight


def _cells(parts: list[Floats]) -> Floats:
    """Return each customer's probability of each cell, shape (n, cells); margins are independent given behaviour."""
    cells = parts[0]
    for part in parts[1:]:
        cells = (cells[:, :, None] * part[:, None, :]).reshape(len(cells), -1)
    return cells


def _margin(name: str, values: tuple[str, ...], margin: Mapping[str, float]) -> Floats:
    if set(margin) != set(values):
        raise DataError(
            f"market.population.margins.{name}: its values are {', '.join(margin)}; the attribute's are "
            f"{', '.join(values)}. Give each of these its share of the population."
        )
    return np.array([margin[value] for value in values], dtype=np.float64)


def _off(table: Floats, axis: int, wanted: Floats) -> float:
    others = tuple(place for place in range(table.ndim) if place != axis)
    return float(np.abs(table.sum(axis=others) - wanted).max())
