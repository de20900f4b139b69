from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.settings import Attribute, Data, Declared, Future, Log
from pipeline.timeline import as_of_name, check_zone, instants, resolve_as_of, snapshot_instants, too_short
from tests.source import us

DAY = 86_400_000_000
DECLARED = Attribute("binary", declared=Declared("age"))


def future(days):
    return Attribute("binary", future=Future(log="log", horizon_days=days, at_least=1))


def as_of(text, last, first=0, zone="UTC"):
    """Return the instant of `as_of` for a source with events at `first` and `last`."""
    logs = {
        "log": {"rows": 2, "first_us": first, "last_us": last},
        "empty": {"rows": 0, "first_us": None, "last_us": None},
    }
    data = Data(name="one", logs={"log": Log(path="x", id="i", time="t")}, time_zone=zone, as_of=text)
    return resolve_as_of(data, {"logs": logs})


@pytest.mark.parametrize(
    ("zone", "last", "expected"),
    [
        ("UTC", us(2017, 12, 31, 23, 59, 59, 999_999), us(2018, 1, 1)),
        ("UTC", us(2018, 1, 1), us(2018, 1, 2)),  # an event at midnight belongs to the day that begins
        ("America/New_York", us(2018, 1, 1, 4, 1), us(2018, 1, 1, 5)),
        ("Asia/Tokyo", us(2017, 12, 31, 15), us(2018, 1, 1, 15)),
        ("Europe/Kyiv", us(2024, 3, 30, 23), us(2024, 3, 31, 21)),  # a day of 23 hours
        ("Europe/Kyiv", us(2024, 10, 26, 22), us(2024, 10, 27, 22)),  # a day of 25 hours, early
        ("Europe/Kyiv", us(2024, 10, 27, 21, 59), us(2024, 10, 27, 22)),  # and late
        ("America/Sao_Paulo", us(2018, 11, 3, 12), us(2018, 11, 4, 3)),  # the night has no midnight: 00:00 is 01:00
        ("Australia/Lord_Howe", us(2024, 10, 5, 20), us(2024, 10, 6, 13)),  # a day of 23.5 hours
        ("UTC", us(1960, 1, 1, 0, 0, 0, 1), us(1960, 1, 2)),
    ],
)
def test_latest_is_the_local_midnight_after_the_last_event(zone, last, expected):
    assert as_of("latest", last, zone=zone) == expected


@given(
    st.integers(us(1971, 1, 1), us(2037, 1, 1)),
    st.sampled_from(["UTC", "Europe/Kyiv", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Tokyo"]),
)
def test_latest_lies_after_the_last_event_at_midnight_and_at_most_25_hours_later(last, zone):
    found = as_of("latest", last, zone=zone)
    assert last < found <= last + 25 * 3_600_000_000
    shown = datetime.fromtimestamp(found // 1_000_000, ZoneInfo(zone))
    assert (shown.hour, shown.minute, shown.second) == (0, 0, 0)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2018-01-01", "UTC", us(2018, 1, 1)),
        ("2018-01-01", "America/New_York", us(2018, 1, 1, 5)),
        ("2018-07-01", "America/New_York", us(2018, 7, 1, 4)),
        ("2018-01-01T12:00", "Europe/Kyiv", us(2018, 1, 1, 10)),
        ("2018-01-01 12:00:01", "Europe/Kyiv", us(2018, 1, 1, 10, 0, 1)),
        ("2018-01-01T12:00Z", "Europe/Kyiv", us(2018, 1, 1, 12)),
        ("2018-01-01T12:00+05:30", "Europe/Kyiv", us(2018, 1, 1, 6, 30)),
    ],
)
def test_a_text_is_local_unless_it_names_its_offset(text, zone, expected):
    assert as_of(text, us(2019, 1, 1), zone=zone) == expected


@given(st.integers(1, us(2100, 1, 1)))
def test_every_microsecond_of_a_text_counts(instant):
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)).isoformat()
    assert as_of(text, us(2101, 1, 1)) == instant


@pytest.mark.parametrize("text", ["nonsense", "", "2018-13-01", "2018-02-30", "01.02.2018", "Latest", "2018", "now"])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(
        ConfigError, match=rf"data\.as_of: '{text}' is no date or time; write it like 2018-01-01.*or latest"
    ):
        as_of(text, us(2019, 1, 1))


def test_as_of_must_lie_after_the_first_event():
    first = us(2018, 1, 1, 22)
    assert as_of("2018-01-01T22:00:00.000001", us(2019, 1, 1), first) == first + 1
    for text in ("2018-01-01T22:00", "1900-01-01", "0001-01-01"):
        with pytest.raises(
            ConfigError, match=rf"data\.as_of: no event lies before {text}; the first one is of 2018-01-01 22:00"
        ):
            as_of(text, us(2019, 1, 1), first)
    with pytest.raises(ConfigError, match=r"the first one is of 2018-01-02 00:00"):
        as_of("2018-01-01", us(2019, 1, 1), first, zone="Europe/Kyiv")


def test_declared_attributes_learn_at_as_of_and_future_ones_a_horizon_earlier():
    assert (instants(DECLARED, 5).labels_us, instants(DECLARED, 5).earlier_us) == (5, 5)
    found = instants(future(28), 100 * DAY)
    assert (found.labels_us, found.earlier_us) == (72 * DAY, 44 * DAY)


def test_a_future_attribute_needs_three_horizons_of_events():
    assert too_short(DECLARED, 5, 4) is None
    assert too_short(future(10), 30 * DAY, 0) is None
    reason = too_short(future(10), 30 * DAY, 1)
    assert reason is not None
    assert "horizon of 10 days: 30 days needed" in reason
    assert reason.endswith("found 29")  # not 30: the days are whole ones


def test_snapshots_are_taken_at_each_needed_instant_once_in_order():
    attributes = {"a": DECLARED, "b": future(10), "c": future(20), "d": future(10), "long": future(400)}
    assert snapshot_instants(attributes, 100 * DAY, 0) == [60 * DAY, 80 * DAY, 90 * DAY, 100 * DAY]
    assert snapshot_instants({}, 7, 0) == [7]


@pytest.mark.parametrize(
    ("instant", "name"),
    [
        (us(2018, 1, 1, 5), "20180101T050000Z"),
        (us(2018, 1, 1, 5, 0, 0, 120), "20180101T050000.000120Z"),
        (0, "19700101T000000Z"),
        (-1, "19691231T235959.999999Z"),
    ],
)
def test_names_of_instants(instant, name):
    assert as_of_name(instant) == name


@given(st.lists(st.integers(us(1900, 1, 1), us(2100, 1, 1)), min_size=2, max_size=5))
def test_names_of_instants_sort_like_them(several):
    seconds = sorted({instant // 1_000_000 * 1_000_000 for instant in several})
    assert sorted(map(as_of_name, seconds)) == [as_of_name(instant) for instant in seconds]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Kyiv", "America/New_York", "Etc/GMT+3"])
def test_zones_that_are(zone):
    check_zone(zone, "data.time_zone")


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Europe/Kyyiv", "Did you mean 'Europe/Kyiv'"),
        ("europe/kyiv", "Did you mean 'Europe/Kyiv'"),
        ("Europe", "write an IANA name"),
        ("", "write an IANA name"),
        ("../etc/passwd", "write an IANA name"),
        ("+02:00", "write an IANA name"),
        ("posix/Europe/Kyiv", "write an IANA name"),
    ],
)
def test_zones_that_are_none(zone, hint):
    with pytest.raises(ConfigError, match=rf"^data\.time_zone: '.*' is no time zone; .*{hint}"):
        check_zone(zone, "data.time_zone")
