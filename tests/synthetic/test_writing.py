import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataError
from pipeline.outputs import read_manifest
from pipeline.synthetic import writing
from pipeline.synthetic.causes import STREAMS
from pipeline.synthetic.logs import LOGS
from pipeline.synthetic.writing import Operator, chunks, read_truth, write
from tests.synthetic.conftest import written

TINY = Operator(customers=60, days=84)


def rows(folder, name):
    parts = sorted((folder / name).rglob("part-*.parquet"))
    table = pd.concat([pq.ParquetFile(part).read().to_pandas() for part in parts], ignore_index=True)
    return table.sort_values(list(table.columns)).reset_index(drop=True)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return written(TINY, tmp_path_factory.mktemp("tiny") / "telecom")


@pytest.mark.parametrize("changed", [{}, {"chunk": 7}, {"files": "day", "chunk": 13}])
def test_the_same_data_whatever_the_chunks_and_files(tiny, tmp_path, changed):
    other = written(replace(TINY, **changed), tmp_path / "other")
    for name in (*LOGS, "profiles", "truth"):
        pd.testing.assert_frame_equal(rows(tiny, name), rows(other, name))


def test_more_customers_and_more_days_change_nothing_of_the_first(tiny, tmp_path):
    other = written(replace(TINY, customers=100, days=140), tmp_path / "other")
    truth, more = rows(tiny, "truth"), rows(other, "truth")
    assert len(more) == 100
    pd.testing.assert_frame_equal(more[more["line_id"].isin(truth["line_id"])].reset_index(drop=True), truth)
    last = pd.Timestamp("2024-01-01", tz="Europe/Berlin") + pd.DateOffset(days=84)
    for log in LOGS:
        mine = rows(other, log)
        mine = mine[mine["line_id"].isin(truth["line_id"]) & (mine["started_at"] < last)].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, rows(tiny, log))


def test_another_seed_is_another_population(tiny, tmp_path):
    other = written(replace(TINY, seed=1), tmp_path / "other")
    assert rows(other, "truth")["user_age"].tolist() != rows(tiny, "truth")["user_age"].tolist()


def test_exactly_so_many_lines_even_where_a_household_is_cut(tmp_path):
    for n in (1, 2, 3, 59):
        parts = chunks(replace(TINY, customers=n, chunk=3))
        assert sum(part.keep for part in parts) == n
    assert len(rows(written(replace(TINY, customers=3, days=28), tmp_path / "three"), "truth")) == 3


def test_files_hold_their_own_local_days(tmp_path):
    folder = written(replace(TINY, days=40, files="day"), tmp_path / "days")
    for file in sorted((folder / "sessions").rglob("part-*.parquet")):
        table = pq.ParquetFile(file).read().to_pandas()
        local = table["started_at"].dt.tz_convert("Europe/Berlin")
        assert set(local.dt.strftime("%Y-%m-%d")) == {file.parent.name}
        assert table["started_at"].is_monotonic_increasing


def test_nobody_is_seen_after_he_left_and_ids_are_unique(small):
    truth = read_truth(small).to_pandas().set_index("line_id")
    assert truth.index.is_unique
    assert (truth["leaves_day"] < 364).any()
    for log in LOGS[:-1]:
        table = rows(small, log)
        day = (
            table["started_at"].dt.tz_convert("Europe/Berlin").dt.tz_localize(None) - pd.Timestamp("2024-01-01")
        ).dt.days
        assert (day < truth["leaves_day"].loc[table["line_id"]].to_numpy()).all(), log
        assert day.between(0, 363).all()


def test_events_come_at_the_true_rates(operator):
    """Of lines in normal use the whole year; the season of `messenger` is even, so that rates are events a day."""
    truth = read_truth(operator).to_pandas()
    stays = truth[truth["declines_day"] >= 364].set_index("line_id")
    sessions = rows(operator, "sessions")
    count = sessions[sessions["app"] == "messenger"].groupby("line_id").size().reindex(stays.index, fill_value=0)
    mean = 364 * stays["rate_messenger"]
    z = (count - mean) / np.sqrt(mean)
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert abs(z.std() - 1) < 0.08
    assert {s.name for s in STREAMS if s.log == "sessions"} == set(sessions["app"])


def test_partners_of_one_household_call_each_other(operator):
    truth = read_truth(operator).to_pandas().set_index("line_id")
    calls = rows(operator, "calls")
    within = calls[calls["partner"].isin(truth.index)]
    assert 0.1 < len(within) / len(calls) < 0.6
    household = truth["household"]
    assert (household.loc[within["line_id"]].to_numpy() == household.loc[within["partner"]].to_numpy()).all()
    assert (within["line_id"] != within["partner"]).all()


def test_a_second_run_does_nothing_and_a_killed_one_goes_on(tmp_path, monkeypatch):
    operator, folder = replace(TINY, customers=30, days=28, chunk=5), tmp_path / "telecom"
    done = []
    original = writing._write_chunk

    def stops(*arguments):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(arguments[1].number)
        original(*arguments)

    monkeypatch.setattr(writing, "_write_chunk", stops)
    with pytest.raises(KeyboardInterrupt):
        written(operator, folder)
    assert not folder.exists()
    monkeypatch.setattr(writing, "_write_chunk", lambda *a: (done.append(a[1].number), original(*a)))
    written(operator, folder)
    assert done == [part.number for part in chunks(operator)]  # none was made twice
    whole = written(operator, tmp_path / "at_once")
    for name in (*LOGS, "truth"):
        pd.testing.assert_frame_equal(rows(folder, name), rows(whole, name))
    before = (folder / "_manifest.json").stat().st_mtime_ns
    monkeypatch.setattr(writing, "_write_chunk", lambda *_: pytest.fail("made again"))
    write(operator, folder, lambda total: lambda step: None)
    assert (folder / "_manifest.json").stat().st_mtime_ns == before


def test_what_another_run_removed_meanwhile_is_missed(tmp_path):
    """Another operator that is written into the same folder clears away what an unfinished one left there."""
    operator, folder = replace(TINY, customers=12, days=28, chunk=4), tmp_path / "telecom"
    other = replace(operator, seed=1)

    def meanwhile(total):
        return lambda step: None if folder.exists() else written(other, folder)

    with pytest.raises(DataError, match=r"\d+ of 12 lines were found .*Delete this folder and run the same command"):
        write(operator, folder, meanwhile)
    assert read_manifest(folder)["operator"]["seed"] == 1  # what is whole stays
    assert len(read_truth(folder)) == 12


def test_the_manifest_says_that_it_is_synthetic_and_counts(small):
    facts = read_manifest(small)
    assert facts["synthetic"] is True
    assert facts["operator"]["customers"] == facts["rows"]["truth"] == 300
    assert facts["rows"]["calls"] == len(rows(small, "calls"))
    assert facts["other_holder"] == read_truth(small).to_pandas()["holder_differs"].sum()
    json.dumps(facts)


def test_the_truth_of_an_unfinished_folder_is_not_read(tmp_path):
    with pytest.raises(DataError, match="no finished data set"):
        read_truth(tmp_path)
