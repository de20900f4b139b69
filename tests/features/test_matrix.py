"""From a snapshot's files to the matrix of estimators, against a dumb construction from the same files."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError
from pipeline.features.counts import fit_encoder, read_counts
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.matrix import FeatureMatrix, read_matrix
from pipeline.features.naming import past_name, visible
from pipeline.outputs import write_json
from pipeline.settings import Data, Vector
from pipeline.split import hash32
from tests.features.source import LOGS, read_back

SMALL = Vector(dimensions=4, min_customers=2)


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as engine:
        yield engine


@pytest.fixture(scope="module")
def encoder(engine: DuckDBEngine, snapshot: Path) -> BehaviourEncoder:
    return fit_encoder(engine, snapshot, SMALL, seed=0)


def token_rows(snapshot: Path) -> list[tuple[str, str, int]]:
    rows = read_back(snapshot, "tokens").to_pylist()
    return [(row["customer_id"], f"{row['field']}={row['token']}", row["count"]) for row in rows]


def write_snapshot(folder: Path, tokens: list[tuple[str, str, str, int]], customers: list[str]) -> Path:
    """Write a snapshot of one bucket by hand."""
    columns = dict(zip(("customer_id", "field", "token", "count"), zip(*tokens, strict=True), strict=True))
    for part, table in {
        "tokens": pa.table(columns),
        "dense": pa.table({"customer_id": customers, "log__events__count__all": [1.0] * len(customers)}),
    }.items():
        (folder / part).mkdir(parents=True)
        pq.write_table(table, folder / part / "bucket=0000.parquet")
    write_json(folder / "_manifest.json", {"buckets": 1, "customers": len(customers), "fingerprint": "x"})
    return folder


def test_the_matrix_equals_a_dumb_construction(engine: DuckDBEngine, snapshot: Path, encoder: BehaviourEncoder) -> None:
    matrix = read_matrix(engine, snapshot, encoder)
    dense = read_back(snapshot, "dense").to_pandas()
    customers, words = dense["customer_id"].tolist(), list(encoder.vocabulary)
    met = token_rows(snapshot)
    spread = Counter(name for _, name, _ in met)
    assert words == sorted(name for name, n in spread.items() if n >= 2)
    weights, counts = np.zeros((2, len(customers), len(words)))
    known = [(customer, name, count) for customer, name, count in met if name in words]
    n_tokens = {who: sum(count for customer, _, count in known if customer == who) for who in customers}
    mean_tokens = sum(n_tokens.values()) / len(customers)
    for customer, name, count in known:
        idf = math.log((1 + len(customers)) / (1 + spread[name])) + 1
        softness = 1.2 * (0.25 + 0.75 * n_tokens[customer] / mean_tokens)
        counts[customers.index(customer), words.index(name)] = count
        weights[customers.index(customer), words.index(name)] = count * 2.2 / (count + softness) * idf
    length = np.linalg.norm(weights, axis=1, keepdims=True)
    weights = np.divide(weights, length, out=np.zeros_like(weights), where=length > 0)
    vectors = weights @ encoder.svd_.components_.T
    columns = [name for name in dense.columns if name != "customer_id"]
    assert matrix.customers.tolist() == customers == sorted(customers)
    assert matrix.names.tolist() == [*columns, *(f"vector__{n:03d}" for n in range(4)), *words]
    assert matrix.n_dense == len(columns) + 4
    found = matrix.X.toarray()
    np.testing.assert_array_equal(found[:, : len(columns)], dense[columns].to_numpy(float))
    np.testing.assert_allclose(found[:, len(columns) : matrix.n_dense], vectors, atol=1e-12)
    np.testing.assert_array_equal(found[:, matrix.n_dense :], counts)
    np.testing.assert_array_equal(matrix.vectors, found[:, len(columns) : matrix.n_dense])


def test_bucket_by_bucket_equals_all_at_once(engine: DuckDBEngine, snapshot: Path, encoder: BehaviourEncoder) -> None:
    together = read_matrix(engine, snapshot, encoder)
    parts = [read_matrix(engine, snapshot, encoder, [bucket]) for bucket in (0, 1)]
    customers = np.concatenate([part.customers for part in parts])
    order = np.argsort(customers)
    apart = np.vstack([part.X.toarray() for part in parts])[order]
    assert customers[order].tolist() == together.customers.tolist()
    np.testing.assert_array_equal(apart, together.X.toarray())
    assert {part.contract for part in parts} == {together.contract}


def test_ids_stand_in_the_order_of_their_code_points(engine: DuckDBEngine, tmp_path: Path) -> None:
    ids = ["é", "e", "Z", "10", "9", "", "a\u0301", "😀", "ﬀ"]
    tokens = [(name, "log__item", "tea", position + 1) for position, name in enumerate(ids)]
    folder = write_snapshot(tmp_path / "s", tokens, ids)
    customers, counts = read_counts(engine, folder, np.array(["log__item=tea"]), [0])
    assert customers.tolist() == sorted(ids)
    assert counts.toarray().ravel().tolist() == [ids.index(name) + 1 for name in customers]


def test_tokens_unknown_to_the_encoder_and_customers_without_tokens(engine: DuckDBEngine, tmp_path: Path) -> None:
    tokens = [("a", "log__item", "new", 9), ("a", "log__item", "tea", 2), ("b", "log__other", "tea", 1)]
    folder = write_snapshot(tmp_path / "s", tokens, ["c", "b", "a"])
    words = np.array(["log__item=gone", "log__item=tea"])
    customers, counts = read_counts(engine, folder, words, [0])
    assert customers.tolist() == ["a", "b", "c"]
    assert counts.toarray().tolist() == [[0, 2], [0, 0], [0, 0]]
    encoder = BehaviourEncoder(words, 1).fit([[1, 0], [1, 1], [0, 2]])
    matrix = read_matrix(engine, folder, encoder)
    np.testing.assert_array_equal(matrix.X[:, matrix.n_dense :].toarray(), [[0, 2], [0, 0], [0, 0]])
    np.testing.assert_array_equal(matrix.vectors[1:], 0)


def test_a_bucket_without_customers_gives_an_empty_matrix_of_the_same_columns(
    engine: DuckDBEngine, snapshot: Path, encoder: BehaviourEncoder, tmp_path: Path
) -> None:
    for part in ("dense", "tokens"):
        (tmp_path / part).mkdir()
        empty = pq.read_table(snapshot / part / "bucket=0000.parquet").slice(0, 0)
        pq.write_table(empty, tmp_path / part / "bucket=0000.parquet")
    write_json(tmp_path / "_manifest.json", {"buckets": 1, "customers": 0})
    matrix = read_matrix(engine, tmp_path, encoder)
    full = read_matrix(engine, snapshot, encoder)
    assert matrix.X.shape == (0, full.X.shape[1])
    assert matrix.contract == full.contract


@pytest.mark.parametrize(
    ("entry", "gone", "stays"),
    [
        ("buy", "buy__", "buy_more__item=item 1"),
        ("buy_more", "buy_more__", "buy__item=item 1"),
        ("buy.item", "buy__item=", "buy__shop=shop 1"),
        ("visit.weekday", "visit__weekday=", "buy__weekday=03"),
    ],
)
def test_hidden_tokens_are_really_absent(
    entry: str, gone: str, stays: str, engine: DuckDBEngine, snapshot: Path, encoder: BehaviourEncoder
) -> None:
    without = fit_encoder(engine, snapshot, SMALL, 0, [entry])
    everything, left = set(encoder.vocabulary), set(without.vocabulary)
    assert left == {name for name in everything if not name.startswith(gone)}
    assert stays in left < everything
    assert without.fingerprint_ != encoder.fingerprint_
    data = Data("random", LOGS)
    full = read_matrix(engine, snapshot, encoder)
    seen = full.select(visible(full.names, [entry], data, "hide"))
    assert not any(name.startswith((gone, "vector__")) for name in seen.names)
    if "." not in entry:
        assert not any(name.startswith(f"{entry}__") for name in seen.names)
    assert stays in seen.names


def test_hiding_tokens_equals_a_snapshot_that_never_had_them(engine: DuckDBEngine, tmp_path: Path) -> None:
    keep = [(f"c{n}", "log__item", ("tea", "milk", "jam")[n % 3], 1 + n % 2) for n in range(9)]
    secret = [(f"c{n}", "log__kind", "cat" if n % 3 else "dog", 1) for n in range(9)]
    ids = [f"c{n}" for n in range(9)]
    with_it, without = (
        write_snapshot(tmp_path / name, rows, ids) for name, rows in (("one", keep + secret), ("other", keep))
    )
    hidden = fit_encoder(engine, with_it, SMALL, 0, ["log.kind"])
    never = fit_encoder(engine, without, SMALL, 0)
    assert hidden.fingerprint_ == never.fingerprint_
    one, other = read_matrix(engine, with_it, hidden), read_matrix(engine, without, never)
    np.testing.assert_array_equal(one.X.toarray(), other.X.toarray())


def test_the_most_common_tokens_are_kept(engine: DuckDBEngine, snapshot: Path) -> None:
    spread = Counter(name for _, name, _ in token_rows(snapshot))
    fields = {name: name.partition("=")[::2] for name in spread}
    best = sorted(spread, key=lambda name: (-spread[name], *fields[name]))[:7]
    found = fit_encoder(engine, snapshot, Vector(dimensions=2, min_customers=1, max_tokens=7), 0)
    assert set(found.vocabulary) == set(best)


def test_the_encoder_learns_from_a_bounded_sample_chosen_by_hash(engine: DuckDBEngine, snapshot: Path) -> None:
    customers = read_back(snapshot, "dense")["customer_id"].to_pylist()
    chosen = sorted(sorted(customers, key=lambda name: hash32(f"encoder:{name}"))[:6])
    words = np.array(["buy__item=item 1", "visit__page=page 1"])
    found, counts = read_counts(engine, snapshot, words, range(2), at_most=6)
    everyone, all_counts = read_counts(engine, snapshot, words, range(2))
    assert found.tolist() == chosen
    assert everyone.tolist() == customers
    np.testing.assert_array_equal(counts.toarray(), all_counts.toarray()[np.isin(everyone, chosen)])
    assert counts.sum() > 0
    sampled = fit_encoder(engine, snapshot, Vector(dimensions=64, min_customers=2, sample_customers=6), 0)
    assert sampled.dimensions_ == 5  # n - 1


def test_the_same_snapshot_gives_the_same_encoder_also_with_more_threads(
    snapshot: Path, encoder: BehaviourEncoder, engine: DuckDBEngine
) -> None:
    with DuckDBEngine(threads=2) as other:
        again = fit_encoder(other, snapshot, SMALL, seed=0)
        np.testing.assert_array_equal(
            read_matrix(other, snapshot, again).X.toarray(), read_matrix(engine, snapshot, encoder).X.toarray()
        )
    assert again.fingerprint_ == encoder.fingerprint_


def test_the_contract_follows_names_and_their_split(snapshot: Path, engine: DuckDBEngine) -> None:
    X = np.eye(2)

    def of(names: list[str], n_dense: int) -> str:
        return FeatureMatrix(np.array(["a", "b"]), X, np.array(names), n_dense, X).contract

    assert of(["x", "y"], 1) == of(["x", "y"], 1)
    assert len({of(["x", "y"], 1), of(["y", "x"], 1), of(["x", "z"], 1), of(["x", "y"], 2)}) == 4


def test_selecting_columns_keeps_names_values_and_the_count_of_dense_ones(
    engine: DuckDBEngine, snapshot: Path, encoder: BehaviourEncoder
) -> None:
    full = read_matrix(engine, snapshot, encoder)
    mask = np.arange(len(full.names)) % 3 == 0
    part = full.select(mask)
    np.testing.assert_array_equal(part.X.toarray(), full.X.toarray()[:, mask])
    assert part.names.tolist() == full.names[mask].tolist()
    assert part.n_dense == sum(n % 3 == 0 for n in range(full.n_dense))
    assert part.contract != full.contract


def test_too_few_tokens_or_customers_are_refused(engine: DuckDBEngine, snapshot: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"only 0 tokens are met by at least features\.vector\.min_customers=500"):
        fit_encoder(engine, snapshot, Vector(min_customers=500), 0)
    with pytest.raises(DataError, match="only 0 tokens are met"):
        fit_encoder(engine, snapshot, SMALL, 0, ["buy", "buy_more", "visit"])
    lonely = write_snapshot(tmp_path / "s", [("a", "log__item", "tea", 1), ("a", "log__item", "milk", 1)], ["a"])
    message = re.escape("behaviour vectors need at least 2 customers with events before as_of, found 1")
    with pytest.raises(DataError, match=message):
        fit_encoder(engine, lonely, Vector(min_customers=1), 0)


def test_an_own_past_stands_before_all_other_columns(
    engine: DuckDBEngine, snapshot: Path, encoder: BehaviourEncoder
) -> None:
    full = read_matrix(engine, snapshot, encoder)
    names = np.array([past_name("buy", "likes_tea", what, 7) for what in ("count", "days")])
    block = np.column_stack([np.arange(len(full.customers)), np.full(len(full.customers), np.nan)])
    found = full.with_past(names, block)
    assert (full.n_past, found.n_past) == (0, 2)
    assert found.n_dense == full.n_dense + 2
    assert found.n_vector == full.n_vector
    assert found.names.tolist() == [*names, *full.names]
    np.testing.assert_equal(found.X[:, :2].toarray(), block)
    np.testing.assert_equal(found.X[:, 2:].toarray(), full.X.toarray())
    np.testing.assert_array_equal(found.n_events, full.n_events)
    assert found.contract != full.contract
