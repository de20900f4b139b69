import numpy as np
import pytest

from pipeline.plots import confusion, confusion_counts


def test_a_confusion_matrix_is_drawn_of_any_data(probabilities, picture):
    picture(confusion, *probabilities)


@pytest.mark.parametrize("n_values", [1, 25, 31])
def test_a_confusion_matrix_is_drawn_of_any_number_of_values(n_values, customers, picture):
    y, proba = customers(100, n_values)
    picture(confusion, y, proba, [str(v) for v in range(n_values)], "")


def test_an_empty_confusion_matrix_says_so(names, texts_of):
    assert "no customers" in texts_of(confusion, [], [], names, "")


def test_confusion_counts_are_those_of_a_loop(customers):
    y, proba = customers(200, 4)
    expected = np.zeros((4, 4), dtype=int)
    for true, row in zip(y, proba, strict=True):
        expected[true, np.argmax(row)] += 1
    np.testing.assert_array_equal(confusion_counts(y, proba), expected)
    assert confusion_counts(y[:0], proba[:0]).tolist() == [[0] * 4] * 4
