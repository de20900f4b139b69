"""A run that is killed anywhere and started again ends with the result of one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from tests.end_to_end import planted

PROGRAM = """
import json, sys
from pipeline.configuration import parse_settings
from pipeline.run import run

run(parse_settings(json.load(open(sys.argv[1]))))
"""
# A line of output at which the program is killed: while events are checked, while snapshots are written, in the
# middle of training, between two registrations, in the middle of scoring.
MOMENTS = [
    "features: events of purchases",
    "features: snapshot 4/9",
    "train 1/2",
    "register 1/2",
    "score 2/3",
]


def command(folder: Path) -> list[str]:
    config = planted.config(folder / "source", folder / "outputs")
    (folder / "config.json").write_text(json.dumps(config))
    return [sys.executable, "-W", "ignore", "-c", PROGRAM, str(folder / "config.json")]


def environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    return {**kept, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}


def kill_at(folder: Path, moment: str) -> bool:
    """Start the program and kill it, with its workers, when it prints the moment's line; tell whether it did."""
    with subprocess.Popen(
        command(folder), stdout=subprocess.PIPE, text=True, env=environment(), start_new_session=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(moment):
                os.killpg(process.pid, signal.SIGKILL)
                return True
    return False


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("undisturbed")
    planted.write(folder / "source")
    subprocess.run(command(folder), check=True, env=environment(), stdout=subprocess.DEVNULL)
    return pd.read_parquet(folder / "outputs/planted/scores/predictions")


def test_killed_five_times_ends_as_if_run_once(undisturbed: pd.DataFrame, tmp_path: Path) -> None:
    planted.write(tmp_path / "source")
    for moment in MOMENTS:
        assert kill_at(tmp_path, moment), f"the program never printed '{moment}'"
        assert not (tmp_path / "outputs/planted/scores/_manifest.json").exists()
    subprocess.run(command(tmp_path), check=True, env=environment(), stdout=subprocess.DEVNULL)
    again = pd.read_parquet(tmp_path / "outputs/planted/scores/predictions")
    pd.testing.assert_frame_equal(undisturbed, again, check_exact=True)
    outputs = tmp_path / "outputs" / "planted"
    assert not [p for p in outputs.rglob("*") if ".partial" in p.name]
    store = f"sqlite:///{tmp_path / 'outputs/models/mlflow.db'}"
    client = mlflow.MlflowClient(store, store)  # or the registry of an earlier test in this process would be asked
    for model in ("kind", "lapses", "behaviour_encoder"):
        assert len(client.search_model_versions(f"name = 'planted.{model}'")) == 1
    experiment = client.get_experiment_by_name("planted")
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.info.status for run in runs) == ["FINISHED"] * 3
