"""The family of activity segments: from active days to stages, scores, sizes and movement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline import plots
from pipeline.columns import CUSTOMER, SEGMENT
from pipeline.errors import ConfigError, did_you_mean
from pipeline.lookalike.folds import smallest_hashes
from pipeline.outputs import read_manifest
from pipeline.segment.activity.days import ActiveDays, cut_day, read_days
from pipeline.segment.activity.fifths import Fifths, fifths_of
from pipeline.segment.activity.habits import Habits, habits_of, joined, pace_days
from pipeline.segment.activity.lifecycle import STAGES, stages_of, told_stages
from pipeline.segment.activity.movement import ABSENT, transitions
from pipeline.segment.activity.rhythm import Rhythm, fit_rhythm
from pipeline.segment.activity.tables import WAS, rfm_grid, sizes
from pipeline.segment.cells import OTHER
from pipeline.segment.family import Family, Place

SCORES = ("recency", "frequency", "amount")
_SAMPLED = 200_000  # customers whose pauses tell the rhythm


@dataclass(frozen=True)
class _Tempo:
    """How often customers are active, and over how long a time that is known.

    Attributes
    ----------
    rhythm
        None where nobody was active on two days.
    period, pace
        Days between two looks at the customers, and over how many growth is told (`pace_days`); None: not known.
    history
        Days from the first active one to the cut.
    """

    rhythm: Rhythm | None
    period: int | None
    pace: int | None
    history: int


@dataclass(frozen=True)
class _Now:
    """Habits, scores and stages at one instant, in the order of the customers."""

    habits: Habits
    fifths: Fifths
    stage: NDArray[np.object_]


def activity_segments(place: Place) -> Family:
    """Return each customer's stage and scores as of now, and who moved since one period earlier.

    Raises
    ------
    ConfigError
        The settings name a log or a field that does not exist.
    """
    log, amount, missing = _measured(place)
    cut = cut_day(place.as_of_us, place.settings.data.time_zone)
    read = partial(read_days, place.engine, place.outputs / "events", log, amount, as_of_us=place.as_of_us)
    tempo, min_cell = _tempo(place, read, cut), place.chosen.min_cell
    now, earlier = _now_and_earlier(place, read, cut, tempo)
    missing += [*_too_short(tempo), *_too_few(now.stage, min_cell)]
    rows = _rows(now, earlier, min_cell)
    tables = {"sizes": sizes(rows, min_cell), "rfm_grid": rfm_grid(rows, min_cell)}
    if earlier is not None:
        tables["movement"] = transitions(_was(rows), rows[SEGMENT].to_numpy(), STAGES, min_cell)
    about = f"activity in {log}" + (f", {tempo.period} days apart" if earlier is not None and tempo.period else "")
    drawn = tables.get("movement", pd.DataFrame())
    return Family(
        rows=rows,
        tables=tables,
        pictures={
            "movement.png": partial(_flow, drawn, tables["sizes"], about),
            "rfm_grid.png": lambda path: plots.rfm_grid(tables["rfm_grid"], path, min_cell),
        },
        metrics=_metrics(rows, tables, tempo.rhythm),
        lines=_lines(log, amount, tempo.rhythm, tempo.period, len(rows), tables),
        missing=tuple(missing),
        facts={
            "log": log,
            "amount": list(amount),
            "period_days": tempo.period,
            "pace_days": tempo.pace,
            "rhythm": tempo.rhythm and asdict(tempo.rhythm),
        },
    )


def _measured(place: Place) -> tuple[str, tuple[str, ...], list[str]]:
    """Return the log, the fields that make money, and what is missing."""
    data, chosen = place.settings.data, place.chosen
    rows = {name: facts["rows"] for name, facts in read_manifest(place.outputs / "events")["logs"].items()}
    money = data.money
    log = chosen.log or (money.log if money is not None else max(sorted(rows), key=lambda name: rows[name]))
    if log not in data.logs:
        raise ConfigError(f"segment.log: '{log}' is no log {did_you_mean(log, data.logs)}")
    numeric = data.logs[log].numeric
    for name in chosen.amount:
        if name not in numeric:
            known = did_you_mean(name, numeric)
            raise ConfigError(f"segment.amount: '{name}' is no numeric field of the log '{log}' {known}")
    amount = chosen.amount
    if not amount and money is not None and money.log == log:
        amount = (money.field, *([money.times] if money.times else []))
    amount = amount or tuple(numeric)[:1]
    if not amount:
        why = f"money: the log '{log}' has no numeric field, so there is no score of money and champions are told by"
        return log, (), [f"{why} active days alone. Declare the column under data.logs.{log}.numeric."]
    return log, amount, []


def _sample(days: ActiveDays, at_most: int) -> ActiveDays:
    """Return the days of a fixed random sample of customers."""
    if len(days.customers) <= at_most:
        return days
    kept = np.zeros(len(days.customers), dtype=bool)
    kept[smallest_hashes(days.customers.astype(np.str_), at_most, "rhythm")] = True
    return days.of(kept)


def _tempo(place: Place, read: Callable[[int], ActiveDays], cut: int) -> _Tempo:
    """Return how often customers are active, as a sample of them tells, and how far back their days reach."""
    sampled, first_day = [], cut
    for bucket in range(place.buckets):
        days = read(bucket)
        first_day = min(first_day, int(days.day.min())) if len(days.day) else first_day
        sampled.append(_sample(days, _SAMPLED // place.buckets))
    rhythm = fit_rhythm(sampled, place.chosen.pauses, place.chosen.period_days)
    period = rhythm.period_days if rhythm else place.chosen.period_days
    history = cut - first_day
    return _Tempo(rhythm, period, None if period is None else pace_days(period, history), history)


def _now_and_earlier(
    place: Place, read: Callable[[int], ActiveDays], cut: int, tempo: _Tempo
) -> tuple[_Now, _Now | None]:
    """Return the customers as of the cut and one period earlier; None where the days do not reach back so far."""
    rhythm, period, pace = tempo.rhythm, tempo.period, tempo.pace
    instants = [cut] if period is None or tempo.history <= period else [cut, cut - period]
    parts: list[list[Habits]] = [[] for _ in instants]
    for bucket in range(place.buckets):
        days = read(bucket)
        for at, instant in enumerate(instants):
            parts[at].append(habits_of(days, instant, rhythm, period, pace))
    now, *earlier = (_at(joined(found), tempo) for found in parts)
    return now, earlier[0] if earlier else None


def _at(habits: Habits, tempo: _Tempo) -> _Now:
    fifths = fifths_of(habits)
    return _Now(habits, fifths, stages_of(habits, fifths, tempo.rhythm, tempo.period, tempo.pace))


def _too_short(tempo: _Tempo) -> list[str]:
    """Return what cannot be told because there is too little history."""
    missing = []
    rhythm, period, history = tempo.rhythm, tempo.period, tempo.history
    days = f"{history:,} day{'s' if history != 1 else ''} of history"
    if rhythm is None:
        missing.append(
            f"stages of the life cycle: nobody was active on two days in {days}, so what a long silence is cannot be "
            "told; all are one-time, or new within segment.period_days if that is given."
        )
    if period is None:
        missing.append("movement: without a period there is no earlier instant to compare with.")
    elif history <= period:
        missing.append(f"movement: {days} do not reach back one period of {period:,} days; bring older events.")
    elif history < 2 * period:
        missing.append(
            f"who is new: {days} hold less than two periods of {period:,} days, so customers of longer standing may be "
            "called new."
        )
    return missing


def _too_few(stage: NDArray[np.object_], min_cell: int) -> list[str]:
    """Return which stages do not stand alone."""
    few = [name for name in STAGES if 0 < (stage == name).sum() < min_cell]
    if not few:
        return []
    return [f"{', '.join(few)}: fewer than segment.min_cell={min_cell} customers each, counted with the nearest stage."]


def _rows(now: _Now, earlier: _Now | None, min_cell: int) -> pd.DataFrame:
    habits = now.habits
    was = (
        {}
        if earlier is None
        else dict(zip(earlier.habits.customers, told_stages(earlier.stage, min_cell), strict=True))
    )
    columns = {
        CUSTOMER: habits.customers,
        SEGMENT: told_stages(now.stage, min_cell),
        "recency_days": habits.recency_days,
        "tenure_days": habits.tenure_days,
        "active_days": habits.active_days,
        "amount_sum": habits.amount,
        "usual_pause_days": habits.usual_days,
        "recency": now.fifths.recency,
        "frequency": now.fifths.frequency,
    }
    rows = pd.DataFrame(columns)
    rows["amount"] = pd.array([pd.NA] * len(rows) if now.fifths.amount is None else now.fifths.amount, dtype="Int64")
    rows[WAS] = pd.Series([was.get(customer) for customer in habits.customers], dtype=object)
    return rows.sort_values(CUSTOMER, ignore_index=True)


def _was(rows: pd.DataFrame) -> NDArray[np.object_]:
    return np.array([None if pd.isna(name) else name for name in rows[WAS]], dtype=object)


def _flow(movement: pd.DataFrame, sizes: pd.DataFrame, about: str, path: object) -> None:
    plots.segment_flow(movement, sizes, [*STAGES, OTHER, ABSENT], about, path)  # type: ignore[arg-type]


def _metrics(rows: pd.DataFrame, tables: dict[str, pd.DataFrame], rhythm: Rhythm | None) -> dict[str, float]:
    found = {"customers": float(len(rows))}
    found |= {f"share/{row[SEGMENT]}": float(row["share"]) for _, row in tables["sizes"].iterrows()}
    if rhythm is not None:
        found |= {"usual_pause_days": rhythm.usual_days, "period_days": float(rhythm.period_days)}
    stayed = rows[WAS].notna()
    if stayed.any():
        found["stayed"] = float((rows[WAS] == rows[SEGMENT])[stayed].mean())
    return found


def _lines(
    log: str,
    amount: Sequence[str],
    rhythm: Rhythm | None,
    period: int | None,
    n: int,
    tables: dict[str, pd.DataFrame],
) -> tuple[str, ...]:
    money = f", money is {' times '.join(amount)}" if amount else ""
    lines = [f"Activity: {n:,} customers with events in {log}{money}."]
    if rhythm is not None:
        cooling, at_risk, lapsed = rhythm.longer
        lines.append(
            f"Rhythm: a usual pause is {rhythm.usual_days:.1f} days ({rhythm.n_pauses:,} pauses of "
            f"{rhythm.n_customers:,} customers); beyond {cooling:.1f}, {at_risk:.1f} and {lapsed:.1f} times their own "
            f"usual one customers are cooling, at risk, lapsed. A period is {period:,} days."
        )
    movement = tables.get("movement")
    if movement is not None and len(movement):
        kept = movement[movement["was"] == movement["is"]]
        both = movement[movement["was"] != ABSENT]
        lines.append(
            f"Movement: of {both['n'].sum():,} customers who were there a period ago, {kept['n'].sum():,} "
            f"({kept['n'].sum() / max(1, both['n'].sum()):.0%}) are in the same segment."
        )
    return tuple(lines)
