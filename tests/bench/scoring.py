"""Ways to score a base of a synthetic operator by 41 fitted champions; the part `scoring` runs each in its own process.

`python -m tests.bench.scoring <way> <folder> <base> <told> [overrides]`, where <folder> holds `telecom` (outputs) and
`models` of a run of `data=telecom model=stacked stages=[features,train] outputs=<folder>
tracking.folder=<folder>/models`, and <base> a base that `repeat` has made of it: its buckets several times over, under
other ids. In order of ids the copies stand apart: side by side, the processor foresees how a tree answers the next
customer, and LightGBM looks twice as fast.

* *buckets*: reading of Parquet, own past, probabilities, certificates, novelty, reach and sets, both tables written,
  one bucket after another, models loaded and libraries imported before the clock starts.
* *predictors*: each attribute's whole fitted predictor, `predict_proba`, over one matrix of all customers that is in
  memory before the clock starts. Left out: reading, the behaviour vectors, the own past, who told the value himself,
  who is asked, who is unlike the training customers or out of reach, thresholds, sets, writing. Nothing bounds its
  memory.
* *boosters*: `Booster.predict` of LightGBM alone over one pandas DataFrame of what that attribute's trees read, in
  memory as well. Left out besides: the linear model of the tokens, blending and calibration, so that these are no
  answers yet.

<told> gets how many customers there were, and the seconds of wall time and of this process's CPU between the clock's
start and its end.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline.columns import CUSTOMER
from pipeline.engine import DuckDBEngine
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
from tests.bench.settings import settings_of

WORKERS = 2
OF_A_BUCKET = 16_000  # customers: some 2 million events
Took = tuple[float, float]  # seconds of wall time and of this process's CPU


def repeat(folder: Path, base: Path, size: int) -> int:
    """Write the trained base again and again until there are `size` customers or more; return how many.

    Each bucket holds as many copies as make it as large as buckets of such a base are.
    """
    trained = folder / "telecom"
    events = read_manifest(trained / "events")
    buckets = int(events["buckets"])
    snapshot = snapshot_folder(trained, resolve_as_of(settings_of(*asked(folder)).data, events))
    n = int(read_manifest(trained / "profiles")["customers"])
    times = -(-size // n)
    together = max(1, OF_A_BUCKET * buckets // n)
    with DuckDBEngine(WORKERS) as engine:
        for first in range(0, times, together):
            copies = ibis.range(first, min(first + together, times)).unnest().name("_copy").as_table()
            for file in sorted(file for part in _parts(trained, snapshot) for file in part.rglob("bucket=*.parquet")):
                table = engine.parquet(file).cross_join(copies)
                ids = table["_copy"].cast("string").lpad(6, "0") + "-" + table[CUSTOMER]
                table = table.mutate(**{CUSTOMER: ids}).drop("_copy").order_by(CUSTOMER)
                number = int(file.name[len("bucket=") :][:4])
                name = file.name.replace(f"{number:04d}", f"{number + first // together * buckets:04d}", 1)
                engine.write(table, base / file.relative_to(trained).with_name(name))
    for part in _parts(trained, snapshot):
        manifest = read_manifest(part) | {"buckets": buckets * -(-times // together)}
        (base / part.relative_to(trained) / MANIFEST).write_text(json.dumps(manifest))
    return n * times


def _parts(trained: Path, snapshot: Path) -> tuple[Path, ...]:
    return snapshot, trained / "events", trained / "profiles"


def asked(folder: Path, overrides: Sequence[str] = ()) -> list[str]:
    """Return the overrides of a run by the models in `folder`."""
    return ["data=telecom", "model=stacked", f"tracking.folder={folder}/models", *overrides]


def buckets(settings: Settings, ensemble: Ensemble, base: Path, snapshot: Path) -> Took:
    """Score bucket by bucket as the command's workers do."""

    def run() -> None:
        for bucket in range(read_manifest(snapshot)["buckets"]):
            with DuckDBEngine(1, settings.engine.memory_limit_gb) as engine:
                reader = open_bucket(engine, settings, base, snapshot, ensemble, bucket)
                write_bucket(reader, base / "predictions.parquet", base / "portraits.parquet")

    return _timed(run)


def predictors(settings: Settings, ensemble: Ensemble, base: Path, snapshot: Path) -> Took:
    """Call `predict_proba` of each attribute's predictor, one after another."""
    return _by_hand(settings, ensemble, base, snapshot, _predict_proba)


def boosters(settings: Settings, ensemble: Ensemble, base: Path, snapshot: Path) -> Took:
    """Call LightGBM's `predict` of each attribute's trees, one after another."""
    return _by_hand(settings, ensemble, base, snapshot, _predict_by_trees)


BY_HAND = {"buckets": buckets, "predictors": predictors, "boosters": boosters}


def _timed(run: Callable[[], object]) -> Took:
    wall, cpu = time.monotonic(), time.process_time()
    run()
    return time.monotonic() - wall, time.process_time() - cpu


def _by_hand(
    settings: Settings,
    ensemble: Ensemble,
    base: Path,
    snapshot: Path,
    prepared: Callable[[Champion, FeatureMatrix], Callable[[], object]],
) -> Took:
    """Return the sums over attributes of what runs after everything was put into memory."""
    took = [_timed(prepared(champion, X)) for champion, X in _matrices(settings, ensemble, base, snapshot)]
    walls, cpus = zip(*took, strict=True)
    return sum(walls), sum(cpus)


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


def main(way: str, folder: Path, base: Path, told: Path, overrides: Sequence[str]) -> None:
    """Run one way on a base that stands, and write what it took."""
    settings = settings_of(*asked(folder, overrides))
    ensemble = load_champions(settings, Tracker(settings.tracking, settings.data.name))
    events = read_manifest(base / "events")
    snapshot = snapshot_folder(base, resolve_as_of(settings.data, events))
    with threadpool_limits(1):  # as the command's workers: threads of BLAS wait for one another, and take CPU for it
        wall, cpu = BY_HAND[way](settings, ensemble, base, snapshot)
    told.write_text(json.dumps({"work_seconds": wall, "work_cpu_seconds": cpu}))


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:5]), sys.argv[5:])
