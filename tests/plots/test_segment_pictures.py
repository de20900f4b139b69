import pandas as pd
import pytest

from pipeline.plots import rfm_grid, rule_sizes, segment_flow

ORDER = ["new", "$\\frac{", "字", "other", "not there yet"]
MOVEMENT = pd.DataFrame({"was": ["new", "new", "not there yet"], "is": ["new", "$\\frac{", "字"], "n": [40, 25, 300]})
SIZES = pd.DataFrame({"segment": ["new", "字"], "n": [40, 25]})
GRID = pd.DataFrame({"recency": [1, 5, None], "frequency": [2, 5, None], "n": [30, 50, 40]})
GRID["share"] = GRID["n"] / 120
GRID["baseline"] = 0.04


@pytest.mark.parametrize(
    ("movement", "sizes"), [(MOVEMENT, SIZES), (pd.DataFrame(), SIZES), (pd.DataFrame(), pd.DataFrame())]
)
def test_movement_of_any_segments_is_drawn(movement, sizes, picture):
    picture(segment_flow, movement, sizes, ORDER, "activity in $x^")


def test_the_flow_tells_every_size(texts_of):
    said = texts_of(segment_flow, MOVEMENT, SIZES, ORDER, "x")
    assert "new  65" in said
    assert "new  40" in said
    assert "not there yet  300" in said
    assert "one period ago" in said
    assert "one period ago" not in texts_of(segment_flow, pd.DataFrame(), SIZES, ORDER, "x")


@pytest.mark.parametrize("table", [GRID, GRID[2:], pd.DataFrame()])
def test_a_grid_of_any_cells_is_drawn(table, picture):
    picture(rfm_grid, table, min_cell=20)


def test_the_grid_tells_counts_and_what_is_hidden(texts_of):
    said = texts_of(rfm_grid, GRID, min_cell=20)
    assert "50\n10.4×" in said
    assert "fewer than 20" in said


SIZED = pd.DataFrame(
    {
        "segment": ["young $x^", "字" * 40],
        "members": [40.0, float("nan")],
        "expected": [55.0, float("nan")],
        "expected_low": [50.0, float("nan")],
        "expected_high": [60.0, float("nan")],
    }
)


@pytest.mark.parametrize("table", [SIZED, SIZED[["segment", "members"]], pd.DataFrame()])
def test_sizes_of_any_rules_are_drawn(table, picture):
    picture(rule_sizes, table)


def test_rules_are_named(texts_of):
    assert "young $x^" in texts_of(rule_sizes, SIZED)
    assert "no rule can be had" in texts_of(rule_sizes, pd.DataFrame())
