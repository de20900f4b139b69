"""Probabilities of rules against a count of all worlds, and bounds against any dependence."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.lookalike.described.probability import Known, bounds, known_of, probability
from pipeline.lookalike.described.rule import AllOf, AnyOf, Is, Not, attributes_of, parse_rule
from tests.lookalike.described.test_rule import PARTS, VALUES, holds

NAN = float("nan")


def known(proba, partial=False, declared=False):
    table = np.array(proba, dtype=float)
    values = ("no", "yes") if table.shape[1] == 2 else VALUES["income"]
    return Known(values, table, np.full(len(table), partial), np.full(len(table), declared))


@given(PARTS, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
@settings(max_examples=150, deadline=None)
def test_the_probability_is_the_sum_over_all_worlds(rule, kids, wine):
    given_ = {"kids": known([[1 - kids, kids]]), "wine": known([[1 - wine, wine]])}
    total = 0.0
    for k, w in product((0, 1), repeat=2):
        weight = (kids if k else 1 - kids) * (wine if w else 1 - wine)
        total += weight * holds(rule, {"kids": ("no", "yes")[k], "wine": ("no", "yes")[w]})
    assert probability(rule, given_)[0] == pytest.approx(total)


@given(PARTS, st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4))
@settings(max_examples=150, deadline=None)
def test_bounds_hold_for_any_dependence(rule, weights):
    joint = np.array(weights).reshape(2, 2) / sum(weights)
    given_ = {"kids": known([joint.sum(axis=1)]), "wine": known([joint.sum(axis=0)])}
    true = sum(
        joint[k, w] * holds(rule, {"kids": ("no", "yes")[k], "wine": ("no", "yes")[w]})
        for k, w in product((0, 1), repeat=2)
    )
    low, high = bounds(rule, given_)
    assert low[0] - 1e-9 <= true <= high[0] + 1e-9


def test_frechet_bounds_by_hand():
    given_ = {"kids": known([[0.3, 0.7]]), "wine": known([[0.4, 0.6]])}
    both, either = (
        AllOf((Is("kids", ("yes",)), Is("wine", ("yes",)))),
        AnyOf((Is("kids", ("yes",)), Is("wine", ("yes",)))),
    )
    assert np.allclose(np.ravel(bounds(both, given_)), [0.3, 0.6])
    assert np.allclose(np.ravel(bounds(either, given_)), [0.7, 1.0])
    assert np.allclose(np.ravel(bounds(Not(both), given_)), [0.4, 0.7])


def test_what_is_not_known_matters_only_where_it_decides():
    given_ = {"kids": known([[0, 1], [1, 0], [NAN, NAN]], declared=True), "wine": known([[NAN, NAN]] * 3)}
    either = probability(parse_rule("kids=yes or wine=yes", VALUES), given_)
    both = probability(parse_rule("kids=yes and wine=yes", VALUES), given_)
    assert either[0] == 1
    assert np.isnan(either[1:]).all()
    assert both[1] == 0
    assert np.isnan(both[[0, 2]]).all()
    low, high = bounds(parse_rule("kids=yes and wine=yes", VALUES), given_)
    assert low.tolist() == [0, 0, 0]
    assert high.tolist() == [1, 0, 1]
    again = parse_rule("(kids=yes and wine=yes) or (kids=no and income=75K+)", VALUES)
    given_["income"] = known([[0, 0, 1], [0, 0, 1], [0, 0, 1]])
    told = probability(again, given_)
    assert told[1] == 1
    assert np.isnan(told[[0, 2]]).all()


def row(customer, likeliest, p, state="withheld", reason="not sure enough", attribute="income"):
    return {
        "customer_id": customer,
        "attribute": attribute,
        "likeliest": likeliest,
        "probability": p,
        "state": state,
        "reason": reason,
    }


def predictions():
    return pd.DataFrame(
        [
            row("a", "75K+", 1.0, "declared", None),
            row("b", "35-74K", 0.6),
            row("c", "35-74K", 0.4),
            row("d", None, NAN, reason="no model"),
            row("e", "75K+", 0.5, reason="no events"),
            row("f", "75K+", 0.5, reason="unlike the training customers"),
            row("a", "yes", 0.9, "inferred", None, "wine"),
            row("b", "no", 0.8, "inferred", None, "wine"),
        ]
    )


def test_the_probability_of_other_values_follows_from_the_likeliest():
    ids = np.array(["b", "a", "d", "e", "f", "zz"])
    found = known_of(predictions(), ids, {"wine": VALUES["wine"], "income": VALUES["income"]})
    assert found["wine"].of(("yes",))[:2] == pytest.approx([0.2, 0.9])
    assert not found["wine"].partial.any()
    assert np.isnan(found["wine"].of(("yes",))[2:]).all()
    assert found["income"].declared.tolist() == [False, True, False, False, False, False]
    assert np.isnan(found["income"].proba[2:]).all()
    # b: 0.4 is left for "under 35K" (likeliest of nobody usable, counted as 1) and "75K+" (of one, counted as 2).
    assert found["income"].proba[0] == pytest.approx([0.4 / 3, 0.6, 0.8 / 3])
    low, high = found["income"].bounds(("75K+",))
    assert (low[0], high[0]) == pytest.approx((0.0, 0.4))
    assert (low[1], high[1]) == (1, 1)
    low, high = found["income"].bounds(("75K+", "35-74K"))
    assert (low[0], high[0]) == pytest.approx((0.6, 1.0))


def test_no_other_value_is_more_probable_than_the_likeliest():
    only = pd.DataFrame([row(f"x{i}", "75K+", 0.9) for i in range(50)] + [row("c", "35-74K", 0.4)])
    found = known_of(only, np.array(["c"]), {"income": VALUES["income"]})["income"]
    assert found.proba[0] == pytest.approx([0.2, 0.4, 0.4])
    low, high = found.bounds(("under 35K",))
    assert (low[0], high[0]) == pytest.approx((0.2, 0.4))  # 0.6 for two values of at most 0.4 each


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"beer": ("no", "yes")}, "no row of attribute 'beer'"),
        ({"wine": ("ja", "nein")}, "'yes' is no value of attribute 'wine'"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        known_of(predictions(), np.array(["a", "b"]), values)


def test_only_attributes_of_the_rule_are_read():
    rule = parse_rule("wine=yes", VALUES)
    assert attributes_of(rule) == ("wine",)
