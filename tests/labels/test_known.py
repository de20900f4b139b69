"""What labels say about themselves, bands, and the order of values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import ConfigError, DataError
from pipeline.labels.known import Labels, cut, ordered


def labels(y: list[int], values: tuple[str, ...] = ("no", "yes"), kind: str = "binary") -> Labels:
    return Labels("lapses", kind, values, np.array([f"c{n}" for n in range(len(y))], dtype=object), np.array(y, int))


def test_counts_name_each_value_also_one_that_nobody_has() -> None:
    assert labels([1, 1, 0]).counts() == {"no": 1, "yes": 2}
    assert labels([0, 0], ("a", "b", "c"), "nominal").counts() == {"a": 2, "b": 0, "c": 0}
    assert labels([], ()).counts() == {}


@pytest.mark.parametrize(
    ("y", "least", "message"),
    [
        ([0, 0, 1, 1], 2, None),
        ([0, 0, 1, 1], 3, "too few labels: 3 customers of each of at least two values needed, found 'no': 2, 'yes': 2"),
        ([0, 0, 0], 1, "too few labels: 1 customers of each of at least two values needed, found 'no': 3, 'yes': 0"),
        ([], 30, "no label: 30 customers of each value needed, none found"),
    ],
)
def test_too_few_labels_are_told_with_their_number(y: list[int], least: int, message: str | None) -> None:
    assert labels(y).ineligible(least) == message


def test_too_few_labels_of_a_sample_say_that_it_is_one() -> None:
    drawn = replace(labels([0, 0, 0, 1]), sampled_from=900)
    assert str(drawn.ineligible(2)).endswith("found 'no': 3, 'yes': 1 in a sample of 900 labelled customers")


def test_one_value_alone_is_nothing_to_learn() -> None:
    assert labels([0, 0], ("a",), "nominal").ineligible(1) == (
        "too few labels: 1 customers of each of at least two values needed, found 'a': 2"
    )


def test_a_binary_attribute_has_two_values() -> None:
    with pytest.raises(
        ConfigError, match=r"attributes\.lapses\.kind: a binary attribute has two values, found 3: a, b, c; map"
    ):
        labels([0, 1, 2], ("a", "b", "c"))
    assert labels([0, 1, 2], ("a", "b", "c"), "nominal").values == ("a", "b", "c")


@pytest.mark.parametrize(("number", "band"), [(-1e9, 0), (17.999, 0), (18, 1), (29.999, 1), (30, 2), (1e9, 2)])
def test_a_band_holds_its_lower_edge_and_not_its_upper_one(number: float, band: int) -> None:
    bands = {"child": (None, 18.0), "young": (18.0, 30.0), "old": (30.0, None)}
    assert cut(pd.Series([number]), bands, "x").tolist() == [band]


def test_a_number_in_no_band_is_told_with_an_example() -> None:
    bands = {"low": (0.0, 1.0), "high": (2.0, 3.0)}
    assert cut(pd.Series([2.5, 0.0]), bands, "x").tolist() == [1, 0]
    with pytest.raises(DataError, match=r"attributes\.spend\.future\.bands: 3 values lie in no band, such as 1\.5"):
        cut(pd.Series([0.5, 1.5, 3.0, -1.0]), bands, "attributes.spend.future")


def test_values_put_the_values_of_a_rule_in_order() -> None:
    assert ordered({"old": 1, "young": 2}, None, "attributes.age") == ("old", "young")
    assert ordered({"old": 1, "young": 2}, ("young", "old"), "attributes.age") == ("young", "old")
    with pytest.raises(ConfigError, match=r"attributes\.age: 'values' are young, aged, but the rule gives old, young"):
        ordered(["old", "young"], ("young", "aged"), "attributes.age")
