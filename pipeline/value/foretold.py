"""What champions said of test customers' future before it came: what groups by it are judged with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.columns import US_PER_DAY
from pipeline.judged import judged_of
from pipeline.lookalike.described.probability import Known
from pipeline.settings import Settings
from pipeline.tracking import Registered, Tracker
from pipeline.value.moment import Horizon


def foretold(
    settings: Settings,
    tracker: Tracker,
    champions: Mapping[str, Registered],
    horizon: Horizon,
    customers: np.ndarray,
) -> tuple[dict[str, Known], dict[str, int], dict[str, str]]:
    """Return what champions of attributes of the future said of customers before it came.

    Parameters
    ----------
    champions
        By attribute.
    customers
        Ids where groups are judged, shape (n,).

    Returns
    -------
    tuple
        By attribute what is known, of those that are older than where groups are judged by how many days, and why
        others are left out.
    """
    known: dict[str, Known] = {}
    aged: dict[str, int] = {}
    skipped: dict[str, str] = {}
    for name, champion in champions.items():
        future, labels_us = settings.attributes[name].future, champion.facts["labels_us"]
        if future is None:
            continue
        if why := _unfit(labels_us, future.horizon_days, horizon):
            skipped[name] = why
            continue
        table = tracker.read_table(champion.run_id, "out_of_fold")
        found = None if table is None else _out_of_fold(table, tuple(champion.facts["values"]), customers)
        if found is None:
            skipped[name] = "what its champion said of test customers was not kept; train again"
            continue
        known[name] = found
        if age := round((horizon.judged_us - labels_us) / US_PER_DAY):
            aged[name] = age
    return known, aged, skipped


def _unfit(labels_us: int, horizon_days: int, horizon: Horizon) -> str:
    """Return why predictions of a champion for its test customers cannot judge groups; nothing if they can.

    Parameters
    ----------
    labels_us, horizon_days
        Where the champion's last horizon begins, and how long the attribute's is.

    Examples
    --------
    >>> day, now = US_PER_DAY, Horizon(7, 21 * US_PER_DAY, 14 * US_PER_DAY, 7 * US_PER_DAY)
    >>> _unfit(14 * day, 7, now), _unfit(13 * day, 7, now), _unfit(14 * day, 5, now)
    ('', '', 'its horizon is of 5 days, and money is looked at over 7')
    >>> _unfit(15 * day, 7, now)
    'its champion was tested 1 days later than groups are judged: train it as of this instant'
    >>> _unfit(6 * day, 7, now)
    'its champion was tested 8 days before groups are judged, more than a horizon: train again'
    """
    if horizon_days != horizon.days:
        return f"its horizon is of {horizon_days} days, and money is looked at over {horizon.days}"
    age = (horizon.judged_us - labels_us) / US_PER_DAY
    if age < 0:
        return f"its champion was tested {-age:.0f} days later than groups are judged: train it as of this instant"
    if age > horizon.days:
        return f"its champion was tested {age:.0f} days before groups are judged, more than a horizon: train again"
    return ""


def _out_of_fold(table: pd.DataFrame, values: tuple[str, ...], customers: np.ndarray) -> Known | None:
    """Return what an attribute's recipe said of its test customers; nothing of the others."""
    judged = judged_of(table)
    if judged is None or judged.proba.shape[2] != len(values):
        return None
    rows = pd.Index(judged.customers.astype(str)).get_indexer(pd.Index(customers.astype(str)))
    proba = np.full((len(customers), len(values)), np.nan)
    proba[rows >= 0] = judged.proba.mean(axis=0)[rows[rows >= 0]]
    nobody = np.zeros(len(customers), dtype=bool)
    return Known(values, proba, nobody, nobody)
