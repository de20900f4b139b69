"""Size and memory decide which index is built."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError, ModelError
from pipeline.lookalike.index import KINDS, ExactIndex, InvertedIndex, QuantisedIndex, build_index, index_bytes
from pipeline.lookalike.index.choice import load_index

N = 500
DATA = np.random.default_rng(0).normal(size=(N, 8)).astype(np.float32)
IDS = np.array([f"c{i:03d}" for i in range(N)])


def test_size_decides():
    assert isinstance(build_index(DATA, IDS, exact_up_to=N), ExactIndex)
    built = build_index(DATA, IDS, exact_up_to=N - 1, min_recall=0.9, seed=4, snapshot="s")
    assert isinstance(built, InvertedIndex)
    assert (built.kind, built.min_recall, built.seed, built.snapshot_) == ("inverted", 0.9, 4, "s")


def test_memory_decides():
    for exact_up_to in (N, 1):
        larger = "exact" if exact_up_to == N else "inverted"
        enough = index_bytes(larger, N, 8) / 1e9
        assert build_index(DATA, IDS, exact_up_to, 0.8, memory_limit_gb=enough).kind == larger
    little = index_bytes("quantised", N, 8) / 1e9
    assert isinstance(build_index(DATA, IDS, 1, 0.8, memory_limit_gb=little), QuantisedIndex)
    with pytest.raises(
        ConfigError, match=r"500 vectors of 8 columns: memory_limit_gb=.* too little \(inverted .* GB, quan"
    ):
        build_index(DATA, IDS, 1, memory_limit_gb=little * 0.99)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_can_be_demanded(kind):
    assert build_index(DATA, IDS, min_recall=0.8, kind=kind).kind == kind


def test_an_unknown_kind_is_refused():
    with pytest.raises(ConfigError, match="kind='tree'; allowed are auto, exact, inverted, graph, quantised"):
        build_index(DATA, IDS, kind="tree")


def test_bytes_by_hand():
    # 1,000,000 vectors of 64 columns; 4,000 cells of 256 bytes, 41 times.
    cells = 4_000 * 256 * 41
    assert index_bytes("exact", 1_000_000, 64) == 316_000_000
    assert index_bytes("inverted", 1_000_000, 64) == 396_000_000 + 60_000_000 + cells
    assert index_bytes("quantised", 1_000_000, 64) == 108_000_000 + 60_000_000 + cells
    assert index_bytes("graph", 1_000_000, 64) == 1_000_000 * (512 + 128 + 20 + 60)


def test_a_missing_file_and_a_file_of_another_kind_are_named(tmp_path):
    with pytest.raises(ModelError, match="no index file there"):
        load_index(tmp_path / "none")
    ExactIndex().fit(DATA, IDS).save(tmp_path / "exact")
    with pytest.raises(ModelError, match="kind 'exact', expected 'inverted'"):
        InvertedIndex.load(tmp_path / "exact")
