"""The stage on a source whose truth is known: two fifths buy throughout the year, the others stop at a random day."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from pipeline.configuration import parse_settings
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError
from pipeline.outputs import read_manifest
from pipeline.run import run
from pipeline.segment.membership import read_segments
from tests.end_to_end import planted

STAGES = ["features", "segments"]


def csv_source(folder, lines, numeric=("amount",), **segment):
    """Return the configuration of a source of one CSV log without profiles."""
    folder.mkdir(exist_ok=True)
    (folder / "log.csv").write_text("\n".join(["id,time,item,amount", *lines]) + "\n", "utf-8")
    log = {"path": "log.csv", "id": "id", "time": "time", "categorical": ["item"], "numeric": list(numeric)}
    return {
        "data": {"name": "small", "root": str(folder), "logs": {"log": log}},
        "model": {"name": "m", "estimator": {"_target_": "a.B"}},
        "engine": {"workers": 1},
        "features": {"buckets": 2, "windows_days": [7], "vector": {"dimensions": 2, "min_customers": 1}},
        "tracking": {"folder": str(folder / "models")},
        "outputs": str(folder / "out"),
        "segment": segment,
        "stages": STAGES,
    }


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("segments")
    people = planted.write(folder / "source")
    config = planted.config(folder / "source", folder / "out") | {"stages": STAGES}
    run(parse_settings(config))
    return config, people, folder / "out" / "planted"


def activity(outputs: Path) -> pd.DataFrame:
    files = sorted((outputs / "segments" / "activity").glob("bucket=*.parquet"))
    return pd.concat([pd.read_parquet(file) for file in files]).set_index("customer_id")


def test_who_stopped_long_ago_has_lapsed_and_who_did_not_is_there(done):
    _, people, outputs = done
    found = activity(outputs)["segment"].reindex(people["customer"]).to_numpy()
    stopped, loyal = people["last_day"] < 100, people["last_day"] == planted.DAYS
    assert pd.Series(found[stopped]).isin(["lapsed", "at risk"]).mean() > 0.9
    assert pd.Series(found[loyal]).isin(["loyal", "champion", "growing", "cooling"]).mean() > 0.9
    # They buy at random moments: one in twenty is silent for longer than one in twenty of its pauses lasts.
    assert pd.Series(found[loyal]).isin(["at risk", "lapsed"]).mean() < 0.10


def test_tables_tell_n_baseline_and_interval_and_no_small_cell(done):
    _, _, outputs = done
    folder = outputs / "segments" / "activity"
    sizes, movement = pd.read_csv(folder / "sizes.csv"), pd.read_csv(folder / "movement.csv")
    assert sizes["n"].sum() == 600
    assert (sizes["low"] < sizes["share"]).all()
    assert (sizes["share"] < sizes["high"]).all()
    assert {"n", "n_was", "share", "low", "high", "baseline"} <= set(movement)
    for table in (sizes, movement, pd.read_csv(folder / "rfm_grid.csv")):
        assert table["n"].min() >= 20
    assert {path.name for path in (folder / "pictures").iterdir()} == {"movement.png", "rfm_grid.png"}


def test_the_segment_a_period_ago_is_that_of_a_run_at_that_instant(done, tmp_path):
    """Moved events change nothing: the same stages come out when as_of itself lies one period earlier."""
    config, _, outputs = done
    facts = read_manifest(outputs / "segments" / "activity")
    earlier = pd.Timestamp("2024-12-30") - pd.Timedelta(days=facts["period_days"])
    again = json.loads(json.dumps(config)) | {"outputs": str(tmp_path), "tracking": {"folder": str(tmp_path)}}
    again["data"]["as_of"] = f"{earlier:%Y-%m-%d}"
    again["attributes"] = {}
    again["segment"] = {"period_days": facts["period_days"], "min_cell": 1}
    run(parse_settings(again))
    there = activity(tmp_path / "planted")
    here = activity(outputs)["was"].dropna()
    assert set(there.index) == set(here.index)
    for name in ("recency_days", "active_days"):
        assert (there[name] > 0).all()
    # the rhythm is learnt anew from fewer pauses, so that a few stand on the other side of a limit
    assert (there["segment"].reindex(here.index) == here).mean() > 0.85


def test_the_run_is_tracked_and_nothing_changed_is_not_done_again(done, capsys):
    config, _, outputs = done
    client = mlflow.MlflowClient(f"sqlite:///{Path(config['tracking']['folder']).absolute() / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("planted").experiment_id
    (found,) = client.search_runs([experiment], "tags.stage = 'segments' and tags.family = 'activity'")
    assert found.data.metrics["customers"] == 600
    assert {item.path for item in client.list_artifacts(found.info.run_id)} >= {"movement.csv", "sizes.csv", "pictures"}
    before = (outputs / "segments" / "activity" / "sizes.csv").stat().st_mtime_ns
    capsys.readouterr()
    run(parse_settings(config | {"stages": ["segments"]}))
    assert "segments: nothing has changed" in capsys.readouterr().out
    assert (outputs / "segments" / "activity" / "sizes.csv").stat().st_mtime_ns == before


def test_other_stages_read_who_is_in_which_segment(done, tmp_path):
    _, _, outputs = done
    with DuckDBEngine() as engine:
        found = engine.arrow(read_segments(engine, outputs)).to_pandas()
        with pytest.raises(DataError, match=r"no segments here; run stages=\[features,segments\] first"):
            read_segments(engine, tmp_path)
    assert list(found.columns) == ["customer_id", "family", "segment"]
    assert found[found["family"] == "activity"]["customer_id"].nunique() == 600


def test_one_purchase_each_still_has_scores(tmp_path, capsys):
    lines = [f"c{i},2024-01-{1 + i % 28:02d},item {i % 3},{i}" for i in range(60)]
    run(parse_settings(csv_source(tmp_path, lines)))
    said = capsys.readouterr().out
    assert "nobody was active on two days in 28 days of history" in said
    assert "movement: without a period there is no earlier instant" in said
    found = activity(tmp_path / "out" / "small")
    assert set(found["segment"]) == {"one-time"}
    assert set(found["frequency"]) == {3}
    assert set(found["amount"]) == {1, 2, 3, 4, 5}


def test_one_day_of_history_and_no_money(tmp_path, capsys):
    lines = [f"c{i},2024-01-01T0{i % 9}:00:00,item {i % 3},{i}" for i in range(45)]
    run(parse_settings(csv_source(tmp_path, lines, numeric=())))
    said = capsys.readouterr().out
    assert "in 1 day of history" in said
    assert "the log 'log' has no numeric field" in said
    assert activity(tmp_path / "out" / "small")["amount"].isna().all()


def test_a_history_shorter_than_a_period_has_no_movement(tmp_path, capsys):
    lines = [f"c{i},2024-01-{day:02d},item {i % 3},1" for i in range(40) for day in (1, 9)]
    run(parse_settings(csv_source(tmp_path, lines, period_days=9)))
    assert "movement: 9 days of history do not reach back one period of 9 days" in capsys.readouterr().out
    assert not (tmp_path / "out" / "small" / "segments" / "activity" / "movement.csv").exists()


@pytest.mark.parametrize(
    ("segment", "told"),
    [
        ({"log": "lgo"}, r"segment\.log: 'lgo' is no log \(allowed: log\)\. Did you mean 'log'\?"),
        (
            {"amount": ["amout"]},
            r"segment\.amount: 'amout' is no numeric field of the log .*Did you mean 'amount'",
        ),
        ({"pauses": [0.9, 0.8, 0.99]}, r"segment: pauses are three rising shares"),
        ({"rules": {"a b": {"where": "x=y"}}}, "segment: rules: the name 'a b' must be letters"),
        ({"min_cel": 3}, r"segment\.min_cel: unknown key .*Did you mean 'min_cell'"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(tmp_path, segment, told):
    with pytest.raises(ConfigError, match=told):
        run(parse_settings(csv_source(tmp_path, ["a,2024-01-01,tea,1", "b,2024-01-02,tea,1"], **segment)))


def test_several_fields_are_multiplied_into_money(tmp_path):
    lines = [f"c{i},2024-01-{day:02d},item {i % 3},{i}" for i in range(30) for day in (1, 5)]
    run(parse_settings(csv_source(tmp_path, lines, amount=["amount", "amount"])))
    found = activity(tmp_path / "out" / "small")
    assert found.loc["c7", "amount_sum"] == 2 * 7**2
