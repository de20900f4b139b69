"""Every step in a process of its own, so that seconds and peak memory are its own."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import joblib

from pipeline import console
from pipeline.outputs import fingerprint
from pipeline.program import code_fingerprint
from tests.bench.measured import watch
from tests.bench.quality.learn import SYNTHESISED
from tests.bench.quality.methods import Method
from tests.bench.quality.prepare import EVENTS
from tests.bench.quality.tasks import BenchTask

SYNTHESIS = Path(__file__).with_name("dfs.py")


def prepare_task(
    task: BenchTask, config: dict[str, Any], attributes: list[str], asked: argparse.Namespace
) -> dict[str, Any]:
    """Make features and labels in a process of their own unless they stand; return where, and what they cost."""
    folder = asked.folder / (f"{task.name}-quick" if asked.quick else task.name)
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "prepared.json"
    expected = fingerprint(config, task.attributes, code_fingerprint())
    job = {
        "config": config,
        "attributes": list(task.attributes),
        "folder": str(folder),
        "workers": min(asked.workers, len(attributes)),
    }
    if not done.exists() or json.loads(done.read_text())["fingerprint"] != expected:
        seconds, peak = run("prepare", job, folder / "prepare.json")
        (folder / "dfs.json").unlink(missing_ok=True)
        done.write_text(json.dumps({"fingerprint": expected, "cost": {"feature_seconds": seconds, "feature_mb": peak}}))
    console.say(f"{task.name}: features and labels stand in {folder}")
    return {**job, "attributes": attributes, "cost": json.loads(done.read_text())["cost"]}


def synthesise(prepared: dict[str, Any], python: Path) -> dict[str, float]:
    """Let featuretools make its features unless they stand; return what they cost."""
    folder = Path(prepared["folder"])
    done = folder / "dfs.json"
    if not done.exists():
        seconds, peak = watch([str(python), str(SYNTHESIS), str(folder / EVENTS), str(folder / SYNTHESISED)])
        done.write_text(json.dumps({"feature_seconds": seconds, "feature_mb": peak}))
    cost: dict[str, float] = json.loads(done.read_text())
    return cost


def run_method(
    name: str,
    task: BenchTask,
    method: Method,
    models: dict[str, Any],
    prepared: dict[str, Any],
    asked: argparse.Namespace,
) -> tuple[dict[str, dict[str, Any]], float, float]:
    """Return a method's predictions by variant and attribute, wall seconds and peak memory in MB."""
    folder = Path(prepared["folder"])
    out = folder / f"predictions-{method.name}.joblib"
    job = {
        **prepared,
        "variants": models,
        "features": method.features,
        "columns": method.columns,
        "folds": asked.folds or (3 if asked.quick else 5),
        "repeats": asked.repeats or (1 if asked.quick else task.repeats),
        "certified": asked.certified,
        "out": str(out),
    }
    seconds, peak = run("learn", job, folder / f"learn-{method.name}.json")
    return joblib.load(out), seconds, peak


def run(module: str, job: dict[str, Any], file: Path) -> tuple[float, float]:
    """Run a module of this package on a job in a process of its own; return seconds and peak memory in MB."""
    file.write_text(json.dumps(job))
    return watch([sys.executable, "-m", f"tests.bench.quality.{module}", str(file)])
