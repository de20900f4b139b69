"""An audience without a seed: people by their attributes, and how many of the chosen are expected to be such."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from pipeline.columns import ATTRIBUTE, CUSTOMER, DECLARED, LIKELIEST, PROBABILITY, STATE
from pipeline.errors import ConfigError
from pipeline.events import bucket_file
from pipeline.judged import Judged, judged_of
from pipeline.lookalike.context import Context, Pool, draw_pool, need_portraits, read_portraits, size_by_setting
from pipeline.lookalike.described.expected import Expected, expected_members
from pipeline.lookalike.described.likelihood import Described, described, independence
from pipeline.lookalike.described.probability import known_of
from pipeline.lookalike.described.rule import attributes_of, parse_rule
from pipeline.lookalike.handover import Chosen, Handover, hand_over
from pipeline.lookalike.members.mix import cells_of, check_keep, keep_mix
from pipeline.outputs import fingerprint, read_manifest

METHOD = "described"


def from_rule(context: Context) -> Handover:
    """Return the audience of those who most probably fulfil `lookalike.wanted`.

    Raises
    ------
    ConfigError, DataError
        There are no portraits, the rule cannot be read or names what does not exist, or fewer people can fulfil it than
        are asked for.
    """
    chosen = context.chosen
    if chosen.reach is not None:
        raise ConfigError(
            f"lookalike.reach={chosen.reach}: it is read from a seed's reach curve; with 'wanted' give size or share"
        )
    portraits = need_portraits(read_portraits(context), "lookalike.wanted")
    ids = portraits[CUSTOMER].to_numpy(dtype=np.str_)
    rule = parse_rule(chosen.wanted or "", values := attribute_values(context, portraits))
    predictions = read_predictions(context, attributes_of(rule))
    found = described(rule, ids, predictions, values)
    pool = draw_pool(context, ids, np.zeros(len(ids), dtype=bool))
    size = pool.left.checked_size(size_by_setting(chosen, pool.left.n_free), chosen.min_audience)
    scores = np.where(found.rankable, found.score, -1.0)  # of whom too little is known stands below all others
    members, cells = _members(context, found, pool, portraits, scores, size)
    picked = Chosen(
        members=members,
        reasons=_reasons(predictions, attributes_of(rule), ids[members]),
        method=METHOD,
        seed_hash=fingerprint(chosen.wanted),
        versions={name: str(read_manifest(context.scores)["versions"].get(name, "")) for name in attributes_of(rule)},
        cells=cells,
    )
    done = hand_over(context, ids, scores, pool, picked, portraits)
    number = expected_members(members, found, judged_customers(context, attributes_of(rule)))
    known = known_of(predictions, ids, {name: values[name] for name in attributes_of(rule)})
    together = independence(rule, known, context.settings.seed)
    return replace(
        done,
        facts=done.facts
        | {"wanted": chosen.wanted, "expected": asdict(number), "independence": together and asdict(together)},
        metrics=done.metrics | _metrics(number, found, pool),
        lines=(number.words(), *_together_words(together), *done.lines),
    )


def attribute_values(context: Context, portraits: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Return all values of each attribute: those its model knows, else those that portraits state."""
    found = {}
    for name in portraits.columns:
        if f"{name}__{STATE}" not in portraits.columns:
            continue
        champion = context.tracker.champion(name)
        stated = sorted(str(value) for value in portraits[name].dropna().unique())
        found[name] = tuple(champion.facts["values"]) if champion is not None else tuple(stated)
    return {name: values for name, values in found.items() if values}


def read_predictions(context: Context, names: tuple[str, ...]) -> pd.DataFrame:
    """Return the predictions of some attributes, of all customers."""
    buckets = range(read_manifest(context.scores)["buckets"])
    table = context.engine.parquet([bucket_file(context.scores / "predictions", bucket) for bucket in buckets])
    return context.engine.arrow(table.filter(table[ATTRIBUTE].isin(names))).to_pandas()


def _members(
    context: Context, found: Described, pool: Pool, portraits: pd.DataFrame, scores: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray | None]:
    chosen = context.chosen
    if not chosen.keep:
        return found.choose(pool.left.free, size), None
    if chosen.keep_as == "seed":
        raise ConfigError("lookalike.keep_as=seed: 'wanted' has no seed; keep the mix of the base")
    known = [name for name in portraits.columns if f"{name}__{STATE}" in portraits.columns]
    check_keep(chosen.keep, known, attributes_of(found.rule))
    cells = cells_of(portraits, chosen.keep)
    free = pool.left.free & found.rankable & (found.score > 0)
    everybody = np.ones(len(portraits), dtype=bool)
    return keep_mix(found.ids, scores, free, cells, everybody, size).members, cells.cell


def _reasons(predictions: pd.DataFrame, names: tuple[str, ...], members: np.ndarray) -> list[str]:
    """Return for each member what is known of it: each attribute's likeliest value and how sure that is."""
    told = []
    for name in names:
        own = predictions[predictions[ATTRIBUTE] == name].set_index(CUSTOMER).reindex(members)
        told.append(
            [
                "" if pd.isna(p) else f"{name}: {value} ({'declared' if state == DECLARED else f'{p:.0%}'})"
                for value, state, p in zip(own[LIKELIEST], own[STATE], own[PROBABILITY], strict=True)
            ]
        )
    return ["; ".join(part for part in parts if part) for parts in zip(*told, strict=True)]


def judged_customers(context: Context, names: tuple[str, ...]) -> Mapping[str, Judged]:
    """Return the test customers of the attributes' champions, where their runs kept them."""
    found = {}
    for name in names:
        champion = context.tracker.champion(name)
        table = None if champion is None else context.tracker.read_table(champion.run_id, "out_of_fold")
        judged = None if table is None else judged_of(table)
        if judged is not None:
            found[name] = judged
    return found


def _metrics(number: Expected, found: Described, pool: Pool) -> dict[str, float]:
    possible = found.score[pool.left.free & found.rankable]
    share = float(possible.mean()) if len(possible) else 0.0
    metrics = {"expected/members": number.mean, "expected/low": number.low, "expected/high": number.high}
    metrics |= {"expected/precision": number.mean / number.n, "expected/base_rate": share}
    return metrics | ({"expected/lift": number.mean / number.n / share} if share else {})


def _together_words(together: Any) -> tuple[str, ...]:
    if together is None:
        return ()
    return (
        f"Do its attributes go together? Of {together.n:,} customers who declared all of them, {together.share:.1%} "
        f"fulfil the rule; {together.independent:.1%} would if the attributes had nothing to do with each other (ratio "
        f"{together.ratio:.2f} [{together.low:.2f}, {together.high:.2f}]).",
    )
