"""Work side by side in threads: results in order, and a failure that leaves no thread behind."""

from __future__ import annotations

import threading
import time

import pytest
from joblib import delayed

from pipeline.parallel import side_by_side


def test_a_failure_in_a_thread_waits_for_the_others() -> None:
    def job(n: int) -> int:
        if n == 0:
            raise ValueError("broken")
        time.sleep(0.2)
        return n

    before = threading.active_count()
    with pytest.raises(ValueError, match="broken"):
        list(side_by_side([delayed(job)(n) for n in range(4)], 2, threads=True))
    assert threading.active_count() == before


def test_results_of_threads_come_in_order() -> None:
    assert list(side_by_side([delayed(abs)(-n) for n in range(9)], 3, threads=True)) == list(range(9))
