"""The stages of a run by recipe: each in a fresh folder and a process of its own, the recipes in turn.

By default on the default source; with sizes on a synthetic operator of so many customers. A run of all stages is the
way's total: its ratio is to the first recipe.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bench.measured import Results, measure
from tests.bench.options import Options, command
from tests.bench.tables import median, show_growth, show_ways

PART = "stages"
STAGES = ("features", "train", "score", "lookalike")


def run(options: Options, results: Results) -> None:
    """Measure all stages with each recipe, print and note the figures."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        sources = {size: synthesised(size, Path(folder)) for size in options.sizes} or {0: []}
        for number in range(options.rounds):
            for size, source in sources.items():
                for model in options.models:
                    overrides = [f"model={model}", *source, *options.overrides]
                    run_stages(results, PART, model, number, size, overrides, options.folder)
    rows = [row for row in results.rows if row["part"] == PART]
    for stage in STAGES:
        own = [{**row, "way": row["model"]} for row in rows if row["stage"] == stage]
        show_ways(own, f"Stage {stage}, by customers (0: the source)", options.models, options.models[0])
    show_growth([{**row, "way": f"{row['model']}, {row['stage']}"} for row in rows], growing(options.models))


def growing(models: tuple[str, ...]) -> list[str]:
    """Return what has an exponent of its own: each stage of each recipe."""
    return [f"{model}, {stage}" for model in models for stage in STAGES]


def synthesised(customers: int, folder: Path) -> list[str]:
    """Write the synthetic operator at a size; return the overrides that read it."""
    root = folder / f"telecom-{customers}"
    measure(command("pipeline.synthetic.telecom", "--customers", customers, "--folder", root))
    return ["data=telecom", f"data.root={root}"]


def run_stages(
    results: Results, part: str, model: str, number: int, size: int, overrides: list[str], below: Path
) -> None:
    """Run the stages in a fresh folder, each in a process of its own, and note what each took."""
    with tempfile.TemporaryDirectory(dir=below) as folder:
        for stage in STAGES:
            arguments = [f"stages=[{stage}]", f"outputs={folder}", f"tracking.folder={folder}/models", *overrides]
            cost = measure(command("pipeline", *arguments))
            results.add(cost, part=part, size=size, model=model, stage=stage, round=number)
            print(f"round {number + 1}, {model}, {stage}: {cost.seconds:.0f} s, {cost.peak_mb:.0f} MB", flush=True)


def shares(rows: list[dict[str, object]], stages: list[str]) -> list[tuple[str, float, float]]:
    """Return stage, median seconds, share of the sum of medians."""
    medians = {stage: median([row for row in rows if row["stage"] == stage], "seconds") for stage in stages}
    total = sum(medians.values())
    return [(stage, seconds, seconds / total) for stage, seconds in medians.items()]
