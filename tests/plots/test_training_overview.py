import numpy as np
import pytest

from pipeline.plots import catalogue

CATALOGUE = {
    "attribute": "has_$children",
    "auc": 0.8,
    "auc_low": 0.75,
    "auc_high": 0.85,
    "n": 1234,
    "values": [
        {"value": "no", "certified": False, "coverage": 0.0, "recall": np.nan, "prior": 0.7},
        {"value": "да", "certified": True, "coverage": 0.15, "recall": 0.4, "prior": 0.3},
    ],
}
NOTHING = {"auc": np.nan, "auc_low": np.nan, "auc_high": np.nan, "values": []}


@pytest.mark.parametrize("n_rows", [0, 1, 60])
def test_a_catalogue_grows_with_its_attributes(n_rows, picture):
    rows = [{**CATALOGUE, "attribute": f"attribute {i}"} for i in range(n_rows)]
    assert picture(catalogue, rows) >= 20 * n_rows  # a line of text each


def test_a_catalogue_shows_attributes_that_could_not_be_judged(picture):
    picture(catalogue, [CATALOGUE | NOTHING, CATALOGUE], min_precision=0.8)


def value(name, prior, recall=None):
    return {"value": name, "certified": recall is not None, "coverage": 0.1, "recall": recall or np.nan, "prior": prior}


def test_a_catalogue_is_sorted_by_auc_and_says_what_is_found_besides_the_most_common_value(texts_of):
    better = CATALOGUE | {"attribute": "better", "auc": 0.9, "values": [value("no", 0.9, 0.77), value("yes", 0.1)]}
    unjudged = CATALOGUE | NOTHING | {"attribute": "unjudged"}
    said = texts_of(catalogue, [unjudged, CATALOGUE, better], min_precision=0.8)
    assert said.index("better") < said.index("has_$children") < said.index("unjudged")
    assert "77 %" not in said  # "no" is the most common value: finding it is no feat
    assert said.count("withheld") == 2
    assert "40 %  да (30 %)" in said
    assert "with at least 80 % precision" in said
    assert "at the required precision" in texts_of(catalogue, [CATALOGUE])


def test_of_several_values_the_one_found_most_is_told_and_counted_as_useful_from_a_fifth_on(texts_of):
    bands = [value("low", 0.5, 0.9), value("mid", 0.3, 0.19), value("high", 0.2, 0.21)]
    said = texts_of(catalogue, [CATALOGUE | {"values": bands}, CATALOGUE | {"values": bands[:2]}])
    assert "21 %  high (20 %)" in said
    assert "19 %  mid (30 %)" in said
    assert "2 with another value certified than the most common one; 1 state it" in " ".join(said.split())
