"""The contract of an index: every implementation passes every test of the first part."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import DataError, ModelError
from pipeline.lookalike.index import ApproximateIndex, ExactIndex, VectorIndex, build_index, load_index

# Points one degree apart on a circle, of different lengths: the nearest of point i are i, i +- 1, i +- 2 …
N = 360
ANGLE = 2 * np.pi * np.arange(N) / N
DATA = (np.column_stack([np.cos(ANGLE), np.sin(ANGLE)]) * (1 + np.arange(N) % 3)[:, None]).astype(np.float32)
IDS = np.array([f"p{i:04d}" for i in range(N)])


@pytest.fixture(params=[ExactIndex, ApproximateIndex])
def empty(request):
    return request.param()


@pytest.fixture
def index(empty):
    return empty.fit(DATA, IDS)


def test_it_is_an_index(empty):
    assert isinstance(empty, VectorIndex)


def test_neighbours_on_the_circle_come_in_order_of_angle_and_ties_in_order_of_id(index):
    ids, scores = index.search(DATA[[100, 0]], k=5)
    assert ids.tolist() == [
        ["p0100", "p0099", "p0101", "p0098", "p0102"],
        ["p0000", "p0001", "p0359", "p0002", "p0358"],
    ]
    steps = np.cos(np.deg2rad([0, 1, 1, 2, 2]))
    np.testing.assert_allclose(scores, [steps, steps], atol=2e-6)
    assert scores.dtype == np.float32


def test_the_tie_at_the_end_of_the_list_goes_to_the_smaller_id(index):
    assert index.search(DATA[[100]], k=2)[0].tolist() == [["p0100", "p0099"]]


def test_equal_vectors_stand_in_the_order_of_their_ids_however_many_tie(empty):
    copies = np.repeat(np.array([[1, 0], [0, 1]], dtype=np.float32), 200, axis=0)
    names = np.array([f"q{i:03d}" for i in range(400)])[::-1]
    ids, scores = empty.fit(copies, names).search(copies[:1], k=3)
    assert ids.tolist() == [["q200", "q201", "q202"]]
    assert (scores == 1).all()


def test_a_difference_below_the_rounding_is_a_tie_though_it_runs_past_the_answers(empty):
    # The later the nearer, but by less than 2e-7: all sixty tie, and the first three by id are the answer.
    points = np.array([[1, (60 - i) * 1e-5] for i in range(60)], dtype=np.float32)
    names = np.array([f"q{i:03d}" for i in range(60)])
    ids, _ = empty.fit(points, names).search(np.array([[1, 0]], dtype=np.float32), k=3)
    assert ids.tolist() == [["q000", "q001", "q002"]]


def test_one_by_one_gives_what_the_batch_gives(index):
    together = index.search(DATA, k=7)
    alone = [index.search(DATA[[i]], k=7) for i in range(0, N, 30)]
    np.testing.assert_array_equal(together[0][::30], np.vstack([a[0] for a in alone]))
    np.testing.assert_array_equal(together[1][::30], np.vstack([a[1] for a in alone]))


def test_the_order_of_rows_does_not_matter(empty, index):
    order = np.random.default_rng(3).permutation(N)
    again = type(empty)().fit(DATA[order], IDS[order])
    for one, other in zip(index.search(DATA, 9), again.search(DATA, 9), strict=True):
        np.testing.assert_array_equal(one, other)


def test_excluded_ids_never_come_back(index):
    excluded = {f"p{i:04d}" for i in range(90, 111)} | {"not held"}
    ids, _ = index.search(DATA[[100]], k=4, exclude=excluded)
    assert ids.tolist() == [["p0089", "p0111", "p0088", "p0112"]]


def test_almost_everything_excluded_still_gives_k_answers(index):
    ids, _ = index.search(DATA[[100]], k=2, exclude=IDS[2:])
    assert ids.tolist() == [["p0001", "p0000"]]


def test_all_of_the_index_can_be_asked_for(index):
    ids, scores = index.search(DATA[:3], k=N)
    assert all(len(set(row)) == N for row in ids)
    assert (np.diff(scores, axis=1) <= 0).all()


def test_a_customer_without_behaviour_is_similar_to_nothing(empty):
    silent = np.vstack([DATA, np.zeros((1, 2), dtype=np.float32)])
    index = empty.fit(silent, np.append(IDS, "p9999"))
    ids, scores = index.search(silent[-1:], k=3)
    assert ids.tolist() == [["p0000", "p0001", "p0002"]]
    assert scores.tolist() == [[0, 0, 0]]
    ids, scores = index.search(DATA[:1], k=N + 1)
    assert scores[0, ids[0] == "p9999"].tolist() == [0]


def test_tiny_and_huge_vectors_are_compared_by_direction(empty):
    ids, scores = empty.fit(DATA * np.float32(1e-30), IDS).search(DATA[[5]] * np.float32(1e30), k=1)
    assert (ids.item(), scores.item()) == ("p0005", 1.0)


def test_no_queries_give_no_answers(index):
    ids, scores = index.search(np.empty((0, 2), dtype=np.float32), k=3)
    assert ids.shape == scores.shape == (0, 3)


def test_save_then_load_gives_the_same_answers(index, tmp_path):
    index.save(tmp_path / "vectors.index")
    assert [path.name for path in tmp_path.iterdir()] == ["vectors.index"]
    for loaded in (type(index).load(tmp_path / "vectors.index"), load_index(tmp_path / "vectors.index")):
        assert type(loaded) is type(index)
        for one, other in zip(index.search(DATA, 6), loaded.search(DATA, 6), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_second_fit_forgets_the_first(index):
    ids, _ = index.fit(DATA[:50], np.char.add("new", IDS[:50])).search(DATA[[7]], k=50)
    assert all(name.startswith("newp") for name in ids[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(empty, index, bad):
    broken = DATA.copy()
    broken[[4, 9], 1] = bad
    with pytest.raises(DataError, match=r"vectors: 2 of 360 rows hold NaN or infinite .*first: row 4"):
        type(empty)().fit(broken, IDS)
    with pytest.raises(DataError, match=r"queries: 2 of 360 rows"):
        index.search(broken, k=1)


def test_wrong_shapes_are_refused(empty, index):
    with pytest.raises(DataError, match="queries have 3 columns, the index holds vectors of 2"):
        index.search(np.ones((1, 3), dtype=np.float32), k=1)
    with pytest.raises(DataError, match=r"shape is \(2,\)"):
        index.search(DATA[0], k=1)
    with pytest.raises(DataError, match=r"shape is \(0, 2\)"):
        type(empty)().fit(DATA[:0], IDS[:0])
    with pytest.raises(DataError, match=r"360 rows, but ids of shape \(359,\)"):
        type(empty)().fit(DATA, IDS[1:])


def test_repeated_ids_are_refused(empty):
    with pytest.raises(DataError, match=r"1 ids occur more than once \(e.g. 'p0001'\)"):
        empty.fit(DATA, np.append(IDS[:-1], "p0001"))


@pytest.mark.parametrize(("k", "exclude"), [(0, None), (361, None), (360, ["p0000"])])
def test_more_answers_than_there_are_is_refused(index, k, exclude):
    with pytest.raises(DataError, match=rf"k={k}, but 3(60|59) of 360 vectors may be returned"):
        index.search(DATA[:1], k=k, exclude=exclude)


def test_searching_before_fitting_is_refused(empty, tmp_path):
    with pytest.raises(ModelError, match="holds no vectors yet"):
        empty.search(DATA, k=1)
    with pytest.raises(ModelError, match="holds no vectors yet"):
        empty.save(tmp_path / "x")


def test_a_damaged_file_is_refused_wherever_it_is_damaged(index, tmp_path):
    path = tmp_path / "vectors.index"
    index.save(path)
    whole = path.read_bytes()
    reference = index.search(DATA, 3)
    for place in np.linspace(0, len(whole) - 1, 80).astype(int):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            answers = type(index).load(path).search(DATA, 3)
        except ModelError as error:
            assert str(path) in str(error)  # noqa: PT017 - damage to an unused byte may pass unnoticed
        else:
            np.testing.assert_array_equal(answers[0], reference[0])
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ModelError, match="damaged or not an index file"):
            type(index).load(path)


# ---- what only one of them does


def test_a_missing_file_and_a_file_of_the_other_kind_are_named(tmp_path):
    with pytest.raises(ModelError, match="no index file there"):
        ExactIndex.load(tmp_path / "none")
    ExactIndex().fit(DATA, IDS).save(tmp_path / "exact")
    with pytest.raises(ModelError, match="kind 'exact', expected 'approximate'"):
        ApproximateIndex.load(tmp_path / "exact")


def test_exact_answers_are_those_of_a_plain_matrix_product():
    rng = np.random.default_rng(1)
    data, queries = (rng.normal(size=(n, 16)).astype(np.float32) for n in (500, 40))
    ids = np.array([f"r{i:03d}" for i in range(500)])
    cosine = (queries / np.linalg.norm(queries, axis=1)[:, None]) @ (data / np.linalg.norm(data, axis=1)[:, None]).T
    found, scores = ExactIndex().fit(data, ids).search(queries, k=11)
    np.testing.assert_array_equal(found, ids[np.argsort(-cosine, axis=1)[:, :11]])
    np.testing.assert_allclose(scores, -np.sort(-cosine, axis=1)[:, :11], atol=2e-6)


def test_recall_is_measured_and_reaches_what_is_required():
    data = np.random.default_rng(2).normal(size=(4000, 16)).astype(np.float32)
    ids = np.array([f"r{i:04d}" for i in range(4000)])
    loose, strict = (ApproximateIndex(min_recall=r).fit(data, ids) for r in (0.5, 0.95))
    assert 0.5 <= loose.recall_ < strict.recall_
    assert loose.probes_ < strict.probes_
    exact = ExactIndex().fit(data, ids).search(data, 10)[0]
    found = strict.search(data, 10)[0]
    by_hand = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact, found, strict=True)])
    assert strict.recall_ == pytest.approx(by_hand, abs=0.02)
    assert by_hand > 0.93


def test_too_little_recall_is_refused_with_both_numbers():
    data = np.random.default_rng(2).normal(size=(4000, 32)).astype(np.float32)
    index = ApproximateIndex(min_recall=0.95, probes=1)
    with pytest.raises(ModelError, match=r"recall@10 is 0\.[0-8]\d+ with 1 cells .* required is 0\.950"):
        index.fit(data, np.arange(4000).astype(str))
    with pytest.raises(ModelError, match="holds no vectors yet"):
        index.search(data[:1], 1)


def test_size_decides_which_index_is_built():
    assert isinstance(build_index(DATA, IDS, exact_up_to=N), ExactIndex)
    built = build_index(DATA, IDS, exact_up_to=N - 1, min_recall=0.9, seed=4)
    assert isinstance(built, ApproximateIndex)
    assert (built.min_recall, built.seed) == (0.9, 4)
