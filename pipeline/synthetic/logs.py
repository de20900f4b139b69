"""The events of lines, log by log (SYNTHETIC).

====================== ======================================================================================
log                    one row is; columns beside `line_id` and `started_at` (instant, UTC)
====================== ======================================================================================
calls                  a call; partner (pseudonym), direction (in, out), seconds
messages                  a text message; partner, direction
sessions               a session of mobile data; app (category), megabytes
payments               a top-up, or the bill of 28 days; tariff, payment (top-up, bill), euros
sightings                  the line was seen in a region; region, place_kind (home, work, away)
roaming                a day abroad; country, leg (arrival, stay)
handsets               a handset was registered: on the first day; handset_class, operating_system
====================== ======================================================================================

Events of a stream are Poisson within periods of 28 days and fall on days in proportion to the season; those after the
line began to decline are thinned, those after it was left are dropped. So the first days of a line do not depend on how
many follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.synthetic.behaviour import Behaviour
from pipeline.synthetic.calendar import MONTH_DAYS, instant_us, season
from pipeline.synthetic.causes import CHOICES, DECLINE, LEVELS, STREAMS, TOP_UPS, TRIP_GOES_ON, Stream
from pipeline.synthetic.draws import Draws, pseudonym
from pipeline.synthetic.population import REGIONS, People

LOGS = ("calls", "messages", "sessions", "payments", "sightings", "roaming", "handsets")
COUNTRIES = (
    "France",
    "Italy",
    "Spain",
    "Austria",
    "Poland",
    "Greece",
    "Turkey",
    "Netherlands",
    "United States",
    "Egypt",
)
_COUNTRY_WEIGHTS = np.array([16, 18, 20, 12, 8, 8, 7, 6, 3, 2], dtype=float)
# Typical megabytes of a session by category.
MEGABYTES = {"video": 120.0, "music": 30.0, "social": 25.0, "games": 20.0, "family": 12.0, "learning": 15.0}
OTHER_MEGABYTES = 5.0
_PRICES = {"prepaid": 10.0, "youth": 12.0, "small": 18.0, "large": 40.0, "family": 25.0}  # euros in 28 days
_HOURS = 3600.0


@dataclass(frozen=True)
class Drawn:
    """Events of one stream: positions of lines, local days, and a key per event that no other of its stream has."""

    line: np.ndarray
    day: np.ndarray
    key: np.ndarray


@dataclass(frozen=True)
class Maker:
    """All that the logs of some lines are made from."""

    draws: Draws
    who: People
    like: Behaviour
    days: int
    keep: int  # rows of the first so many lines are handed back; the others may belong to their households

    def tables(self) -> dict[str, tuple[pa.Table, np.ndarray]]:
        """Return each log's rows and their local days."""
        return {log: getattr(self, f"_{log}")() for log in LOGS}

    def drawn(self, stream: Stream, rate: np.ndarray) -> Drawn:
        """Return the events of one stream at these daily rates."""
        periods = -(-self.days // MONTH_DAYS)
        weights = season(stream.season, periods * MONTH_DAYS).reshape(periods, MONTH_DAYS)
        key = self.who.key
        mean = np.minimum(rate[:, None] * weights.sum(axis=1), 600.0)
        count = self.draws.poisson(mean, f"count of {stream.name}", key[:, None], np.arange(periods))
        cell = np.repeat(np.arange(count.size), count.ravel())
        number = np.arange(len(cell)) - np.repeat(np.cumsum(count.ravel()) - count.ravel(), count.ravel())
        line, period = cell // periods, cell % periods
        event = (key[line] * 4096 + period) * 65_536 + number
        u = self.draws.uniform(f"day of {stream.name}", event)
        day = np.empty(len(cell), dtype=np.int64)
        for which in range(periods):
            here = period == which
            shares = np.cumsum(weights[which]) / weights[which].sum()
            day[here] = which * MONTH_DAYS + np.searchsorted(shares[:-1], u[here])
        kept = (day < self.days) & (day < self.like.leaves[line])
        kept &= (day < self.like.declines[line]) | (self.draws.uniform(f"thin {stream.name}", event) < DECLINE)
        return Drawn(line[kept], day[kept], event[kept])

    def _events(self, log: str) -> list[tuple[Stream, Drawn]]:
        return [(stream, self.drawn(stream, self.like.rates[stream.name])) for stream in STREAMS if stream.log == log]

    def _table(self, drawn: Drawn, second: np.ndarray, **columns: pa.Array) -> tuple[pa.Table, np.ndarray]:
        return self._rows(drawn.line, drawn.day, second, **columns)

    def _rows(
        self, line: np.ndarray, day: np.ndarray, second: np.ndarray, **columns: pa.Array
    ) -> tuple[pa.Table, np.ndarray]:
        started = pa.array(instant_us(day, second), pa.int64()).cast(pa.timestamp("us", tz="UTC"))
        table = pa.table({"line_id": self._ids[line], "started_at": started, **columns})
        kept = line < self.keep
        return (table, day) if kept.all() else (table.filter(pa.array(kept)), day[kept])

    @property
    def _ids(self) -> np.ndarray:
        return pseudonym(self.who.key)

    def _size(self, name: str, drawn: Drawn) -> np.ndarray:
        """Return each event's amount: lognormal around the line's own mean."""
        level = next(level for level in LEVELS if level.name == name)
        z = self.draws.normal(f"size of {name}", drawn.key)
        return np.asarray(np.exp(self.like.levels[name][drawn.line] + level.noise * z))

    def _calls(self) -> tuple[pa.Table, np.ndarray]:
        ((_, drawn),) = self._events("calls")
        u, at = self.draws.uniform("working hours", drawn.key), self.draws.uniform("second of call", drawn.key)
        working = u < self.like.shares["working_hours"][drawn.line]
        # 9 to 17 o'clock, or else 17 to 24 and, as one hour of eight in number, 8 to 9.
        second = np.where(working, 9 + 8 * at, np.where(at < 0.125, 8 + 8 * at, 17 + 8 * (at - 0.125)))
        incoming = self.draws.uniform("incoming", drawn.key) < self.like.shares["incoming"][drawn.line]
        return self._table(
            drawn,
            second * _HOURS,
            partner=self._partner("calls", drawn),
            direction=_tokens(incoming.astype(int), ("out", "in")),
            talk_seconds=np.maximum(np.round(self._size("talk_seconds", drawn)), 1.0).astype(np.int32),
        )

    def _messages(self) -> tuple[pa.Table, np.ndarray]:
        ((_, drawn),) = self._events("messages")
        second = (7 + 17 * self.draws.uniform("second of text", drawn.key)) * _HOURS
        incoming = self.draws.uniform("incoming text", drawn.key) < 0.6
        return self._table(
            drawn,
            second,
            partner=self._partner("messages", drawn),
            direction=_tokens(incoming.astype(int), ("out", "in")),
        )

    def _partner(self, log: str, drawn: Drawn) -> np.ndarray:
        """Return the other side's pseudonym: of 4 to 40 contacts, few of them often; members of the household first."""
        key = self.who.key[drawn.line]
        contacts = 4 + np.floor(36 * self.draws.uniform("contacts", key) ** 1.5)
        rank = np.floor(contacts * self.draws.uniform(f"partner in {log}", drawn.key) ** 2.2).astype(np.int64)
        stranger = (self.draws.bits("stranger", key, rank) >> np.uint64(24)).astype(np.int64) + 3_000_000_000_000
        household = self.who.household[drawn.line]
        first = np.searchsorted(self.who.household, household)
        size = np.searchsorted(self.who.household, household, side="right") - first
        other = first + rank + (first + rank >= drawn.line)  # the line itself is left out
        relative = rank < size - 1
        return np.where(relative, self._ids[np.where(relative, other, 0)] if len(self._ids) else stranger, stranger)

    def _sessions(self) -> tuple[pa.Table, np.ndarray]:
        found = self._events("sessions")
        drawn = Drawn(*(np.concatenate([getattr(part, name) for _, part in found]) for name in ("line", "day", "key")))
        app = np.repeat(np.arange(len(found)), [len(part.line) for _, part in found])
        one = Drawn(drawn.line, drawn.day, drawn.key * 32 + app)  # keys of different streams may be equal
        night = self.draws.uniform("night", one.key) < self.like.shares["night"][one.line]
        at = self.draws.uniform("second of session", one.key)
        second = np.where(night, 6 * at, 6 + 18 * at) * _HOURS
        typical = np.array([MEGABYTES.get(stream.name, OTHER_MEGABYTES) for stream, _ in found])
        megabytes = np.round(typical[app] * self._size("megabytes", one), 4)
        names = tuple(stream.name for stream, _ in found)
        return self._table(one, second, app=_tokens(app, names), megabytes=megabytes)

    def _payments(self) -> tuple[pa.Table, np.ndarray]:
        names = next(tuple(choice.weights) for choice in CHOICES if choice.name == "tariff")
        price = np.array([_PRICES[name] for name in names])
        tariff, key = self.like.tokens["tariff"], self.who.key
        prepaid = tariff == names.index("prepaid")
        top_up = self.drawn(Stream("payments", "top-up", 1.0, 0.0), np.where(prepaid, TOP_UPS, 0.0))
        amount = np.array([5.0, 10.0, 15.0, 20.0])[
            self.draws.choice(np.array([2.0, 4.0, 2.0, 1.0]), "top-up", top_up.key)
        ]
        due = (self.draws.uniform("day of bill", key) * MONTH_DAYS).astype(np.int64)
        month = np.arange(-(-self.days // MONTH_DAYS))
        day = due[:, None] + MONTH_DAYS * month
        line, which = np.nonzero(~prepaid[:, None] & (day < np.minimum(self.like.leaves, self.days)[:, None]))
        billed = price[tariff[line]] * (0.9 + 0.3 * self.draws.uniform("bill", key[line], which))
        lines = np.concatenate([top_up.line, line])
        days = np.concatenate([top_up.day, day[line, which]])
        at = np.concatenate(
            [self.draws.uniform("second of top-up", top_up.key), np.zeros(len(line))]
        )  # bills at midnight
        sort = np.repeat([0, 1], [len(top_up.line), len(line)])
        return self._rows(
            lines,
            days,
            at * 24 * _HOURS,
            tariff=_tokens(tariff[lines], names),
            payment=_tokens(sort, ("top-up", "bill")),
            euros=np.round(np.concatenate([amount, billed]), 2),
        )

    def _sightings(self) -> tuple[pa.Table, np.ndarray]:
        parts = []
        for stream, drawn in self._events("sightings"):
            at = self.draws.uniform(f"second of {stream.name}", drawn.key)
            hours = {"home": np.where(at < 0.5, 14 * at, 17 + 14 * (at - 0.5)), "work": 8 + 9 * at}
            home, work = self.who.home[drawn.line], self.who.work[drawn.line]
            step = 1 + np.floor(self.draws.uniform("away", drawn.key) * (len(REGIONS) - 1)).astype(np.int64)
            region = {"home": home, "work": work, "away": (home + step) % len(REGIONS)}[stream.name]
            second = hours.get(stream.name, 8 + 14 * at) * _HOURS
            settings = _tokens(np.zeros(len(region), int), (stream.name,))
            parts.append(self._table(drawn, second, region=_tokens(region, REGIONS), place_kind=settings))
        return pa.concat_tables([table for table, _ in parts]), np.concatenate([day for _, day in parts])

    def _roaming(self) -> tuple[pa.Table, np.ndarray]:
        ((_, trips),) = self._events("roaming")
        u = self.draws.uniform("length of trip", trips.key)
        length = 1 + np.floor(np.log(u) / np.log(TRIP_GOES_ON)).astype(np.int64)
        which = np.repeat(np.arange(len(length)), length)
        passed = np.arange(len(which)) - np.repeat(np.cumsum(length) - length, length)
        line, day, key = trips.line[which], trips.day[which] + passed, trips.key[which]
        kept = (day < self.days) & (day < self.like.leaves[line])
        line, day, key, passed = line[kept], day[kept], key[kept], passed[kept]
        own = self.draws.choice(_COUNTRY_WEIGHTS, "country", self.who.key[line])
        other = self.draws.choice(_COUNTRY_WEIGHTS, "other country", key)
        country = np.where(
            self.draws.uniform("same country", key) < 0.5, own, other
        )  # half the trips go to the usual one
        second = self.draws.uniform("second abroad", key, passed) * 24 * _HOURS
        leg = _tokens((passed > 0).astype(int), ("arrival", "stay"))
        return self._rows(line, day, second, country=_tokens(country, COUNTRIES), leg=leg)

    def _handsets(self) -> tuple[pa.Table, np.ndarray]:
        line = np.arange(len(self.who.key))
        names = {choice.name: tuple(choice.weights) for choice in CHOICES}
        columns = {name: _tokens(self.like.tokens[name], names[name]) for name in ("handset_class", "operating_system")}
        second = self.draws.uniform("registered", self.who.key) * 24 * _HOURS
        return self._rows(line, np.zeros(len(line), np.int64), second, **columns)


def _tokens(positions: np.ndarray, names: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(positions.astype(np.int32)), list(names)).cast(pa.string())
