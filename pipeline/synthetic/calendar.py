"""Days, seasons and the clock of the SYNTHETIC operator's country.

Day 0 is Monday, 1 January 2024. Every event is drawn as a local day and a local second of the day, and is written as
an instant in UTC. An hour that the clock skips in spring is told by the offset before the change (PEP 495), so that the
event keeps its day; of an hour that comes twice in autumn the first one is meant.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

ZONE = "Europe/Berlin"
FIRST = date(2024, 1, 1)
MONTH_DAYS = 28  # events are drawn for periods of so many days, see `logs`
SEASONS = ("even", "weekday", "weekend", "december", "school", "travel")
_US_PER_HOUR = 3_600_000_000
_PUBLIC = {(1, 1), (3, 29), (4, 1), (5, 1), (5, 9), (5, 20), (10, 3), (12, 25), (12, 26)}  # 2024; later years alike
_SCHOOL_HOLIDAYS = (((1, 1), (1, 6)), ((3, 25), (4, 5)), ((7, 8), (8, 20)), ((10, 14), (10, 25)), ((12, 21), (12, 31)))


def day_date(day: int) -> date:
    """Return the date of a day's number.

    >>> day_date(31).isoformat()
    '2024-02-01'
    """
    return FIRST + timedelta(days=day)


@lru_cache(maxsize=8)
def season(name: str, days: int) -> np.ndarray:
    """Return what the days multiply a rate with, shape (days,).

    ========= =======================================================================
    even      1
    weekday   1.25 from Monday to Friday, 0.4 at weekends and on public holidays
    weekend   0.7 from Monday to Thursday, 1.6 on other days
    december  1; 1.8 from 20 November to 24 December
    school    1.3 in term, 0.25 in school holidays
    travel    1; 1.9 in July and August; 1.5 in school holidays else
    ========= =======================================================================
    """
    return np.array([_factor(name, day_date(day)) for day in range(days)])


def _factor(name: str, day: date) -> float:
    at, weekday = (day.month, day.day), day.weekday()
    holiday = any(first <= at <= last for first, last in _SCHOOL_HOLIDAYS)
    if name == "weekday":
        return 0.4 if weekday >= 5 or at in _PUBLIC else 1.25
    if name == "weekend":
        return 0.7 if weekday < 4 else 1.6
    if name == "december":
        return 1.8 if (11, 20) <= at <= (12, 24) else 1.0
    if name == "school":
        return 0.25 if holiday else 1.3
    if name == "travel":
        return 1.9 if day.month in (7, 8) else 1.5 if holiday else 1.0
    return 1.0


def instant_us(day: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the instants, microseconds since the epoch in UTC, of local days and seconds of the day (doubles).

    >>> instant_us(np.array([0]), np.array([0.0])).tolist()  # midnight in Berlin is 23:00 in UTC
    [1704063600000000]
    """
    last = int(day.max(initial=0)) + 1
    hour = (second // 3600).astype(np.int64)
    return _hours(last)[day, hour] + np.floor((second - hour * 3600.0) * 1e6).astype(np.int64)


@lru_cache(maxsize=64)
def _hours(days: int) -> np.ndarray:
    """Return the instant at which each local hour begins, shape (days, 24)."""
    zone, epoch = ZoneInfo(ZONE), datetime(1970, 1, 1, tzinfo=UTC)
    table = np.empty((days, 24), dtype=np.int64)
    for day in range(days):
        on = day_date(day)
        for hour in range(24):
            local = datetime(on.year, on.month, on.day, hour, tzinfo=zone)
            table[day, hour] = (local.astimezone(UTC) - epoch) // timedelta(hours=1)
    return table * _US_PER_HOUR
