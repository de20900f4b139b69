"""What is known of all customers at one instant, and what each was worth in the horizon after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.columns import CUSTOMER, US_PER_DAY
from pipeline.engine import DuckDBEngine
from pipeline.features.matrix import read_dense
from pipeline.features.snapshot import cut_off, snapshot_folder
from pipeline.settings import Attribute
from pipeline.split import hash32
from pipeline.value.money import Purse
from pipeline.value.resampling import Floats

FALLBACK_DAYS = (91, 56, 28, 14, 7)


@dataclass(frozen=True)
class Horizon:
    """How far ahead value is expected, and the instants that follow, microseconds since the epoch.

    Attributes
    ----------
    days
        Length.
    now_us
        Where the coming horizon begins.
    judged_us
        Where the last one that is known begins: expectations and groups are judged on it.
    learnt_us
        Where the one before begins: what is judged learns from it.
    """

    days: int
    now_us: int
    judged_us: int
    learnt_us: int


@dataclass(frozen=True)
class Moment:
    """Customers of a snapshot, sorted by id.

    Attributes
    ----------
    customers
        Ids, shape (n,).
    features
        Dense features, one column each; NaN means unknown.
    history
        Repeated purchases, as `money.Purse.history` tells them; None where there is no money.
    lately, ahead
        Money in the horizon before and after the instant, shape (n,); None where there is no money, or it is not known.
    """

    us: int
    customers: np.ndarray
    features: pd.DataFrame
    history: pd.DataFrame | None
    lately: Floats | None
    ahead: Floats | None

    def sample(self, at_most: int) -> Moment:
        """Return some of the customers, those of the lowest salted hash; all if there are no more than `at_most`."""
        if len(self.customers) <= at_most:
            return self
        hashes = np.array([hash32(f"value: sample:{customer}") for customer in self.customers])
        rows = np.sort(np.argsort(hashes, kind="stable")[:at_most])
        return replace(
            self,
            customers=self.customers[rows],
            features=self.features.iloc[rows].reset_index(drop=True),
            history=None if self.history is None else self.history.iloc[rows].reset_index(drop=True),
            lately=None if self.lately is None else self.lately[rows],
            ahead=None if self.ahead is None else self.ahead[rows],
        )


def horizon_of(
    attributes: dict[str, Attribute], asked: int | None, as_of_us: int, first_us: int
) -> tuple[Horizon | None, str]:
    """Return the horizon, or None and why there is none.

    Three horizons must fit into the history: one that features speak of, one to learn from, one to be judged on.
    The longest one of a future attribute is taken, so that its predictions can be judged at the same instant.

    Examples
    --------
    >>> horizon_of({}, None, 100 * US_PER_DAY, 0)[0].days
    28
    >>> horizon_of({}, None, US_PER_DAY, 0)[1]
    'the history is 1 day long, too short to be judged on: 3 horizons of at least 7 days are needed'
    """
    found = int((as_of_us - first_us) // US_PER_DAY)
    known = {a.future.horizon_days for a in attributes.values() if a.future is not None}
    wanted = [asked] if asked is not None else [*sorted(known, reverse=True), *FALLBACK_DAYS]
    days = next((days for days in wanted if 3 * days <= found), None)
    if days is None:
        least = asked if asked is not None else min(wanted)
        long = "1 day" if found == 1 else f"{found} days"
        asked_for = f"3 horizons of {least} days" if asked is not None else f"3 horizons of at least {least} days"
        return None, f"the history is {long} long, too short to be judged on: {asked_for} are needed"
    step = days * US_PER_DAY
    return Horizon(days, as_of_us, as_of_us - step, as_of_us - 2 * step), ""


def read_moment(
    engine: DuckDBEngine, outputs: Path, us: int, horizon: Horizon | None, purse: Purse | None, time_zone: str
) -> Moment:
    """Return what is known at an instant whose snapshot stands; what lies after `horizon.now_us` is never read."""
    frame = engine.arrow(read_dense(engine, snapshot_folder(outputs, us))).to_pandas()
    frame = frame.sort_values(CUSTOMER, ignore_index=True)
    customers = frame[CUSTOMER].to_numpy(dtype=object)
    history = lately = ahead = None
    if purse is not None:
        history = purse.history(customers, us, cut_off(us, time_zone).as_of_day)
        if horizon is not None:
            step = horizon.days * US_PER_DAY
            lately = purse.spent(customers, us - step, us)
            ahead = purse.spent(customers, us, us + step) if us + step <= horizon.now_us else None
    return Moment(us, customers, frame.drop(columns=CUSTOMER).astype(np.float64), history, lately, ahead)
