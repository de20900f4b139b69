"""What champions read of a bucket's customers, chunk by chunk: memory does not depend on the size of the bucket.

Of the whole bucket only ids are held, and for each attribute a few bytes a customer of what was declared and who is
asked. Features are read, encoded and forgotten for one chunk after another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite

from pipeline.columns import CUSTOMER
from pipeline.engine import DuckDBEngine
from pipeline.events import read_events
from pipeline.features.matrix import FeatureParts, contract, event_counts, read_parts
from pipeline.features.naming import visible
from pipeline.labels.declared import told_labels
from pipeline.labels.future import population
from pipeline.labels.past import PastReader, may_look_back
from pipeline.model.split_matrix import DenseColumns, SplitMatrix
from pipeline.outputs import read_manifest
from pipeline.profiles import read_customers, read_profiles
from pipeline.scoring.champions import Champion, Ensemble, require_contract
from pipeline.settings import Future, Settings

CHUNK = 8_000  # customers at once: some 20 KB each; of more they leave the cache, of fewer each query's own cost tells

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Told:
    """What some customers said of themselves.

    Attributes
    ----------
    values
        Words of the values, in this order.
    rows, codes
        Who told, as ascending positions among the customers, and which value; shape (n_told,).
    """

    values: tuple[str, ...]
    rows: NDArray[np.int32]
    codes: NDArray[np.int16]

    def within(self, start: int, stop: int) -> Told:
        """Return what those from `start` on and before `stop` told, positions counted from `start`."""
        first, last = np.searchsorted(self.rows, [start, stop])
        return replace(self, rows=self.rows[first:last] - np.int32(start), codes=self.codes[first:last])


@dataclass(frozen=True)
class BucketReader:
    """One bucket's customers, and of each attribute who told it and who is asked.

    Attributes
    ----------
    as_of_us
        Events at or after it are not read.
    """

    engine: DuckDBEngine
    settings: Settings
    outputs: Path
    snapshot: Path
    ensemble: Ensemble
    bucket: int
    as_of_us: int
    accepted: set[str] = field(default_factory=set)

    @cached_property
    def customers(self) -> np.ndarray:
        """Return the ids of all customers, with or without events, sorted, shape (n_customers,)."""
        known = self.engine.arrow(read_customers(self.engine, self.outputs / "profiles", self.bucket).select(CUSTOMER))
        return np.sort(np.array(known[CUSTOMER].to_pylist(), dtype=object))

    @cached_property
    def _places(self) -> pd.Index:
        return pd.Index(self.customers, dtype=object)

    @cached_property
    def told(self) -> dict[str, Told]:
        """Return by declared attribute what customers said of themselves."""
        asked = [champion for champion in self.ensemble.champions if champion.declaration.declared is not None]
        if not asked or self.settings.data.profiles is None:
            return {}
        profiles = self.engine.arrow(read_profiles(self.engine, self.outputs / "profiles", self.bucket))
        found = {}
        for champion in asked:
            known = told_labels(profiles, champion.attribute, champion.declaration, self.settings.data)
            rows = self._places.get_indexer(pd.Index(known.customers, dtype=object)).astype(np.int32)
            order = np.argsort(rows, kind="stable")
            found[champion.attribute] = Told(known.values, rows[order], known.y.astype(np.int16)[order])
        return found

    @cached_property
    def asked(self) -> dict[str, Mask]:
        """Return by attribute of whom it is asked, shape (n_customers,), unless it is asked of all."""
        found: dict[str, Mask] = {}
        known: dict[tuple[Any, ...], Mask] = {}
        ids = pa.array(self.customers.tolist(), pa.string())
        everyone = self.engine.memory(pa.table({CUSTOMER: ids}))
        for champion in self.ensemble.champions:
            rule = champion.declaration.future
            if rule is None or not (rule.among_active_days or rule.among_idle_days or rule.aggregate == "growth"):
                continue
            growth = repr(rule) if rule.aggregate == "growth" else None
            key = (rule.log, rule.among_active_days, rule.among_idle_days, growth)
            if key not in known:
                events = read_events(self.engine, self.outputs / "events", rule.log, self.bucket)
                asked = self.engine.arrow(population(everyone, events, rule, self.as_of_us))
                known[key] = pc.is_in(ids, asked[CUSTOMER]).to_numpy(zero_copy_only=False)  # NumPy's own sorts objects
            found[champion.attribute] = known[key]
        return found

    @cached_property
    def past_rules(self) -> list[Future]:
        """Return the rules whose own past some champion reads."""
        data = self.settings.data
        rules = [(c.declaration.future, c.hide) for c in self.ensemble.champions if c.predictor is not None]
        return [rule for rule, hide in rules if rule is not None and may_look_back(rule, hide, data)]

    def chunks(self, size: int = CHUNK) -> Iterator[Chunk]:
        """Yield the customers in the order of their ids, at most `size` at once and about as many each time."""
        n = len(self.customers)
        ends = np.linspace(0, n, -(-n // size) + 1).astype(int).tolist()
        for start, stop in pairwise(ends):
            yield Chunk(self, start, stop)


class Chunk:
    """Some customers of a bucket, and what each champion may read of them.

    Attributes
    ----------
    customers
        Ids, shape (n_customers,), sorted.
    start, stop
        Their place among the bucket's customers.
    """

    def __init__(self, bucket: BucketReader, start: int, stop: int) -> None:
        self.bucket, self.start, self.stop = bucket, start, stop
        self.customers = bucket.customers[start:stop]
        self._encoded: dict[str, FeatureParts] = {}
        self._visible: dict[tuple[str, tuple[str, ...]], Shared] = {}
        between = (str(self.customers[0]), str(self.customers[-1]))
        self._past = PastReader(
            bucket.engine,
            bucket.outputs / "events",
            bucket.settings.data,
            bucket.as_of_us,
            [bucket.bucket],
            between,
            bucket.past_rules,
        )

    def shared(self, champion: Champion) -> Shared:
        """Return what all champions of one encoder read that hide the same."""
        key = (champion.encoder, champion.hide)
        if key not in self._visible:
            where = f"attributes.{champion.attribute}.hide"
            self._visible[key] = Shared(
                self._parts(champion.encoder), champion.hide, self.bucket.settings, where, self.customers
            )
        return self._visible[key]

    def matrix(self, champion: Champion) -> SplitMatrix:
        """Return the columns that a champion learnt from, its attribute's own past first.

        Raises
        ------
        ModelError
            If the snapshot has other features than those it was trained for.
        """
        shared = self.shared(champion)
        own = self._past.read(champion.attribute, champion.declaration, champion.hide, shared.customers)
        if champion.attribute not in self.bucket.accepted:  # names are the same in all chunks
            names = shared.names if own is None else np.concatenate([own.names, shared.names])
            n_dense = shared.dense.values.shape[1] + (0 if own is None else len(own.names))
            require_contract(champion, contract(names, n_dense), len(names))
            self.bucket.accepted.add(champion.attribute)
        return SplitMatrix(None if own is None else own.block, shared.dense, shared.counts)

    def _parts(self, encoder: str) -> FeatureParts:
        if encoder not in self._encoded:
            bucket = self.bucket
            between = (str(self.customers[0]), str(self.customers[-1]))
            self._encoded[encoder] = read_parts(
                bucket.engine, bucket.snapshot, bucket.ensemble.encoders[encoder], [bucket.bucket], between
            )
            assert_all_finite(self._encoded[encoder].dense, allow_nan=True)  # for all estimators at once
        return self._encoded[encoder]


class Shared:
    """The columns of one encoding that several champions may read.

    Attributes
    ----------
    customers
        Who has events, shape (n_rows,).
    at
        Their positions among the chunk's customers, shape (n_rows,).
    names
        Of the columns, shape (n_features,).
    n_events
        In all logs before as_of, shape (n_rows,).
    answering
        What models of who answers said of these rows, by the identity of the model.
    """

    def __init__(
        self, parts: FeatureParts, hide: tuple[str, ...], settings: Settings, where: str, everyone: np.ndarray
    ) -> None:
        width = parts.dense.shape[1]
        kept = visible(parts.names, hide, settings.data, where)
        whole = bool(kept.all())
        self.customers = parts.customers
        self.at = np.searchsorted(everyone, parts.customers)
        self.names = parts.names if whole else parts.names[kept]
        self.dense = DenseColumns(parts.dense if whole else parts.dense[:, kept[:width]])
        self.counts: sp.csr_matrix = parts.counts if whole else parts.counts[:, kept[width:]]
        self.n_events = parts.dense[:, event_counts(parts.names[:width])].sum(axis=1)
        self.answering: dict[int, NDArray[np.float64]] = {}


def open_bucket(
    engine: DuckDBEngine, settings: Settings, outputs: Path, snapshot: Path, ensemble: Ensemble, bucket: int
) -> BucketReader:
    """Return a reader of one bucket of a snapshot."""
    as_of_us = int(read_manifest(snapshot)["as_of_us"])
    return BucketReader(engine, settings, outputs, snapshot, ensemble, bucket, as_of_us)
