"""Work side by side, in buckets or attributes, and hand back results as they come."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from joblib import Parallel


def side_by_side(jobs: Iterable[Any], workers: int, in_order: bool = True, threads: bool = False) -> Iterator[Any]:
    """Yield the results of joblib's delayed calls, at most `workers` under way at once.

    Parameters
    ----------
    in_order
        Yield in the order of the jobs, or else each as soon as it is done.
    threads
        In threads of this process, which start at once, rather than in processes: for what DuckDB or NumPy do, not
        Python.
    """
    if threads:
        yield from _in_threads(list(jobs), workers, in_order)
        return
    order = "generator" if in_order else "generator_unordered"
    with warnings.catch_warnings():
        # Workers are replaced when they have grown; that is meant, and nothing is lost.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
        yield from Parallel(n_jobs=workers, return_as=order)(jobs)


def _in_threads(jobs: list[Any], workers: int, in_order: bool) -> Iterator[Any]:
    """Yield results; where one fails, jobs that have not begun are dropped and the others waited for.

    A thread that is still in DuckDB when the interpreter ends would abort the process.
    """
    pool = ThreadPoolExecutor(workers)
    try:
        futures = [pool.submit(function, *args, **named) for function, args, named in jobs]
        for future in futures if in_order else as_completed(futures):
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
