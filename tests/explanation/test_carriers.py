"""Shares of logs and fields, the features behind them and what these speak for, on contributions known beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from pipeline.explanation.carriers import carried_by
from pipeline.model.certified import CertifiedClassifier
from pipeline.model.stacked import StackedClassifier

VALUES = ("no", "yes")


def coefficients(matrix, **of):
    """Return one coefficient per feature, by the end of its name; the others are 0."""
    found = np.zeros(len(matrix.names))
    for end, amount in of.items():
        hit = [i for i, name in enumerate(matrix.names) if name.endswith(end.replace("_", " "))]
        assert len(hit) == 1
        found[hit] = amount
    return found


def away(amount):
    return np.abs(amount - amount.mean()).mean()


def test_shares_are_the_mean_absolute_differences_of_the_sums_by_field(customers, given):
    matrix = customers()
    X = matrix.X.toarray()
    names = list(matrix.names)
    one, two, other = (X[:, names.index(f"shop__{end}")] for end in ("item=thing 1", "item=thing 2", "kind=sort 3"))
    carried = carried_by(given(coefficients(matrix, thing_1=2.0, thing_2=-1.0, sort_3=-0.5)), matrix, VALUES)
    expected = np.array([away(2.0 * one - two), away(-0.5 * other)])
    assert [carrier.subject for carrier in carried.carriers] == ["shop: item", "shop: kind"]
    np.testing.assert_allclose([carrier.share for carrier in carried.carriers], expected / expected.sum())
    first = carried.carriers[0]
    assert [(f.name, f.speaks_for) for f in first.features] == [
        ("shop__item=thing 1", "yes"),
        ("shop__item=thing 2", "no"),
    ]
    assert sum(f.share for f in first.features) == pytest.approx(first.share)
    assert first.features[0].share / first.features[1].share == pytest.approx(2 * away(one) / away(two))
    assert carried.importance[names.index("shop__kind=sort 3")] == pytest.approx(0.5 * away(other))
    assert first.low < first.share < first.high
    assert carried.n == 400


def test_features_that_take_each_other_back_carry_nothing(customers, given):
    matrix = customers()
    X = matrix.X.tolil()
    X[:, 6] = X[:, 5]  # two names of one thing
    matrix = replace(matrix, X=sp.csr_matrix(X))
    carried = carried_by(given(coefficients(matrix, thing_0=3.0, thing_1=-3.0, sort_0=0.1)), matrix, VALUES)
    assert [carrier.subject for carrier in carried.carriers] == ["shop: kind"]


def test_components_are_told_by_tokens(customers, given):
    matrix = customers()
    vector = np.char.startswith(matrix.names.astype(str), "vector")
    kinds = np.where(np.arange(12) < 6, 0.0, np.abs(matrix.loadings))  # what the vector knows of the field "kind" alone
    dense = matrix.X.toarray()
    dense[:, vector] = dense[:, 5:] @ kinds.T
    known = replace(matrix, X=sp.csr_matrix(dense), loadings=kinds)
    told = [[c.subject for c in carried_by(given(1.0 * vector), m, VALUES).carriers] for m in (known, matrix)]
    assert told == [["shop: kind"], told[1]]
    assert "overall behaviour pattern" not in told[1][:-1]  # only the one customer without tokens keeps it
    untold = carried_by(given(1.0 * vector), replace(matrix, loadings=None), VALUES)
    assert [carrier.subject for carrier in untold.carriers] == ["overall behaviour pattern"]


def test_beyond_two_values_a_feature_speaks_for_the_value_it_raises_most(customers, given):
    matrix = customers()
    by_class = np.stack([coefficients(matrix, thing_1=c, sort_1=-c) for c in (-1.0, 0.2, 0.8)])
    carried = carried_by(given(by_class), matrix, ("low", "mid", "high"))
    told = {f.name: f.speaks_for for carrier in carried.carriers for f in carrier.features}
    # 0.2 and 0.8 are raised alike in correlation: the first of equally clear ones is told.
    assert told == {"shop__item=thing 1": "mid", "shop__kind=sort 1": "low"}


def test_a_feature_that_pushes_both_ways_speaks_for_nothing(customers, given):
    matrix = customers()

    X = matrix.X.tolil()
    X[:, 5] = np.linspace(0.1, 1.1, 400)[:, None]
    matrix = replace(matrix, X=sp.csr_matrix(X))

    class Valley(given):
        def contributions(self, X, class_index):
            pushes = np.zeros(X.shape)
            pushes[:, 5] = np.abs(X[:, 5].toarray().ravel() - 0.6)
            return sp.csr_array(pushes)

    carried = carried_by(Valley(np.ones(len(matrix.names))), matrix, VALUES)
    assert carried.carriers[0].features[0].speaks_for == ""


def test_a_model_that_looks_at_nothing_has_no_carriers(customers, given):
    carried = carried_by(given(np.zeros(17)), customers(), VALUES)
    assert carried.carriers == ()
    assert carried.table().empty
    assert not carried.importance.any()


def test_the_planted_features_carry_a_fitted_model(customers):
    matrix = customers(n=800)
    X = matrix.X.toarray()
    noise = np.random.default_rng(1).logistic(size=len(X))
    y = (2 * np.log(X[:, 0]) - 6 + 4 * (X[:, 5] > 0.3) - 1 + noise > 0).astype(int)
    model = CertifiedClassifier(StackedClassifier(n_dense=matrix.n_dense)).fit(matrix.X, y)
    carried = carried_by(model, matrix, VALUES)
    table = carried.table()
    assert set(table["subject"][table["rank"] <= 2]) == {"shop: amount", "shop: item"}
    first = table.drop_duplicates("subject").set_index("subject")
    assert first.loc["shop: item", "in_words"] == "shop: item thing 0"
    assert first.loc["shop: amount", "in_words"] == "shop: total amount in the last 28 days"
    assert set(first["more_of_it_speaks_for"][:2]) == {"yes"}
    assert table.drop_duplicates("subject")["subject_share"].sum() == pytest.approx(1.0)
