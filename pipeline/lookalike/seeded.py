"""An audience of customers like a seed: examined, ranked, measured on hidden members, chosen and explained."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipeline import console
from pipeline.columns import DECLARED, STATE
from pipeline.errors import DataError
from pipeline.labels.past import may_look_back
from pipeline.lookalike.context import (
    Context,
    Pool,
    draw_pool,
    earlier_audiences,
    need_portraits,
    read_portraits,
    size_by_setting,
)
from pipeline.lookalike.design import Design, fit_design
from pipeline.lookalike.doctor import SeedReport, examine
from pipeline.lookalike.explanation.factors import factors
from pipeline.lookalike.explanation.reasons import reasons
from pipeline.lookalike.explanation.surrogate import Surrogate
from pipeline.lookalike.handover import Chosen, Handover, hand_over
from pipeline.lookalike.members.available import check_lineage, check_seed_size
from pipeline.lookalike.members.mix import Cells, Mix, cells_of, check_keep, keep_mix
from pipeline.lookalike.members.mix_price import Halving
from pipeline.lookalike.methods import methods
from pipeline.lookalike.population import Base, Floats, Mask
from pipeline.lookalike.ranked import Ranked, evenly, measured_rows, rank
from pipeline.lookalike.seed.matching import SeedMatch, best_first, match_seed
from pipeline.lookalike.seed.rule import hidden_by, seed_ids
from pipeline.lookalike.seed.worth import worth_of_members
from pipeline.lookalike.statements import with_examination, with_explanation, with_mix, with_ranking
from pipeline.outputs import fingerprint, read_manifest
from pipeline.settings import SeedRule

_STOPPED = "lookalike: no audience is made of this seed. "


@dataclass(frozen=True)
class _Seeded:
    """A base and the seed in it.

    Attributes
    ----------
    hash
        Of the ids that the seed was given as.
    match
        Where these ids stand in the base.
    seed
        Who is a member, shape (n_base,).
    weights
        Of the members, shape (n_seed,); None: all count alike.
    """

    rule: SeedRule
    hash: str
    design: Design
    base: Base
    match: SeedMatch
    seed: Mask
    weights: Floats | None


def from_seed(context: Context, rule: SeedRule) -> Handover:
    """Return the audience of a seed.

    Raises
    ------
    ConfigError, DataError
        The seed names nobody, too few, everybody or what does not exist, is an earlier audience, or must not be used
        as it is; sizes, lists or a mix that cannot be had.
    """
    chosen, random_state = context.chosen, context.settings.seed
    seeded = _read_seed(context, rule)
    base, seed = seeded.base, seeded.seed
    pool = draw_pool(context, base.ids, seed)
    if chosen.reach is None:  # before anything is learnt
        pool.left.checked_size(size_by_setting(chosen, pool.left.n_free), chosen.min_audience)
    portraits = read_portraits(context, base.ids)
    cells = _cells(context, rule, portraits)
    report = _examined(context, seeded, portraits)
    measurable = rule.portraits is None or not _inferred(need_portraits(portraits, "this seed"), rule, seed)
    mixed = report.groups is not None and report.groups.answer == "several"
    ranked = rank(context, seeded.design, base, seed, seeded.weights, pool, measurable, mixed)
    picked, mix = _pick(context, base, ranked, pool, cells, seed, ranked.size)
    surrogate = Surrogate(random_state=random_state).fit(base.rows(ranked.candidates), ranked.scores[ranked.candidates])
    found = Chosen(
        members=picked,
        reasons=reasons(surrogate, base.rows(picked)).tolist(),
        method=ranked.choice.method,
        seed_hash=seeded.hash,
        versions=_versions(context, rule),
        cells=None if cells is None else cells.cell,
    )
    done = hand_over(context, base.ids, ranked.scores, pool, found, portraits)
    why = factors(surrogate, base, _mask(picked, len(base)), random_state)
    done = with_examination(done, seeded.match, report, len(base), hidden_by(rule))
    done = with_ranking(done, context, ranked, ranked.size)
    done = with_explanation(done, why, surrogate)
    if mix is None or cells is None:
        return done
    return _with_mix_and_price(done, context, seeded, pool, ranked, cells, mix)


def _read_seed(context: Context, rule: SeedRule) -> _Seeded:
    """Return the base and the seed in it; refuse a seed that is too small or an earlier audience."""
    source = (context.settings.data, context.outputs, context.as_of_us)
    given = seed_ids(context.engine, rule, *source)
    design = _design(context, rule)
    base = design.read(context.engine, context.snapshot)
    match = match_seed(given, base.ids)
    check_seed_size(len(match.positions), context.chosen.min_seed)
    members = base.ids[match.positions]
    check_lineage(members, earlier_audiences(context))
    weights = worth_of_members(context.engine, rule, *source, members)
    return _Seeded(rule, fingerprint(sorted(set(given))), design, base, match, match.mask(len(base)), weights)


def _examined(context: Context, seeded: _Seeded, portraits: pd.DataFrame | None) -> SeedReport:
    """Return what the examination of the seed says; DataError where no audience may be made of it."""
    known = _independent(context, seeded.rule, portraits)
    report = examine(seeded.base, seeded.match, known, context.chosen.min_seed, random_state=context.settings.seed)
    if report.severity == "stop":
        raise DataError(_STOPPED + report.verdict)
    return report


def _design(context: Context, rule: SeedRule) -> Design:
    if rule.where:
        console.warn(
            f"lookalike: of {rule.log} only {', '.join(rule.where)} is hidden from the features; if other fields "
            "name the same events (a product besides its category), hide them too: seed.hide=[<log>.<field>]"
        )
    settings = context.settings
    return fit_design(
        context.engine, context.snapshot, settings.data, settings.features.vector, hidden_by(rule), settings.seed
    )


def _independent(context: Context, rule: SeedRule, portraits: pd.DataFrame | None) -> pd.DataFrame | None:
    """Return the portraits without attributes that are made from what made the seed: they would tell it back."""
    if portraits is None:
        return None
    hidden, data = hidden_by(rule), context.settings.data
    told_back = [
        name
        for name, attribute in context.settings.attributes.items()
        if attribute.future is not None and not may_look_back(attribute.future, hidden, data)
    ]
    told_back += list(rule.portraits or {})
    return portraits.drop(
        columns=[f"{name}{part}" for name in told_back for part in ("", f"__{STATE}")], errors="ignore"
    )


def _cells(context: Context, rule: SeedRule, portraits: pd.DataFrame | None) -> Cells | None:
    keep = context.chosen.keep
    if not keep:
        return None
    told = need_portraits(portraits, "lookalike.keep")
    known = [name for name in told.columns if f"{name}__{STATE}" in told.columns]
    check_keep(keep, known, rule.portraits or {})
    return cells_of(told, keep)


def _inferred(portraits: pd.DataFrame, rule: SeedRule, seed: Mask) -> bool:
    """Tell whether a seed made from portraits holds members whose value was inferred, not declared."""
    states = [f"{attribute}__{STATE}" for attribute in rule.portraits or {}]
    inferred = bool((portraits.loc[seed, states] != DECLARED).any(axis=None))
    if inferred:
        console.warn(
            "lookalike: no figures: members of the seed were inferred from the very features that would find them "
            "again; give a seed of declared members or of ids to have the method measured"
        )
    return inferred


def _versions(context: Context, rule: SeedRule) -> dict[str, str]:
    """Return the models behind the attributes that chose the seed or the mix."""
    used = {*(rule.portraits or {}), *context.chosen.keep}
    if not used:
        return {}
    versions = read_manifest(context.scores)["versions"]
    return {name: str(versions.get(name, "")) for name in sorted(used)}


def _pick(
    context: Context, base: Base, ranked: Ranked, pool: Pool, cells: Cells | None, seed: Mask, size: int
) -> tuple[np.ndarray, Mix | None]:
    """Return the members' positions, the best first."""
    if cells is not None:
        reference = seed if context.chosen.keep_as == "seed" else np.ones(len(base), dtype=bool)
        mix = keep_mix(base.ids, ranked.scores, pool.left.free, cells, reference, size)
        return mix.members, mix
    free = np.flatnonzero(pool.left.free)
    return free[best_first(base.ids[free], ranked.scores[free])[:size]], None


def _mask(rows: np.ndarray, n: int) -> Mask:
    mask = np.zeros(n, dtype=bool)
    mask[rows] = True
    return mask


def _with_mix_and_price(
    done: Handover, context: Context, seeded: _Seeded, pool: Pool, ranked: Ranked, cells: Cells, mix: Mix
) -> Handover:
    """Return the audience with its mix, and what that costs among the customers on whom methods are measured."""
    base, free = seeded.base, pool.left.free
    rows = measured_rows(base, seeded.seed, context.settings.seed)
    part = replace(cells, codes=cells.codes[rows], cell=cells.cell[rows])
    halves = [] if ranked.curve is None else list(_halves(context, seeded, ranked, pool, rows))
    size = max(1, round(ranked.size * free[rows].sum() / free.sum()))
    return with_mix(done, base.ids[rows], part, mix, halves, size)


def _halves(context: Context, seeded: _Seeded, ranked: Ranked, pool: Pool, rows: np.ndarray) -> Iterator[Halving]:
    """Yield halvings of the seed, each scored, on some rows of the base, by a ranking that knows one half."""
    base, seed, weights = seeded.base, seeded.seed, seeded.weights
    members, part = np.flatnonzero(seed), base.rows(rows)
    ranker = methods(k=context.chosen.nearest, random_state=context.settings.seed)[ranked.choice.method]
    rng, as_in_base = np.random.default_rng(context.settings.seed), evenly(base, seed, rows)
    for _ in range(context.chosen.repeats):
        inside = np.sort(rng.permutation(len(members))[: (len(members) + 1) // 2])
        half = _mask(members[inside], len(base))
        kept, hidden = half[rows], (seed & ~half)[rows]
        own = None if weights is None else weights[inside][np.isin(members[inside], rows[kept])]
        scores = deepcopy(ranker).fit(part, kept, own).score(part)
        reference = kept if context.chosen.keep_as == "seed" else as_in_base
        yield Halving(hidden, scores, pool.left.free[rows] | hidden, reference)
