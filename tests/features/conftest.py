"""Ways to take a snapshot of a source."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pipeline.engine import DuckDBEngine
from pipeline.events import write_events
from pipeline.features.snapshot import snapshot_folder, write_snapshots
from pipeline.settings import Engine, Features
from tests.features.source import AS_OF_US, WINDOWS, Rows, random_rows, write_source


@pytest.fixture(scope="session")
def take(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that writes rows as a source and returns its snapshot's folder."""
    numbers = itertools.count()

    def take(rows: Mapping[str, Rows], buckets: int = 2, workers: int = 1, as_of_us: int = AS_OF_US) -> Path:
        folder = tmp_path_factory.mktemp(f"source{next(numbers)}")
        data = write_source(folder, rows)
        with DuckDBEngine() as engine:
            write_events(data, buckets, folder / "out" / "events", folder / "quarantine", engine)
        write_snapshots(data, Features(WINDOWS, buckets), Engine(), workers, folder / "out", [as_of_us])
        return snapshot_folder(folder / "out", as_of_us)

    return take


@pytest.fixture(scope="session", params=[0, 1])
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="session")
def rows(seed: int) -> dict[str, Rows]:
    return random_rows(seed)


@pytest.fixture(scope="session")
def snapshot(rows: dict[str, Rows], take: Callable[..., Path]) -> Path:
    return take(rows)
