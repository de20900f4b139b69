from __future__ import annotations

import importlib

import pytest

from tests.bench.__main__ import PARTS, arguments


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_a_function(part):
    module, function = PARTS[part]
    assert callable(getattr(importlib.import_module(f"tests.bench.{module}"), function))


def test_parts_stand_beside_overrides_in_the_order_asked():
    parts, asked = arguments(["refresh", "data=telecom", "~attributes.age", "features", "--sizes", "10", "20"])
    assert parts == ["refresh", "features"]
    assert asked.sizes == [10, 20]


def test_overrides_may_follow_options():
    parts, asked = arguments(["operator", "--sizes", "10", "--activity", "0.5", "model.max_customers=5000"])
    assert parts == ["operator"]
    assert asked.what == ["operator", "model.max_customers=5000"]
    assert asked.activity == 0.5


def test_without_a_part_stages_are_measured():
    assert arguments(["data=telecom"])[0] == ["stages"]


def test_sizes_are_digits_thousands_or_millions():
    _, asked = arguments(["features", "--sizes", "20M", "200K", "1.5m", "2k", "3_000", "7"])
    assert asked.sizes == [20_000_000, 200_000, 1_500_000, 2_000, 3_000, 7]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["feature"], "no part 'feature'"),
        (["--rounds", "0"], "from 1, not 0"),
        *((["--sizes", text], f"such as 2000, 200K or 20M, not {text}") for text in ("0", "0.5", "20G", "M", "1e6")),
    ],
)
def test_what_does_not_exist_is_refused(capsys, given, said):
    with pytest.raises(SystemExit):
        arguments(given)
    assert said in capsys.readouterr().err
