"""Bases whose truth is known: a latent group, of which a random sample is the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from pipeline.lookalike.measure.held_out import held_out_standing
from pipeline.lookalike.measure.reach import ReachCurve, reach_curve
from pipeline.lookalike.methods import Ranker
from pipeline.lookalike.population import Base


@dataclass(frozen=True)
class Planted:
    base: Base
    group: np.ndarray  # (n,) who is like the seed
    seed: np.ndarray  # (n,) a random part of the group


def planted_base(draw: int, n: int = 800, n_items: int = 50) -> Planted:
    """Customers buy at random; the group prefers a few items, by more or less from draw to draw."""
    rng = np.random.default_rng([7, draw])
    n_group = int(rng.integers(60, 240))
    group = np.zeros(n, dtype=bool)
    group[rng.permutation(n)[:n_group]] = True
    liking = rng.gamma(2.0, 0.5, (1, n_items)).repeat(n, axis=0)
    liking[group, : rng.integers(2, 8)] *= rng.uniform(1.5, 4.0)
    tokens = np.log1p(rng.poisson(0.5 * liking).astype(float))
    tokens /= np.maximum(np.linalg.norm(tokens, axis=1, keepdims=True), 1e-9)
    basis, _ = np.linalg.qr(rng.normal(size=(n_items, 16)))
    seed = np.zeros(n, dtype=bool)
    n_seed = int(rng.integers(20, n_group // 2 + 1)) if n_group > 40 else 20
    seed[rng.permutation(np.flatnonzero(group))[:n_seed]] = True
    base = Base(
        ids=np.array([f"c{i:05d}" for i in rng.permutation(n)]),
        X=sp.csr_matrix(np.hstack([rng.normal(5.0, 2.0, size=(n, 2)), tokens])),
        vectors=(tokens @ basis).astype(np.float32),
        names=np.array(["a", "b", *(f"t{i}" for i in range(n_items))]),
        n_dense=2,
    )
    return Planted(base, group, seed)


def true_recall(world: Planted, ranker: Ranker, sizes: np.ndarray) -> np.ndarray:
    """Return which share of the group's other members the finished ranking's audiences hold."""
    free = world.base.rows(~world.seed)
    truth = world.group[~world.seed]
    scores = ranker.fit(world.base, world.seed).score(free)
    found = np.cumsum(truth[np.lexsort((free.ids, -scores))])
    return np.asarray(found[sizes - 1] / truth.sum())


def coverage(ranker: Ranker, draw: int, n_folds: int = 10, repeats: int = 2) -> tuple[np.ndarray, ReachCurve]:
    """Return for each size of the curve whether the interval holds the true recall, and the curve."""
    world = planted_base(draw)
    standing = held_out_standing(
        world.base, world.seed, {"it": ranker}, n_folds=n_folds, repeats=repeats, random_state=draw
    )
    curve = reach_curve(standing["it"], random_state=draw)
    truth = true_recall(world, ranker, curve.table["size"].to_numpy())
    held = (curve.table["recall_low"] <= truth) & (truth <= curve.table["recall_high"])
    return held.to_numpy(), curve
