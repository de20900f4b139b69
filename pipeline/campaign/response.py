"""Who responded to what: response rates by segment and approach; those by approach are judged on later contacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta

from pipeline.columns import CUSTOMER, EVENT_US, US_PER_DAY
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, did_you_mean
from pipeline.events import read_events
from pipeline.outputs import read_manifest
from pipeline.settings import Data, Response

APPROACH, RESPONDED = "approach", "responded"
_EARLIER = 0.6  # of the contacts predict, the later ones judge


@dataclass(frozen=True)
class Rate:
    """A response rate, drawn to the base's, with its 95 % interval.

    `n` contacts of `customers` customers; `effective` is as many independent contacts as they are worth, because one
    customer's contacts resemble each other. `weight` is what rate and interval rest on: these and the prior's.
    """

    approach: str
    rate: float
    low: float
    high: float
    n: int
    customers: int
    responses: int
    effective: float
    weight: float


@dataclass(frozen=True)
class Later:
    """How earlier contacts predicted later ones: log-loss per contact, and that of one rate for everybody.

    `gain` is the baseline's log-loss minus the prediction's, with a 95 % interval over customers: above 0 it is better.
    """

    n: int
    customers: int
    log_loss: float
    baseline: float
    gain: float
    low: float
    high: float
    rates: Mapping[str, Rate]  # of the base's later contacts, by approach with enough customers


def contacts(engine: DuckDBEngine, events: Path, response: Response, data: Data, as_of_us: int) -> pd.DataFrame:
    """Return one row per customer and what it was addressed with: customer_id, event_us, offer, approach, responded.

    A response counts within `response.days` after the contact; contacts for which these days are not over are left out.

    Raises
    ------
    ConfigError
        If a log or field does not exist.
    """
    _check(response, data)
    told = _rows(engine, events, response.contacts, [response.by, response.offer], as_of_us)
    told = told.sort_values([CUSTOMER, EVENT_US], kind="stable").drop_duplicates([CUSTOMER, response.by])
    told = told[told[EVENT_US] + response.days * US_PER_DAY <= as_of_us].reset_index(drop=True)
    answers = _rows(engine, events, response.responses, [response.by], as_of_us)
    both = told.reset_index().merge(answers, on=[CUSTOMER, response.by], suffixes=("", "_response"))
    delay = both[f"{EVENT_US}_response"] - both[EVENT_US]
    hit = both.loc[(delay >= 0) & (delay < response.days * US_PER_DAY), "index"].unique()
    told[RESPONDED] = told.index.isin(hit)
    told["offer"] = told[response.offer]
    told[APPROACH] = told["offer"].map(dict(response.approach)) if response.approach else told["offer"]
    return told.dropna(subset=[APPROACH])[[CUSTOMER, EVENT_US, "offer", APPROACH, RESPONDED]].reset_index(drop=True)


def rates(
    told: pd.DataFrame, customers: NDArray[np.object_] | None, prior_contacts: float, least: int
) -> dict[str, Rate]:
    """Return the response rate of each approach among some customers, or among all.

    (responses + prior · base rate) / (contacts + prior), in independent contacts' worth: the contacts are divided by
    the design effect of the base (Kish 1965, Survey Sampling, 5.4). The interval is that of the beta posterior.

    Parameters
    ----------
    customers
        None: all. There is nothing that they could be drawn to; the prior is Jeffreys', of half a response and half a
        refusal.
    least
        Addressed customers below which nothing is told.
    """
    found = {}
    for name, everybody in told.groupby(APPROACH, sort=True):
        own = everybody if customers is None else everybody[everybody[CUSTOMER].isin(customers)]
        people = int(own[CUSTOMER].nunique())
        if people < least:
            continue
        base = float(everybody[RESPONDED].mean())
        effective = len(own) / _design_effect(everybody)
        hits = float(own[RESPONDED].mean()) * effective
        before = (0.5, 0.5)
        if customers is not None:
            before = prior_contacts * base + 1e-9, prior_contacts * (1 - base) + 1e-9
        a, b = hits + before[0], effective - hits + before[1]
        low, high = beta.ppf([0.025, 0.975], a, b)
        counts = len(own), people, int(own[RESPONDED].sum())
        found[str(name)] = Rate(str(name), a / (a + b), float(low), float(high), *counts, effective, a + b)
    return found


def usual_rate(told: pd.DataFrame, customers: NDArray[np.object_] | None, prior_contacts: float) -> float | None:
    """Return the response rate of some customers, or of all, drawn to that of all; None if nobody was addressed.

    As `rates`, over all approaches.
    """
    if told.empty:
        return None
    own = told if customers is None else told[told[CUSTOMER].isin(customers)]
    base, effective = float(told[RESPONDED].mean()), len(own) / _design_effect(told)
    hits = float(own[RESPONDED].mean()) * effective if len(own) else 0.0
    return (hits + prior_contacts * base) / (effective + prior_contacts)


def without_own(told: pd.DataFrame, customers: NDArray[np.object_]) -> bool:
    """Tell whether a segment was evidently chosen among non-responders: none responded where five or more would have.

    Its own rates then say how it was chosen, and nothing of how it would respond.
    """
    own = told[told[CUSTOMER].isin(customers)]
    if own.empty:
        return False
    expected = own[APPROACH].map(told.groupby(APPROACH)[RESPONDED].mean()).sum()
    return not own[RESPONDED].any() and float(expected) >= 5


def in_time(told: pd.DataFrame, days: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return earlier contacts, by which something is chosen, and later ones, by which it is judged.

    Later ones begin when the `days` in which earlier ones could be responded to are over.
    """
    if told.empty:
        return told, told
    split = np.quantile(told[EVENT_US], _EARLIER)
    return told[told[EVENT_US] + days * US_PER_DAY <= split], told[told[EVENT_US] >= split]


def later(told: pd.DataFrame, days: int, prior_contacts: float, least: int, seed: int) -> Later | None:
    """Return how earlier contacts' rates by approach predict later ones, or None if there are too few of either.

    See `in_time`. Baseline: the earlier contacts' one rate. Segments take no part: who belongs to one today was decided
    with the later responses in sight.
    """
    before, after = in_time(told, days)
    if before[CUSTOMER].nunique() < least or after[CUSTOMER].nunique() < least or not before[RESPONDED].any():
        return None
    overall = float(before[RESPONDED].mean())
    known = {name: one.rate for name, one in rates(before, None, prior_contacts, least).items()}
    predicted = np.asarray(after[APPROACH].map(known).fillna(overall), dtype=np.float64)
    y = after[RESPONDED].to_numpy()
    loss, baseline = _log_loss(y, predicted), _log_loss(y, np.full(len(y), overall))
    low, high = _over_customers(baseline - loss, after[CUSTOMER].to_numpy(), seed)
    observed = rates(after, None, prior_contacts, least)
    figures = float(loss.mean()), float(baseline.mean()), float((baseline - loss).mean()), low, high
    return Later(len(after), int(after[CUSTOMER].nunique()), *figures, observed)


def _check(response: Response, data: Data) -> None:
    where = "campaign.source.response"
    wanted = ((response.contacts, (response.by, response.offer)), (response.responses, (response.by,)))
    for log, fields in wanted:
        if log not in data.logs:
            raise ConfigError(f"{where}: '{log}' is no log {did_you_mean(log, data.logs)}")
        for field in fields:
            known = data.logs[log].categorical
            if field not in known:
                raise ConfigError(f"{where}: '{field}' is no categorical field of '{log}' {did_you_mean(field, known)}")


def _rows(engine: DuckDBEngine, events: Path, log: str, fields: list[str], as_of_us: int) -> pd.DataFrame:
    table = read_events(engine, events, log, range(read_manifest(events)["buckets"]))
    columns = list(dict.fromkeys([CUSTOMER, EVENT_US, *fields]))
    return engine.arrow(table.filter(table[EVENT_US] < as_of_us).select(columns).drop_null(fields)).to_pandas()


def _design_effect(told: pd.DataFrame) -> float:
    """Return how many times the variance of a rate is larger than if contacts were independent, at least 1."""
    by = told.groupby(CUSTOMER)[RESPONDED].agg(["sum", "count"])
    n, p = int(by["count"].sum()), float(told[RESPONDED].mean())
    if not 0 < p < 1 or len(by) < 2:
        return 1.0
    spread = ((by["sum"] - p * by["count"]) ** 2).sum() * len(by) / (len(by) - 1)
    return max(1.0, float(spread / (n * p * (1 - p))))


def _log_loss(y: NDArray[np.bool_], p: NDArray[np.float64]) -> NDArray[np.float64]:
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return -np.where(y, np.log(p), np.log(1 - p))


def _over_customers(gain: NDArray[np.float64], customer: NDArray[np.object_], seed: int) -> tuple[float, float]:
    """Return a 95 % bootstrap interval of a mean over contacts; customers are drawn."""
    _, code = np.unique(customer.astype(str), return_inverse=True)
    sums, counts = np.bincount(code, gain), np.bincount(code)
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(sums), (1000, len(sums)))
    low, high = np.quantile(sums[draws].sum(axis=1) / counts[draws].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)
