"""The family of rule segments: members, sizes as stated and as they truly are."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from pipeline import plots
from pipeline.columns import CUSTOMER, PROBABILITY, SEGMENT
from pipeline.errors import PipelineError
from pipeline.plots import wilson
from pipeline.segment.family import Family, Place, empty_rows
from pipeline.segment.rules.evaluation import Evaluated, evaluate_rule, in_order
from pipeline.segment.rules.facts import Facts

NOTE = (
    "Expected: sums of calibrated probabilities over those of whom something is known; attributes are taken as "
    "independent given behaviour."
)


def rule_segments(place: Place) -> Family | None:
    """Return the segments of the settings' rules; None if there are no rules. A rule that cannot be had is told."""
    rules, min_cell = place.chosen.rules, place.chosen.min_cell
    if not rules:
        return None
    facts = Facts(place)
    vocabulary = facts.vocabulary(list(rules))
    ordered, wrong = in_order(rules, vocabulary)
    for name in wrong:
        attribute = facts.unknown_attribute(rules[name].where)
        if attribute:
            wrong[name] = (
                f"it asks for '{attribute}', and there is no portrait that states it as of this instant: run "
                f"stages=[features,train,score] first. ({wrong[name]})"
            )
    done: dict[str, Evaluated] = {}
    for name, rule in ordered.items():
        try:
            done[name] = evaluate_rule(name, rule, rules[name], facts, vocabulary, done)
        except PipelineError as error:
            wrong[name] = str(error)
    told = {name: done[name] for name in rules if name in done}
    table = pd.DataFrame([_row(found, min_cell) for found in told.values()])
    few = [name for name, found in told.items() if 0 < found.members.sum() < min_cell]
    missing = [f"rule '{name}': {why}" for name, why in wrong.items()]
    missing += [f"rule '{name}': fewer than segment.min_cell={min_cell} members, who are not listed" for name in few]
    return Family(
        rows=_rows(facts, {name: found for name, found in told.items() if name not in few}),
        tables={"sizes": table},
        pictures={"sizes.png": partial(plots.rule_sizes, table)},
        metrics={
            f"expected/{row[SEGMENT]}": float(row["expected"])
            for _, row in table.iterrows()
            if pd.notna(row.get("expected"))
        },
        lines=(
            *(_line(row, min_cell) for _, row in table.iterrows()),
            *([NOTE] if any(f.attributes for f in told.values()) else []),
        ),
        missing=tuple(missing),
        facts={"rules": {name: rule.where for name, rule in rules.items()}},
    )


def _rows(facts: Facts, told: dict[str, Evaluated]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {CUSTOMER: facts.ids[own.members].astype(object), SEGMENT: name, PROBABILITY: own.score[own.members]}
        )
        for name, own in told.items()
        if own.members.any()
    ]
    return pd.concat(parts, ignore_index=True) if parts else empty_rows()


def _row(found: Evaluated, min_cell: int) -> dict[str, object]:
    """Return the size as stated, the expected true one, and how good the members are against the base."""
    base, n = len(found.members), int(found.members.sum())
    hidden = 0 < n < min_cell
    low, high = (float(end) for end in wilson(np.array(n), np.array(base)))
    score = found.score[found.members]
    decided = ~np.isnan(found.score)
    n_open = int((~decided).sum())
    row: dict[str, object] = {
        SEGMENT: found.name,
        "where": found.declared.where,
        "certified": found.declared.certified,
        "base": base,
        "members": np.nan if hidden else n,
        "share": np.nan if hidden else n / base,
        "low": np.nan if hidden else low,
        "high": np.nan if hidden else high,
        "undecided": np.nan if 0 < n_open < min_cell else n_open,
    }
    expected = found.expected
    if expected is not None and expected.mean >= min_cell:
        row |= {
            "expected": expected.mean,
            "expected_low": expected.low,
            "expected_high": expected.high,
            "whatever_dependence_low": expected.range_low,
            "whatever_dependence_high": expected.range_high,
            "checked_on": sum(check.n for check in expected.checks),
            "baseline": expected.mean / max(1, int(decided.sum())),
        }
    known = score[~np.isnan(score)]
    row["precision_expected"] = float(known.mean()) if len(known) and not hidden else np.nan
    return row


def _metrics(table: pd.DataFrame) -> dict[str, float]:
    shown = [row for _, row in table.iterrows() if pd.notna(row.get("expected"))]
    return {f"expected/{row[SEGMENT]}": float(row["expected"]) for row in shown}


def _line(row: pd.Series, min_cell: int) -> str:
    n = f"fewer than {min_cell}" if pd.isna(row["members"]) else f"{row['members']:,.0f}"
    text = f"Rule '{row[SEGMENT]}': {n} members of {row['base']:,}"
    if pd.notna(row.get("expected")):
        low, high = row["expected_low"], row["expected_high"]
        text += f"; {row['expected']:,.0f} [{low:,.0f}, {high:,.0f}] are expected to fulfil it truly"
    if pd.notna(row["undecided"]) and row["undecided"]:
        text += f", besides {row['undecided']:,.0f} of whom too little is known"
    return text + "."
