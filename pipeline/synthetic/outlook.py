"""How likely lines of the SYNTHETIC operator are silent in the days to come, given how they are used now.

Use is the chain of `behaviour`: normal → declining → left, by the day. The days to come are D … D + horizon - 1.
"""

from __future__ import annotations

import numpy as np

from pipeline.synthetic.calendar import MONTH_DAYS, season
from pipeline.synthetic.causes import DECLINE, LEAVING


def silence(expected: np.ndarray, hazard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of no event for lines that were in normal, or in declining, use on the day before.

    Parameters
    ----------
    expected
        Events that normal use would bring on each day to come, shape (horizon, ...).
    hazard
        Of declining, per day; broadcasts with a day of `expected`.

    Examples
    --------
    Two days, one event expected on each, and a line that never declines or leaves:

    >>> float(silence(np.ones((2, 1)), np.zeros(1))[0][0].round(6))  # exp(-2)
    0.135335
    """
    normal, declining = np.ones_like(expected[0]), np.ones_like(expected[0])
    for mean in expected[::-1]:
        goes_on = np.exp(-DECLINE * mean) * declining
        normal = (1 - hazard) * np.exp(-mean) * normal + hazard * goes_on
        declining = LEAVING + (1 - LEAVING) * goes_on
    return normal, declining


def states(events: np.ndarray, bills: np.ndarray, expected: np.ndarray, hazard: np.ndarray) -> np.ndarray:
    """Return the probabilities of normal, declining and left on the last day, shape (n, 3): a forward filter.

    Parameters
    ----------
    events, expected
        Events on each day, and how many normal use would bring, both of shape (n, days).
    bills
        Whether a bill came, shape (n, days): every 28 days as long as the line is used, to those who get any.
    hazard
        Of declining, per day, shape (n,).
    """
    first = np.where(bills.any(axis=1), bills.argmax(axis=1), -1)
    belief = np.stack([np.ones(len(events)), np.zeros(len(events)), np.zeros(len(events))], axis=1)
    for day in range(events.shape[1]):
        stays = belief[:, 0] * (1 - hazard)
        declines = belief[:, 0] * hazard + belief[:, 1] * (1 - LEAVING)
        left = belief[:, 1] * LEAVING + belief[:, 2]
        due = (first >= 0) & (day >= first) & ((day - first) % MONTH_DAYS == 0)
        used = ~due | bills[:, day]
        silent = (events[:, day] == 0) & ~bills[:, day]
        mean = expected[:, day]  # what is common to both uses, mean ** events / events!, cancels; left has no events
        belief = np.stack(
            [
                stays * np.exp(-mean) * used,
                declines * np.exp(-DECLINE * mean) * DECLINE ** events[:, day] * used,
                left * silent,
            ],
            axis=1,
        )
        belief /= belief.sum(axis=1, keepdims=True)
    return belief


def expected_events(rates: dict[str, tuple[str, np.ndarray]], first: int, below: int) -> np.ndarray:
    """Return the events of normal use on the days `first` to `below` - 1, shape (below - first, n).

    Parameters
    ----------
    rates
        By stream, its season and the lines' daily rates.
    """
    return np.asarray(sum(np.outer(season(name, below)[first:], rate) for name, rate in rates.values()))
