from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pipeline.synthetic.calendar import ZONE, day_date, instant_us, season


def local(day, hour, minute=0, second=0):
    """Return the local time that is written for a local day and time."""
    found = instant_us(np.array([day]), np.array([hour * 3600.0 + minute * 60 + second]))[0]
    return datetime.fromtimestamp(found / 1e6, UTC).astimezone(ZoneInfo(ZONE))


SPRING, AUTUMN = 90, 300  # 31 March and 27 October 2024: the clock is set forward, and back


def test_the_clock_changes_on_these_days():
    assert [day_date(day).isoformat() for day in (SPRING, AUTUMN)] == ["2024-03-31", "2024-10-27"]


@pytest.mark.parametrize("day", [0, 59, SPRING - 1, SPRING, SPRING + 1, 182, AUTUMN, AUTUMN + 1, 365])
@pytest.mark.parametrize(("hour", "minute", "second"), [(0, 0, 0), (1, 59, 59), (3, 0, 0), (12, 30, 1), (23, 59, 59)])
def test_local_day_and_clock_come_back(day, hour, minute, second):
    there = local(day, hour, minute, second)
    assert there.date() == day_date(day)
    assert (there.hour, there.minute, there.second) == (hour, minute, second)


def test_the_hour_that_is_skipped_keeps_its_day():
    there = local(SPRING, 2, 30)
    assert (there.date(), there.hour, there.minute) == (day_date(SPRING), 3, 30)


def test_of_the_hour_that_comes_twice_the_first_is_meant():
    assert local(AUTUMN, 2, 30).utcoffset().total_seconds() == 7200


def test_seasons_by_hand():
    # Monday 1 January is a public and school holiday; Saturday 6 January; 8 January is a plain Monday.
    assert season("weekday", 8)[[0, 5, 7]].tolist() == [0.4, 0.4, 1.25]
    assert season("weekend", 8)[[0, 4, 7]].tolist() == [0.7, 1.6, 0.7]
    assert season("school", 8)[[0, 7]].tolist() == [0.25, 1.3]
    assert season("travel", 200)[[7, 182]].tolist() == [1.0, 1.9]
    assert season("december", 364)[[0, 323, 324]].tolist() == [1.0, 1.0, 1.8]
