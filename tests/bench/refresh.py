"""One more day of events: what the features stage takes then, against making all anew in a fresh folder.

A year of daily files is read first, with nothing to train: only the snapshot of as_of is needed, as in a daily run that
scores. Then a day is added and the stage runs again where the first outputs stand, and once in a fresh folder, over the
same files. Both give the same features, which is checked in the first round of each size.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from pipeline.features.stage import build_features
from pipeline.settings import Model, Settings
from tests.bench import events
from tests.bench.measured import Results, measure
from tests.bench.options import Options, command
from tests.bench.ways.equality import require_equal

PART = "refresh"
WAYS = ("one more day", "rebuild", "first run")
_NONE = Model(name="none", estimator={})  # nothing is trained


def run(options: Options, results: Results) -> None:
    """Measure at each size, print and note the figures; ratios are to the rebuild."""
    for size in options.events:
        for number in range(options.rounds):
            _round(size, number, options.folder / f"refresh-{size}", results)
    from tests.bench.tables import show_growth, show_ways  # not in the runs that are measured, which begin here

    rows = [row for row in results.rows if row["part"] == PART]
    show_ways(rows, "Features stage: medians over rounds", WAYS, "rebuild")
    show_growth(rows, WAYS)


def build(source: Path, outputs: Path) -> None:
    """Run the features stage as in a run that trains nothing."""
    settings = Settings(data=events.purchases(source), model=_NONE, stages=("features", "score"))
    build_features(settings, outputs, 2)


def _round(size: int, number: int, folder: Path, results: Results) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    source, world = folder / "source", events.sized(size)
    events.write_days(world, source, range(events.DAYS))
    _measured("first run", source, folder / "daily", size, number, results)
    events.write_days(world, source, range(events.DAYS, events.DAYS + 1))
    _measured("one more day", source, folder / "daily", size, number, results)
    _measured("rebuild", source, folder / "anew", size, number, results)
    if number == 0:
        for outputs in (folder / "daily", folder / "anew"):
            _only_latest(outputs)
        print(f"{PART}, {size:,} events: equal for {require_equal(folder / 'anew', folder / 'daily'):,} customers")
    shutil.rmtree(folder)


def _measured(way: str, source: Path, outputs: Path, size: int, number: int, results: Results) -> None:
    cost = measure(command("tests.bench.refresh", source, outputs))
    results.add(cost, part=PART, size=size, way=way, round=number)
    print(
        f"{PART}, {size:,} events, round {number + 1}, {way}: {cost.seconds:.1f} s, {cost.peak_mb:.0f} MB", flush=True
    )


def _only_latest(outputs: Path) -> None:
    """Remove all snapshots but that of the latest instant, whose folder's name is the greatest."""
    for snapshot in sorted((outputs / "snapshots").iterdir())[:-1]:
        shutil.rmtree(snapshot)


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]))
