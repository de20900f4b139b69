"""Instants: where portraits are drawn, and where the labels of each attribute begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from pipeline.columns import US_PER_DAY
from pipeline.errors import ConfigError, did_you_mean
from pipeline.settings import Attribute, Data

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Instants:
    """Where one attribute's labels begin, microseconds since the epoch.

    A declared attribute learns at as_of. A future one learns where its last complete horizon begins, and is
    judged out of time: the judged recipe learns one horizon earlier.
    """

    labels_us: int
    earlier_us: int


def instants(attribute: Attribute, as_of_us: int) -> Instants:
    """Return an attribute's instants.

    >>> from pipeline.settings import Declared
    >>> instants(Attribute("binary", declared=Declared("age")), 5)
    Instants(labels_us=5, earlier_us=5)
    """
    if attribute.future is None:
        return Instants(as_of_us, as_of_us)
    horizon_us = attribute.future.horizon_days * US_PER_DAY
    return Instants(as_of_us - horizon_us, as_of_us - 2 * horizon_us)


def too_short(attribute: Attribute, as_of_us: int, first_us: int) -> str | None:
    """Return why the logs are too short for a future attribute, or None.

    A horizon's length of history must lie before the earliest labels, for the features to speak of.
    """
    if attribute.future is None:
        return None
    days = attribute.future.horizon_days
    found = (as_of_us - first_us) // US_PER_DAY
    if found < 3 * days:
        return (
            f"logs too short for a horizon of {days} days: {3 * days} days needed (one of history, one to learn from, "
            f"one to be judged on), found {found}"
        )
    return None


def snapshot_instants(attributes: Mapping[str, Attribute], as_of_us: int, first_us: int) -> list[int]:
    """Return every instant that training and scoring need a snapshot of, sorted."""
    needed = {as_of_us}
    for attribute in attributes.values():
        if too_short(attribute, as_of_us, first_us) is None:
            at = instants(attribute, as_of_us)
            needed |= {at.labels_us, at.earlier_us}
    return sorted(needed)


def resolve_as_of(data: Data, manifest: dict[str, Any]) -> int:
    """Return `data.as_of` in microseconds since the epoch; *latest* is the local midnight after the last event.

    Raises
    ------
    ConfigError
        If the text is no date or time, or no event lies before it.
    """
    zone = ZoneInfo(data.time_zone)
    first = min(facts["first_us"] for facts in manifest["logs"].values() if facts["rows"])
    last = max(facts["last_us"] for facts in manifest["logs"].values() if facts["rows"])
    if data.as_of == "latest":
        following = _shown(last, zone).date() + timedelta(days=1)  # a date, because a day may last 23 or 25 hours
        return _microseconds(datetime.combine(following, time(), zone))
    try:
        moment = datetime.fromisoformat(data.as_of)
    except ValueError:
        raise ConfigError(
            f"data.as_of: '{data.as_of}' is no date or time; write it like 2018-01-01, 2018-01-01T12:00 or latest"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    as_of_us = _microseconds(moment)
    if as_of_us <= first:
        begin = _shown(first, zone)
        raise ConfigError(f"data.as_of: no event lies before {data.as_of}; the first one is of {begin:%Y-%m-%d %H:%M}")
    return as_of_us


def _microseconds(moment: datetime) -> int:
    """Return microseconds since the epoch, in integers: a double would lose the last digit."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _shown(event_us: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=event_us)).astimezone(zone)


def as_of_name(as_of_us: int) -> str:
    """Return a cut-off instant as a folder name, in UTC: `20180101T050000Z`."""
    moment = _EPOCH + timedelta(seconds=as_of_us // 1_000_000)
    fraction = f".{as_of_us % 1_000_000:06d}" if as_of_us % 1_000_000 else ""
    return f"{moment:%Y%m%dT%H%M%S}{fraction}Z"


def check_zone(zone: str, where: str) -> None:
    """Refuse what is no IANA time zone.

    Raises
    ------
    ConfigError
        Naming the key.
    """
    if zone not in _zones():
        hint = did_you_mean(zone, sorted(_zones()), limit=3)
        raise ConfigError(f"{where}: '{zone}' is no time zone; write an IANA name such as Europe/Kyiv or UTC {hint}")


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
