"""Exports: what is written can be trusted, opened in a spreadsheet and verified later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError, SchemaError
from pipeline.lookalike.members.available import available
from pipeline.lookalike.members.control import detectable_lift, draw_control
from pipeline.lookalike.members.export import (
    CONTROL_GROUP,
    Export,
    Origin,
    export_tables,
    manifest_of,
    read_control_group,
    write_control_group,
    write_export,
)
from pipeline.lookalike.members.spreadsheet import spreadsheet_safe, unguarded

IDS = np.array(["=cmd|x", "b", "c,d", "e", "f"])
SCORES = np.array([0.9, 0.7, 0.7, 0.8, 0.1])
DAY = 86_400_000_000


def origin(**changed):
    facts = {
        "name": "spring",
        "source": "shop",
        "seed_hash": "abc",
        "method": "blended",
        "versions": {"encoder": "1"},
        "purpose": "invitation",
        "as_of_us": 17_532 * DAY,
        "expires_us": 17_562 * DAY,
    }
    return Origin(**{**facts, **changed})


def tables():
    return export_tables(IDS, SCORES, np.array([0, 2, 1]), np.array([3]), ["+1 wine", "beer", ""])


def test_members_and_control_share_one_ranking():
    made = tables()
    assert made.members.values.tolist() == [["=cmd|x", 1, 0.9, "+1 wine"], ["b", 3, 0.7, ""], ["c,d", 4, 0.7, "beer"]]
    assert made.control.values.tolist() == [["e", 2, 0.8]]


@pytest.mark.parametrize(
    ("members", "held_back", "reasons"),
    [([], [1], []), ([0, 0], [1], ["", ""]), ([0, 1], [1], ["", ""]), ([0, 1], [2], [""])],
)
def test_lists_that_contradict_each_other_are_refused(members, held_back, reasons):
    with pytest.raises(DataError, match="each customer stands in one of the lists, each member has a reason"):
        export_tables(IDS, SCORES, np.array(members, dtype=int), np.array(held_back, dtype=int), reasons)


def test_parquet_is_exact_and_csv_cannot_run_anything(tmp_path):
    with DuckDBEngine(1, 1.0, None) as engine:
        write_export(tmp_path, tables(), engine)
    exact = pq.read_table(tmp_path / "members.parquet").to_pandas()
    assert exact["customer_id"].tolist() == ["=cmd|x", "b", "c,d"]
    text = pd.read_csv(tmp_path / "members.csv", dtype=str, keep_default_na=False)
    assert text["customer_id"].tolist() == ["'=cmd|x", "b", "c,d"]
    assert text["reason"].tolist() == ["'+1 wine", "", "beer"]
    assert [unguarded(name) for name in text["customer_id"]] == exact["customer_id"].tolist()
    assert pd.read_csv(tmp_path / "control.csv").values.tolist() == [["e", 2, 0.8]]


TEXTS = ["=1", "+49", "-5", "@a", "\tx", "\rx", "\nx", "＝1", "'x", "''=x", "x=1", "", "7", "'"]


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_comes_back(text):
    safe = spreadsheet_safe(pd.DataFrame({"id": [text]}))["id"][0]
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
    assert unguarded(safe) == text


def test_an_audience_without_anybody_held_back_keeps_its_contract(tmp_path):
    made = export_tables(IDS, SCORES, np.array([0]), np.array([], dtype=int), [""])
    with DuckDBEngine(1, 1.0, None) as engine:
        write_export(tmp_path, made, engine)
    assert pq.read_schema(tmp_path / "control.parquet").field("customer_id").type == pa.string()


@pytest.mark.parametrize(
    "changed",
    [
        {"rank": [0, 3, 4]},
        {"score": [np.nan, 0.7, 0.7]},
        {"score": [np.inf, 0.7, 0.7]},
        {"customer_id": ["b", "b", "c"]},
    ],
)
def test_a_table_that_breaks_its_contract_is_refused(tmp_path, changed):
    made = tables()
    with (
        DuckDBEngine(1, 1.0, None) as engine,
        pytest.raises(SchemaError, match=r"members\.parquet: does not keep its contract"),
    ):
        write_export(tmp_path, Export(made.members.assign(**changed), made.control), engine)


def test_the_manifest_says_where_everything_comes_from():
    ids = np.array([f"c{i:03d}" for i in range(200)])
    seed = np.arange(200) < 20
    found = available(ids, seed, suppress=["c020", "c000", "zz"], exclude=["c020", "c021"])
    group = draw_control(ids, found.free, 0.2, "spring")
    found = found.without_control(group.drawn)
    free = np.flatnonzero(found.free)
    made = export_tables(ids, np.linspace(1, 0, 200), free[:50], np.flatnonzero(group.drawn)[:5], [""] * 50)
    facts = manifest_of(origin(), made, found, group, [detectable_lift(50, 5, 0.1)])
    assert (facts["as_of"], facts["expires"]) == ("2018-01-01T00:00:00+00:00", "2018-01-31T00:00:00+00:00")
    counts = ("members", "base", "seed", "in_control", "available")
    n = int(group.drawn.sum())
    assert [facts[name] for name in counts] == [50, 200, 20, n, 178 - n]
    assert facts["suppressed"] == {"n_given": 3, "n_unknown": 1, "n_taken": 1}
    assert facts["excluded"] == {"n_given": 2, "n_unknown": 0, "n_taken": 1}
    assert facts["control"]["seal"] == group.seal
    assert facts["control"]["held_back"] == 5
    assert facts["control"]["drawn"] == group.drawn.sum()
    assert "against 5 held back" in facts["control"]["detectable"][0]["words"]
    assert manifest_of(origin(), made, found)["control"] is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"purpose": "  "}, "audience 'spring': no purpose is given"),
        ({"expires_us": 17_532 * DAY}, "expires on 2018-01-01.*as of 2018-01-01.*later"),
    ],
)
def test_an_audience_needs_a_purpose_and_an_end(changed, message):
    with pytest.raises(ConfigError, match=message):
        origin(**changed)


def test_a_written_control_group_is_read_back_only_while_its_seal_is_whole(tmp_path):
    ids = np.array([f"c{i:03d}" for i in range(200)])
    group = draw_control(ids, np.ones(200, dtype=bool), 0.2, "spring")
    with pytest.raises(DataError, match="no control group here"):
        read_control_group(tmp_path, group.seal)
    write_control_group(tmp_path, ids, group)
    assert read_control_group(tmp_path, group.seal) == sorted(ids[group.drawn])
    pq.write_table(pa.table({"customer_id": sorted(ids[group.drawn])[1:]}), tmp_path / CONTROL_GROUP)
    with pytest.raises(DataError, match="the seal is broken"):
        read_control_group(tmp_path, group.seal)
