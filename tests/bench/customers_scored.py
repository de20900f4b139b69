"""Scoring forty attributes against a plain loop over the same trees, on an operator trained once; see `scoring`."""

from __future__ import annotations

import json
import shutil
import subprocess

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
    for size in options.sizes or (20_000, 100_000):
        written = folder / "rows.json"
        asked = ["--customers", size, "--rounds", options.rounds, "--json", written]
        subprocess.run(command("tests.bench.scoring", folder, *asked), check=True)
        for row in json.loads(written.read_text()):
            results.note(part=PART, size=size, **row)
    shutil.rmtree(folder)
