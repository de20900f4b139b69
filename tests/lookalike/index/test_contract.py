"""The contract of an index: every kind passes every test."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from pipeline.errors import DataError, ModelError
from pipeline.lookalike.index import KINDS, QuantisedIndex, VectorIndex, load_index
from pipeline.lookalike.vectors import unit_vectors

# Points one degree apart on a circle, of different lengths: the nearest of point i are i, i +- 1, i +- 2 …
N = 360
ANGLE = 2 * np.pi * np.arange(N) / N
DATA = (np.column_stack([np.cos(ANGLE), np.sin(ANGLE)]) * (1 + np.arange(N) % 3)[:, None]).astype(np.float32)
IDS = np.array([f"p{i:04d}" for i in range(N)])


# Eight bits a column move a similarity by so much, on the wide cells of so few points.
ROUNDED = 0.004


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def empty(request):
    return request.param()


def assert_found(index, found, expected, query):
    """The expected ids in their order; from rounded vectors, others that are as near but for the rounding."""
    ids, scores = found
    if not isinstance(index, QuantisedIndex):
        assert ids.tolist() == [expected]
    assert len(set(ids[0])) == len(expected)
    cosine = {name: np.cos(ANGLE[i] - ANGLE[query]) for i, name in enumerate(IDS)}
    atol = ROUNDED if isinstance(index, QuantisedIndex) else 2e-6
    np.testing.assert_allclose([cosine[name] for name in ids[0]], [cosine[name] for name in expected], atol=2 * atol)
    np.testing.assert_allclose(scores[0], [cosine[name] for name in ids[0]], atol=atol)
    assert (np.diff(scores[0]) <= 0).all()


@pytest.fixture
def index(empty):
    return empty.fit(DATA, IDS)


def test_it_is_an_index(empty):
    assert isinstance(empty, VectorIndex)


def test_neighbours_on_the_circle_come_in_order_of_angle_and_ties_in_order_of_id(index):
    assert_found(index, index.search(DATA[[100]], k=5), ["p0100", "p0099", "p0101", "p0098", "p0102"], 100)
    assert_found(index, index.search(DATA[[0]], k=5), ["p0000", "p0001", "p0359", "p0002", "p0358"], 0)
    assert index.search(DATA[[0]], k=5)[1].dtype == np.float32


def test_the_tie_at_the_end_of_the_list_goes_to_the_smaller_id(index):
    assert_found(index, index.search(DATA[[100]], k=2), ["p0100", "p0099"], 100)


def test_equal_vectors_stand_in_the_order_of_their_ids_however_many_tie(empty):
    copies = np.repeat(np.array([[1, 0], [0, 1]], dtype=np.float32), 200, axis=0)
    names = np.array([f"q{i:03d}" for i in range(400)])[::-1]
    ids, scores = empty.fit(copies, names).search(copies[:1], k=3)
    assert ids.tolist() == [["q200", "q201", "q202"]]
    np.testing.assert_allclose(scores, 1, atol=2e-6)


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
    found = index.search(DATA[[100]], k=4, exclude=excluded)
    assert not excluded & set(found[0][0])
    assert_found(index, found, ["p0089", "p0111", "p0088", "p0112"], 100)


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
    index = empty.fit(DATA * np.float32(1e-30), IDS)
    ids, scores = index.search(DATA[[5]] * np.float32(1e30), k=1)
    assert_found(index, (ids, scores), ["p0005"], 5)


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


# ---- erasing


def test_an_erased_customer_never_appears_again(index, tmp_path):
    assert index.erase(["p0100", "p0101", "not held", "p0100"]) == 2
    expected = ["p0099", "p0098", "p0102", "p0097"]
    index.save(tmp_path / "index")
    for one in (index, type(index).load(tmp_path / "index")):
        assert len(one.ids_) == N - 2
        assert_found(one, one.search(DATA[[100]], k=4), expected, 100)
        assert not {"p0100", "p0101"} & set(one.search(DATA[[100]], k=N - 2)[0][0])
        with pytest.raises(DataError, match="k=359, but 358 of 358"):
            one.search(DATA[[100]], k=N - 1)


def test_before_it_is_saved_an_erased_customer_is_gone_as_well(index):
    index.erase({"p0100"})
    assert_found(index, index.search(DATA[[100]], k=2), ["p0099", "p0101"], 100)
    assert_found(index, index.search(DATA[[100]], k=2, exclude=["p0099"]), ["p0101", "p0098"], 100)


def test_answers_after_saving_are_those_before(index, tmp_path):
    index.erase(IDS[::7])
    before = index.search(DATA, k=6)
    index.save(tmp_path / "index")
    for one in (index, load_index(tmp_path / "index")):
        found = one.search(DATA, k=6)
        np.testing.assert_array_equal(before[0], found[0])
        np.testing.assert_array_equal(before[1], found[1])


def test_erasing_nobody_known_is_reported_and_changes_nothing(index):
    before = index.search(DATA, 4)[0]
    assert index.erase([]) == index.erase(["not held", ""]) == index.erase(np.array(["zzz"])) == 0
    np.testing.assert_array_equal(before, index.search(DATA, 4)[0])


def test_erasing_one_of_two_with_the_same_vector_keeps_the_other(empty, tmp_path):
    index = empty.fit(np.vstack([DATA, DATA[:1]]), np.append(IDS, "twin"))
    ids, scores = index.search(DATA[:1], k=20)
    assert scores[ids == "twin"] == scores[ids == "p0000"]
    assert index.erase(["p0000"]) == 1
    index.save(tmp_path / "index")
    for one in (index, type(index).load(tmp_path / "index")):
        ids = one.search(DATA[:1], k=20)[0][0]
        assert "twin" in ids
        assert "p0000" not in ids


def test_all_may_be_erased(index, tmp_path):
    assert index.erase(IDS) == N
    index.save(tmp_path / "index")
    for one in (index, load_index(tmp_path / "index")):
        assert len(one.ids_) == 0
        with pytest.raises(DataError, match=r"k=1, but 0 of 0 vectors may be returned"):
            one.search(DATA[:1], k=1)


def test_the_silent_may_be_erased(empty):
    index = empty.fit(np.vstack([DATA, np.zeros((2, 2), dtype=np.float32)]), np.append(IDS, ["s1", "s2"]))
    assert index.erase(["s1"]) == 1
    assert index.search(DATA[:1], k=N + 1)[0][0].tolist().count("s2") == 1


def test_an_erased_vector_is_no_longer_in_the_file(empty, tmp_path):
    # Eight columns that occur nowhere else in these bits, in a base where all else is on a plane.
    data = np.hstack([DATA, np.zeros((N, 6), dtype=np.float32)])
    data[77] = np.random.default_rng(5).normal(size=8)
    index = empty.fit(data, IDS)
    stored = lambda: (tmp_path / "index").read_bytes()  # noqa: E731
    index.save(tmp_path / "index")
    bits, name = kept_bytes(index, data, 77), "p0077".encode("utf-32-le")
    assert stored().count(bits) == stored().count(name) == 1
    index.erase(["p0077"])
    index.save(tmp_path / "index")
    assert stored().count(bits) == stored().count(name) == 0


def kept_bytes(index, data, row):
    """Return a vector's bytes as the index keeps them."""
    if not isinstance(index, QuantisedIndex):
        return unit_vectors(data, "vectors")[row].tobytes()
    lists = index._index.invlists
    for cell in range(index._index.nlist):
        size = lists.list_size(cell)
        ids = faiss.rev_swig_ptr(lists.get_ids(cell), size) if size else []
        for place in np.flatnonzero(ids == index._numbers[row]):
            codes = faiss.rev_swig_ptr(lists.get_codes(cell), size * lists.code_size).reshape(size, -1)
            return codes[place].tobytes()
    raise AssertionError("not held")


# ---- the snapshot


def test_the_file_says_of_which_snapshot_it_is(empty, tmp_path):
    empty.fit(DATA, IDS, snapshot="2017-01-01").save(tmp_path / "index")
    for load in (type(empty).load, load_index):
        assert load(tmp_path / "index", expect="2017-01-01").snapshot_ == "2017-01-01"
        assert load(tmp_path / "index").snapshot_ == "2017-01-01"
        with pytest.raises(ModelError, match=r"index of another snapshot: .* '2017-01-01', expected '2018-01-01'"):
            load(tmp_path / "index", expect="2018-01-01")
    empty.fit(DATA, IDS).save(tmp_path / "index")
    with pytest.raises(ModelError, match=r"index of another snapshot: .* of no named snapshot, expected 'x'"):
        load_index(tmp_path / "index", expect="x")


# ---- large bases


def test_vectors_may_be_a_memory_map_in_any_order(empty, index, tmp_path):
    order = np.random.default_rng(4).permutation(N)
    np.save(tmp_path / "vectors.npy", DATA[order])
    mapped = type(empty)().fit(np.load(tmp_path / "vectors.npy", mmap_mode="r"), IDS[order])
    np.testing.assert_array_equal(mapped.search(DATA, 9)[0], index.search(DATA, 9)[0])


def test_many_customers_share_few_vectors(empty):
    # 3,000 customers, 30 vectors: each is first among those of its own vector, and all of them tie.
    which = np.random.default_rng(6).integers(30, size=3000)
    names = np.array([f"c{i:04d}" for i in range(3000)])
    index = empty.fit(DATA[which * 12], names)
    ids, scores = index.search(DATA[np.arange(30) * 12], k=20)
    for vector in range(30):
        assert ids[vector].tolist() == names[which == vector][:20].tolist()
    assert (scores == scores[:, :1]).all()
    allowed = names[which == 4][3:]
    ids, _ = index.search(DATA[[4 * 12]], k=5, exclude=set(names) - set(allowed))
    assert ids[0].tolist() == allowed[:5].tolist()
