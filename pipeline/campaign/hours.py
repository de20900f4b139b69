"""At which hour and on which weekday a segment acts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from pipeline.campaign.tokens import tables_of_tokens
from pipeline.columns import COUNT, CUSTOMER, FIELD, HOUR, TOKEN, WEEKDAY
from pipeline.engine import DuckDBEngine
from pipeline.features.naming import field_name

_SPREAD = {HOUR: 24, WEEKDAY: 7}
_IDLE = 0.01  # share of a segment's events below which an hour counts as one without activity


@dataclass(frozen=True)
class Peak:
    """An hour (0 to 23) or weekday (0 = Monday) and how much of a segment's activity falls on it.

    `share` is the mean over customers of the share of their events; `lift` that against the base's, with an interval
    that holds for all hours, or weekdays, at once (Bonferroni).
    """

    at: int
    share: float
    base_share: float
    lift: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Timing:
    """When a segment acts; None with the reason where the log has no clock.

    Attributes
    ----------
    hour, weekday
        The busiest one; the hour is the busiest of those at which messages may be sent.
    idle_hours
        Hours at which messages may be sent, but nobody is there.
    """

    log: str
    hour: Peak | None
    weekday: Peak | None
    idle_hours: tuple[int, ...]
    reason: str = ""


def time_shares(engine: DuckDBEngine, snapshot: Path, log: str, unit: str) -> pd.DataFrame | None:
    """Return each customer's shares of events by hour or weekday, (n_customers, 24 or 7), or None without a clock."""
    name = field_name(log, unit)
    parts = [
        engine.arrow(table.filter(table[FIELD] == name).select(CUSTOMER, TOKEN, COUNT)).to_pandas()
        for table in tables_of_tokens(engine, snapshot)
    ]
    rows = pd.concat(parts)
    if rows.empty or (unit == HOUR and rows[TOKEN].nunique() < 2):
        return None
    ids, customer = np.unique(rows[CUSTOMER].to_numpy(dtype=object), return_inverse=True)
    counts = np.zeros((len(ids), _SPREAD[unit]))
    np.add.at(counts, (customer, rows[TOKEN].astype(int).to_numpy()), rows[COUNT].to_numpy(dtype=np.float64))
    return pd.DataFrame(counts / counts.sum(axis=1, keepdims=True), index=ids)


def peaks(shares: pd.DataFrame, customers: NDArray[np.object_], at_least: int = 2, level: float = 0.05) -> list[Peak]:
    """Return every hour or weekday as a peak, in order; the mean of customers' shares, each customer counting once.

    The interval is that of the logarithm of the segment's mean (delta method); the base is taken as known.
    """
    own = shares[shares.index.isin(customers)].to_numpy()
    base = shares.to_numpy().mean(axis=0)
    n, width = own.shape
    if n < max(2, at_least):
        return []
    mean, error = own.mean(axis=0), own.std(axis=0, ddof=1) / np.sqrt(n)
    z = norm.ppf(1 - level / (2 * width))
    found = []
    for at in range(width):
        if base[at] == 0:
            continue
        lift = mean[at] / base[at]
        spread = np.exp(z * error[at] / mean[at]) if mean[at] > 0 else np.inf
        low, high = (lift / spread, lift * spread) if mean[at] > 0 else (0.0, float("nan"))
        found.append(Peak(at, float(mean[at]), float(base[at]), float(lift), float(low), float(high), n))
    return found


def timing(
    log: str,
    by_hour: pd.DataFrame | None,
    by_weekday: pd.DataFrame | None,
    customers: NDArray[np.object_],
    contact_hours: tuple[int, int],
    at_least: int,
) -> Timing:
    """Return when a segment acts, and the best hour at which it may be written to."""
    first, after = contact_hours
    hours = [] if by_hour is None else peaks(by_hour, customers, at_least)
    allowed = [peak for peak in hours if first <= peak.at < after]
    idle = (
        [at for at in range(first, after) if not any(p.at == at and p.share >= _IDLE for p in hours)] if hours else []
    )
    days = [] if by_weekday is None else peaks(by_weekday, customers, at_least)
    if by_hour is None:
        reason = f"{log}: its times have no clock, so no hour is told"
    elif not hours:
        reason = f"{log}: fewer than {at_least} customers of the segment have events in it"
    else:
        reason = ""
    return Timing(
        log=log,
        hour=max(allowed, key=lambda peak: peak.share, default=None),
        weekday=max(days, key=lambda peak: peak.share, default=None),
        idle_hours=tuple(idle),
        reason=reason,
    )
