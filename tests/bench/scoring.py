"""How many customers a second are scored, against LightGBM's own `predict` in a plain loop over one array in memory.

`python -m tests.bench.scoring <folder>`, where <folder> holds `telecom` (outputs) and `models` of a run of
`data=telecom model=stacked stages=[features,train] outputs=<folder> tracking.folder=<folder>/models`.
Bigger bases are its first bucket, repeated under other ids. The plain loop reads nothing, calibrates nothing, states
nothing and writes nothing. Its inputs are random numbers of the trees' width and not the customers' own features, which
take other paths through the trees: its figure is of the right size and no more.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ibis
import numpy as np
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline import console
from pipeline.columns import CUSTOMER
from pipeline.configuration import parse_settings
from pipeline.engine import DuckDBEngine
from pipeline.features.snapshot import snapshot_folder
from pipeline.outputs import MANIFEST, read_manifest
from pipeline.score import load_champions, write_bucket
from pipeline.scoring.champions import Ensemble
from pipeline.scoring.reading import open_bucket
from pipeline.settings import Settings
from pipeline.timeline import resolve_as_of
from pipeline.tracking import Tracker

CONF = Path(__file__).resolve().parents[2] / "conf"


def rows(folder: Path, sizes: list[int], rounds: int, overrides: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return one row per size: medians over rounds that take turns, in customers per second of one process's CPU."""
    with initialize_config_dir(str(CONF), version_base=None):
        plain = OmegaConf.to_container(
            compose("config", ["data=telecom", "model=stacked", f"tracking.folder={folder}/models", *overrides]),
            resolve=True,
        )
    settings = parse_settings({str(key): value for key, value in dict(plain).items() if key != "hydra"})  # type: ignore[call-overload]
    ensemble = load_champions(settings, Tracker(settings.tracking, settings.data.name))
    trained = folder / settings.data.name
    found = []
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            base = Path(place)
            snapshot = repeated(trained, settings, base, size)
            ours, loop = [], []
            for _ in range(rounds):
                n, seconds = _scored(settings, ensemble, base, snapshot)
                ours.append(n / seconds)
                loop.append(n / _plain(ensemble, n))
        row = {"customers": n, "scored per second": statistics.median(ours), "plain loop": statistics.median(loop)}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        found.append({**row, "ratio": row["scored per second"] / row["plain loop"], "peak GB": peak})
    return found


def repeated(trained: Path, settings: Settings, base: Path, size: int) -> Path:
    """Write the first bucket repeated until it has `size` customers; return the snapshot."""
    snapshot = snapshot_folder(trained, resolve_as_of(settings.data, read_manifest(trained / "events")))
    folders = [snapshot, trained / "events", trained / "profiles"]
    with DuckDBEngine(2) as engine:
        first = engine.parquet(trained / "profiles" / "customers" / "bucket=0000.parquet")
        times = -(-size // int(first.count().execute()))
        copies = ibis.range(times).unnest().name("_copy").as_table()
        for folder in folders:
            for file in folder.rglob("bucket=0000.parquet"):
                table = engine.parquet(file).cross_join(copies)
                ids = table[CUSTOMER] + "-" + table["_copy"].cast("string")
                table = table.mutate(**{CUSTOMER: ids}).drop("_copy").order_by(CUSTOMER)
                engine.write(table, base / file.relative_to(trained))
            target = base / folder.relative_to(trained)
            shutil.copy(folder / MANIFEST, target / MANIFEST)
    return base / snapshot.relative_to(trained)


def _scored(settings: Settings, ensemble: Ensemble, base: Path, snapshot: Path) -> tuple[int, float]:
    started = time.process_time()
    with DuckDBEngine(1, settings.engine.memory_limit_gb) as engine:
        reader = open_bucket(engine, settings, base, snapshot, ensemble, 0)
        write_bucket(reader, base / "predictions.parquet", base / "portraits.parquet")
        return len(reader.customers), time.process_time() - started


def _plain(ensemble: Ensemble, n: int) -> float:
    """Return the seconds of `predict` by the same trees, one attribute after another, on `n` random rows."""
    rng = np.random.default_rng(0)
    seconds = 0.0
    for champion in ensemble.champions:
        if champion.predictor is not None:
            booster = champion.predictor.estimator_.boosting_.booster_
            inputs = rng.exponential(size=(n, booster.num_feature()))
            started = time.process_time()
            booster.predict(inputs, num_threads=1)
            seconds += time.process_time() - started
    return seconds


def main() -> None:
    """Print the figures of a size, and write them as JSON where this is asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, nargs="+", default=[20_000, 100_000], help="customers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where the first size's figures are written")
    parser.add_argument("--overrides", nargs="*", default=[], help="those of that run, but for data and model")
    asked = parser.parse_args()
    found = rows(asked.folder, asked.size, asked.rounds, asked.overrides)
    columns = list(found[0])
    console.table("Scoring, one process", columns, [[f"{row[name]:,.2f}" for name in columns] for row in found], "")
    if asked.json:
        asked.json.write_text(json.dumps(found[0]))


if __name__ == "__main__":
    main()
