import numpy as np
import pytest

from pipeline.plots import compared


def rows(n_attributes, n_runs, difference=(0.01, -0.01, 0.03)):
    return [
        {
            "attribute": f"attribute_{i} $x^",
            "run": f"{chr(65 + run)}: recipe {run}",
            "estimate": 0.7 + run / 100,
            "sd": 0.02 if i else np.nan,
            "difference": difference if run else None,
            "survives": bool(i % 2),
        }
        for i in range(n_attributes)
        for run in range(n_runs)
    ]


@pytest.mark.parametrize(("n_attributes", "n_runs"), [(0, 0), (1, 1), (3, 8), (52, 3)])
def test_a_comparison_grows_with_attributes_and_runs(n_attributes, n_runs, picture):
    assert picture(compared, rows(n_attributes, n_runs), "auc", "champion") >= 15 * n_attributes * n_runs


def test_a_comparison_names_runs_attributes_and_what_the_marks_mean(texts_of):
    said = texts_of(compared, rows(2, 2), "log_loss", "champion")
    for text in ("A: recipe 0", "B: recipe 1", "attribute_1 $x^", "log_loss", "difference to the champion", "Holm"):
        assert text in said
    assert "nothing to compare with" not in said


def test_a_single_run_says_that_there_is_nothing_to_compare_with(texts_of):
    assert "nothing to compare with" in texts_of(compared, rows(2, 1), "auc", "champion")
