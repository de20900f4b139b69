"""Time and memory of the stages: `make bench`, or `python -m tests.bench --help`.

Each recipe runs all stages in a fresh folder, in turn and several times; printed are medians over the
rounds and the ratio to the first recipe. Memory is the largest sum of the resident sets of the process and
its workers (pages that they share are counted for each). Machines are shared and noisy: compare ratios.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

STAGES = ("features", "train", "score", "lookalike")


def main() -> None:
    """Measure, print a table, and write it as JSON."""
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["stacked", "logistic"], help="recipes of conf/model to compare")
    parser.add_argument("--rounds", type=int, default=1, help="how often each recipe runs")
    parser.add_argument("--json", type=Path, default=Path("outputs/bench.json"), help="where the figures are written")
    parser.add_argument("overrides", nargs="*", help="further overrides, such as data=online_retail data.root=<folder>")
    chosen = parser.parse_args()
    rows = []
    for number in range(chosen.rounds):
        for model in chosen.models:
            rows += measure(model, number, chosen.overrides)
    show(rows, chosen.models)
    facts = {"machine": platform.machine(), "cores": psutil.cpu_count(), "python": platform.python_version()}
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(json.dumps({"machine": facts, "rows": rows}, indent=1))
    print(f"written to {chosen.json}")


def measure(model: str, number: int, overrides: list[str]) -> list[dict[str, object]]:
    """Return one row per stage of one run of a recipe in a fresh folder."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for stage in STAGES:
            command = [sys.executable, "-m", "pipeline", f"stages=[{stage}]", f"model={model}", f"outputs={folder}"]
            seconds, peak = watch([*command, f"tracking.folder={folder}/models", *overrides])
            rows.append({"model": model, "stage": stage, "round": number, "seconds": seconds, "peak_mb": peak})
            print(f"round {number + 1}, {model}, {stage}: {seconds:.0f} s, {peak:.0f} MB", flush=True)
    return rows


def watch(command: list[str]) -> tuple[float, float]:
    """Run a command; return its wall seconds and its processes' largest resident memory in MB."""
    started, peak = time.monotonic(), 0.0
    with tempfile.TemporaryFile("w+") as said:
        process = psutil.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, memory_mb(process))
            time.sleep(0.1)
        if process.returncode:
            said.seek(0)
            raise SystemExit(said.read())
    return time.monotonic() - started, peak


def memory_mb(process: psutil.Process) -> float:
    """Return the resident memory of a process and all below it, in MB."""
    total = 0
    try:
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_info().rss
    except psutil.NoSuchProcess:  # one of them ended while it was looked at
        return 0.0
    return total / 1e6


def show(rows: list[dict[str, object]], models: list[str]) -> None:
    """Print medians by stage and recipe, and the ratio to the first recipe."""
    table = Table(title="Medians of wall time and peak memory")
    for column in ("stage", *(f"{model}: s / MB" for model in models), *(f"{m} : {models[0]}" for m in models[1:])):
        table.add_column(column, justify="right")
    totals = dict.fromkeys(models, 0.0)
    for stage in STAGES:
        cells, seconds = [], {}
        for model in models:
            own = [row for row in rows if row["model"] == model and row["stage"] == stage]
            seconds[model] = statistics.median(float(str(row["seconds"])) for row in own)
            totals[model] += seconds[model]
            cells.append(f"{seconds[model]:.0f} / {statistics.median(float(str(row['peak_mb'])) for row in own):.0f}")
        table.add_row(stage, *cells, *(f"{seconds[m] / seconds[models[0]]:.2f}" for m in models[1:]))
    ratios = (f"{totals[m] / totals[models[0]]:.2f}" for m in models[1:])
    table.add_row("all", *(f"{totals[m]:.0f}" for m in models), *ratios)
    Console().print(table)


if __name__ == "__main__":
    main()
