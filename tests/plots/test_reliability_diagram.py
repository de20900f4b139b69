import numpy as np
from scipy.stats import binomtest

from pipeline.plots import reliability, wilson
from pipeline.plots.reliability_diagram import axis_end


def test_a_reliability_diagram_is_drawn_of_any_data(probabilities, picture):
    picture(reliability, *probabilities)


def test_it_says_how_many_customers_it_shows_and_what_is_odd(names, texts_of):
    y, proba = np.zeros(1200, dtype=int), np.full((1200, 2), 0.5)
    proba[:200] = np.nan
    said = texts_of(reliability, y, proba, names, "has children")
    assert "has children (n = 1,000)" in said
    assert "200 customers without probabilities left out" in said
    assert "all customers have one value: нет" in said
    assert "_yes^2$: the same probability for everybody" in said


def test_a_rare_value_fills_the_picture_and_nobody_is_lost(texts_of):
    # 1,000 customers at 10 %, of whom 100 have it, and 4 at 90 %.
    second = np.repeat([0.1, 0.9], [1000, 4])
    y = np.repeat([1, 0, 1], [100, 900, 4])
    said = texts_of(reliability, y, np.column_stack([1 - second, second]), ["no", "yes"], "")
    assert "last bar: 4 customers beyond" in said
    assert "yes (10 %)" in said


def test_the_axes_end_past_every_point_and_at_one_for_large_probabilities():
    few = np.append(np.full(995, 0.2), np.full(5, 0.9))[:, None]
    assert 0.3 < axis_end(few, highest=0.3) < 0.35
    assert axis_end(few, highest=0.7) == 1
    assert axis_end(np.append(np.full(900, 0.2), np.full(100, 0.9))[:, None], highest=0.3) == 1
    assert axis_end(np.zeros((10, 1)), highest=0.0) == axis_end(np.empty((0, 1)), highest=0.0) == 1


def test_wilson_intervals_are_those_of_scipy():
    hits, n = np.array([0, 3, 50, 20]), np.array([7, 10, 100, 20])
    expected = [binomtest(int(k), int(m)).proportion_ci(0.95, method="wilson") for k, m in zip(hits, n, strict=True)]
    np.testing.assert_allclose(np.transpose(wilson(hits, n)), expected, atol=1e-12)
