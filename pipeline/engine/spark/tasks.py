"""Buckets as tasks of Spark: files in, one file out, and small facts back to the program that asked."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.engine.spark.failures import told
from pipeline.engine.spark.session import session, unseen
from pipeline.errors import PipelineError
from pipeline.settings import Engine

Job = tuple[Callable[..., Any], Sequence[Any], dict[str, Any]]  # as joblib's `delayed` makes it
_AHEAD = 2  # tasks for each core that Spark knows of at once, so that a core is never idle
_LEAST = 8  # while executors are still joining
MARK = ".seen-by-tasks-"  # how files begin that tasks look for


def run(jobs: Iterable[Job], settings: Engine, shared: Path, in_order: bool = True) -> Iterator[Any]:
    """Yield the results of calls, each one a task of Spark.

    A task whose worker is lost is run again on another one. So that this changes nothing, a call must write its file
    under another name first and rename it. A user's mistake is no reason to try again: it comes back as it is.

    Parameters
    ----------
    shared
        See `session.session`.
    in_order
        Yield in the order of the jobs, or else each as soon as it is done.
    """
    context = session(settings, shared).sparkContext
    waiting, group = [tuple(job) for job in jobs], f"lookalike-{uuid.uuid4().hex[:8]}"
    mark = shared.absolute() / f"{MARK}{uuid.uuid4().hex}.partial"  # ends as all that a killed run leaves
    work = partial(call, mark)

    def ask(job: Any) -> Any:
        context.setJobGroup(group, f"{job[0].__module__}.{job[0].__name__}", interruptOnCancel=True)
        with told(job[0].__name__.strip("_").replace("_", " ")):
            done, result = context.parallelize([job], 1).map(work).collect()[0]
        if not done:
            raise result
        return result

    threads = min(max(1, len(waiting)), max(_LEAST, _AHEAD * context.defaultParallelism))
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    with ThreadPoolExecutor(threads) as pool:
        asked: list[Future[Any]] = [pool.submit(ask, job) for job in waiting]
        try:
            for future in asked if in_order else as_completed(asked):
                yield future.result()
        finally:
            for future in asked:
                future.cancel()
            if not all(future.done() for future in asked):
                context.cancelJobGroup(group)
            mark.unlink(missing_ok=True)


def call(mark: Path, job: Job) -> tuple[bool, Any]:
    """Return whether a call went well, and its result or the user's mistake; run by workers.

    Parameters
    ----------
    mark
        A file that the program which asks has laid into the outputs. A worker may join at any time, and one that does
        not see the file would take buckets for empty and write its own where nobody finds them.
    """
    if not mark.exists():
        return False, unseen(mark.parent, f"a worker on {socket.gethostname()}")
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    function, positional, named = job
    try:
        return True, function(*positional, **named)
    except PipelineError as error:
        return False, error
