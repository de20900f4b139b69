"""What a user is told whose catalogue cannot be used, on the command line, with a source of sixty customers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
CUSTOMERS, DAYS = 60, 100
GOOD = "pet: {kind: binary, declared: {column: pet}}"

SOURCE = """
name: small
root: {root}
logs: {{visits: {{path: visits.csv, id: id, time: time, categorical: [page]}}}}
profiles: {{path: profiles.csv, id: id}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a source of a hundred days, and make its features, which no attribute of a profile changes."""
    folder = tmp_path_factory.mktemp("small")
    rng = np.random.default_rng(0)
    pet = np.repeat(["cat", "dog"], CUSTOMERS // 2)
    who = np.repeat(np.arange(CUSTOMERS), 20)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, DAYS * 86_400, len(who)), unit="s")
    pages = np.where(rng.random(len(who)) < 0.5, pet[who], rng.choice([f"page {n}" for n in range(9)], len(who)))
    pd.DataFrame({"id": who, "time": days, "page": pages}).to_csv(folder / "visits.csv", index=False)
    told = {"id": np.arange(CUSTOMERS), "pet": pet, "age": np.arange(CUSTOMERS) % 50 + 20, "shoe": ""}
    pd.DataFrame(told).to_csv(folder / "profiles.csv", index=False)
    (folder / "own" / "data").mkdir(parents=True)
    (folder / "own" / "attributes").mkdir()
    (folder / "own" / "data" / "small.yaml").write_text(SOURCE.format(root=folder), "utf-8")
    return folder


@pytest.fixture
def trained(folder: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Return a function that trains a catalogue on the command line."""

    def train(*entries: str) -> subprocess.CompletedProcess[str]:
        (folder / "own" / "attributes" / "small.yaml").write_text("\n".join(entries), "utf-8")
        environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        command = [sys.executable, "-m", "pipeline", "--config-dir", str(folder / "own"), "data=small"]
        command += ["stages=[features,train]", "experiment=fast", "features.buckets=1", "engine.workers=1"]
        command += ["model.folds=2", "model.min_labels_per_value=10", "evaluation.folds=2", "evaluation.resamples=100"]
        command += ["features.vector.dimensions=2", "features.windows_days=[30]"]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return train


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            "likes: {kind: binary, declared: {column: pett}}",
            r"attributes\.likes\.declared\.column: 'pett' is no column of the profiles .*Did you mean 'pet'\?",
        ),
        (
            "likes: {kind: binary, declared: {column: pet, map: {cat: yes}}}",
            r"attributes\.likes\.declared\.map: 30 profiles hold 'dog', which the map does not name \(allowed: cat\)",
        ),
        (
            "age: {kind: ordinal, declared: {column: age, bands: {young: [null, 40], old: [35, null]}}}",
            r"attributes\.age\.declared: bands 'young' and 'old' overlap between 35\.0 and 40\.0",
        ),
        (
            "age: {kind: ordinal, declared: {column: age, bands: {young: [25, 40], old: [40, null]}}}",
            r"attributes\.age\.declared\.bands: 10 values lie in no band, such as 20",
        ),
        (
            "returns: {kind: binary, future: {log: visit, horizon_days: 7, at_least: 1}}",
            r"attributes\.returns\.future\.log: .*'visit'.*Did you mean 'visits'\?",
        ),
    ],
)
def test_an_entry_that_cannot_be_meant_stops_the_training_and_is_named(trained, entry: str, told: str) -> None:
    done = trained(GOOD, entry)
    assert re.search(told, " ".join(done.stderr.split())), done.stderr
    assert done.returncode == 2
    assert "Traceback" not in done.stderr + done.stdout


def test_an_entry_that_the_data_cannot_answer_is_named_and_the_others_are_learnt(trained) -> None:
    done = trained(
        GOOD,
        "shoe: {kind: nominal, declared: {column: shoe}}",
        "returns: {kind: binary, future: {log: visits, horizon_days: 56, at_least: 1}}",
    )
    shown = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 0, done.stderr
    assert "attributes.shoe is not learnt: no label: 10 customers of each value needed, none found" in shown
    assert (
        "attributes.returns is not learnt: logs too short for a horizon of 56 days: 168 days needed (one of history, "
        "one to learn from, one to be judged on), found 99" in shown  # whole ones: the first event is of the morning
    )
    assert re.search(r"pet 60 \d\.\d", shown)
