"""The ranking of a large base on a cluster: each hash bucket is a task that reads its own customers."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from joblib import delayed

from pipeline.columns import CUSTOMER, SCORE
from pipeline.damage import read_rows
from pipeline.engine import run_tasks, task_engine
from pipeline.errors import DataError
from pipeline.events import bucket_file
from pipeline.lookalike.context import Context
from pipeline.lookalike.design import Design
from pipeline.lookalike.methods import Ranker
from pipeline.lookalike.population import Base, Floats
from pipeline.outputs import load_once, read_manifest, write_file
from pipeline.settings import Engine


def scores_of(context: Context, ranker: Ranker, design: Design, base: Base) -> Floats:
    """Return everybody's score (n,) by a fitted ranker, in the order of the base.

    A customer's score depends on its own row alone (`Ranker`). On one machine the rows are at hand; the workers of a
    cluster read those of a bucket from the snapshot, and write their scores as a file.

    Raises
    ------
    DataError
        If the snapshot holds other customers than the base, or a file of scores is damaged.
    """
    settings = context.settings.engine
    if settings.name != "spark":
        return ranker.score(base)
    folder, buckets = context.folder / ".ranking", range(read_manifest(context.snapshot)["buckets"])
    shared = folder / "ranker.joblib"
    write_file(shared, lambda path: joblib.dump((ranker, design), path))
    jobs = [delayed(score_bucket)(settings, context.workers, shared, context.snapshot, folder, b) for b in buckets]
    for _ in run_tasks(jobs, settings, context.workers, folder, in_order=False):
        pass
    table = pa.concat_tables([read_rows(bucket_file(folder, bucket)) for bucket in buckets]).sort_by(CUSTOMER)
    shutil.rmtree(folder)
    ids = np.array(table[CUSTOMER].to_pylist(), dtype=np.str_)
    order = np.argsort(base.ids, kind="stable")
    if not np.array_equal(np.sort(ids), base.ids[order]):
        raise DataError(f"{context.snapshot}: its customers have changed while they were ranked. Run the stage again.")
    scores = np.empty(len(base))
    scores[order] = table[SCORE].to_numpy()[np.argsort(ids, kind="stable")]
    return scores


def score_bucket(settings: Engine, workers: int, shared: Path, snapshot: Path, folder: Path, bucket: int) -> None:
    """Write (customer_id, score) of one bucket's customers, unless they stand already."""
    target = bucket_file(folder, bucket)
    if target.exists():
        return
    found: tuple[Ranker, Design] = load_once(shared)
    ranker, design = found
    with task_engine(settings, workers) as engine:
        base = design.read(engine, snapshot, [bucket])
    columns: dict[str, Any] = {
        CUSTOMER: pa.array(base.ids.tolist(), pa.string()),
        SCORE: pa.array(ranker.score(base) if len(base) else np.empty(0), pa.float64()),
    }
    write_file(target, lambda path: pq.write_table(pa.table(columns), path))
