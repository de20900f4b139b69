import numpy as np
import pytest

from pipeline.plots import catalogue

CATALOGUE = {
    "attribute": "has_$children",
    "kind": "binary",
    "auc": 0.8,
    "auc_low": 0.75,
    "auc_high": 0.85,
    "n": 1234,
    "values": [
        {"value": "no", "certified": False, "recall": np.nan, "prior": 0.7},
        {"value": "да", "certified": True, "recall": 0.4, "prior": 0.3},
    ],
}
NOTHING = {"auc": np.nan, "auc_low": np.nan, "auc_high": np.nan, "values": []}


@pytest.mark.parametrize("n_rows", [0, 1, 60])
def test_a_catalogue_grows_with_its_attributes(n_rows, picture):
    rows = [{**CATALOGUE, "attribute": f"attribute {i}"} for i in range(n_rows)]
    assert picture(catalogue, rows) >= 50 * n_rows  # two lines of text each


def test_a_catalogue_shows_attributes_that_could_not_be_judged(picture):
    picture(catalogue, [CATALOGUE | NOTHING, CATALOGUE], min_precision=0.8)


def test_a_catalogue_is_sorted_by_auc_and_gives_no_recall_for_withheld_values(texts_of):
    better = CATALOGUE | {"attribute": "better", "auc": 0.9}
    unjudged = CATALOGUE | NOTHING | {"attribute": "unjudged"}
    withheld = [{"value": "no", "certified": False, "recall": 0.77, "prior": 0.001}]
    said = texts_of(catalogue, [unjudged, CATALOGUE, better | {"values": withheld}], min_precision=0.8)
    assert said.index("better") < said.index("has_$children") < said.index("unjudged")
    assert "77 %" not in said
    assert "no (<1 %)" in said
    assert "40 %" in said
    assert "at least 80 %" in " ".join(said.split())
    assert "the required precision" in " ".join(texts_of(catalogue, [CATALOGUE]).split())
