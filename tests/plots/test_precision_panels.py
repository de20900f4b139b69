import numpy as np
from scipy.stats import binom

from pipeline.plots import precision_coverage, precision_points


def test_precision_panels_are_drawn_of_any_data(probabilities, picture):
    y, proba, values, title = probabilities
    thresholds = [0.6, *[np.inf] * len(values)][: len(values)]
    picture(precision_coverage, y, proba, values, thresholds, 0.8, title)


def test_a_precision_panel_says_whether_its_value_is_stated(texts_of):
    # 30 of 40 customers are most probably "a", 12 of them at 0.9: 12 / 40 = 30 %.
    first = np.repeat([0.9, 0.6, 0.1], [12, 18, 10])
    proba, y = np.column_stack([first, 1 - first]), np.repeat([0, 1], 20)

    def said(thresholds):
        return texts_of(precision_coverage, y, proba, ["a", "b"], thresholds, 0.8, "")

    assert "a\nstated if p ≥ 0.8: 30 % of all\n100 % of them have it" in said([0.8, np.inf])
    assert "b\nwithheld: likeliest for 10\n100 % of them have it" in said([0.8, np.inf])
    assert "b\nstated if p ≥ 0.95: nobody here" in said([np.nan, 0.95])
    # Of the 30 for whom "a" is the most probable, the first 20 have it.
    assert "a\nwithheld: likeliest for 30\n67 % of them have it" in said([np.nan, 0.95])
    assert "curves start at 10 customers" in said([0.8, np.inf])


def test_a_value_that_is_hardly_ever_the_likeliest_has_no_curve(texts_of):
    second = np.array([0.9] * 9 + [0.1] * 41)
    said = texts_of(
        precision_coverage, np.ones(50, dtype=int), np.column_stack([1 - second, second]), ["a", "b"], [1, 1], 0.8, ""
    )
    assert "most probable value\nof 9 customers only" in said
    said = texts_of(
        precision_coverage, np.ones(50, dtype=int), np.tile([0.9, 0.1], (50, 1)), ["a", "b"], [1, np.inf], 0.8, ""
    )
    assert "never the most\nprobable value" in said
    assert "b\nwithheld\n" in said + "\n"


def test_precision_points_are_those_of_a_hand_calculation():
    # 20 customers; value 1 is the most probable one for 12: 10 at 0.9 (9 right), then one right at 0.8 and
    # one wrong at 0.7. The first point is at 10 customers.
    second = np.array([0.9] * 10 + [0.8, 0.7] + [0.1] * 8)
    y = np.array([1] * 9 + [0] + [1, 0] + [0] * 8)
    shuffled = np.random.default_rng(0).permutation(20)
    covered, precise, lower = precision_points(y[shuffled], np.column_stack([1 - second, second])[shuffled], 1)
    assert covered.tolist() == [10 / 20, 11 / 20, 12 / 20]
    assert precise.tolist() == [9 / 10, 10 / 11, 10 / 12]
    # At its lower bound a result at least as good has a chance of 10 %.
    np.testing.assert_allclose(binom.sf([8, 9, 9], [10, 11, 12], lower), 0.1)


def test_precision_points_start_at_ten_customers_and_are_not_more_than_can_be_seen():
    proba = np.column_stack([np.zeros(5000), np.linspace(0.6, 1, 5000)])
    proba[:, 0] = 1 - proba[:, 1]
    covered, _, _ = precision_points(np.ones(5000, dtype=int), proba, 1)
    assert (len(covered), covered[0], covered[-1]) == (400, 10 / 5000, 1.0)
    assert (np.diff(covered) > 0).all()
    assert [len(points) for points in precision_points(np.ones(9, dtype=int), proba[:9], 1)] == [
        0,
        0,
        0,
    ]
