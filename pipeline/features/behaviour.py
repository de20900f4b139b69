"""Behaviour vectors of all customers, and the encoder that makes them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from joblib import delayed

from pipeline.columns import CUSTOMER
from pipeline.engine import DuckDBEngine, run_tasks, task_engine
from pipeline.events import bucket_file
from pipeline.features.counts import fit_encoder, read_counts
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.naming import vector_names
from pipeline.features.snapshot import snapshot_folder
from pipeline.outputs import MANIFEST, fingerprint, is_current, load_object, load_once, read_manifest, whole, write_file
from pipeline.settings import Engine, Settings


def write_behaviour(
    settings: Settings,
    outputs: Path,
    engine: DuckDBEngine,
    as_of_us: int,
    shape: str,
    workers: int = 1,
    refit: bool = True,
) -> None:
    """Write all customers' behaviour vectors at the latest snapshot.

    Parameters
    ----------
    shape
        Fingerprint of all that an encoder follows from, but for the customers it is fitted to.
    refit
        Fit the encoder on this snapshot, without labels; else the one that stands is used if its settings still hold.
    """
    snapshot = snapshot_folder(outputs, as_of_us)
    manifest = read_manifest(snapshot)
    folder = outputs / "behaviour"
    fitted = expected = fingerprint(manifest["fingerprint"], shape)
    standing = read_manifest(folder) if (folder / MANIFEST).is_file() else {}
    if not refit and standing.get("shape") == shape and standing["fitted"] != fitted:
        fitted = standing["fitted"]
        expected = fingerprint(expected, fitted)
    if is_current(folder, expected):
        return
    facts: dict[str, Any] = {"as_of_us": as_of_us, "buckets": manifest["buckets"], "shape": shape, "fitted": fitted}
    with whole(folder, expected, facts) as partial:
        if standing.get("fitted") == fitted:
            encoder = read_encoder(outputs)
        else:
            encoder = fit_encoder(engine, snapshot, settings.features.vector, settings.seed)
        write_file(partial / "encoder.joblib", lambda path: joblib.dump(encoder, path))
        facts |= {"tokens": len(encoder.vocabulary), "dimensions": encoder.dimensions_}
        jobs = [
            delayed(write_vectors)(settings.engine, workers, snapshot, partial, bucket)
            for bucket in range(manifest["buckets"])
        ]
        for _ in run_tasks(jobs, settings.engine, workers, partial, threads=True):
            pass


def write_vectors(settings: Engine, workers: int, snapshot: Path, folder: Path, bucket: int) -> None:
    """Write the behaviour vectors of one bucket's customers, by the encoder that stands in `folder`."""
    encoder: BehaviourEncoder = load_once(folder / "encoder.joblib")
    with task_engine(settings, workers) as engine:
        customers, counts = read_counts(engine, snapshot, np.asarray(encoder.vocabulary), [bucket])
    vectors = encoder.transform(counts) if len(customers) else np.empty((0, encoder.dimensions_))
    columns = dict(zip(vector_names(encoder.dimensions_), vectors.T, strict=True))
    table = pa.table({CUSTOMER: pa.array(customers.tolist(), pa.string()), **columns})
    write_file(bucket_file(folder / "vectors", bucket), functools.partial(pq.write_table, table))


def read_encoder(outputs: Path) -> BehaviourEncoder:
    """Return the encoder of the latest snapshot."""
    read_manifest(outputs / "behaviour")
    encoder: BehaviourEncoder = load_object(outputs / "behaviour" / "encoder.joblib")
    return encoder
