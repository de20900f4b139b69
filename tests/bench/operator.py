"""A synthetic operator end to end: made, then features, training, scores and one audience; each stage's share.

What makes the operator's files is no part of the program's time; its row stands beside the stages without a share.
"""

from __future__ import annotations

import shutil

from rich.console import Console
from rich.table import Table

from tests.bench.measured import Results, measure
from tests.bench.options import Options, command
from tests.bench.stages import STAGES, run_stages, shares
from tests.bench.tables import Rows, median, show_growth

PART = "operator"
MADE = "generation"


def run(options: Options, results: Results) -> None:
    """Measure each size with the first recipe, print and note the figures."""
    model = options.models[0]
    for size in options.customers:
        root = options.folder / f"operator-{size}"
        for number in range(options.rounds):
            shutil.rmtree(root, ignore_errors=True)
            made = ("--activity", options.activity, "--customers", size, "--folder", root)
            cost = measure(command("pipeline.synthetic.telecom", *made))
            facts = {"activity": options.activity, "overrides": list(options.overrides)}
            results.add(cost, part=PART, size=size, model=model, stage=MADE, round=number, **facts)
            print(f"round {number + 1}, {MADE}: {cost.seconds:.0f} s, {cost.peak_mb:.0f} MB", flush=True)
            overrides = ["data=telecom", f"data.root={root}", f"model={model}", *options.overrides]
            run_stages(results, PART, model, number, size, overrides, options.folder)
        shutil.rmtree(root, ignore_errors=True)
    rows = [row for row in results.rows if row["part"] == PART]
    for size in options.customers:
        show([row for row in rows if row["size"] == size], f"A synthetic operator of {size:,} customers, {model}")
    show_growth([{**row, "way": row["stage"]} for row in rows], (MADE, *STAGES))


def show(rows: Rows, title: str) -> None:
    """Print the medians of each stage and its share of the sum of stages."""
    table = Table(title=title)
    for column in ("stage", "s", "share", "CPU s", "peak MB"):
        table.add_column(column, justify="right")
    share = {stage: part for stage, _, part in shares(rows, list(STAGES))}
    for stage in (MADE, *STAGES):
        own = [row for row in rows if row["stage"] == stage]
        figures = [f"{median(own, cost):,.1f}" for cost in ("seconds", "cpu_seconds", "peak_mb")]
        table.add_row(stage, figures[0], f"{share[stage]:.0%}" if stage in share else "", *figures[1:])
    total = sum(median([row for row in rows if row["stage"] == stage], "seconds") for stage in STAGES)
    table.add_row("all stages", f"{total:,.1f}", "100%", "", "")
    Console().print(table)
