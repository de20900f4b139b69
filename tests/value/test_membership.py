from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.judged import Judged
from pipeline.lookalike.described.probability import Known
from pipeline.outputs import whole
from pipeline.settings import Attribute, Declared, Future
from pipeline.value.membership import (
    _of_another_time,
    _out_of_fold,
    attribute_groups,
    is_about_how_much,
    segment_groups,
)
from pipeline.value.moment import Horizon


def future(**rule):
    return Attribute("binary", future=Future(log="orders", horizon_days=28, **{"at_least": 1, **rule}))


@pytest.mark.parametrize(
    ("attribute", "how_much"),
    [
        (future(), True),  # any order at all
        (future(aggregate="active_days"), True),
        (future(aggregate="sum", field="amount", where={"kind": ("x",)}), True),  # money
        (future(aggregate="share", field="amount", where={"kind": ("x",)}), False),
        (future(where={"kind": ("x",)}), False),
        (future(above={"discount": 0.0}), False),
        (Attribute("binary", declared=Declared("age")), False),
    ],
)
def test_what_only_says_how_much_is_bought_describes_nobody(attribute, how_much):
    assert is_about_how_much(attribute, ["orders"], ["amount"]) == how_much


def test_groups_are_values_of_attributes_profiles_first():
    nobody = np.zeros(2, dtype=bool)
    known = {
        "buys_tea": Known(("no", "yes"), np.array([[0.25, 0.75], [np.nan, np.nan]]), nobody, nobody),
        "age": Known(("young", "old"), np.array([[1.0, 0.0], [0.5, 0.5]]), nobody, nobody),
    }
    attributes = {"buys_tea": future(where={"kind": ("tea",)}), "age": Attribute("binary", declared=Declared("age"))}
    groups = attribute_groups(known, attributes, 2)
    assert groups.names == ("age=young", "age=old", "buys_tea=no", "buys_tea=yes")
    assert groups.kinds == ("profile", "profile", "behaviour", "behaviour")
    assert groups.weight[0].tolist() == [1, 0, 0.25, 0.75]
    assert np.isnan(groups.weight[1, 2:]).all()
    assert attribute_groups({}, {}, 3).weight.shape == (3, 0)


def test_segments_are_read_where_they_stand(tmp_path):
    people = np.array(["a", "b", "c"], dtype=object)
    assert segment_groups(tmp_path, people).names == ()
    (tmp_path / "segments").mkdir()
    with whole(tmp_path / "segments" / "activity", "x", {"buckets": 2}) as folder:
        for bucket, rows in enumerate([[("a", "loyal"), ("stranger", "new")], [("c", None)]]):
            table = pa.table(
                {"customer_id": [r[0] for r in rows], "segment": pa.array([r[1] for r in rows], pa.string())}
            )
            pq.write_table(table, folder / f"bucket={bucket:04d}.parquet")
    found = segment_groups(tmp_path, people)
    assert found.names == ("activity: loyal", "activity: new")
    assert found.weight.tolist() == [[1, 0], [0, 0], [0, 0]]
    assert set(found.kinds) == {"segment"}


def test_predictions_for_test_customers_are_the_mean_of_repeats_and_nothing_for_others():
    ids = np.array(["a", "b"], dtype=object)
    proba = np.array([[[0.2, 0.8], [0.4, 0.6]], [[0.4, 0.6], [0.4, 0.6]]])
    table = Judged(ids, np.array([0, 1]), proba, np.full((2, 2), -1), np.zeros((2, 2), int)).table()
    known = _out_of_fold(table, ("no", "yes"), np.array(["b", "x", "a"], dtype=object))
    assert known.proba[:, 1] == pytest.approx([0.6, np.nan, 0.7], nan_ok=True)
    assert _out_of_fold(table, ("only",), ids) is None
    assert _out_of_fold(pd.DataFrame({"customer_id": ["a"], "y": [0]}), ("no", "yes"), ids) is None


@pytest.mark.parametrize(
    ("days", "labels_us", "said"),
    [
        (28, 0, "it looks 28 days ahead, and groups are judged on 56 (value.horizon_days)"),
        (56, 86_400_000_000, "from 19700102T000000Z on, and groups are judged on those from 19700101T"),
    ],
)
def test_why_a_future_attribute_is_no_help_is_said(days, labels_us, said):
    horizon = Horizon(days=56, now_us=1, judged_us=0, learnt_us=-1)
    assert said in _of_another_time(days, labels_us, horizon)
