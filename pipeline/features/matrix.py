"""From a snapshot on disk to the matrix that estimators take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import scipy.sparse as sp

from pipeline.columns import CUSTOMER
from pipeline.engine import DuckDBEngine
from pipeline.events import bucket_file
from pipeline.features.counts import among, only_of, read_counts
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.naming import dense_name, is_component, is_past, vector_names
from pipeline.features.weighting import BM25
from pipeline.outputs import fingerprint, read_manifest

_EVENTS = dense_name("", "events", "count")


@dataclass(frozen=True)
class FeatureMatrix:
    """Features of some customers: first dense ones and vector components, then token counts.

    Attributes
    ----------
    customers
        Ids, shape (n_customers,), sorted.
    X
        CSR, shape (n_customers, n_features), float64; NaN among the dense columns means unknown.
    names
        Feature names, shape (n_features,).
    n_dense
        Number of leading dense columns: the attribute's own past, if any, aggregates, then the behaviour vector.
    vectors
        Behaviour vectors, shape (n_customers, dimensions): the same numbers as in X.
    as_of_us
        The instant before which all features look back.
    loadings
        What a unit of each token's weight adds to the behaviour vector, shape (dimensions, n_tokens); None where the
        vector or a token is no feature.
    weights
        How counts become these weights; None: they are weights already.
    """

    customers: np.ndarray
    X: sp.csr_matrix
    names: np.ndarray
    n_dense: int
    vectors: np.ndarray
    as_of_us: int | None = None
    loadings: np.ndarray | None = None
    weights: BM25 | None = None

    def select(self, columns: np.ndarray) -> FeatureMatrix:
        """Return the matrix with some of its columns only, given as a mask of shape (n_features,)."""
        kept = self.n_vector > 0 and columns[self.n_dense - self.n_vector :].all()
        return replace(
            self,
            X=self.X[:, columns],
            names=self.names[columns],
            n_dense=int(columns[: self.n_dense].sum()),
            loadings=self.loadings if kept else None,
        )

    def rows(self, rows: np.ndarray) -> FeatureMatrix:
        """Return the matrix of some customers only, given as positions."""
        return replace(self, customers=self.customers[rows], X=self.X[rows], vectors=self.vectors[rows])

    def with_past(self, names: np.ndarray, block: np.ndarray) -> FeatureMatrix:
        """Return the matrix with an attribute's own past before its columns.

        Parameters
        ----------
        names, block
            Of the same customers: shapes (n_past,) and (n_customers, n_past).
        """
        X = sp.hstack([sp.csr_matrix(block), self.X], format="csr")
        return replace(self, X=X, names=np.concatenate([names, self.names]), n_dense=self.n_dense + len(names))

    @property
    def n_past(self) -> int:
        """Return how many of the dense columns, the first ones, are an attribute's own past."""
        return int(is_past(self.names[: self.n_dense]).sum())

    @property
    def n_events(self) -> np.ndarray:
        """Return each customer's number of events in all logs, shape (n_customers,)."""
        return np.asarray(self.X[:, event_counts(self.names[: self.n_dense])].sum(axis=1)).ravel()

    @property
    def n_vector(self) -> int:
        """Return how many of the dense columns, the last ones, are components of the behaviour vector."""
        return int(is_component(self.names[: self.n_dense]).sum())

    @property
    def contract(self) -> str:
        """Return a fingerprint of the columns: predictors refuse a matrix with another one."""
        return contract(self.names, self.n_dense)

    @property
    def aggregates(self) -> str:
        """Return a fingerprint of the dense aggregates alone: what the source's fields and windows decide."""
        dense = self.names[: self.n_dense]
        return fingerprint(dense[~is_component(dense)].tolist())


def event_counts(names: np.ndarray) -> list[int]:
    """Return which dense columns are numbers of events in the whole history, one for each log."""
    return [place for place, name in enumerate(names) if str(name).endswith(_EVENTS)]


def contract(names: np.ndarray, n_dense: int) -> str:
    """Return a fingerprint of a matrix's columns: their names, and how many of them are dense."""
    return fingerprint(names.tolist(), n_dense, "token counts")


def read_dense(engine: DuckDBEngine, snapshot: Path, buckets: Sequence[int] | range | None = None) -> ir.Table:
    """Open a snapshot's dense features, of all or some buckets."""
    buckets = range(read_manifest(snapshot)["buckets"]) if buckets is None else buckets
    return engine.parquet([bucket_file(snapshot / "dense", bucket) for bucket in buckets])


def read_matrix(
    engine: DuckDBEngine,
    snapshot: Path,
    encoder: BehaviourEncoder,
    buckets: Sequence[int] | range | None = None,
    only: np.ndarray | None = None,
) -> FeatureMatrix:
    """Return the features of a snapshot's customers, sorted by customer.

    Parameters
    ----------
    buckets
        Those that are read; None: all.
    only
        Ids that are read, shape (n,); those that the snapshot does not have are left out. None: everybody.
    """
    buckets = range(read_manifest(snapshot)["buckets"]) if buckets is None else buckets
    found = read_parts(engine, snapshot, encoder, buckets, only=only)
    X = sp.hstack([sp.csr_matrix(found.dense), found.counts], format="csr")
    n_dense = found.dense.shape[1]
    vectors = found.dense[:, n_dense - encoder.dimensions_ :]
    as_of_us, loadings = read_manifest(snapshot).get("as_of_us"), encoder.svd_.components_
    return FeatureMatrix(found.customers, X, found.names, n_dense, vectors, as_of_us, loadings, encoder.weights_)


@dataclass(frozen=True)
class FeatureParts:
    """What a `FeatureMatrix` is made of, its two blocks apart.

    Attributes
    ----------
    customers
        Ids, shape (n_customers,), sorted.
    dense
        Aggregates, then the behaviour vector, shape (n_customers, n_dense), C-contiguous float64; NaN means unknown.
    counts
        Token counts, CSR, shape (n_customers, n_tokens).
    names
        Names of the columns of both, shape (n_dense + n_tokens,).
    """

    customers: np.ndarray
    dense: np.ndarray
    counts: sp.csr_matrix
    names: np.ndarray


def read_parts(
    engine: DuckDBEngine,
    snapshot: Path,
    encoder: BehaviourEncoder,
    buckets: Sequence[int] | range,
    between: tuple[str, str] | None = None,
    only: np.ndarray | None = None,
) -> FeatureParts:
    """Return the features of customers in some buckets, sorted by customer.

    Parameters
    ----------
    between
        First and last id that are read, both included; None: everybody. Files are sorted by customer, so that a range
        of ids is a part of each file.
    only
        Ids that are read, shape (n,); None: everybody.
    """
    vocabulary = np.asarray(encoder.vocabulary)
    customers, counts = read_counts(engine, snapshot, vocabulary, buckets, between=between, only=only)
    files = [bucket_file(snapshot / "dense", bucket) for bucket in buckets]
    frame = engine.arrow(only_of(engine, among(engine.parquet(files), between), only))
    columns = [name for name in frame.column_names if name != CUSTOMER]
    width = len(columns)
    block = np.empty((len(customers), width + encoder.dimensions_))
    order = np.argsort(np.array(frame[CUSTOMER].to_pylist(), dtype=object), kind="stable")
    for place, name in enumerate(columns):
        block[:, place] = frame[name].to_numpy()[order]
    if len(customers):
        block[:, width:] = encoder.project(encoder.weigh(counts))
    return FeatureParts(
        customers, block, counts, np.array([*columns, *vector_names(encoder.dimensions_), *vocabulary.tolist()])
    )
