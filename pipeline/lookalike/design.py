"""From a snapshot to the base that rankings read, without what would give the seed away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from pipeline.engine import DuckDBEngine
from pipeline.features.counts import fit_encoder
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.matrix import read_parts
from pipeline.features.naming import ALL, aggregate_of, visible, with_siblings
from pipeline.lookalike.population import Base, joined
from pipeline.outputs import read_manifest
from pipeline.settings import Data, Vector


@dataclass(frozen=True)
class Design:
    """How rankings read the customers of a snapshot: an encoder, and the logs and fields that it must not see.

    It depends on the snapshot as a whole, and is applied to any buckets of it.
    """

    encoder: BehaviourEncoder
    data: Data
    hidden: tuple[str, ...]

    def read(self, engine: DuckDBEngine, snapshot: Path, buckets: Sequence[int] | None = None) -> Base:
        """Return the customers of some buckets, or of all, sorted; ConfigError if what is hidden is not declared.

        Buckets are read one by one: a base keeps a small part of a snapshot's columns.
        """
        every = range(read_manifest(snapshot)["buckets"]) if buckets is None else buckets
        return joined([self._bucket(engine, snapshot, bucket) for bucket in every])

    def _bucket(self, engine: DuckDBEngine, snapshot: Path, bucket: int) -> Base:
        found = read_parts(engine, snapshot, self.encoder, [bucket])
        n_dense = found.dense.shape[1]
        dense, tokens = found.names[:n_dense], found.names[n_dense:]
        allowed = visible(dense, self.hidden, self.data, "the seed's 'hide'")
        columns = total_columns(dense, allowed)
        weighed = self.encoder.weigh(found.counts) if len(found.customers) else found.counts
        return Base(
            ids=found.customers.astype(np.str_),
            X=sp.hstack([sp.csr_matrix(log_amounts(found.dense[:, columns])), weighed], format="csr"),
            vectors=found.dense[:, n_dense - self.encoder.dimensions_ :].astype(np.float32),
            names=np.concatenate([dense[columns], tokens]).astype(np.str_),
            n_dense=len(columns),
        )


def fit_design(
    engine: DuckDBEngine, snapshot: Path, data: Data, vector: Vector, hide: Sequence[str], seed: int = 0
) -> Design:
    """Return how rankings read the customers of a snapshot.

    The dense columns are how much of everything each customer did (`total_columns`, `log_amounts`); the tokens are
    TF-IDF weighted, rows of length one. Weights and behaviour vectors are learnt without the hidden logs and fields,
    because a vector that had seen them would still tell of them.

    Parameters
    ----------
    hide
        Entries `<log>` or `<log>.<field>`; fields that tell the same are hidden with them.
    seed
        Of the encoder's SVD.

    Raises
    ------
    ConfigError
        If an entry names no declared log or field.
    """
    hidden = tuple(with_siblings(hide, data))
    return Design(fit_encoder(engine, snapshot, vector, seed, hidden), data, hidden)


def read_base(
    engine: DuckDBEngine, snapshot: Path, data: Data, vector: Vector, hide: Sequence[str], seed: int = 0
) -> Base:
    """Return all customers of a snapshot as rankings read them; see `fit_design`."""
    return fit_design(engine, snapshot, data, vector, hide, seed).read(engine, snapshot)


def log_amounts(amounts: np.ndarray) -> np.ndarray:
    """Return sign(x) ln(1 + |x|) of each amount; unknown counts as nothing.

    >>> log_amounts(np.array([[0.0, np.e - 1, 1 - np.e, np.nan]])).round(6).tolist()
    [[0.0, 1.0, -1.0, 0.0]]
    """
    known = np.nan_to_num(amounts)
    return np.sign(known) * np.log1p(np.abs(known))


def total_columns(names: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return the positions of the allowed features that are counts or sums over the whole history.

    >>> names = np.array(["buy__amount__sum__all", "buy__amount__sum__7d", "buy__amount__mean__all"])
    >>> total_columns(names, np.ones(3, dtype=bool)).tolist()
    [0]
    """
    wanted = [str(name).endswith(f"__{ALL}") and aggregate_of(str(name)) in ("count", "sum") for name in names]
    return np.flatnonzero(np.array(wanted, dtype=bool) & allowed)
