"""Scoring forty attributes against a plain loop over the same trees, on an operator trained once; see `scoring`."""

from __future__ import annotations

import json
import shutil

from rich.console import Console
from rich.table import Table

from tests.bench.measured import Results, measure
from tests.bench.options import Options, command

PART = "scoring"
TRAINED = 5_000  # customers of the operator that the models learn from; bigger bases repeat its first bucket


def run(options: Options, results: Results) -> None:
    """Train, then measure each size, print and note the figures; sizes default to 20,000 and 100,000 customers."""
    folder = options.folder / "scoring"
    source = [f"data.root={folder}/source", f"outputs={folder}", f"tracking.folder={folder}/models"]
    measure(command("pipeline.synthetic.telecom", "--customers", TRAINED, "--folder", folder / "source"))
    learn = ["data=telecom", "model=stacked", "stages=[features,train]", *source, *options.overrides]
    measure(command("pipeline", *learn))
    table = Table(title="Customers per second of one process's CPU, medians over rounds")
    found = []
    for size in options.sizes or (20_000, 100_000):
        written = folder / "row.json"
        asked = ["--size", size, "--rounds", options.rounds, "--json", written, "--overrides", *options.overrides]
        cost = measure(command("tests.bench.scoring", folder, *asked))
        found += [json.loads(written.read_text())]
        results.add(cost, part=PART, size=size, way="ours and plain loop", round=0, **found[-1])
        print(f"{PART}, {size:,} customers: {cost.seconds:.0f} s, {cost.peak_mb:.0f} MB", flush=True)
    for column in found[0]:
        table.add_column(column, justify="right")
    for row in found:
        table.add_row(*(f"{figure:,.2f}" for figure in row.values()))
    Console().print(table)
    shutil.rmtree(folder)
