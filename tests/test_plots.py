import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread
from scipy.stats import binom, binomtest

from pipeline import plots

NAMES = ["нет $\\frac{", "_yes^2$"]  # unbalanced mathematics and a leading underscore, both legal names
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
SHARE = np.linspace(0.01, 1, 50)
CURVE = {"method": "seed_ranker", "share": SHARE, "recall": SHARE**0.4, "low": SHARE, "high": SHARE**0.2}
NOTHING = {"auc": np.nan, "auc_low": np.nan, "auc_high": np.nan, "values": []}


def customers(n, n_values, seed=0):
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(n_values, 0.5), n)
    return np.array([rng.choice(n_values, p=row) for row in proba], dtype=np.int64), proba


def texts_of(draw, *args, **more):
    """What a picture says: the texts at the moment it is saved."""
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "_save", lambda fig, path: said.extend(t.get_text() for t in fig.findobj(plots.Text)))
        draw(*args, **more)
    return "\n".join(said)


def assert_picture(path, min_height=150):
    height, width, _ = imread(path).shape
    assert width == 900
    assert height >= min_height
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # nothing half-written is left behind
    path.unlink()


CASES = {
    "two values": (*customers(300, 2), NAMES),
    "more values than are shown": (*customers(600, 14), [f"значение № {i}" * 3 for i in range(14)]),
    "one value only": (np.zeros(50, dtype=int), np.tile([0.9, 0.1], (50, 1)), NAMES),
    "the same probability for everybody": (np.arange(50) % 2, np.full((50, 2), 0.5), NAMES),
    "probabilities of 0 and 1": (np.arange(50) % 2, np.eye(2)[np.arange(50) % 2], NAMES),
    "a missing probability": (np.arange(50) % 2, np.full((50, 2), [[np.nan, 1.0]]), NAMES),
    "one customer": (np.array([1]), np.array([[0.2, 0.8]]), NAMES),
    "no customers": (np.array([], dtype=int), np.empty((0, 2)), NAMES),
    "no values": (np.array([], dtype=int), np.empty((0, 0)), []),
    "a letter the font lacks": (np.arange(20) % 2, np.full((20, 2), 0.5), ["字", "two\nlines"]),
}


@pytest.mark.parametrize("case", CASES)
def test_pictures_of_probabilities_are_drawn_of_any_data(case, tmp_path):
    y, proba, values = CASES[case]
    path = tmp_path / "picture.png"
    plots.reliability(y, proba, values, f"{case}: $x^", path)
    assert_picture(path)
    thresholds = [0.6, *[np.inf] * len(values)][: len(values)]
    plots.precision_coverage(y, proba, values, thresholds, 0.8, case, path)
    assert_picture(path)
    plots.confusion(y, proba, values, case, path)
    assert_picture(path)


@pytest.mark.parametrize("n_values", [1, 25, 31])
def test_a_confusion_matrix_is_drawn_of_any_number_of_values(n_values, tmp_path):
    y, proba = customers(100, n_values)
    plots.confusion(y, proba, [str(v) for v in range(n_values)], "", tmp_path / "picture.png")
    assert_picture(tmp_path / "picture.png")


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
def test_top_features_are_drawn_of_any_importance(names, importance, tmp_path):
    plots.top_features(names, np.array(importance), "title", tmp_path / "picture.png")
    assert_picture(tmp_path / "picture.png")


@pytest.mark.parametrize("n_rows", [0, 1, 60])
def test_a_catalogue_grows_with_its_attributes(n_rows, tmp_path):
    rows = [{**CATALOGUE, "attribute": f"attribute {i}"} for i in range(n_rows)]
    plots.catalogue(rows, tmp_path / "picture.png")
    assert_picture(tmp_path / "picture.png", min_height=50 * n_rows)  # two lines of text each


def test_a_catalogue_shows_attributes_that_could_not_be_judged(tmp_path):
    plots.catalogue([CATALOGUE | NOTHING, CATALOGUE], tmp_path / "picture.png", min_precision=0.8)
    assert_picture(tmp_path / "picture.png")


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
def test_lookalike_curves_are_drawn_of_any_data(curves, tmp_path):
    plots.lookalike(curves, tmp_path / "picture.png")
    assert_picture(tmp_path / "picture.png")


def test_drawing_changes_nothing_global_and_repeats_exactly(tmp_path):
    y, proba = customers(100, 2)
    before = dict(matplotlib.rcParams)
    for name in ("a.png", "b.png"):
        plots.reliability(y, proba, NAMES, "same", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert dict(matplotlib.rcParams) == before


def test_importing_does_not_load_pyplot():
    check = "import sys, pipeline.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_a_picture_says_how_many_customers_it_shows_and_what_is_odd(tmp_path):
    y, proba = np.zeros(1200, dtype=int), np.full((1200, 2), 0.5)
    proba[:200] = np.nan
    said = texts_of(plots.reliability, y, proba, NAMES, "has children", tmp_path)
    assert "has children (n = 1,000)" in said
    assert "200 customers without probabilities left out" in said
    assert "all customers have one value: нет" in said
    assert "_yes^2$: the same probability for everybody" in said
    assert "no customers" in texts_of(plots.confusion, [], [], NAMES, "", tmp_path)


def test_a_precision_panel_says_whether_its_value_is_stated(tmp_path):
    # 30 of 40 customers are most probably "a", 12 of them at 0.9: 12 / 40 = 30 %.
    first = np.repeat([0.9, 0.6, 0.1], [12, 18, 10])
    proba, y = np.column_stack([first, 1 - first]), np.repeat([0, 1], 20)

    def said(thresholds):
        return texts_of(plots.precision_coverage, y, proba, ["a", "b"], thresholds, 0.8, "", tmp_path)

    assert "a\nstated if p ≥ 0.8: 30 % of all" in said([0.8, np.inf])
    assert "b\nwithheld" in said([0.8, np.inf])
    assert "b\nstated if p ≥ 0.95: nobody here" in said([np.nan, 0.95])
    assert "a\nwithheld" in said([np.nan, 0.95])
    assert "curves start at 10 customers" in said([0.8, np.inf])


def test_a_catalogue_is_sorted_by_auc_and_gives_no_recall_for_withheld_values(tmp_path):
    better = CATALOGUE | {"attribute": "better", "auc": 0.9}
    unjudged = CATALOGUE | NOTHING | {"attribute": "unjudged"}
    withheld = [{"value": "no", "certified": False, "recall": 0.77, "prior": 0.001}]
    said = texts_of(plots.catalogue, [unjudged, CATALOGUE, better | {"values": withheld}], tmp_path, min_precision=0.8)
    assert said.index("better") < said.index("has_$children") < said.index("unjudged")
    assert "77 %" not in said
    assert "no (<1 %)" in said
    assert "40 %" in said
    assert "at least 80 %" in " ".join(said.split())
    assert "the required precision" in " ".join(texts_of(plots.catalogue, [CATALOGUE], tmp_path).split())


def test_top_features_are_in_words_largest_first_and_leave_out_those_without_part(tmp_path):
    names = ["vector__003", "purchases__amount__sum__28d", "age", "vector__001"]
    said = texts_of(plots.top_features, names, np.array([0.1, 0.2, np.nan, 0.0]), "", tmp_path)
    assert said.index("purchases: amount, sum over 28 days") < said.index("behaviour pattern 3")
    assert "age" not in said
    assert "behaviour pattern 1" not in said


def test_precision_points_are_those_of_a_hand_calculation():
    # 20 customers; value 1 is the most probable one for 12: 10 at 0.9 (9 right), then one right at 0.8 and
    # one wrong at 0.7. The first point is at 10 customers.
    second = np.array([0.9] * 10 + [0.8, 0.7] + [0.1] * 8)
    y = np.array([1] * 9 + [0] + [1, 0] + [0] * 8)
    shuffled = np.random.default_rng(0).permutation(20)
    covered, precise, lower = plots.precision_points(y[shuffled], np.column_stack([1 - second, second])[shuffled], 1)
    assert covered.tolist() == [10 / 20, 11 / 20, 12 / 20]
    assert precise.tolist() == [9 / 10, 10 / 11, 10 / 12]
    # At its lower bound a result at least as good has a chance of 10 %.
    np.testing.assert_allclose(binom.sf([8, 9, 9], [10, 11, 12], lower), 0.1)


def test_precision_points_start_at_ten_customers_and_are_not_more_than_can_be_seen():
    proba = np.column_stack([np.zeros(5000), np.linspace(0.6, 1, 5000)])
    proba[:, 0] = 1 - proba[:, 1]
    covered, _, _ = plots.precision_points(np.ones(5000, dtype=int), proba, 1)
    assert (len(covered), covered[0], covered[-1]) == (400, 10 / 5000, 1.0)
    assert (np.diff(covered) > 0).all()
    assert [len(points) for points in plots.precision_points(np.ones(9, dtype=int), proba[:9], 1)] == [
        0,
        0,
        0,
    ]


def test_wilson_intervals_are_those_of_scipy():
    hits, n = np.array([0, 3, 50, 20]), np.array([7, 10, 100, 20])
    expected = [binomtest(int(k), int(m)).proportion_ci(0.95, method="wilson") for k, m in zip(hits, n, strict=True)]
    np.testing.assert_allclose(np.transpose(plots.wilson(hits, n)), expected, atol=1e-12)


def test_confusion_counts_are_those_of_a_loop():
    y, proba = customers(200, 4)
    expected = np.zeros((4, 4), dtype=int)
    for true, row in zip(y, proba, strict=True):
        expected[true, np.argmax(row)] += 1
    np.testing.assert_array_equal(plots.confusion_counts(y, proba), expected)
    assert plots.confusion_counts(y[:0], proba[:0]).tolist() == [[0] * 4] * 4


def test_names_are_shortened_in_the_middle_and_drawable():
    assert plots._plain("a\n b\t" + "c" * 30 + "end", 12) == "a b ccc…cend"
    assert plots._plain("x" * 20, 20) == "x" * 20
    assert plots._plain("возраст $ №", 20) == "возраст $ №"
    assert plots._plain("字 age", 20) == "□ age"
