"""What one of a market's people is worth, by the values that the stage value expects."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataError
from pipeline.market.worth import expected_values, mean_value

IDS = np.array(["a", "b", "c", "d"])


def written(outputs, values, as_of_us=7):
    (outputs / "value" / "customers").mkdir(parents=True)
    (outputs / "value" / "_manifest.json").write_text(json.dumps({"fingerprint": "x", "as_of_us": as_of_us}))
    table = pa.table({"customer_id": list(values), "expected_value": pa.array(list(values.values()), pa.float64())})
    pq.write_table(table, outputs / "value" / "customers" / "bucket=0000.parquet")


def test_values_are_read_and_customers_without_one_left_out(tmp_path):
    written(tmp_path, {"a": 2.0, "b": float("nan"), "c": 0.0})
    assert expected_values(tmp_path, 7) == {"a": 2.0, "c": 0.0}


@pytest.mark.parametrize(
    ("values", "as_of_us", "said"),
    [(None, 7, "holds no values; run the stage value first"), ({"a": 1.0}, 8, "not 19700101T"), ({}, 7, "nothing of")],
)
def test_what_is_missing_is_said(tmp_path, values, as_of_us, said):
    if values is not None:
        written(tmp_path, values)
    with pytest.raises(DataError, match=said):
        expected_values(tmp_path, as_of_us)


def test_the_mean_is_over_the_people_inside():
    found = mean_value(np.array([1.0, 0.0, 1.0, np.nan]), IDS, {"a": 10.0, "b": 500.0, "c": 30.0, "d": 900.0})
    assert found.mean == 20.0
    assert found.low < 20.0 < found.high


def test_a_customer_who_is_probably_inside_counts_by_that():
    found = mean_value(np.array([1.0, 0.25, 0.0, 0.0]), IDS, {"a": 10.0, "b": 50.0, "c": 1.0})
    assert found.mean == pytest.approx((10 + 0.25 * 50) / 1.25)


def test_nobody_inside_is_worth_nothing_that_could_be_told():
    assert mean_value(np.zeros(4), IDS, {"a": 10.0}) is None
    assert mean_value(np.ones(4), IDS, {}) is None


def test_the_interval_holds_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        value = rng.exponential(20, 400)
        inside = (rng.random(400) < 0.3).astype(float)
        ids = np.arange(400).astype(str)
        found = mean_value(inside, ids, dict(zip(ids.tolist(), value.tolist(), strict=True)))
        held += found.low <= 20 <= found.high
    assert held >= 178  # 190 if sums of exponential numbers were normal
