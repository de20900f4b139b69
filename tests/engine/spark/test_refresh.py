"""A new day on a cluster: only the new files are read, and parts, what is kept and features are one machine's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.engine.spark.engine import SparkEngine
from pipeline.events import write_events
from pipeline.features.snapshot import snapshot_folder, write_snapshots
from pipeline.outputs import read_manifest
from pipeline.settings import Engine
from pipeline.timeline import resolve_as_of
from tests.features.test_refresh import LATE_DAYS, LOGS, NOW_US, Source, some_rows
from tests.source import contents


def taken_in(source: Source, out: Path, settings: Engine) -> Path:
    """Write events and the snapshot of the last one, as the features stage does; return the snapshot."""
    opened = SparkEngine(settings, out) if settings.name == "spark" else DuckDBEngine()
    with opened as engine:
        manifest = write_events(
            source.data, 3, out / "events", out / "quarantine", engine, now_us=NOW_US, late_days=LATE_DAYS
        )
    as_of_us = resolve_as_of(source.data, manifest)
    write_snapshots(source.data, source.features, settings, 1, out, [as_of_us], refreshed_us=as_of_us)
    return snapshot_folder(out, as_of_us)


@pytest.mark.usefixtures("port")
def test_a_new_day_gives_the_same_files_on_a_cluster(settings: Engine, tmp_path: Path) -> None:
    source, rng = Source(tmp_path), np.random.default_rng(0)
    for log in LOGS:
        source.add(log, "0", some_rows(log, rng, 120, 0, 30))
    outputs = {"duckdb": Engine(), "spark": settings}
    for name, chosen in outputs.items():
        taken_in(source, tmp_path / name, chosen)
    settled = contents(tmp_path / "spark" / "settled")
    source.add("buy", "1", some_rows("buy", rng, 30, 28, 4))  # late ones, too, and one that is too late
    source.add("buy", "2", [*some_rows("buy", rng, 1, 3, 1), *some_rows("buy", rng, 10, 31, 2)])
    snapshots = {name: taken_in(source, tmp_path / name, chosen) for name, chosen in outputs.items()}
    assert contents(tmp_path / "spark" / "settled") == settled  # refreshed, not made anew
    manifest = read_manifest(tmp_path / "spark" / "events")
    assert len(manifest["added"]) == 1
    assert manifest["logs"]["buy"]["bad"] == {"later than late_days": 1}
    assert manifest == read_manifest(tmp_path / "duckdb" / "events")
    for place in ("events", "settled", "quarantine"):
        assert contents(tmp_path / "spark" / place) == contents(tmp_path / "duckdb" / place), place
    assert snapshots["spark"].name == snapshots["duckdb"].name
    assert contents(snapshots["spark"]) == contents(snapshots["duckdb"])
    assert any(path.name.endswith("part-0001.parquet") for path in (snapshots["spark"] / "tokens").iterdir())
