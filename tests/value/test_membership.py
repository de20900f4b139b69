from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.columns import US_PER_DAY
from pipeline.judged import Judged
from pipeline.lookalike.described.probability import Known
from pipeline.outputs import whole
from pipeline.settings import Attribute, Declared, Future
from pipeline.value import membership
from pipeline.value.membership import (
    Portrayed,
    attribute_groups,
    is_about_how_much,
    portrayed,
    segment_groups,
)
from tests.value.conftest import HORIZON


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


class Registry:
    """Champions of one attribute, tested at an instant, with what was said of two test customers."""

    def __init__(self, labels_us, horizon_days=28):
        proba = np.array([[[0.2, 0.8], [0.4, 0.6]]])
        ids = np.array(["a", "b"], dtype=object)
        self.table = Judged(ids, np.array([0, 1]), proba, np.full((1, 2), -1), np.zeros((1, 2), int)).table()
        self.facts = {"values": ["no", "yes"], "labels_us": labels_us, "horizon_days": horizon_days}

    def champion(self, name):
        return SimpleNamespace(facts=self.facts, run_id="run")

    def read_table(self, run_id, name):
        return self.table


@pytest.mark.parametrize(
    ("days_ago", "horizon_days", "why"),
    [
        (0, 28, None),
        (1, 28, None),  # a day of events has come since the training
        (28, 28, None),
        (29, 28, "its champion was tested 29 days before groups are judged, more than a horizon: train again"),
        (-1, 28, "its champion was tested 1 days later than groups are judged: train it as of this instant"),
        (0, 14, "its horizon is of 14 days, and money is looked at over 28"),
    ],
)
def test_a_model_of_yesterday_still_groups_and_one_that_cannot_says_why(
    tmp_path, monkeypatch, days_ago, horizon_days, why
):
    with whole(tmp_path / "scores", "x", {"as_of_us": HORIZON.now_us}):
        pass
    monkeypatch.setattr(membership, "_predictions", lambda *_: pd.DataFrame())
    monkeypatch.setattr(membership, "_known_now", lambda *arguments: dict.fromkeys(arguments[1], None))
    attribute = Attribute("binary", future=Future(log="orders", horizon_days=horizon_days, at_most=0))
    settings = SimpleNamespace(attributes={"lapses": attribute})
    people = np.array(["a", "b", "c"], dtype=object)
    registry = Registry(HORIZON.judged_us - days_ago * US_PER_DAY, horizon_days)
    found = portrayed(settings, None, registry, tmp_path, HORIZON, (people, people))
    missing, lines = found.words()
    if why is None:
        assert found.skipped == missing == {}
        assert found.before["lapses"].proba[:, 1] == pytest.approx([0.8, 0.6, np.nan], nan_ok=True)
        assert len(lines) == (days_ago > 0)
    else:
        assert missing == {"groups by lapses": why}
        assert found.before == {}


def test_many_attributes_of_one_reason_are_told_together():
    found = Portrayed({}, {}, {f"a{i}": "no model; train first" for i in range(7)})
    assert found.words()[0] == {"groups by a0, a1, a2, a3, a4 and 2 more": "no model; train first"}
