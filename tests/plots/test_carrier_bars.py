import numpy as np
import pytest

from pipeline.explanation.carriers import Carried, CarriedFeature, Carrier
from pipeline.plots import carriers


def carrier(subject, share, *features):
    return Carrier(subject, share, share * 0.9, share * 1.1, tuple(CarriedFeature(*feature) for feature in features))


ITEM = carrier("shop: item", 0.6, ("shop__item=СЫР $5 OR $" + "x" * 80, 0.4, "да"), ("shop__item=tea", 0.1, "no"))
AMOUNT = carrier("shop: amount", 0.4, ("shop__amount__sum__28d", 0.3, ""))


@pytest.mark.parametrize(
    "found",
    [
        (ITEM, AMOUNT),
        (),
        tuple(carrier(f"log {n}: field", 0.05, *[("made otherwise", 0.01, "?")] * 5) for n in range(20)),
    ],
)
def test_carriers_are_drawn_of_any_number(found, picture):
    picture(carriers, Carried(found, np.array([]), 1234), ["no", "да"], "has_$children")


def test_carriers_are_told_in_words_with_what_their_features_speak_for(texts_of):
    said = texts_of(carriers, Carried((ITEM, AMOUNT), np.array([]), 1234), ["no", "да"], "title")
    assert said.index("shop: item") < said.index("item tea") < said.index("total amount in the last 28 days")
    assert "60 %" in said
    assert "1,234 customers" in said
    assert {"the more, the likelier: да", "the more, the likelier: no", "in no one direction"} <= set(said.split("\n"))


def test_what_is_left_out_is_said(texts_of):
    many = tuple(carrier(f"log {n}: field", 0.1, ("a__b=c", 0.1, "no")) for n in range(10))
    said = texts_of(carriers, Carried(many, np.array([]), 10), ["no", "да"], "title")
    assert "2 more with 20 % together are not shown" in said
