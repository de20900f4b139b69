import pandas as pd
import pytest

from pipeline.plots import cluster_number, overlap_matrix, rfm_grid, rule_sizes, segment_flow, segment_traits

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


def overlapping(n):
    names = [f"rules: {number} $x^" for number in range(n)]
    pairs = [(a, b) for a in names for b in names if a != b]
    table = pd.DataFrame(pairs, columns=["segment", "other"])
    return table.assign(n_segment=50, share=0.4, lift=[3.0 if a < b else float("nan") for a, b in pairs])


@pytest.mark.parametrize("n", [0, 2, 40])
def test_overlaps_of_any_segments_are_drawn(n, picture):
    picture(overlap_matrix, overlapping(n))


def test_the_matrix_says_what_it_leaves_out(texts_of):
    assert "the 24 largest of 40 segments" in texts_of(overlap_matrix, overlapping(40))
    assert "no two segments" in texts_of(overlap_matrix, overlapping(0))


NUMBERS = pd.DataFrame(
    {
        "k": [2, 3],
        "stability": [0.9, 0.5],
        "low": [0.8, -0.1],
        "high": [1.0, 0.7],
        "silhouette": [0.4, float("nan")],
        "without_structure": [0.3, float("nan")],
    }
)
TRAITS = pd.DataFrame(
    {
        "segment": ["a $x^", "a $x^", "字"],
        "kind": ["token", "total", "attribute"],
        "what": ["buy: item tea", "buy: total amount", "kind: dog"],
        "share": [0.5, 3.0, 0.2],
        "elsewhere": [0.1, 1.0, 0.6],
        "lift": [5.0, 3.0, 0.33],
        "low": [3.0, 2.0, 0.2],
        "high": [7.0, float("inf"), 0.5],
    }
)


@pytest.mark.parametrize(("table", "chosen"), [(NUMBERS, 2), (NUMBERS, 1), (NUMBERS[:0], 1)])
def test_numbers_of_clusters_are_drawn(table, chosen, picture):
    picture(cluster_number, table, chosen, 0.8)


@pytest.mark.parametrize("table", [TRAITS, TRAITS[:0], pd.concat([TRAITS] * 30)])
def test_traits_of_any_segments_are_drawn(table, picture):
    picture(segment_traits, table)


def test_what_cannot_be_drawn_is_said(texts_of):
    assert "How many clusters: one" in texts_of(cluster_number, NUMBERS, 1, 0.8)
    assert "too few customers" in texts_of(cluster_number, NUMBERS[:0], 1, 0.8)
    said = texts_of(segment_traits, TRAITS)
    assert "buy: item tea (50 % / 10 %)" in said
    assert "buy: total amount" not in said  # its interval has no end
    assert "nothing sets segments apart" in texts_of(segment_traits, TRAITS[:0])
