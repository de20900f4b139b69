"""Three different reasons, strongest first, each of which speaks for the value."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from pipeline.explanation.reasons import strongest
from pipeline.features.matrix import FeatureMatrix

NAMES = np.array(
    [
        "shop__amount__sum__28d",
        "shop__amount__mean__all",
        "shop__time__recency_days__all",
        "vector__000",
        "shop__item=tea",
        "shop__item=wine",
        "shop__kind=sweet",
    ]
)


def matrix(*rows: list[float]) -> FeatureMatrix:
    X = np.array(rows)
    ids = np.array([f"c{number}" for number in range(len(X))], dtype=object)
    return FeatureMatrix(ids, sp.csr_matrix(X), NAMES, 4, X[:, 3:4], None, None)


def test_reasons_are_of_different_fields_and_told_by_their_strongest_feature(given):
    #                 sum   mean  recency vector tea  wine sweet
    one = matrix([1234.5678, 2.0, 3.0, 9.0, 1.0, 1.0, 1.0])
    model = given(np.array([0.001, 1.0, 0.1, 5.0, 1.5, 0.2, 0.05]))
    # amount: 1.23 + 2.0, told by the mean; item: 1.5 + 0.2, told by tea; recency 0.3; kind 0.05 is the fourth.
    assert strongest(model, one, np.array([1])) == [
        "shop: average amount per event (2); shop: item tea; shop: days since the last event (3)"
    ]


def test_only_what_speaks_for_the_value_is_a_reason(given):
    two = matrix([0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0])
    model = given(np.array([0.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1.0]))
    assert strongest(model, two, np.array([1, 0])) == ["shop: item tea", "shop: kind sweet"]


def test_unknown_amounts_and_large_ones_are_told(given):
    class Pushes(given):
        def contributions(self, X, class_index):
            return sp.csr_array(np.array([[2.0, 0, 1.0, 0, 0, 0, 0]]))

    told = strongest(Pushes(np.ones(7)), matrix([12345.678, 0, np.nan, 0, 0, 0, 0]), np.array([1]))
    assert told == ["shop: total amount in the last 28 days (12,346); shop: days since the last event (unknown)"]


def test_without_contributions_there_is_no_reason(given):
    assert strongest(given(np.zeros(7)), matrix([1.0] * 7), np.array([0])) == [""]


def test_what_a_customer_lacks_is_told_as_such(given):
    class Trees(given):
        def contributions(self, X, class_index):
            return sp.csr_array(np.array([[0, 0, 0, 0, 0.4, 0.3, 0.2]]))

    told = strongest(Trees(np.ones(7)), matrix([0, 0, 0, 0, 0.0, 1.0, 1.0]), np.array([0]))
    assert told == ["shop: item tea (none); shop: kind sweet"]
