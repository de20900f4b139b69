"""A card tells what was measured, needs nothing beside it, and shows names as they are."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from pipeline.cards import render
from pipeline.cards.facts import NOT_FOR, NOT_FOR_SENSITIVE, Card, Statement, Training, day
from pipeline.cards.groups import RANKS, Figure, Group
from pipeline.evaluation import Estimate
from pipeline.explanation.carriers import Carried, CarriedFeature, Carrier
from pipeline.settings import Attribute, Data, Declared, Log, Model, Settings

NAN = float("nan")
EVIL = "<script>alert('yes')</script>"


def estimate(metric, value, at, n=100):
    return Estimate(metric, value, at, at - 0.05, at + 0.05, 0.5, n)


def statement(value, threshold, reason=""):
    three = [estimate(metric, value, at) for metric, at in (("coverage", 0.25), ("precision", 0.85), ("recall", 0.4))]
    return Statement(value, 300, 0.6, threshold, reason, *three)


def group(by, value, n=60, worse=()):
    figure = Figure(0.61, 0.55, 0.67, n)
    return Group(by, value, n, figure, figure, 0.69, Figure(n=12), {}, worse)


@pytest.fixture
def card() -> Card:
    attribute = Attribute("binary", declared=Declared("kids"), sensitive=True, not_for=("naming <names>",))
    data = Data("shop", {"buy": Log(path="-", id="-", time="-")})
    settings = Settings(data, Model("linear", {}), attributes={"has_children": attribute})
    training = Training(settings, {"buy": (12345, "2023-01-01", "2023-12-31")}, 2000, "2024-01-01", "abc", "def", {})
    carrier = Carrier("buy: item", 0.42, 0.4, 0.45, (CarriedFeature("buy__item=NAPPIES & CO", 0.2, "yes"),))
    return Card(
        attribute="has_children",
        declaration=attribute,
        training=training,
        kind="binary",
        origin="What the customers said.",
        labels_from="2024-01-01",
        n_labels=500,
        n_labelled=500,
        statements=(statement("no", 0.74), statement(EVIL, None, "too little evidence")),
        recipe=("linear: SparseLogistic", "90 features"),
        judged="Each of 500 customers was a test customer once.",
        measures=tuple(
            estimate(m, "", at) for m, at in (("auc", 0.71), ("log_loss", 0.6), ("ece", 0.06), ("coverage", 0.25))
        ),
        calibration="temperature",
        certification="cross-fitted",
        min_precision=0.8,
        confidence=0.9,
        set_coverage=0.9,
        carried=Carried((carrier,), np.zeros(1), 300),
        whole=group("all test customers", "", 500),
        groups=(group("activity", "1 to 9 events", worse=(RANKS,)), group("age", "30+")),
        hidden=1,
        not_for=(*attribute.not_for, *NOT_FOR_SENSITIVE, *NOT_FOR),
        limits=("It learnt from few.",),
        pictures={"reliability": b"\x89PNG"},
    )


class Balanced(HTMLParser):
    """Sees that every element that is opened is closed in order."""

    VOID = ("meta", "img", "br")

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def text_of(page):
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<style>.*?</style>", "", page)).split())


def test_the_page_tells_what_was_measured(card):
    said = text_of(render.html(card))
    for part in (
        "0.710 [0.660, 0.760]",
        "500 labels of 2,000 customers",
        "1 of 2 values certified at 80 % precision",
        "probability 0.74 25 % [20, 30] 85 % [80, 90]",
        "withheld: too little evidence",
        "Sensitive.",
        "buy: item 42 % [40, 45] item NAPPIES &amp; CO (yes)",
        "Worse beyond noise for 1 of 2 groups",
        "activity: 1 to 9 events 60 0.610 [0.550, 0.670] 0.610 [0.550, 0.670] (0.690) – 12 statements ranks less well",
        "groups of fewer than 20 customers are hidden (1)",
        "naming &lt;names&gt;",
        "buy 12,345 2023-01-01 2023-12-31",
        "expected calibration error is 0.060",
    ):
        assert part in said, part


def test_a_card_says_that_it_learnt_from_a_sample(card):
    drawn = replace(card, n_labelled=12_345)
    assert "500 of 12,345 labelled customers, drawn at random" in render.markdown(drawn)
    assert "drawn from 12,345, of" in text_of(render.html(drawn))
    assert "drawn" not in render.markdown(card)
    assert "drawn from" not in text_of(render.html(card))


def test_the_page_is_whole_and_needs_nothing_beside_it(card):
    page = render.html(card)
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert 'src="data:image/png;base64,iVBORw=="' in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "http" not in page


def test_names_are_shown_and_never_run(card):
    page = render.html(replace(card, attribute=EVIL))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_card_without_carriers_groups_or_pictures_says_so(card):
    empty = replace(card, carried=Carried((), np.zeros(1), 300), groups=(), pictures={}, hidden=0)
    said = text_of(render.html(empty))
    assert "It looks at no feature." in said
    assert "None of 0 groups" in said
    assert "Carried by: nothing." in render.markdown(empty)


def test_what_is_not_sensitive_is_not_called_so(card):
    calm = replace(card, declaration=replace(card.declaration, sensitive=False))
    assert "Sensitive" not in render.html(calm)
    assert "Sensitive" not in render.markdown(calm)


def test_the_short_form_fits_the_registry(card):
    text = render.markdown(card)
    assert text.startswith("**has_children** (binary) of shop, features up to 2024-01-01. **Sensitive.**\n")
    assert "| no | 60 % | 25 % [20, 30] | 85 % [80, 90] |" in text
    assert "Worse for: activity 1 to 9 events (ranks less well)." in text
    many = replace(card, statements=tuple(statement(f"value {n} {'x' * 60}", 0.7) for n in range(200)))
    cut = render.markdown(many)
    assert len(cut) <= 5_000
    assert cut.endswith("…\n")


def test_days_are_local():
    assert day(1_704_067_200_000_000, "UTC") == "2024-01-01"
    assert day(1_704_067_200_000_000, "America/New_York") == "2023-12-31"
