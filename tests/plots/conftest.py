"""Customers to draw, and what a picture looks like from outside."""

import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from pipeline.plots import style

NAMES = ["нет $\\frac{", "_yes^2$"]  # unbalanced mathematics and a leading underscore, both legal names


def drawn(n, n_values, seed=0):
    """Return the true values of customers, and the probabilities that they are drawn from."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(n_values, 0.5), n)
    return np.array([rng.choice(n_values, p=row) for row in proba], dtype=np.int64), proba


CASES = {
    "two values": (*drawn(300, 2), NAMES),
    "more values than are shown": (*drawn(600, 14), [f"значение № {i}" * 3 for i in range(14)]),
    "one value only": (np.zeros(50, dtype=int), np.tile([0.9, 0.1], (50, 1)), NAMES),
    "the same probability for everybody": (np.arange(50) % 2, np.full((50, 2), 0.5), NAMES),
    "probabilities of 0 and 1": (np.arange(50) % 2, np.eye(2)[np.arange(50) % 2], NAMES),
    "a missing probability": (np.arange(50) % 2, np.full((50, 2), [[np.nan, 1.0]]), NAMES),
    "one customer": (np.array([1]), np.array([[0.2, 0.8]]), NAMES),
    "no customers": (np.array([], dtype=int), np.empty((0, 2)), NAMES),
    "no values": (np.array([], dtype=int), np.empty((0, 0)), []),
    "a letter the font lacks": (np.arange(20) % 2, np.full((20, 2), 0.5), ["字", "two\nlines"]),
}


@pytest.fixture(params=CASES)
def probabilities(request):
    """True values, probabilities, names of values, and a title, for each of `CASES`."""
    return *CASES[request.param], f"{request.param}: $x^"


@pytest.fixture
def names():
    return NAMES


@pytest.fixture
def customers():
    return drawn


@pytest.fixture
def texts_of(monkeypatch, tmp_path):
    """What a picture says: the texts at the moment it is saved."""

    def texts(draw, *args, **more):
        said = []
        monkeypatch.setattr(style, "save", lambda fig, path: said.extend(t.get_text() for t in fig.findobj(Text)))
        draw(*args, path=tmp_path / "unused.png", **more)
        return "\n".join(said)

    return texts


@pytest.fixture
def picture(tmp_path):
    """Draw a picture, see that it is a whole one, and return its height."""

    def check(draw, *args, **more):
        draw(*args, path=tmp_path / "picture.png", **more)
        assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]  # nothing half-written is left behind
        height, width, _ = imread(tmp_path / "picture.png").shape
        assert width == 900
        assert height >= 150
        return height

    return check
