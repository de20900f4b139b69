"""Run the stages of one configuration in order."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline import console
from pipeline.errors import ConfigError, PipelineError
from pipeline.outputs import exclusive
from pipeline.settings import STAGES, Settings

REPORTED = ("segments", "value", "market", "messages")  # whose failure does not keep the report from being written
READING = ("portrait",)  # which writes nothing, and so may run beside a run that does

_SPILL = ".spill"


def run(settings: Settings) -> float | None:
    """Run `settings.stages` in their natural order; return the objective of the stage sweep, if it is one of them.

    Heavy libraries are loaded by the stage that needs them, so that a misspelt key is answered at once.
    """
    outputs = _outputs(settings)
    only_reads = set(settings.stages) <= set(READING)
    settings = settings if only_reads else _spilling(settings, outputs)
    workers = settings.engine.workers or os.cpu_count() or 1
    steps: dict[str, Callable[[], float | None]] = {
        "features": lambda: _features(settings, outputs, workers),
        "train": lambda: _train(settings, outputs, workers),
        "score": lambda: _score(settings, outputs, workers),
        "shares": lambda: _shares(settings, outputs, workers),
        "lookalike": lambda: _lookalike(settings, outputs, workers),
        "messages": lambda: _messages(settings, outputs),
        "value": lambda: _value(settings, outputs, workers),
        "segments": lambda: _segments(settings, outputs),
        "market": lambda: _market(settings, outputs),
        "report": lambda: _report(settings, outputs, failed),
        "portrait": lambda: _portrait(settings, outputs),
        "compare": lambda: _compare(settings),
        "sweep": lambda: _sweep(settings, outputs, workers),
    }
    objective: float | None = None
    failed: dict[str, str] = {}
    with _beside() if only_reads else _held(outputs), _ending_engines(settings):
        for stage in STAGES:
            if stage in settings.stages:
                started = time.monotonic()
                try:
                    objective = steps[stage]()
                except PipelineError as error:
                    if stage not in REPORTED or "report" not in settings.stages:
                        raise
                    failed[stage] = str(error)  # the report says so, and tells the rest
                    console.warn(f"{stage}: {error}")
                    continue
                if stage not in (*READING, "compare", "sweep"):
                    console.say(f"{stage}: done in {time.monotonic() - started:.0f} s")
    if failed:
        raise PipelineError(f"the report was written, but not from these stages, which failed: {', '.join(failed)}")
    return objective


def _outputs(settings: Settings) -> Path:
    """Return where the stages write; for a cluster from the root, because its workers run in folders of their own."""
    outputs = Path(settings.outputs) / settings.data.name
    return outputs.absolute() if settings.engine.name == "spark" else outputs


def _spilling(settings: Settings, outputs: Path) -> Settings:
    """Return settings that name a folder for what queries spill: where results go there is room, and leave to write.

    Without one DuckDB takes the folder that the run was started in. On a cluster a task's is the worker's own, and only
    the program that asks spills there: see `_held`.
    """
    if settings.engine.spill is not None or settings.engine.name == "spark":
        return settings
    return replace(settings, engine=replace(settings.engine, spill=str(outputs / _SPILL)))


@contextmanager
def _held(outputs: Path) -> Iterator[None]:
    """Hold the outputs alone; spill there, and leave nothing of what queries spill: a run that was killed may have."""
    from pipeline.engine.duckdb import spilling_to

    with exclusive(outputs):
        shutil.rmtree(outputs / _SPILL, ignore_errors=True)
        try:
            with spilling_to(outputs / _SPILL):
                yield
        finally:
            shutil.rmtree(outputs / _SPILL, ignore_errors=True)


@contextmanager
def _beside() -> Iterator[None]:
    """Spill apart from the outputs, which another run may hold."""
    from pipeline.engine.duckdb import spilling_to

    with TemporaryDirectory(prefix="lookalike-") as folder, spilling_to(Path(folder)):
        yield


@contextmanager
def _ending_engines(settings: Settings) -> Iterator[None]:
    """Give a cluster's workers back at the end, however it comes."""
    try:
        yield
    finally:
        if settings.engine.name == "spark":
            from pipeline.engine import end_engines

            end_engines()


def conclude_sweep(settings: Settings) -> None:
    """Judge a sweep's best trial and the default, which `settings` are, on the customers set aside."""
    from pipeline.sweep.verdict import conclude
    from pipeline.tracking import told

    outputs = _outputs(settings)
    settings = _spilling(settings, outputs)
    with _held(outputs), told(settings.tracking, settings.data.name) as tracker:
        conclude(settings, outputs, tracker, settings.engine.workers or os.cpu_count() or 1)


def _features(settings: Settings, outputs: Path, workers: int) -> None:
    from pipeline.features.stage import build_features

    build_features(settings, outputs, workers)


def _train(settings: Settings, outputs: Path, workers: int) -> None:
    from pipeline.tracking import told
    from pipeline.train import train

    with told(settings.tracking, settings.data.name) as tracker:
        train(settings, outputs, tracker, workers)


def _score(settings: Settings, outputs: Path, workers: int) -> None:
    from pipeline.score import score
    from pipeline.tracking import told

    with told(settings.tracking, settings.data.name) as tracker:
        score(settings, outputs, tracker, workers)


def _shares(settings: Settings, outputs: Path, workers: int) -> None:
    from pipeline.nonresponse.stage import shares
    from pipeline.tracking import told

    with told(settings.tracking, settings.data.name) as tracker:
        shares(settings, outputs, tracker, workers)


def _lookalike(settings: Settings, outputs: Path, workers: int) -> None:
    from pipeline.lookalike.stage import lookalike
    from pipeline.tracking import told

    with told(settings.tracking, settings.data.name) as tracker:
        lookalike(settings, outputs, tracker, workers)


def _messages(settings: Settings, outputs: Path) -> None:
    from pipeline.campaign.stage import messages
    from pipeline.tracking import told

    with told(settings.tracking, settings.data.name) as tracker:
        messages(settings, outputs, tracker)


def _value(settings: Settings, outputs: Path, workers: int) -> None:
    from pipeline.tracking import told
    from pipeline.value.stage import value

    with told(settings.tracking, settings.data.name) as tracker:
        value(settings, outputs, tracker, workers)


def _segments(settings: Settings, outputs: Path) -> None:
    from pipeline.segment.stage import segments
    from pipeline.tracking import told

    with told(settings.tracking, settings.data.name) as tracker:
        segments(settings, outputs, tracker)


def _market(settings: Settings, outputs: Path) -> None:
    from pipeline.market.stage import market
    from pipeline.tracking import told

    with told(settings.tracking, settings.data.name) as tracker:
        market(settings, outputs, tracker)


def _report(settings: Settings, outputs: Path, failed: Mapping[str, str]) -> None:
    from pipeline.report.stage import report
    from pipeline.tracking import told

    with told(settings.tracking, settings.data.name) as tracker:
        report(settings, outputs, tracker, failed)


def _portrait(settings: Settings, outputs: Path) -> None:
    from pipeline.portrait import print_portrait
    from pipeline.tracking import told

    if settings.customer is None:
        raise ConfigError("customer: this key is required for the stage portrait, for example customer=1001")
    with told(settings.tracking, settings.data.name) as tracker:
        print_portrait(settings, outputs, tracker)


def _compare(settings: Settings) -> None:
    from pipeline.compare.stage import compare
    from pipeline.tracking import told

    with told(settings.tracking, settings.data.name) as tracker:
        compare(settings, tracker)


def _sweep(settings: Settings, outputs: Path, workers: int) -> float:
    from pipeline.sweep.trial import try_settings
    from pipeline.tracking import told

    with told(settings.tracking, settings.data.name) as tracker:
        return try_settings(settings, outputs, tracker, workers)
