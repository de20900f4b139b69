"""Each kind of declaration is told so that one who does not know the YAML understands it."""

import pytest

from pipeline.cards.origin import in_words
from pipeline.settings import Attribute, Declared, Future


def future(**rule):
    return Attribute("binary", future=Future("orders", 28, **rule))


@pytest.mark.parametrize(
    ("attribute", "told"),
    [
        (Attribute("nominal", declared=Declared("home")), "profile column 'home'."),
        (
            Attribute("binary", declared=Declared("kids", map={"0": "no", "1": "yes", "2": "yes", "?": None})),
            "profile column 'kids'; no: 0; yes: 1, 2; left out: ?.",
        ),
        (
            Attribute(
                "ordinal", declared=Declared("age", bands={"young": (None, 30), "mid": (30, 60), "old": (60, None)})
            ),
            "young: below 30; mid: from 30 below 60; old: from 60.",
        ),
        (
            future(at_most=0),
            "in the 28 days after the features end, in log 'orders': yes if the number of such events is at most 0.",
        ),
        (
            future(aggregate="sum", field="price", top_share=0.2),
            "yes if the sum of price is among the highest 20%.",
        ),
        (
            future(aggregate="share", where={"hour": ("18", "19")}, at_least=0.5),
            "yes if the part of the number of events where hour is 18 or 19 is at least 0.5.",
        ),
        (
            future(aggregate="active_days", where={"item": ("tea",)}, above={"price": 2.5}, at_least=3),
            "where item is tea and price is above 2.5: yes if the number of days with such events is at least 3.",
        ),
        (
            future(aggregate="growth", field="price", bands={"down": (None, 1), "up": (1, None)}),
            "the sum of price, divided by that of the 28 days before, decides; down: below 1; up: from 1.",
        ),
        (
            future(at_most=0, among_active_days=56),
            "Asked only of customers with an event in the 56 days before.",
        ),
        (future(at_least=1, among_idle_days=28), "Asked only of customers whose last event is more than 28 days old."),
        (
            future(aggregate="delay_days", at_most=7),
            "yes if the number of days until the first such event is at most 7.",
        ),
    ],
)
def test_a_rule_in_words(attribute, told):
    assert in_words(attribute).endswith(told)
