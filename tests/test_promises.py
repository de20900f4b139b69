"""What is counted of a catalogue's promises, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.promises import promise_kept

NOBODY = float("nan")


def value(
    threshold: float | None, n_stated: int = 0, precision: float = NOBODY, recall: float = 0.0, passes: int = 0
) -> dict[str, Any]:
    """Return a value's facts; it passes so many of the three: by itself, with its attribute, with the catalogue."""
    return {
        "threshold": threshold,
        "n_stated": n_stated,
        "coverage": n_stated / 1000,
        "precision": precision,
        "recall": recall,
        **{f"pass_{scope}": passes > i for i, scope in enumerate(("value", "attribute", "catalogue"))},
    }


def attribute(**values: dict[str, Any]) -> dict[str, Any]:
    counts = {name: 700 - 100 * i for i, name in enumerate(values)}  # the first is the most common one
    return {"counts": counts, "min_precision": 0.8, "values": values}


@pytest.fixture
def counted() -> dict[str, int]:
    return promise_kept(
        {
            # Both kept, the second one useful.
            "kept": attribute(no=value(0.6, 100, 0.95, passes=3), yes=value(0.8, 50, 0.8, recall=0.2, passes=2)),
            # 15 of 20 right: below 0.8, but P(Bin(20, 0.8) <= 15) = 0.37 is no evidence against it.
            "unlucky": attribute(no=value(0.6, 20, 0.75, passes=1), yes=value(None)),
            # 140 of 200 right: P(Bin(200, 0.8) <= 140) = 0.0005.
            "broken": attribute(no=value(0.6, 500, 0.9, passes=3), yes=value(0.7, 200, 0.7, recall=0.3, passes=1)),
            "never stated": attribute(no=value(0.6, passes=1), yes=value(None)),
            "silent": attribute(no=value(None), yes=value(None)),
        }
    )


def test_values_are_counted(counted: dict[str, int]) -> None:
    assert {name: counted[name] for name in ("tested", "certified", "majority", "measured", "kept")} == {
        "tested": 10,
        "certified": 6,
        "majority": 4,
        "measured": 5,
        "kept": 3,
    }
    assert [counted[f"pass_{scope}"] for scope in ("value", "attribute", "catalogue")] == [6, 3, 2]


def test_attributes_are_counted(counted: dict[str, int]) -> None:
    assert counted["attributes_stated"] == 3
    assert counted["attributes_kept"] == 1
    assert counted["attributes_broken"] == 1
    assert counted["useful"] == 2


def test_several_values_of_an_attribute_share_the_level_of_the_test() -> None:
    # P(Bin(100, 0.8) <= 73) = 0.056 and of 72 = 0.034: below 5 % for one value, not below 2.5 % for one of two.
    missed = value(0.7, 100, 0.72, passes=1)
    assert promise_kept({"alone": attribute(no=missed)})["attributes_broken"] == 1
    assert promise_kept({"two": attribute(no=missed, yes=value(0.7, 100, 0.9))})["attributes_broken"] == 0


def test_what_folds_stated_wrongly_counts_though_the_deployed_model_is_silent_for_that_reason() -> None:
    # P(Bin(50, 0.8) <= 30) = 0.0009.
    found = promise_kept({"silenced": attribute(no=value(None), yes=value(None, 50, 0.6, recall=0.4))})
    assert (found["measured"], found["kept"], found["undeployed"], found["certified"]) == (1, 0, 1, 0)
    assert (found["attributes_stated"], found["attributes_kept"], found["attributes_broken"]) == (1, 0, 1)
    assert found["useful"] == 0


def test_a_promise_about_the_silent_is_judged_by_their_precision() -> None:
    # Right for 95 of 100 who told, but among the silent for 140 of 200: P(Bin(200, 0.8) <= 140) = 0.0005.
    silent = value(0.6, 100, 0.95) | {"promised": {"precision": 0.7, "n_stated": 200}}
    found = promise_kept({"one": attribute(no=silent, yes=value(None))})
    assert (found["measured"], found["kept"], found["attributes_broken"]) == (1, 0, 1)
