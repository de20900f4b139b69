"""The seed doctor: what a marketer should know of a seed before paying for an audience."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.lookalike.doctor import wording
from pipeline.lookalike.doctor.difference import Difference, telling
from pipeline.lookalike.doctor.differences import differences
from pipeline.lookalike.doctor.findings import Finding
from pipeline.lookalike.doctor.groups import find_groups
from pipeline.lookalike.doctor.growth import MIN_GROWTH, growth
from pipeline.lookalike.doctor.leakage import leaks
from pipeline.lookalike.doctor.report import SeedReport, Size
from pipeline.lookalike.doctor.sample import draw_sample
from pipeline.lookalike.doctor.separation import N_SHUFFLED, separation
from pipeline.lookalike.methods import MIN_SEED
from pipeline.lookalike.population import Base, Mask
from pipeline.lookalike.seed.matching import SeedMatch

SHOWN = {"attribute": 5, "token": 6, "total": 2}  # differences of each kind
_N_TRAITS = 3  # of each group
_BASE_SAMPLE = 20_000  # customers outside the seed that classifiers and groups are compared with
_MAX_SEED = 10_000


def examine(
    base: Base,
    match: SeedMatch,
    portraits: pd.DataFrame | None = None,
    min_seed: int = MIN_SEED,
    base_sample: int = _BASE_SAMPLE,
    n_shuffled: int = N_SHUFFLED,
    random_state: int = 0,
) -> SeedReport:
    """Return what is wrong and what is known about a seed.

    Parameters
    ----------
    base
        All customers.
    match
        The seed's members among them.
    portraits
        See `differences.differences`; None: attributes are not compared.
    min_seed
        Members without whom nothing is looked at but size, match and events.
    base_sample
        At most so many other customers, chosen by hashes of their ids, serve for classifiers and groups. Differences
        and leaks are counted over all.
    n_shuffled
        Shuffled seeds, at least 99: with fewer no p-value reaches the level of 1 %.
    random_state
        Salt of all hashes and seed of all shuffles: the same seed gets the same report, in whatever order rows stand.
    """
    seed = match.mask(len(base))
    silent = int((~base.vectors[match.positions].any(axis=1)).sum())
    size = Size(
        match.n_given,
        match.n_duplicates,
        match.n_unknown,
        match.unknown_examples,
        len(match.positions),
        silent,
        len(base),
    )
    first = [wording.of_size(size, min_seed), wording.of_match(size), wording.of_events(size, min_seed)]
    if not min(size.n_seed, size.n_base - size.n_seed) >= max(min_seed, 2):
        return SeedReport(base.ids, size, None, None, (), (), (), (), None, tuple(first))
    return _examined(base, seed, size, first, portraits, (base_sample, n_shuffled, random_state))


def _examined(
    base: Base,
    seed: Mask,
    size: Size,
    first: list[Finding],
    portraits: pd.DataFrame | None,
    settings: tuple[int, int, int],
) -> SeedReport:
    base_sample, n_shuffled, random_state = settings
    sample = draw_sample(base, seed, base_sample, _MAX_SEED, random_state)
    found = separation(sample, n_shuffled, random_state)
    by_id = np.argsort(base.ids, kind="stable")  # so that resamples do not depend on the order of the rows
    members, others = by_id[seed[by_id]], by_id[~seed[by_id]]
    differ = differences(base, members, others, portraits, random_state)
    shown = [row for kind, n in SHOWN.items() for row in telling([d for d in differ if d.kind == kind], n)]
    groups = find_groups(base.vectors, base.ids, sample.rows[sample.seed], sample.rows[~sample.seed], random_state)
    traits = _traits(base, groups.members) if groups.answer == "several" else ((),) * len(groups.members)
    suspects = leaks(base, seed)
    curve = growth(sample, random_state) if size.n_seed >= MIN_GROWTH else None
    findings = [
        *first,
        wording.of_separation(found, shown),
        wording.of_groups(groups, traits),
        *wording.of_leaks(suspects),
        *([wording.of_growth(curve)] if found.told else []),
    ]
    return SeedReport(
        base.ids,
        size,
        found,
        groups,
        traits,
        tuple(differ),
        tuple(shown),
        tuple(suspects),
        curve,
        tuple(findings),
    )


def _traits(base: Base, groups: tuple[NDArray[np.int64], ...]) -> tuple[tuple[Difference, ...], ...]:
    """Return of each group what its members do more often than the seed's other groups."""
    found = []
    for i, members in enumerate(groups):
        others = np.concatenate([rows for j, rows in enumerate(groups) if j != i])
        found.append(tuple(telling(differences(base, members, others), _N_TRAITS, more_only=True)))
    return tuple(found)
