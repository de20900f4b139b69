import numpy as np

from pipeline.plots.shown import most_frequent, usable


def test_customers_without_probabilities_are_left_out_and_counted():
    proba = np.array([[0.5, 0.5], [np.nan, 1.0], [0.2, 0.8]])
    y, kept, note = usable(np.array([0, 1, 1]), proba, ["a", "b"])
    assert y.tolist() == [0, 1]
    np.testing.assert_array_equal(kept, proba[[0, 2]])
    assert note == ["1 customers without probabilities left out"]


def test_a_single_value_among_several_is_odd():
    assert usable(np.array([1, 1]), np.full((2, 2), 0.5), ["a", "b"])[2] == ["all customers have one value: b"]
    assert usable(np.array([0, 0]), np.ones((2, 1)), ["a"])[2] == []


def test_the_most_frequent_values_keep_their_order():
    assert most_frequent(np.array([3, 0, 3, 1, 0, 3]), n_values=4, limit=2) == [0, 3]
    assert most_frequent(np.array([1, 0]), n_values=3, limit=1) == [0]  # of equals the first
    assert most_frequent(np.array([], dtype=int), n_values=0, limit=2) == []
