"""What is known of the lines of a SYNTHETIC operator, and the scores that follow from it; see `best`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import ConfigError
from pipeline.outputs import read_manifest
from pipeline.synthetic.answers import NAMES, answered, told, truths
from pipeline.synthetic.causes import CHOICES, STREAMS, TOP_UPS, TRIP_GOES_ON, choice_weights
from pipeline.synthetic.draws import Draws
from pipeline.synthetic.evidence import Evidence, daily, gather
from pipeline.synthetic.outlook import expected_events, silence, states
from pipeline.synthetic.population import people
from pipeline.synthetic.posterior import (
    Lines,
    days_of,
    density,
    log_likelihood,
    normalised,
    of_rate,
    stream_likelihood,
)
from pipeline.synthetic.writing import read_truth

_HOUSEHOLDS, _OTHER_SEED = 200_000, 2**40
_ROWS = 1_000  # lines at once
# Declared attributes: the profile's cell, and each answer's class.
DECLARED: Mapping[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "gender": ("gender", lambda answer: answer),
    "age_band": ("age", lambda age: np.digitize(age, [25, 35, 45, 55, 65])),
    "under_35": ("age", lambda age: (age < 35).astype(int)),
    "marital_status": ("marital_status", lambda answer: answer),
    "married": ("marital_status", lambda answer: (answer == 1).astype(int)),
    "has_children": ("children", lambda number: (number > 0).astype(int)),
    "number_of_children": ("children", lambda number: np.minimum(number, 2)),
    "household_size": ("household_size", lambda size: np.minimum(size, 3) - 1),
    "income_band": ("income_band", lambda answer: answer),
    "high_income": ("income_band", lambda answer: (answer == 2).astype(int)),
    "occupation": ("occupation", lambda answer: answer),
    "student": ("student", lambda answer: answer),
    "night_worker": ("night_worker", lambda answer: answer),
    "second_sim": ("second_sim", lambda answer: answer),
}
TOKENS = ("handset_class", "operating_system")
# Future attributes: the stream that has an event, and the horizon in days.
FUTURE: Mapping[str, tuple[str, int]] = {
    "will_churn": ("", 56),
    "will_travel_next_month": ("trip", 28),
    "foreign_travel": ("trip", 56),
    "domestic_travel": ("away", 28),
    "tops_up": ("top-up", 28),
    **{f"uses_{s.name}": (s.name, 28) for s in STREAMS if s.log == "sessions"},
}
ATTRIBUTES = (*DECLARED, *TOKENS, *FUTURE)


def days_needed(attribute: str) -> int:
    """Return the least number of days an operator must have: the horizon and a day to judge by, or as long before it.

    >>> days_needed("will_churn"), days_needed("tops_up"), days_needed("gender")
    (112, 29, 1)
    """
    if attribute not in FUTURE:
        return 1
    horizon = FUTURE[attribute][1]
    return 2 * horizon if attribute == "will_churn" else horizon + 1


@dataclass(frozen=True)
class Prior:
    """Which users there are: one row per simulated line."""

    cells: np.ndarray  # (n_cells, n_flags)
    cell: np.ndarray  # (n,)
    answers: Mapping[str, np.ndarray]
    filled: Mapping[str, np.ndarray]  # whether the holder answers, and fills in this cell of the profile
    told: np.ndarray


class Source:
    """The files of a synthetic operator, and what is read from them when it is needed.

    Of at most `lines` lines: those with the lowest pseudonyms, which are as good as drawn. Memory is some 12 KB a line
    and horizon.

    Raises
    ------
    ConfigError
        If no line is asked for.
    DataError
        If the folder holds no finished operator.
    """

    def __init__(self, folder: Path, lines: int = 20_000) -> None:
        if lines < 1:
            raise ConfigError(f"--lines: at least 1 is needed, not {lines:,}")
        self.folder = folder
        self.operator: dict[str, Any] = read_manifest(folder)["operator"]
        self.truth: pa.Table = read_truth(folder).sort_by("line_id").slice(0, lines)
        self.ids = self.column("line_id")
        self._known: dict[int, tuple[Evidence, Lines, np.ndarray]] = {}

    def column(self, name: str) -> np.ndarray:
        """Return a column of the truth, in the order of `ids`."""
        return np.asarray(self.truth[name].to_numpy())

    @cached_property
    def prior(self) -> Prior:
        """Who uses the lines of other households, and what their holders answer."""
        draws = Draws(_OTHER_SEED + self.operator["seed"])
        who = people(draws, 0, _HOUSEHOLDS, self.operator["shared_plans"])
        cells, cell = np.unique(who.flags(), axis=0, return_inverse=True)
        answers, tells = truths(who), told(draws, who)
        filled = {name: tells & answered(draws, who, name, answer) for name, answer in answers.items()}
        return Prior(cells, cell, answers, filled, tells)

    def known(self, below: int) -> tuple[Evidence, Lines, np.ndarray]:
        """Return the evidence before a day, what is told, and log P(evidence | cell)."""
        if below not in self._known:
            tokens = {c.name: _positions(self.truth[c.name], tuple(c.weights)) for c in CHOICES}
            use = (self.column("declines_day"), self.column("leaves_day"))
            lines = Lines(*use, tokens, self.operator["activity"], below)
            evidence = gather(self.folder, self.ids, 0, below)
            seen = np.concatenate(
                [
                    log_likelihood(evidence.of(part), lines.of(part), self.prior.cells).astype(np.float32)
                    for part in _parts(len(self.ids))
                ]
            )
            self._known[below] = (evidence, lines, seen)
        return self._known[below]

    def declared(self, attribute: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return positions of the lines whose holder told, their labels and scores."""
        _, lines, seen = self.known(self.operator["days"])
        n_cells, prior = len(self.prior.cells), self.prior
        if attribute in TOKENS:
            choice = next(choice for choice in CHOICES if choice.name == attribute)
            tells = np.bincount(prior.cell[prior.told], minlength=n_cells)
            weights = tells[:, None] * choice_weights(prior.cells, choice)
            for hidden in [c for c in CHOICES if c.name in TOKENS]:
                seen = seen - np.log(choice_weights(prior.cells, hidden)).T[lines.tokens[hidden.name]]
            classes, cell = lines.tokens[attribute], attribute
        else:
            cell, classed = DECLARED[attribute]
            mine = prior.filled[cell]
            classes = classed(prior.answers[cell])
            weights = np.zeros((n_cells, classes.max() + 1))
            np.add.at(weights, (prior.cell[mine], classes[mine]), 1.0)
            classes = classed(self._holders(cell))
        parts = sorted((self.folder / "profiles").glob("part-*.parquet"))
        profiles = pa.concat_tables([pq.ParquetFile(part).read() for part in parts])
        given = profiles.filter(profiles[cell].is_valid())["line_id"].to_numpy()
        rows = np.flatnonzero(np.isin(self.ids, given))
        with np.errstate(divide="ignore"):
            among = np.log(weights.sum(axis=1))
        share = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
        scores = np.concatenate([normalised(seen[rows[part]] + among) @ share for part in _parts(len(rows))])
        return rows, classes[rows], scores

    def _holders(self, cell: str) -> np.ndarray:
        column = self.truth[f"holder_{cell}"]
        return _positions(column, NAMES[cell]) if cell in NAMES else np.asarray(column.to_numpy())

    def future(self, attribute: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return positions of the lines of whom the attribute speaks, their labels and scores.

        Raises
        ------
        ConfigError
            If the operator has too few days.
        """
        self.require_days([attribute])
        name, horizon = FUTURE[attribute]
        days = self.operator["days"]
        ahead = gather(self.folder, self.ids, days - horizon, days)
        if attribute == "will_churn":
            lately = gather(self.folder, self.ids, days - 2 * horizon, days - horizon).rows["sessions"]
            rows = np.flatnonzero(lately > 0)
            label, silent = ahead.rows["sessions"] == 0, self._left(days - horizon, horizon)
            return rows, label[rows].astype(int), np.stack([1 - silent, silent], axis=1)[rows]
        happened = ahead.rows["roaming"] if name == "trip" else ahead.counts.get(name, np.zeros(len(self.ids)))
        label = happened > 0
        silent = self._silent(name, days - horizon, horizon)
        return np.arange(len(self.ids)), label.astype(int), np.stack([silent, 1 - silent], axis=1)

    def require_days(self, attributes: Sequence[str]) -> None:
        """Refuse attributes that look further ahead, and back before that, than the operator has days.

        Raises
        ------
        ConfigError
            With the days that are needed, and what needs no more than there are.
        """
        days = self.operator["days"]
        short = {name: days_needed(name) for name in attributes if days_needed(name) > days}
        if short:
            need = ", ".join(f"{name} {needed}" for name, needed in short.items())
            others = ", ".join(name for name in ATTRIBUTES if days_needed(name) <= days)
            raise ConfigError(
                f"{self.folder}: an operator of {days} days; days needed: {need}. Make one with --days "
                f"{max(short.values())} or more, or name only attributes that need no more: {others}"
            )

    def _silent(self, name: str, below: int, horizon: int) -> np.ndarray:
        """Return the probability that a stream has no event in the horizon, shape (n,)."""
        hazard = self.column("hazard")
        if name == "top-up":
            rate = np.where(self.column("tariff") == "prepaid", TOP_UPS, 0.0)
            normal, declining = silence(np.broadcast_to(rate, (horizon, len(rate))), hazard)
        else:
            stream = next(stream for stream in STREAMS if stream.name == name)
            evidence, lines, seen = self.known(below)
            among = np.log(np.bincount(self.prior.cell, minlength=len(self.prior.cells)))
            parts = []
            for part in _parts(len(self.ids)):
                own, use = evidence.of(part), lines.of(part)
                others = seen[part] - stream_likelihood(stream, own, use, self.prior.cells)
                count = own.counts.get(name, np.zeros(len(use.declines)))
                grid, log_seen = of_rate(stream, count, days_of(stream, use), self.prior.cells)
                before = normalised(others + among) @ density(stream, self.prior.cells, grid).T
                rates = normalised(log_seen + np.log(np.maximum(before, 1e-300)))
                full = {name: (stream.season, self.operator["activity"] * np.exp(grid))}
                by_day = expected_events(full, below, below + horizon)
                expected = np.broadcast_to(by_day[:, None, :], (horizon, len(rates), len(grid)))
                parts.append([(rates * found).sum(axis=1) for found in silence(expected, hazard[part][:, None])])
            normal, declining = (np.concatenate(found) for found in zip(*parts, strict=True))
        declines, leaves = self.column("declines_day"), self.column("leaves_day")
        silent = np.where(declines >= below, normal, np.where(leaves >= below, declining, 1.0))
        if name == "trip":  # who is abroad on the last day may still be on the next one
            silent = silent * (1 - TRIP_GOES_ON) ** gather(self.folder, self.ids, below - 1, below).rows["roaming"]
        return np.asarray(silent)

    def _left(self, below: int, horizon: int) -> np.ndarray:
        """Return the probability that a line has no session in the horizon, shape (n,)."""
        rates = {s.name: (s.season, self.column(f"rate_{s.name}")) for s in STREAMS}
        top_ups = {"top-up": ("even", np.where(self.column("tariff") == "prepaid", TOP_UPS, 0.0))}
        events, bills = daily(self.folder, self.ids, below)
        found = states(events, bills, expected_events(rates | top_ups, 0, below).T, self.column("hazard"))
        sessions = {s.name: rates[s.name] for s in STREAMS if s.log == "sessions"}
        normal, declining = silence(expected_events(sessions, below, below + horizon), self.column("hazard"))
        return np.asarray(found[:, 0] * normal + found[:, 1] * declining + found[:, 2])


def _parts(n: int) -> list[slice]:
    """Return slices of at most `_ROWS`; one, which is empty, where there are no lines."""
    return [slice(first, first + _ROWS) for first in range(0, max(n, 1), _ROWS)]


def _positions(column: pa.ChunkedArray, names: tuple[str, ...]) -> np.ndarray:
    place = {name: position for position, name in enumerate(names)}
    return np.array([place[name] for name in column.to_pylist()], dtype=np.int64)
