import pytest

from pipeline.lookalike.doctor.difference import Difference
from pipeline.segment.behaviour.description import _told as told
from pipeline.segment.behaviour.description import names_of, strongest, tells


def thing(name, ours, low, high, kind="token", theirs=0.3, significant=True, n=100):
    words = name.replace("=", ": ")
    return Difference(
        kind,
        name,
        name.partition("=")[0],
        words,
        ours,
        theirs,
        (low * high) ** 0.5,
        low,
        high,
        0.0,
        0.0,
        n,
        n,
        significant,
    )


COMMON, RARE = thing("buy__item=TEA", 0.9, 2.0, 3.0), thing("buy__item=SAFFRON", 0.05, 6.0, 20.0)
LESS, UNSURE = thing("buy__item=MILK", 0.1, 0.1, 0.5, theirs=0.6), thing("buy__item=BREAD", 0.5, 0.9, 1.4)


def test_common_things_tell_more_than_rare_ones_of_a_greater_lift():
    assert tells(COMMON) > tells(RARE) > 0 > tells(LESS)
    assert tells(UNSURE) == 0
    assert strongest([RARE, UNSURE, LESS, COMMON], 2) == [COMMON, LESS]
    assert strongest([RARE, LESS, COMMON], 9, per_subject=1) == [COMMON]
    assert strongest([thing("buy__item=X", 0.9, 2.0, 3.0, significant=False)], 9) == []


def test_names_come_from_what_there_is_more_of_and_are_different():
    number = thing("buy__product=12345", 0.9, 5.0, 9.0)
    kind = thing("kind=dog", 0.8, 1.5, 2.0, kind="attribute")
    assert names_of([[number, LESS, kind, COMMON]]) == ["TEA and kind: dog"]
    assert names_of([[LESS], [LESS], [], [thing("buy__sum", 1.0, 2.0, 3.0, kind="total")]]) == [
        "less MILK",
        "less MILK (2)",
        "like the others",
        "like the others (2)",
    ]


@pytest.mark.parametrize(
    ("share", "kind", "shown"),
    [
        (0.0, "token", True),
        (0.1, "token", False),
        (0.2, "token", True),
        (0.95, "token", True),
        (0.95, "attribute", False),
        (1.0, "attribute", True),
        (0.5, "attribute", True),
        (0.1, "total", True),
    ],
)
def test_what_tells_of_few_members_is_not_told(share, kind, shown):
    assert told(thing("a=b", share, 2.0, 3.0, kind=kind), 20) is shown
