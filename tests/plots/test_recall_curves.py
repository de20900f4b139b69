import numpy as np
import pytest

from pipeline.plots import lookalike

SHARE = np.linspace(0.01, 1, 50)
CURVE = {"method": "seed_ranker", "share": SHARE, "recall": SHARE**0.4, "low": SHARE, "high": SHARE**0.2}


@pytest.mark.parametrize(
    "curves",
    [
        [CURVE, CURVE | {"method": "_centroid", "low": None, "high": None}],
        [{"method": "a", "share": [0.01, 0.1], "recall": [0.1, np.nan], "low": None, "high": None}],
        [{"method": "a", "share": [0.01, 0.1], "recall": [0.0, 0.0], "low": [0, 0], "high": [0, 0]}],
        [{"method": "a", "share": [], "recall": [], "low": [], "high": []}],
        [],
    ],
)
def test_lookalike_curves_are_drawn_of_any_data(curves, picture):
    picture(lookalike, curves)


def test_a_picture_without_finds_says_why(texts_of):
    found = {"method": "seed_ranker", "share": [0.1], "recall": [0.0], "low": None, "high": None}
    assert "no hidden member was found" in texts_of(lookalike, [found])
    assert "nothing was ranked" in texts_of(lookalike, [])
    assert "seed ranker" in texts_of(lookalike, [found])
