from __future__ import annotations

import pytest

from tests.bench.tables import show_growth, show_ways

COST = {"cpu_seconds": 1.0, "peak_mb": 10.0}


def rows(size: int, seconds: dict[str, list[float]]) -> list[dict[str, object]]:
    return [
        {"size": size, "way": way, "round": number, "seconds": taken, **COST}
        for way, times in seconds.items()
        for number, taken in enumerate(times)
    ]


def test_ratios_are_of_the_same_round(capsys):
    # Medians of 2 and 6 would give 3; round by round the other takes 6, 2 and 1 times as long.
    show_ways(rows(7, {"ours": [1.0, 2.0, 9.0], "other": [6.0, 4.0, 9.0]}), "title", ("ours", "other"), "ours")
    assert "2.00 [1.00, 6.00]" in capsys.readouterr().out


def test_growth_that_is_proportional_has_the_exponent_one(capsys):
    found = [row for size in (10, 100, 1000) for row in rows(size, {"ours": [size / 5]})]
    show_growth(found, ("ours",))
    assert "1.00 [1.00, 1.00]" in capsys.readouterr().out


@pytest.mark.parametrize("sizes", [(10,), (10, 100)])
def test_two_sizes_show_no_growth(capsys, sizes):
    show_growth([row for size in sizes for row in rows(size, {"ours": [1.0]})], ("ours",))
    assert capsys.readouterr().out == ""
