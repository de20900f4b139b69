"""The default features by the program: a snapshot of all buckets, two workers."""

from __future__ import annotations

from pathlib import Path

from pipeline.features.snapshot import write_snapshots
from pipeline.settings import Engine, Features
from tests.bench.events import purchases

WORKERS = 2


def run(events: Path, out: Path, as_of_us: int) -> None:
    """Write a snapshot as for a training instant: of all events, nothing kept."""
    _write(events, out, as_of_us, None)


def run_kept(events: Path, out: Path, as_of_us: int) -> None:
    """Write a snapshot as for the instant of scoring, for the first time: what later days build on is kept as well."""
    _write(events, out, as_of_us, as_of_us)


def _write(events: Path, out: Path, as_of_us: int, refreshed_us: int | None) -> None:
    (out / "events").symlink_to(events.resolve())
    data = purchases(events.parent)
    write_snapshots(data, Features(), Engine(), WORKERS, out, [as_of_us], refreshed_us=refreshed_us)
