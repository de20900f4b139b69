"""Token counts of a snapshot as a sparse matrix, and the encoder that is fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from pipeline.columns import COUNT, CUSTOMER, FIELD, TOKEN
from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError
from pipeline.events import bucket_file
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.tokens import read_tokens
from pipeline.outputs import read_manifest
from pipeline.settings import Vector


def fit_encoder(
    engine: DuckDBEngine, snapshot: Path, settings: Vector, seed: int, hidden: Sequence[str] = ()
) -> BehaviourEncoder:
    """Fit a behaviour encoder on a snapshot's customers (or a fixed sample of them), without labels.

    Parameters
    ----------
    hidden
        Logs or `log.field`s whose tokens are left out.

    Raises
    ------
    DataError
        If there are fewer than two customers, or fewer than two tokens are common enough.
    """
    manifest = read_manifest(snapshot)
    if manifest["customers"] < 2:
        raise DataError(
            f"{snapshot}: behaviour vectors need at least 2 customers with events before as_of, found "
            f"{manifest['customers']}"
        )
    tokens = read_tokens(engine, snapshot, range(manifest["buckets"]))
    for entry in hidden:
        log, _, field = entry.partition(".")
        own = tokens[FIELD] == f"{log}__{field}" if field else tokens[FIELD].startswith(f"{log}__")
        tokens = tokens.filter(~own)
    spread = tokens.group_by(FIELD, TOKEN).agg(n=tokens.count())
    common = spread.filter(spread.n >= settings.min_customers)
    common = common.order_by([ibis.desc("n"), FIELD, TOKEN]).limit(settings.max_tokens)
    chosen = engine.arrow(common.order_by([FIELD, TOKEN]).select(FIELD, TOKEN))
    if len(chosen) < 2:
        raise DataError(
            f"{snapshot}: only {len(chosen)} tokens are met by at least features.vector.min_customers="
            f"{settings.min_customers} customers; lower it, or declare categorical fields"
        )
    vocabulary = np.array([f"{f}={t}" for f, t in zip(*(c.to_pylist() for c in chosen.columns), strict=True)])
    _, counts = read_counts(engine, snapshot, vocabulary, range(manifest["buckets"]), settings.sample_customers)
    return BehaviourEncoder(vocabulary, settings.dimensions, seed).fit(counts)


def read_counts(
    engine: DuckDBEngine,
    snapshot: Path,
    vocabulary: np.ndarray,
    buckets: Sequence[int] | range,
    at_most: int | None = None,
    between: tuple[str, str] | None = None,
    only: np.ndarray | None = None,
) -> tuple[np.ndarray, sp.csr_matrix]:
    """Return customers, sorted, and their counts of the vocabulary's tokens.

    Parameters
    ----------
    at_most
        Keep only so many customers, those of the lowest salted hash: a fixed random sample.
    between
        First and last id that are read, both included; None: everybody.
    only
        Ids that are read, shape (n,); those that the snapshot does not have are left out. None: everybody.

    Returns
    -------
    customers : ndarray of str, shape (n_customers,)
    counts : CSR, shape (n_customers, n_tokens)
    """
    dense = engine.parquet([bucket_file(snapshot / "dense", bucket) for bucket in buckets])
    tokens = read_tokens(engine, snapshot, buckets, summed=False)
    known, tokens = only_of(engine, among(dense.select(CUSTOMER), between), only), among(tokens, between)
    if at_most is not None:
        known = known.order_by([engine.hash32(ibis.literal("encoder:") + known[CUSTOMER]), CUSTOMER]).limit(at_most)
    customers = np.sort(np.array(engine.arrow(known)[CUSTOMER].to_pylist(), dtype=object))
    fields, words = (pa.array(part, pa.string()) for part in _split(vocabulary))
    columns = engine.memory(
        pa.table({FIELD: fields, TOKEN: words, "_column": np.arange(len(vocabulary), dtype=np.int32)})
    )
    rows = engine.memory(
        pa.table({CUSTOMER: pa.array(customers, pa.string()), "_row": np.arange(len(customers), dtype=np.int32)})
    )
    met = tokens.inner_join(columns, [FIELD, TOKEN]).inner_join(rows, CUSTOMER)
    found = engine.arrow(met.select("_row", "_column", COUNT))
    entries = (found[COUNT].to_numpy().astype(np.float64), (found["_row"].to_numpy(), found["_column"].to_numpy()))
    counts = sp.csr_matrix(entries, shape=(len(customers), len(vocabulary)))  # sums what stands in several parts
    counts.eliminate_zeros()
    counts.sort_indices()
    return customers, counts


def among(table: ir.Table, between: tuple[str, str] | None) -> ir.Table:
    """Return the rows of customers whose ids lie between two, both included; all of them if None."""
    return table if between is None else table.filter(table[CUSTOMER].between(*between))


def only_of(engine: DuckDBEngine, table: ir.Table, only: np.ndarray | None) -> ir.Table:
    """Return the rows of some customers; all of them if None."""
    if only is None:
        return table
    return table.semi_join(engine.memory(pa.table({CUSTOMER: pa.array(only.tolist(), pa.string())})), CUSTOMER)


def _split(vocabulary: np.ndarray) -> tuple[list[str], list[str]]:
    """Return fields and tokens of `field=token`; a token may hold further signs of equality."""
    pairs = [name.partition("=") for name in vocabulary.tolist()]
    return [field for field, _, _ in pairs], [token for _, _, token in pairs]
