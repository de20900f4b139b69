"""Time and memory of the stages: `make bench`, or `python -m tests.bench --help`.

Each recipe runs all stages in a fresh folder, in turn and several times; printed are medians over the
rounds and the ratio to the first recipe. Memory is the largest sum of the resident sets of the process and
its workers (pages that they share are counted for each). Machines are shared and noisy: compare ratios.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.growth import growth
from tests.bench.measured import Results, measure

STAGES = ("features", "train", "score", "lookalike")


def main() -> None:
    """Measure, print a table, and write it as JSON."""
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["stacked", "logistic"], help="recipes of conf/model to compare")
    parser.add_argument("--rounds", type=int, default=1, help="how often each recipe runs")
    parser.add_argument(
        "--customers",
        type=int,
        nargs="+",
        default=[],
        help="sizes of a synthetic operator to run on; three show growth",
    )
    parser.add_argument("--json", type=Path, default=Path("outputs/bench.json"), help="where the figures are written")
    parser.add_argument("overrides", nargs="*", help="further overrides, such as data=online_retail data.root=<folder>")
    chosen = parser.parse_args()
    results = Results(chosen.json)
    with tempfile.TemporaryDirectory() as folder:
        sources = synthesised(chosen.customers, Path(folder)) or {0: []}
        for number in range(chosen.rounds):
            for customers, source in sources.items():
                for model in chosen.models:
                    run_stages(results, model, number, customers, [*source, *chosen.overrides])
    for customers in sources:
        rows = [row for row in results.rows if row["customers"] == customers]
        show(rows, chosen.models, f"{customers:,} synthetic customers" if customers else "the source")
    if len(sources) >= 3:
        show_growth(results.rows, chosen.models)
    print(f"written to {chosen.json}")


def synthesised(sizes: list[int], folder: Path) -> dict[int, list[str]]:
    """Write the synthetic operator at each size; return the overrides that read it, by number of customers."""
    sources = {}
    for customers in sizes:
        root = folder / f"telecom-{customers}"
        measure(
            [sys.executable, "-m", "pipeline.synthetic.telecom", "--customers", str(customers), "--folder", str(root)]
        )
        sources[customers] = ["data=telecom", f"data.root={root}"]
    return sources


def run_stages(results: Results, model: str, number: int, customers: int, overrides: list[str]) -> None:
    """Run a recipe's stages in a fresh folder, each in a process of its own, and note what each took."""
    with tempfile.TemporaryDirectory() as folder:
        for stage in STAGES:
            command = [sys.executable, "-m", "pipeline", f"stages=[{stage}]", f"model={model}", f"outputs={folder}"]
            cost = measure([*command, f"tracking.folder={folder}/models", *overrides])
            results.add(cost, customers=customers, model=model, stage=stage, round=number)
            print(f"round {number + 1}, {model}, {stage}: {cost.seconds:.0f} s, {cost.peak_mb:.0f} MB", flush=True)


def watch(command: list[str]) -> tuple[float, float]:
    """Run a command; return its wall seconds and its processes' largest resident memory in MB."""
    cost = measure(command)
    return cost.seconds, cost.peak_mb


def show(rows: list[dict[str, object]], models: list[str], of: str) -> None:
    """Print medians by stage and recipe, and the ratio to the first recipe."""
    table = Table(title=f"Medians of wall time and peak memory, {of}")
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


def show_growth(rows: list[dict[str, object]], models: list[str]) -> None:
    """Print how each stage's time and memory grow with customers: exponents with their 95 % intervals."""
    table = Table(title="Exponent of growth with customers [95 %]; 1 is proportional")
    for column in ("model", "stage", "measurements", "wall time", "peak memory"):
        table.add_column(column, justify="right")
    for model in models:
        for stage in STAGES:
            own = [row for row in rows if row["model"] == model and row["stage"] == stage]
            sizes = [float(str(row["customers"])) for row in own]
            fits = [growth(sizes, [float(str(row[cost])) for row in own]) for cost in ("seconds", "peak_mb")]
            told = (f"{fit.exponent:.2f} [{fit.low:.2f}, {fit.high:.2f}]" for fit in fits)
            table.add_row(model, stage, str(len(own)), *told)
    Console().print(table)


if __name__ == "__main__":
    main()
