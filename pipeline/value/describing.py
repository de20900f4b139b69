"""Ideal customer profiles of a source: sought for each goal, counted among today's customers, handed to look-alikes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import yaml

from pipeline import plots
from pipeline.columns import CUSTOMER
from pipeline.judged import Judged, judged_of
from pipeline.lookalike.described.expected import expected_members
from pipeline.lookalike.described.likelihood import described
from pipeline.lookalike.described.rule import attributes_of, parse_rule
from pipeline.settings import Settings
from pipeline.tracking import Tracker
from pipeline.value.conditions import ATTRIBUTES, FIELDS, attribute_conditions, field_conditions
from pipeline.value.goals import Goal
from pipeline.value.ideal import Ideal, expected_number, ideal
from pipeline.value.membership import PROFILE, Portrayed, is_about_how_much, reads
from pipeline.value.moment import Moment
from pipeline.value.money import Purse
from pipeline.value.resampling import NOTHING, Estimate, Mask
from pipeline.value.told import Shown, Told

BOTH = f"{ATTRIBUTES} and {FIELDS}"
_FITS = 0.5  # probability from which a customer counts as a member of a description that is handed over as ids


@dataclass(frozen=True)
class Counted:
    """How many of today's customers it fits, and how many of those whose declared values do not decide it."""

    base: Estimate
    incomplete: Estimate
    n_base: int
    n_incomplete: int


def tell_ideals(
    told: Told,
    settings: Settings,
    tracker: Tracker,
    purse: Purse | None,
    moments: tuple[Moment, Moment],
    first: Mask,
    wanted: Sequence[Goal],
    known: Portrayed,
) -> None:
    """Add the smallest descriptions of the best customers by each goal."""
    chosen, (judge, now) = settings.value, moments
    found: list[tuple[Ideal, Counted]] = []
    for goal in wanted:
        usable = known.without(_telling_again(settings, purse, goal))
        by_attributes = attribute_conditions(usable.before, usable.now)
        money = [] if purse is None else [f"{purse.money.log}.{purse.money.field}"]
        money += [f"{purse.money.log}.{purse.money.times}"] if purse is not None and purse.money.times else []
        hidden = {*goal.hidden, *(money if goal.name == "profit" else [])}
        by_fields = field_conditions(judge.features, now.features, settings.data, hidden)
        by_profile = [c for c in by_attributes if settings.attributes[c.about].declared is not None]
        asked = {PROFILE: by_profile, ATTRIBUTES: by_attributes, FIELDS: by_fields}
        asked |= {BOTH: [*by_attributes, *by_fields]} if by_attributes and by_fields else {}
        if not by_attributes:
            told.miss(f"{goal.name} profile by attributes", "no attribute can describe customers here")
        for by, conditions in asked.items():
            if not conditions:
                continue
            task = (chosen.max_conditions, chosen.min_cell, chosen.resamples, settings.seed)
            one = ideal(goal, by, conditions, judge.customers, first, *task)
            if one is not None and any(one.words == other.words for other, _ in found if other.goal is goal):
                continue  # it is one of the others
            if one is None:
                told.miss(f"{goal.name} profile by {by}", "no description holds on customers who did not make it")
            else:
                found.append((one, counted(settings, tracker, one, now, known)))
    if found:
        _show(told, found, now.customers)


def counted(settings: Settings, tracker: Tracker, one: Ideal, now: Moment, known: Portrayed) -> Counted:
    """Return how many of today's customers a description fits.

    For attributes alone the number allows for how right their probabilities are where the truth is known; else it is
    the sum of the probabilities.
    """
    declared = [known.now[c.about].declared for c in one.conditions if c.by == ATTRIBUTES]
    anything = [part.declared for part in known.now.values()]
    nobody = np.zeros(len(now.customers), dtype=bool)
    decided = np.all(declared, axis=0) if declared else np.any(anything, axis=0) if anything else nobody
    sums = Counted(expected_number(one.fit), expected_number(one.fit[~decided]), len(one.fit), int((~decided).sum()))
    if any(condition.by != ATTRIBUTES for condition in one.conditions):
        return sums
    values = {name: part.values for name, part in known.now.items()}
    rule = parse_rule(one.words, values)
    found = described(rule, now.customers.astype(np.str_), known.predictions, values)
    judged = _judged(tracker, attributes_of(rule))
    numbers = []
    for rows in (found.rankable, found.rankable & ~found.certain):
        places = np.flatnonzero(rows)
        number = expected_members(places, found, judged) if len(places) else None
        numbers.append(NOTHING if number is None else Estimate(number.mean, number.low, number.high))
    return Counted(numbers[0], numbers[1], len(one.fit), int((~found.certain).sum()))


def _telling_again(settings: Settings, purse: Purse | None, goal: Goal) -> list[str]:
    """Return the attributes that would say the goal again: how much will be bought, or a field that is hidden."""
    logs = [goal.hidden[0].partition(".")[0]] if goal.hidden else []
    logs += [purse.money.log] if purse is not None else [next(iter(settings.data.logs))]
    money = [] if purse is None else [purse.money.field, *([purse.money.times] if purse.money.times else [])]
    dropped = []
    for name, attribute in settings.attributes.items():
        hidden = goal.name != "profit" and set(reads(attribute)) & set(goal.hidden)
        if hidden or is_about_how_much(attribute, logs, money):
            dropped.append(name)
    return dropped


def _judged(tracker: Tracker, names: tuple[str, ...]) -> dict[str, Judged]:
    """Return the test customers of the attributes' champions, where their runs kept them."""
    found = {}
    for name in names:
        champion = tracker.champion(name)
        table = None if champion is None else tracker.read_table(champion.run_id, "out_of_fold")
        judged = None if table is None else judged_of(table)
        if judged is not None:
            found[name] = judged
    return found


def _show(told: Told, found: list[tuple[Ideal, Counted]], customers: np.ndarray) -> None:
    rows = [_row(one, number) for one, number in found]
    told.tables["ideal_customers"] = pd.DataFrame(rows)
    told.tables["ideal_conditions"] = pd.DataFrame([row for one, _ in found for row in _condition_rows(one)])
    told.pictures["ideal_customers.png"] = partial(plots.ideal_profiles, told.tables["ideal_customers"])
    for row in rows:
        key = f"ideal/{row['goal']}/{str(row['by']).replace(' ', '_')}"
        told.metrics |= {f"{key}/{name}": _number(row[name]) for name in ("lift", "lift_low", "lift_high", "recall")}
    told.metrics["ideal/hold"] = float(sum(one.holds for one, _ in found))
    told.texts["ideal_customers.yaml"] = _handed_over(told, found, customers)
    told.shown.append(
        Shown(
            "Ideal customer profiles, checked on customers who did not make them",
            ["goal", "by", "fits", "lift [95 %]", "of the best", "fits now", "of the incomplete"],
            [_cells(one, number) for one, number in found],
            "Lift: mean outcome of those it fits over that of all of whom it is known. Of the best: share of the best "
            "that it fits. Incomplete: customers whose declared values do not decide it (where it asks for no "
            "attribute: who declared nothing). What carries an inferred value counts with its probability.",
            left=(0, 1),
        )
    )
    for one, _ in found:
        fails = "" if one.holds else " (does not hold on the other half, and is not handed over)"
        told.lines.append(f"Ideal customer, {one.goal.name} by {one.by} ({one.goal.words}): {one.words}{fails}")


def _row(one: Ideal, number: Counted) -> dict[str, object]:
    row: dict[str, object] = {"goal": one.goal.name, "by": one.by, "description": one.words}
    row |= {
        "holds": one.holds,
        "conditions": len(one.conditions),
        "found_lift": one.found_lift,
        "n": one.n,
        "members": one.members,
    }
    parts = {"lift": one.lift, "precision": one.precision, "recall": one.recall}
    parts |= {"fits_now": number.base, "fits_now_incomplete": number.incomplete}
    for name, part in parts.items():
        row |= {name: part.estimate, f"{name}_low": part.low, f"{name}_high": part.high}
    return row | {"base": number.n_base, "incomplete": number.n_incomplete, "outcome": one.goal.words}


def _condition_rows(one: Ideal) -> list[dict[str, object]]:
    return [
        {"goal": one.goal.name, "by": one.by, "condition": condition.words, "lift": alone.estimate}
        | {"lift_low": alone.low, "lift_high": alone.high, "n": one.n}
        for condition, alone in zip(one.conditions, one.each, strict=True)
    ]


def _number(cell: object) -> float:
    return float(cell) if isinstance(cell, int | float) else float("nan")


def _cells(one: Ideal, number: Counted) -> list[str]:
    cells = [one.goal.name, one.by, f"{one.members:,.0f} of {one.n:,}", one.lift.words()]
    cells.append(one.recall.words("{:.0%}"))
    for part, n in ((number.base, number.n_base), (number.incomplete, number.n_incomplete)):
        sure = part.low == part.high
        cells.append(f"{part.estimate:,.0f} of {n:,}" if sure else f"{part.words('{:,.0f}')} of {n:,}")
    return cells


def _handed_over(told: Told, found: list[tuple[Ideal, Counted]], customers: np.ndarray) -> str:
    """Return, as YAML, how each description becomes an audience: a rule, or a file of those it fits, which is added."""
    content: dict[str, dict[str, object]] = {}
    for one in (one for one, _ in found if one.holds):
        name = f"{one.goal.name}_by_{one.by.replace(' ', '_')}"
        if all(condition.by == ATTRIBUTES for condition in one.conditions):
            content[name] = {"wanted": one.words}
            continue
        file = f"ideal_{name}"
        told.lists[file] = pd.DataFrame({CUSTOMER: customers[one.fit >= _FITS]})
        content[name] = {"seed": {"file": f"{file}.csv"}, "description": one.words}
    head = (
        "# Ideal customer profiles, as the stage lookalike takes them: lookalike.wanted='<wanted>', or\n"
        "# lookalike.seed.file=<this folder>/<file>, whose rows are the customers that the description fits.\n"
    )
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=10_000)
