"""How many customers a second are scored, beside what one would write by hand with the same fitted models.

`python -m tests.bench.scoring <folder> --customers 20000 100000`, where <folder> holds `telecom` (outputs) and `models`
of a run of `data=telecom model=stacked stages=[features,train] outputs=<folder> tracking.folder=<folder>/models`.
Bases are the trained one, its buckets repeated under other ids. Four ways, medians over rounds that take turns:

* *command*: `python -m pipeline stages=[score]` with two workers, as in production, from its start to its end: imports,
  loading of 41 champions, reading of Parquet, own past, probabilities, certificates, novelty, reach and sets, both
  tables checked and written whole.
* *buckets*: the same buckets one after another in this process, models loaded and libraries imported before.
* *predictors*: each attribute's whole fitted predictor, `predict_proba`, over one matrix of all customers that is in
  memory before the clock starts. Left out: reading, the behaviour vectors, the own past, who told the value himself,
  who is asked, who is unlike the training customers or out of reach, thresholds, sets, writing. Nothing bounds its
  memory.
* *boosters*: `Booster.predict` of LightGBM alone over one pandas DataFrame of what that attribute's trees read, in
  memory as well. Left out besides: the linear model of the tokens, blending and calibration, so that these are no
  answers yet.

The matrices of the last two are not in their time but in their memory. Both run in one process; two processes can at
best double what they do in a second of wall time, so that customers per second of CPU is the column to compare.
Memory is the largest that was seen while the command ran, and else what the process holds at the end of a way.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import psutil
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline import console
from pipeline.columns import CUSTOMER
from pipeline.configuration import parse_settings
from pipeline.engine import DuckDBEngine
from pipeline.events import bucket_file
from pipeline.features.matrix import FeatureMatrix, read_matrix
from pipeline.features.snapshot import snapshot_folder
from pipeline.labels.past import PastReader
from pipeline.model.blocks import dense_block, token_block
from pipeline.outputs import MANIFEST, read_manifest
from pipeline.score import load_champions, write_bucket
from pipeline.scoring.champions import Champion, Ensemble, allowed
from pipeline.scoring.reading import open_bucket
from pipeline.settings import Settings
from pipeline.timeline import resolve_as_of
from pipeline.tracking import Tracker
from tests.bench.measured import watch

CONF = Path(__file__).resolve().parents[2] / "conf"
WORKERS = 2
Row = dict[str, Any]


def rows(folder: Path, size: int, rounds: int) -> list[Row]:
    """Return one row per way: customers, seconds of wall time and of CPU, largest memory in GB."""
    settings, overrides = _settings(folder)
    ensemble = load_champions(settings, Tracker(settings.tracking, settings.data.name))
    with tempfile.TemporaryDirectory(dir=folder) as place:
        base = Path(place) / settings.data.name
        snapshot, n = repeated(folder / settings.data.name, settings, base, size)
        ways: dict[str, Callable[[], tuple[float, float, float]]] = {
            "command": lambda: _command(base, overrides),
            "buckets": lambda: _measured(lambda: _buckets(settings, ensemble, base, snapshot)),
            "predictors": lambda: _by_hand(settings, ensemble, base, snapshot, _predict_proba),
            "boosters": lambda: _by_hand(settings, ensemble, base, snapshot, _predict_by_trees),
        }
        found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, run in ways.items():
                found[way].append(run())
    return [_row(way, n, took) for way, took in found.items()]


def _row(way: str, n: int, took: list[tuple[float, float, float]]) -> Row:
    walls, cpus, memories = zip(*took, strict=True)
    wall, cpu = statistics.median(walls), statistics.median(cpus)
    # The least memory: what an earlier way held may not have been given back in a later round.
    rates = {"a second": n / wall, "a second of CPU": n / cpu}
    return {"way": way, "customers": n, **rates, "seconds": wall, "CPU seconds": cpu, "GB": min(memories)}


def repeated(trained: Path, settings: Settings, base: Path, size: int) -> tuple[Path, int]:
    """Write the trained base, each bucket repeated so often that there are `size` customers; return snapshot and n."""
    events = read_manifest(trained / "events")
    snapshot = snapshot_folder(trained, resolve_as_of(settings.data, events))
    with DuckDBEngine(WORKERS) as engine:
        known = [bucket_file(trained / "profiles" / "customers", bucket) for bucket in range(events["buckets"])]
        n = int(engine.parquet(known).count().execute())
        times = -(-size // n)
        copies = ibis.range(times).unnest().name("_copy").as_table()
        for folder in (snapshot, trained / "events", trained / "profiles"):
            for file in folder.rglob("bucket=*.parquet"):
                table = engine.parquet(file).cross_join(copies)
                ids = table[CUSTOMER] + "-" + table["_copy"].cast("string")
                table = table.mutate(**{CUSTOMER: ids}).drop("_copy").order_by(CUSTOMER)
                engine.write(table, base / file.relative_to(trained))
            shutil.copy(folder / MANIFEST, base / folder.relative_to(trained) / MANIFEST)
    return base / snapshot.relative_to(trained), n * times


def _settings(folder: Path) -> tuple[Settings, list[str]]:
    overrides = ["data=telecom", "model=stacked", f"tracking.folder={folder}/models"]
    with initialize_config_dir(str(CONF), version_base=None):
        plain = OmegaConf.to_container(compose("config", overrides), resolve=True)
    return parse_settings({str(key): value for key, value in dict(plain).items() if key != "hydra"}), overrides  # type: ignore[call-overload]


def _command(base: Path, overrides: list[str]) -> tuple[float, float, float]:
    """Return seconds of wall time and of CPU, of the process and all below it, and the largest sum of memory in GB."""
    shutil.rmtree(base / "scores", ignore_errors=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall, megabytes = watch(
        [
            sys.executable,
            "-m",
            "pipeline",
            "stages=[score]",
            f"outputs={base.parent}",
            f"engine.workers={WORKERS}",
            *overrides,
        ]
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, megabytes / 1e3


def _buckets(settings: Settings, ensemble: Ensemble, base: Path, snapshot: Path) -> None:
    for bucket in range(read_manifest(snapshot)["buckets"]):
        with DuckDBEngine(1, settings.engine.memory_limit_gb) as engine:
            reader = open_bucket(engine, settings, base, snapshot, ensemble, bucket)
            write_bucket(reader, base / "predictions.parquet", base / "portraits.parquet")


def _measured(run: Callable[[], object]) -> tuple[float, float, float]:
    """Return seconds of wall time and of this process's CPU, and its memory afterwards in GB."""
    wall, cpu = time.monotonic(), time.process_time()
    run()
    return time.monotonic() - wall, time.process_time() - cpu, psutil.Process().memory_info().rss / 1e9


def _by_hand(
    settings: Settings,
    ensemble: Ensemble,
    base: Path,
    snapshot: Path,
    prepared: Callable[[Champion, FeatureMatrix], Callable[[], object]],
) -> tuple[float, float, float]:
    """Return the sums over attributes of what runs after everything was put into memory, and the largest memory."""
    took = [_measured(prepared(champion, X)) for champion, X in _matrices(settings, ensemble, base, snapshot)]
    walls, cpus, memories = zip(*took, strict=True)
    return sum(walls), sum(cpus), max(memories)


def _matrices(
    settings: Settings, ensemble: Ensemble, base: Path, snapshot: Path
) -> Iterator[tuple[Champion, FeatureMatrix]]:
    """Yield each champion that has a predictor with its matrix of all customers."""
    manifest = read_manifest(snapshot)
    with DuckDBEngine(WORKERS) as engine:
        reader = PastReader(engine, base / "events", settings.data, manifest["as_of_us"], range(manifest["buckets"]))
        for name, encoder in ensemble.encoders.items():
            matrix = read_matrix(engine, snapshot, encoder)
            for champion in ensemble.champions:
                if champion.predictor is not None and champion.encoder == name:
                    yield champion, allowed(champion, matrix, reader)


def _predict_proba(champion: Champion, matrix: FeatureMatrix) -> Callable[[], object]:
    predictor = champion.predictor
    assert predictor is not None
    return lambda: predictor.predict_proba(matrix.X)


def _predict_by_trees(champion: Champion, matrix: FeatureMatrix) -> Callable[[], object]:
    """Return a call of LightGBM's own `predict`; the logits of the tokens, which trees read, stand in the frame."""
    stacked = champion.predictor.estimator_  # type: ignore[union-attr]
    dense = dense_block(matrix.X, stacked.n_dense)
    logits = np.reshape(
        stacked.linear_.decision_function(token_block(matrix.X, stacked.n_dense)), (matrix.X.shape[0], -1)
    )
    frame = pd.DataFrame(np.hstack([dense, logits]))
    return lambda: stacked.boosting_.booster_.predict(frame, num_threads=1)


def main() -> None:
    """Print one table per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="where telecom and its models were trained")
    parser.add_argument("--customers", type=int, nargs="+", default=[20_000], help="sizes of the base")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is measured")
    parser.add_argument("--json", type=Path, help="where the rows are written, too")
    chosen = parser.parse_args()
    every: list[Row] = []
    for size in chosen.customers:
        found = rows(chosen.folder, size, chosen.rounds)
        every += found
        cells = [
            [
                row["way"],
                *(f"{row[name]:,.{places}f}" for name, places in zip([*row][1:], (0, 0, 0, 1, 1, 2), strict=True)),
            ]
            for row in found
        ]
        console.table(f"Scoring {size:,} customers", [*found[0]], cells, "")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(every))


if __name__ == "__main__":
    main()
