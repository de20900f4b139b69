"""How a segment looks at prices, against the rest of the base."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from pipeline.errors import ConfigError, did_you_mean
from pipeline.features.naming import dense_name
from pipeline.settings import Data, Price

_CLEAR = 0.55  # probability from which, with certainty, one customer looks more at prices than another


@dataclass(frozen=True)
class PriceSense:
    """How much a segment looks at prices.

    Attributes
    ----------
    level
        high, low, like everybody; None where nothing tells, with the reason.
    measure
        What was compared, in words.
    median, base_median
        Of it, in the segment and in the base.
    probability, low, high
        That a customer of the segment looks more at prices than one of the rest, with 95 % interval; 0.5 if they are
        alike.
    n, n_rest
        Customers compared.
    """

    level: str | None
    measure: str = ""
    median: float = float("nan")
    base_median: float = float("nan")
    probability: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    n: int = 0
    n_rest: int = 0
    reason: str = ""


def price_columns(price: Price, data: Data) -> list[str]:
    """Return the dense features that are read.

    Raises
    ------
    ConfigError
        If a log or field is not declared.
    """
    where = "campaign.source.price"
    if price.log not in data.logs:
        raise ConfigError(f"{where}.log: '{price.log}' is no log {did_you_mean(price.log, data.logs)}")
    fields = [price.price] if price.price else [price.paid, *price.saved]
    for field in fields:
        known = data.logs[price.log].numeric
        if field not in known:
            raise ConfigError(
                f"{where}: '{field}' is no numeric field of '{price.log}' {did_you_mean(str(field), known)}"
            )
    return [dense_name(price.log, str(field), "mean" if price.price else "sum") for field in fields]


def price_scores(dense: pd.DataFrame, price: Price, columns: list[str]) -> tuple[pd.Series, str]:
    """Return by customer a number that is higher for who looks more at prices, and what it is in words."""
    if price.price:
        return -dense[columns[0]].dropna(), f"mean {price.price} of what is bought"
    saved = dense[columns[1:]].abs().sum(axis=1)  # some logs write savings below zero
    total = dense[columns[0]] + saved
    return (saved / total)[total > 0], f"share saved by {' and '.join(price.saved)}"


def price_sense(scores: pd.Series, measure: str, customers: NDArray[np.object_], at_least: int) -> PriceSense:
    """Return how a segment looks at prices.

    The probability is the area under the ROC curve, its variance that of DeLong, DeLong, Clarke-Pearson (1988,
    Biometrics 44, 837-845). High, or low, is said if the whole interval lies beyond 0.55, or below 0.45.
    """
    inside = scores.index.isin(customers)
    own, rest = scores[inside].to_numpy(), scores[~inside].to_numpy()
    n, m = len(own), len(rest)
    if min(n, m) < at_least:
        return PriceSense(None, measure, reason=f"fewer than {at_least} customers to compare")
    ranks = rankdata(np.concatenate([own, rest]))
    over_rest = (ranks[:n] - rankdata(own)) / m
    under_own = 1 - (ranks[n:] - rankdata(rest)) / n
    probability = float(over_rest.mean())
    error = np.sqrt(over_rest.var(ddof=1) / n + under_own.var(ddof=1) / m)
    low, high = probability - norm.ppf(0.975) * error, probability + norm.ppf(0.975) * error
    level = "high" if low > _CLEAR else "low" if high < 1 - _CLEAR else "like everybody"
    return PriceSense(
        level=level,
        measure=measure,
        median=float(np.abs(np.median(own))),
        base_median=float(np.abs(np.median(scores))),
        probability=probability,
        low=float(max(0.0, low)),
        high=float(min(1.0, high)),
        n=n,
        n_rest=m,
    )
