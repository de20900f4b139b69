"""Training forty attributes alone, beside a plain loop of as many LightGBM fits over matrices in memory.

Both read the same snapshots of a synthetic operator. The program runs `stages=[train]` with the recipe `lightgbm`, two
attributes at a time. See `training_by_hand` for what the loop does and what it leaves out; it has one process, so that
processor time is the column to compare.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.bench.measured import Results, measure
from tests.bench.options import Options, command
from tests.bench.tables import show_growth, show_ways

PART = "training"
WAYS = ("stage train", "plain loop")


def run(options: Options, results: Results) -> None:
    """Make each operator and its features once, measure both ways in turn, print and note the figures."""
    for size in options.customers:
        folder = options.folder / f"training-{size}"
        measure(command("pipeline.synthetic.telecom", "--customers", size, "--folder", folder / "source"))
        source = ["data=telecom", "model=lightgbm", f"data.root={folder}/source", f"outputs={folder}"]
        source += ["engine.workers=2", *options.overrides]
        measure(command("pipeline", "stages=[features]", *source, f"tracking.folder={folder}/models"))
        for number in range(options.rounds):
            _round(folder, source, size, number, results)
        shutil.rmtree(folder)
    rows = [row for row in results.rows if row["part"] == PART]
    show_ways(rows, "Training: medians over rounds", WAYS, WAYS[0])
    show_growth(rows, WAYS)


def _round(folder: Path, source: list[str], size: int, number: int, results: Results) -> None:
    shutil.rmtree(folder / "telecom" / "training", ignore_errors=True)  # or it would find it done
    models, told = folder / f"models-{number}", folder / "told.json"
    commands = {
        WAYS[0]: command("pipeline", "stages=[train]", *source, f"tracking.folder={models}"),
        WAYS[1]: command("tests.bench.training_by_hand", told, *source),
    }
    for way, asked in commands.items():
        cost = measure(asked)
        facts = json.loads(told.read_text()) if way == WAYS[1] else {}
        results.add(cost, part=PART, size=size, way=way, round=number, **facts)
        of = f" ({facts['fits']:,} fits of {facts['attributes']} attributes)" if facts else ""
        print(
            f"{PART}, {size:,} customers, round {number + 1}, {way}{of}: {cost.seconds:.0f} s, "
            f"{cost.cpu_seconds:.0f} s of CPU, {cost.peak_mb:.0f} MB",
            flush=True,
        )
    shutil.rmtree(models, ignore_errors=True)
