from __future__ import annotations

import pytest

from tests.bench.stages import shares


def test_shares_are_of_the_sum_of_medians():
    seconds = {"features": [1.0, 3.0, 30.0], "train": [9.0, 9.0, 9.0]}
    rows = [{"stage": stage, "seconds": taken} for stage, times in seconds.items() for taken in times]
    assert shares(rows, ["features", "train"]) == [
        ("features", 3.0, pytest.approx(0.25)),
        ("train", 9.0, pytest.approx(0.75)),
    ]
