"""What an approximate index is worth is measured, and too little is refused."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ModelError
from pipeline.lookalike.index import ExactIndex, GraphIndex, InvertedIndex, QuantisedIndex

N = 4000
DATA = np.random.default_rng(2).normal(size=(N, 16)).astype(np.float32)
IDS = np.array([f"r{i:04d}" for i in range(N)])


def by_hand(index, k):
    """Return the share of the k nearest others that are found, the query itself left out."""
    unit = (DATA / np.linalg.norm(DATA, axis=1)[:, None])[::8]
    cosine = unit @ (DATA / np.linalg.norm(DATA, axis=1)[:, None]).T
    cosine[np.arange(len(unit)), np.arange(N)[::8]] = -2
    nearest = IDS[np.argsort(-cosine, axis=1)[:, :k]]
    found = index.search(DATA[::8], k + 1)[0]
    return np.mean([len(set(a) & set(b) - {c}) / k for a, b, c in zip(nearest, found, IDS[::8], strict=True)])


@pytest.mark.parametrize("kind", [InvertedIndex, GraphIndex, QuantisedIndex])
def test_recall_is_measured_and_reaches_what_is_required(kind):
    loose, strict = (kind(min_recall=r, recall_at=10).fit(DATA, IDS) for r in (0.5, 0.95))
    assert 0.5 <= loose.recall_ <= strict.recall_
    assert 0.95 <= strict.recall_low_ <= strict.recall_ <= 1
    assert loose.effort_ <= strict.effort_
    assert strict.recall_ == pytest.approx(by_hand(strict, 10), abs=0.02)


def test_more_effort_finds_more():
    found = [InvertedIndex(min_recall=0, effort=effort, recall_at=10).fit(DATA, IDS) for effort in (1, 8, 50)]
    assert found[0].recall_ + 0.2 < found[1].recall_ < found[2].recall_
    assert [index.effort_ for index in found] == [1, 8, 50]


@pytest.mark.parametrize(
    ("index", "match"),
    [
        (
            InvertedIndex(effort=1),
            r"inverted index of 4000 .* recall@100 is 0\.[0-8]\d+ with an effort of 1 cells.*0\.950",
        ),
        (GraphIndex(min_recall=1.1), r"graph index .* required is 1\.100\. Use the exact index \(raise exact_up_to\)"),
        (QuantisedIndex(min_recall=1.0), r"quantised .* recall@100 is 0\.9\d+ .*\(raise memory_limit_gb\)"),
    ],
)
def test_too_little_recall_is_refused_with_both_numbers_and_a_way_out(index, match):
    with pytest.raises(ModelError, match=match):
        index.fit(DATA, IDS)
    with pytest.raises(ModelError, match="holds no vectors yet"):
        index.search(DATA[:1], 1)


def test_eight_bits_a_column_move_a_similarity_by_less_than_five_thousandths():
    wide = np.random.default_rng(3).normal(size=(2000, 64)).astype(np.float32)
    ids, scores = QuantisedIndex(min_recall=0).fit(wide, IDS[:2000]).search(wide[:200], 50)
    unit = wide / np.linalg.norm(wide, axis=1)[:, None]
    position = {name: i for i, name in enumerate(IDS)}
    true = [[unit[i] @ unit[position[name]] for name in row] for i, row in enumerate(ids)]
    assert 0 < np.abs(scores - true).max() < 0.005


def test_a_graph_that_is_built_anew_is_judged_anew(tmp_path):
    index = GraphIndex(min_recall=0.9, recall_at=10).fit(DATA, IDS)
    index.erase(IDS[::2])
    index.save(tmp_path / "graph")
    assert index._index.ntotal == N // 2
    index.min_recall = 1.1  # no graph reaches it
    index.erase(IDS[1::4])
    with pytest.raises(ModelError, match=r"graph index of 1000 vectors: recall@10"):
        index.save(tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("kind", [InvertedIndex, GraphIndex, QuantisedIndex])
def test_with_most_customers_excluded_recall_holds(kind):
    index = kind(min_recall=0.95).fit(DATA, IDS)
    for left in (0.5, 0.2, 0.02):
        rest = np.random.default_rng(1).random(N) < left
        found = index.search(DATA[:100], 20, exclude=IDS[~rest])[0]
        exact = ExactIndex().fit(DATA[rest], IDS[rest]).search(DATA[:100], 20)[0]
        assert np.mean([len(set(a) & set(b)) / 20 for a, b in zip(exact, found, strict=True)]) > 0.93


def test_the_same_seed_builds_the_same_file(tmp_path):
    for name in "ab":
        GraphIndex(seed=3, min_recall=0.5).fit(DATA[:1000], IDS[:1000]).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes()[200:] == (tmp_path / "b").read_bytes()[200:]


@pytest.mark.parametrize("kind", [InvertedIndex, QuantisedIndex])
def test_a_cell_whose_customers_are_all_erased_leaves_no_centre_behind(kind, tmp_path):
    # Two groups far apart, a cell for each.
    data = 0.01 * np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
    data[:40, 0] += 1
    data[40:, 1] += 1
    index = kind(min_recall=0, seed=1).fit(data, IDS[:80])
    assert centres(index).max(axis=0)[:2].round(1).tolist() == [1, 1]
    index.erase(IDS[:40])
    index.save(tmp_path / "index")
    loaded = kind.load(tmp_path / "index")
    assert centres(loaded).max(axis=0)[:2].round(1).tolist() == [0, 1]
    ids, _ = loaded.search(data[:1], 40)
    assert set(ids[0]) == set(IDS[40:80])


def centres(index):
    return index._index.quantizer.reconstruct_n(0, index._index.nlist)
