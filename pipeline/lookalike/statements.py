"""What is said of a seed's audience: the parts of its manifest, tables, figures, sentences and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, cast

import numpy as np
import pandas as pd

from pipeline import plots
from pipeline.errors import ConfigError
from pipeline.lookalike.context import Context
from pipeline.lookalike.doctor import SeedReport
from pipeline.lookalike.explanation.factors import Factor
from pipeline.lookalike.explanation.surrogate import Surrogate
from pipeline.lookalike.handover import Handover
from pipeline.lookalike.measure.evaluation import HeldOut, HoldOutRow
from pipeline.lookalike.measure.profit import Profit, profit
from pipeline.lookalike.measure.reach import MARGINAL_LIFT, Reach, ReachCurve, recall_at, size_of, wilson
from pipeline.lookalike.members.mix import Cells, Mix
from pipeline.lookalike.members.mix_price import Halving, price
from pipeline.lookalike.population import Ids
from pipeline.lookalike.ranked import Ranked
from pipeline.lookalike.seed.matching import SeedMatch


def with_examination(
    done: Handover, match: SeedMatch, report: SeedReport, n_base: int, hidden: tuple[str, ...]
) -> Handover:
    """Return the audience with what the examination of its seed said."""
    differences = [asdict(row) for row in report.shown]
    points = [asdict(point) for point in report.growth.points] if report.growth else []
    shuffled = report.separation.shuffled[1] if report.separation else None
    title = f"The seed: {len(match.positions):,} of {n_base:,} customers"
    # The verdict tells what is serious, and the rest of it what is found; these were only worth a note.
    notes = [f.text for f in report.findings if f.severity == "note" and f.topic not in ("separation", "growth")]
    facts = {
        "seed_list": {
            "given": match.n_given,
            "matched": len(match.positions),
            "duplicates": match.n_duplicates,
            "unknown": match.n_unknown,
            "unknown_examples": list(match.unknown_examples),
        },
        "hidden": list(hidden),
        "examination": report.facts(),
    }
    done = done.extended(
        facts=facts,
        tables={f"seed_{name}": table for name, table in report.tables().items() if name != "members"},
        metrics={f"seed/{name}": value for name, value in report.metrics().items()},
        pictures={"seed.png": lambda path: plots.seed_report(differences, points, title, path, shuffled)},
    )
    return replace(done, lines=(f"Seed: {report.verdict}", *notes, *done.lines))


def with_ranking(done: Handover, context: Context, ranked: Ranked, size: int) -> Handover:
    """Return the audience with the choice of its ranking and what hidden members say of it."""
    done = _with_choice(done, ranked)
    if ranked.held_out is not None:
        done = _with_hidden_members(done, ranked, ranked.held_out)
    if ranked.curve is not None:
        done = _with_reach(done, ranked.curve, size, mixed=bool(context.chosen.keep))
        done = _with_profit(done, context, ranked.curve)
    return done


def _with_choice(done: Handover, ranked: Ranked) -> Handover:
    """Return the audience with the method of its ranking, who was ranked, and how many at most are like the seed."""
    choice, prior = ranked.choice, ranked.prior
    facts: dict[str, Any] = {
        "choice": {"method": choice.method, "reason": choice.reason},
        "index": ranked.index,
        "candidates": int(ranked.candidates.sum()),
    }
    lines = [f"Method: {choice.method}: {choice.reason}."]
    if prior is not None:
        facts["class_prior"] = asdict(prior)
        lines.append(
            f"Of the other customers at most {prior.share:.1%} [{prior.low:.1%}, {prior.high:.1%}] are like the seed, "
            "if it is a random sample of such people."
        )
    if not ranked.candidates.all():
        lines.append(
            f"Ranked were the {int(ranked.candidates.sum()):,} customers that the index found near the seed; what is "
            "measured below ranked a sample of the base without it, so that a little less is found."
        )
    return done.extended(
        facts=facts,
        tables={"methods": choice.table},
        metrics={} if prior is None else {"class_prior": prior.share},
        lines=lines,
    )


def _with_hidden_members(done: Handover, ranked: Ranked, held_out: HeldOut) -> Handover:
    """Return the audience with how well its ranking finds hidden members, and on whom that was measured."""
    lines = []
    members, others = ranked.measured
    n_seed, n_base = done.facts["seed_list"]["matched"], len(ranked.scores)
    if members + others < n_base:
        lines.append(
            f"The figures of hidden members are those of a sample by a hash of the id: {members:,} of {n_seed:,} "
            f"members and {others:,} of {n_base - n_seed:,} others. Lifts are against the part of members in it, "
            f"{members / (members + others):.1%}, and not in the base, {n_seed / n_base:.1%}; where that is smaller, "
            "lifts are higher."
        )
    return done.extended(
        facts={"chosen_in_repeats": list(held_out.choices)},
        tables={"hidden_seeds": pd.DataFrame([asdict(row) for row in held_out.rows])},
        metrics=_figures(held_out.rows),
        lines=lines,
    )


def _with_reach(done: Handover, curve: ReachCurve, size: int, mixed: bool) -> Handover:
    """Return the audience with how many further people like the seed it is expected to hold, and other sizes."""
    at = _at(curve, size)
    known = {name: value for name, value in at.items() if pd.notna(value)}
    stops = {name: size_of(curve, reach=cast(Reach, name)) for name in MARGINAL_LIFT} if curve.no_better_from else {}
    return done.extended(
        facts={"reach": {"at_this_size": known, "dial": stops, "no_better_from": curve.no_better_from}},
        tables={"reach_curve": curve.table},
        metrics={f"reach/{name}": value for name, value in known.items()}
        | {"reach/no_better_from": float(curve.no_better_from)},
        lines=_reach_lines(curve, at, size, stops, mixed),
        pictures={"reach.png": lambda path: plots.reach_curve(curve.table, path, stops, size)},
    )


def _with_profit(done: Handover, context: Context, curve: ReachCurve) -> Handover:
    """Return the audience with what audiences earn by their size; as it is where that was not asked for."""
    chosen = context.chosen
    if chosen.value is None or chosen.cost is None or chosen.response_rate is None:
        return done
    try:
        worth = profit(curve, chosen.value, chosen.cost, chosen.response_rate, context.settings.seed)
    except ConfigError as error:  # no reason to lose the audience
        return done.extended(lines=[f"Profit is left out: {error}"])
    return done.extended(
        facts={"profit": {"best_size": worth.best_size, "best_profit": worth.best_profit}},
        tables={"profit": worth.table},
        metrics={"profit/best_size": float(worth.best_size), "profit/best": worth.best_profit},
        lines=[_profit_line(worth)],
    )


def _figures(rows: list[HoldOutRow]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        name = f"{row.method}/{row.metric}" + ("" if row.metric == "auc" else f"_at_{round(row.share * 100)}")
        found |= {name: row.mean, f"{name}_low": row.low, f"{name}_high": row.high}
    return found


def _at(curve: ReachCurve, size: int) -> dict[str, float]:
    """Return the curve's figures at one size; its similarity is that of the nearest size of the table."""
    sizes = np.array([size], dtype=np.int64)
    share, recall = size / curve.n_available, recall_at(curve.standing, sizes)
    low, high = wilson(recall, curve.n_seed * curve.n_similar / (curve.n_seed + curve.n_similar))
    found = {"recall": recall[0], "recall_low": low[0], "recall_high": high[0]}
    found |= {"lift": recall[0] / share, "lift_low": low[0] / share, "lift_high": high[0] / share}
    nearest = int(np.abs(curve.table["size"] - size).to_numpy().argmin())
    rest = {name: float(curve.table[name].iloc[nearest]) for name in ("marginal_lift", "similarity")}
    return {"size": float(size), "share": share, **{name: float(value) for name, value in found.items()}, **rest}


def _reach_lines(curve: ReachCurve, at: dict[str, float], size: int, stops: dict[str, int], mixed: bool) -> list[str]:
    start = "Reach without the mix" if mixed else "Reach"
    lines = [
        f"{start}: {size:,} of {curve.n_available:,} available customers are expected to hold {at['recall']:.0%} "
        f"[{at['recall_low']:.0%}, {at['recall_high']:.0%}] of further people like its members as they are today, if "
        f"at least {curve.n_similar:,} are there, {at['lift']:.1f} [{at['lift_low']:.1f}, {at['lift_high']:.1f}] "
        f"times as many as a random audience (measured on {curve.n_seed:,} members while they were hidden)."
    ]
    if not curve.no_better_from:
        return [*lines, "No size is better than random."]
    dial = ", ".join(f"{name} {stop:,}" for name, stop in stops.items())
    return [
        *lines,
        f"Dial: {dial}. From {curve.no_better_from:,} [{curve.no_better_low:,}, {curve.no_better_high:,}] members on, "
        "the next ones are no better than random.",
    ]


def _profit_line(worth: Profit) -> str:
    if not worth.best_size:
        return "Profit: no size earns what its contacts cost."
    return (
        f"Profit: highest, {worth.best_profit:,.0f}, at {worth.best_size:,} members [{worth.best_low:,}, "
        f"{worth.best_high:,}], if people respond in proportion to their likeness to the seed. Those who would respond "
        "anyway are counted, too: the control group tells how many."
    )


def with_explanation(done: Handover, why: list[Factor], surrogate: Surrogate) -> Handover:
    """Return the audience with what makes it."""
    rows = [
        {"subject": f.subject, "level": f.level, "share": f.share, "share_low": f.low, "share_high": f.high}
        | asdict(part)
        for f in why
        for part in f.features
    ]
    told = "; ".join(f"{f.subject} ({f.level}, {f.share:.0%})" for f in why)
    lines = (f"What makes this audience: {told}. {surrogate.fidelity_.words()}",) if why else ()
    return done.extended(
        tables={"factors": pd.DataFrame(rows)},
        metrics={"explanation/rank_correlation": surrogate.fidelity_.rank_correlation},
        lines=lines,
    )


def with_mix(
    done: Handover,
    ids: Ids,
    cells: Cells,
    mix: Mix,
    halves: Sequence[Halving],
    size: int,
) -> Handover:
    """Return the audience with its mix and what that costs; `halves` are empty where nothing was hidden."""
    lines = [] if not mix.shortfall else [f"Mix: {mix.shortfall:,} members had to come from other groups than asked."]
    metrics: dict[str, float] = {}
    facts: dict[str, Any] = {"mix": {"joint": mix.joint, "shortfall": mix.shortfall}}
    if halves:
        paid = price(ids, halves, cells, size, tolerance=1.0)  # a half has a mix of its own
        lines.append(f"Mix: {paid.words()}")
        metrics = {"mix/recall_difference": paid.difference, "mix/lift": paid.lift_with}
        facts["mix"] |= asdict(paid)
    return done.extended(facts=facts, tables={"mix": mix.table}, metrics=metrics, lines=lines)
