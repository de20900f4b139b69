"""Work side by side in buckets: on this machine, or as tasks of a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.engine.duckdb import DuckDBEngine
from pipeline.parallel import side_by_side
from pipeline.settings import Engine

_LEAST_GB = 0.25  # of memory for one task


def run_tasks(
    jobs: Iterable[Any],
    settings: Engine,
    workers: int,
    shared: Path,
    in_order: bool = True,
    threads: bool = False,
) -> Iterator[Any]:
    """Yield the results of joblib's delayed calls; wherever they run, they read and write the same files.

    Parameters
    ----------
    workers
        Calls under way at once on this machine, or fewer (`abreast`); a cluster has as many as it has cores.
    shared
        The folder of the results. A cluster's workers must see it, and are asked whether they do.
    in_order
        Yield in the order of the jobs, or else each as soon as it is done.
    threads
        On this machine, in threads rather than processes: see `side_by_side`.
    """
    if settings.name == "spark":
        from pipeline.engine.spark.tasks import run

        yield from run(jobs, settings, shared, in_order)
    else:
        yield from side_by_side(jobs, abreast(settings, workers), in_order, threads)


def abreast(settings: Engine, workers: int) -> int:
    """Return how many of `workers` tasks the memory limit is enough for: with little of it DuckDB gives up.

    >>> abreast(Engine(memory_limit_gb=2.0), 64), abreast(Engine(memory_limit_gb=0.1), 2), abreast(Engine(), 2)
    (8, 1, 2)
    """
    return max(1, min(workers, int(settings.memory_limit_gb / _LEAST_GB)))


def task_engine(settings: Engine, workers: int) -> DuckDBEngine:
    """Return the engine that a task asks: one thread, and its share of the memory.

    On this machine the tasks that are under way share the limit; on a cluster the limit is each task's own.
    """
    sharing = 1 if settings.name == "spark" else abreast(settings, workers)
    return DuckDBEngine(1, settings.memory_limit_gb / sharing, settings.spill)
