"""FAISS as the indexes use it: imported once, and on how many threads it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faiss as _typed_faiss

# FAISS ships types of its C++ constructors, not of the Python ones that replace them when it is loaded.
faiss: Any = _typed_faiss

# Multiplications of a search from which threads pay. Below, buckets run side by side anyway.
_WORTH_THREADS = 2_000_000_000


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep FAISS on one thread: k-means then sums, and a graph then grows, in a fixed order."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


@contextmanager
def threads_for(multiplications: float) -> Iterator[None]:
    """Let FAISS use its threads (OMP_NUM_THREADS, or all cores) if there is work enough for them.

    Each query is answered by one thread alone, so that answers do not depend on the number of threads.
    """
    if multiplications < _WORTH_THREADS:
        with one_thread():
            yield
    else:
        yield
