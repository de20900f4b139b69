import numpy as np
import pytest

from pipeline.plots import top_features


@pytest.mark.parametrize(
    ("names", "importance"),
    [
        (
            ["purchases__category=СЫР $5 OR $" + "x" * 80, "vector__003", "age", "a=b"],
            [0.3, 0.2, np.nan, np.inf],
        ),
        ([f"purchases__amount__sum__{days}d" for days in range(1, 41)], np.linspace(0, 1, 40)),
        (["vector__000"], [0.0]),
        ([], []),
    ],
)
def test_top_features_are_drawn_of_any_importance(names, importance, picture):
    picture(top_features, names, np.array(importance), "title")


def test_top_features_are_in_words_largest_first_and_leave_out_those_without_part(texts_of):
    names = ["vector__003", "purchases__amount__sum__28d", "age", "vector__001"]
    said = texts_of(top_features, names, np.array([0.1, 0.2, np.nan, 0.0]), "")
    assert said.index("purchases: amount, sum over 28 days") < said.index("behaviour pattern 3")
    assert "age" not in said
    assert "behaviour pattern 1" not in said
