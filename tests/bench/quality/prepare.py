"""One task's feature matrix and labels: what all methods are given.

The behaviour encoder is fitted without labels on the behaviour of everybody, test customers included, as training
does; it only reads events before as_of.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.columns import CUSTOMER, EVENT_US
from pipeline.configuration import parse_settings
from pipeline.engine import DuckDBEngine
from pipeline.events import read_events
from pipeline.features.behaviour import read_encoder
from pipeline.features.matrix import read_matrix
from pipeline.features.snapshot import snapshot_folder
from pipeline.features.stage import build_features
from pipeline.labels.declared import declared_labels
from pipeline.labels.future import future_labels
from pipeline.labels.known import Labels
from pipeline.labels.past import PastReader
from pipeline.outputs import read_manifest
from pipeline.settings import Settings
from pipeline.timeline import resolve_as_of

MATRIX, LABELS, EVENTS, PAST = "matrix.joblib", "labels.joblib", "events", "past"


def prepare(config: dict[str, Any], attributes: list[str], folder: Path, workers: int) -> None:
    """Write the feature matrix, the labels and the events of a task below `folder`."""
    settings = parse_settings(config)
    outputs = folder / settings.data.name
    build_features(replace(settings, attributes={}), outputs, workers)  # so that only the snapshot at as_of is made
    as_of_us = resolve_as_of(settings.data, read_manifest(outputs / "events"))
    # One thread: sums of doubles then have one order, and labels at a bound do not flip.
    with DuckDBEngine(1, settings.engine.memory_limit_gb) as engine:
        matrix = read_matrix(engine, snapshot_folder(outputs, as_of_us), read_encoder(outputs))
        joblib.dump(matrix, folder / MATRIX)
        labels = {name: _labels(engine, settings, outputs, name, as_of_us, matrix.customers) for name in attributes}
        joblib.dump(labels, folder / LABELS)
        reader = PastReader(
            engine, outputs / "events", settings.data, as_of_us, range(read_manifest(outputs / "events")["buckets"])
        )
        (folder / PAST).mkdir(exist_ok=True)
        for name in attributes:
            past = reader.read(name, settings.attributes[name], settings.attributes[name].hide, matrix.customers)
            if past is not None:
                joblib.dump(past, past_file(folder, name))
        export_events(engine, settings, outputs, as_of_us, folder / EVENTS)


def past_file(folder: Path, attribute: str) -> Path:
    """Return where a future attribute's own past stands."""
    return folder / PAST / f"{attribute}.joblib"


def _labels(
    engine: DuckDBEngine, settings: Settings, outputs: Path, name: str, as_of_us: int, customers: np.ndarray
) -> Labels:
    attribute = settings.attributes[name]
    if attribute.future is None:
        return declared_labels(engine, outputs / "profiles", name, attribute, settings.data).of(customers)
    snapshot = snapshot_folder(outputs, as_of_us)
    return future_labels(engine, outputs / "events", snapshot, name, attribute, settings.data, as_of_us)


def export_events(engine: DuckDBEngine, settings: Settings, outputs: Path, as_of_us: int, folder: Path) -> None:
    """Write each log's events before as_of as one Parquet file, for tools that read tables, and what they hold."""
    folder.mkdir(parents=True, exist_ok=True)
    logs = {}
    for name, log in settings.data.logs.items():
        buckets = range(read_manifest(outputs / "events")["buckets"])
        parts = [read_events(engine, outputs / "events", name, bucket) for bucket in buckets]
        table = pa.concat_tables(
            [engine.arrow(part.filter(part[EVENT_US] < as_of_us)) for part in parts], promote_options="default"
        )
        time = pc.cast(table[EVENT_US], pa.timestamp("us"))
        pq.write_table(
            table.select([CUSTOMER, *log.categorical, *log.numeric]).append_column("time", time),
            folder / f"{name}.parquet",
        )
        logs[name] = {"categorical": list(log.categorical), "numeric": list(log.numeric)}
    as_of = datetime.fromtimestamp(as_of_us / 1e6, UTC).replace(tzinfo=None).isoformat()
    (folder / "logs.json").write_text(json.dumps({"customer": CUSTOMER, "as_of": as_of, "logs": logs}))


def main() -> None:
    """Prepare what the file of the first argument describes."""
    job = json.loads(Path(sys.argv[1]).read_text())
    prepare(job["config"], job["attributes"], Path(job["folder"]), job["workers"])


if __name__ == "__main__":
    main()
