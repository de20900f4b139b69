"""People × response × worth: money, with an interval that holds the uncertainty of each of the three."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from pipeline.errors import ConfigError

Floats = NDArray[np.float64]

DRAWS = 20_000
Z = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval; `low` and `high` are equal to it where it is taken as certain."""

    mean: float
    low: float
    high: float

    @classmethod
    def certain(cls, value: float) -> Measured:
        """Return a number without an interval."""
        return cls(value, value, value)

    @property
    def is_certain(self) -> bool:
        """Tell whether the number is taken as it stands."""
        return self.low == self.high

    @property
    def error(self) -> float:
        """Return the standard error that the interval stands for, as of a normal distribution."""
        return (self.high - self.low) / (2 * Z)


@dataclass(frozen=True)
class Money:
    """What a segment is worth.

    Attributes
    ----------
    total
        People × response × worth, in its unit of money.
    due_to
        By factor, the share of the variance of ln(total) that is its own, in [0, 1]: what to measure better first.
    """

    total: Measured
    due_to: dict[str, float]


def response_of(responders: int, contacted: int) -> tuple[float, float]:
    """Return the Beta distribution (a, b) of a response rate, given who responded among those contacted.

    Jeffreys' prior (Brown, Cai, DasGupta 2001, doi:10.1214/ss/1009213286).

    Raises
    ------
    ConfigError
        If nobody was contacted, or more responded than were.

    Examples
    --------
    >>> response_of(3, 100)
    (3.5, 97.5)
    """
    if contacted < 1 or not 0 <= responders <= contacted:
        raise ConfigError(
            f"market.response: {responders} of {contacted} contacted customers responded: 'responders' lie between 0 "
            "and 'contacted', of whom there is at least 1"
        )
    return responders + 0.5, contacted - responders + 0.5


def money(people: Measured, response: tuple[float, float] | float, worth: Measured, seed: int = 0) -> Money:
    """Return what the people are worth.

    The three are taken as independent: each comes from other customers. Drawn are: people and worth from a normal
    distribution cut at 0, a response rate that was measured from its Beta distribution. The interval is that of the 2.5
    and 97.5 percentiles of 20,000 draws.

    Parameters
    ----------
    people
        Customers in the segment.
    response
        Beta distribution (a, b) of the share that respond, or the share itself, taken as certain.
    worth
        Of one response, in money.

    Examples
    --------
    >>> found = money(Measured.certain(1000), 0.05, Measured(20.0, 18.0, 22.0))
    >>> round(found.total.mean), round(found.total.low, -1), round(found.total.high, -1), found.due_to["worth"]
    (1000, 900.0, 1100.0, 1.0)
    """
    rng = np.random.default_rng(seed)
    drawn = {"people": _normal(people, rng), "response": _rate(response, rng), "worth": _normal(worth, rng)}
    total = np.prod(list(drawn.values()), axis=0)
    low, high = np.percentile(total, [2.5, 97.5])
    rate = response if isinstance(response, float) else response[0] / sum(response)
    spread = {name: _log_variance(part) for name, part in drawn.items()}
    every = sum(spread.values())
    due_to = {name: part / every if every > 0 else 0.0 for name, part in spread.items()}
    return Money(Measured(people.mean * rate * worth.mean, float(low), float(high)), due_to)


def _normal(figure: Measured, rng: np.random.Generator) -> Floats:
    if figure.is_certain:
        return np.full(DRAWS, figure.mean)
    return np.maximum(rng.normal(figure.mean, figure.error, DRAWS), 0.0)


def _rate(response: tuple[float, float] | float, rng: np.random.Generator) -> Floats:
    return np.full(DRAWS, response) if isinstance(response, float) else rng.beta(*response, DRAWS)


def _log_variance(drawn: Floats) -> float:
    if drawn.min() == drawn.max():
        return 0.0  # and not what rounding makes of it
    return float(np.var(np.log(np.maximum(drawn, 1e-12))))
