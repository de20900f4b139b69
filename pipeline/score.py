"""The scoring stage: portraits of all customers, bucket by bucket, with the champion models."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from joblib import delayed
from sklearn import config_context

from pipeline import console, schemas
from pipeline.columns import ATTRIBUTE, DECLARED, INFERRED, STATE, VALUE, WITHHELD
from pipeline.engine import DuckDBEngine, run_tasks, task_engine
from pipeline.errors import ModelError
from pipeline.events import bucket_file
from pipeline.features.snapshot import snapshot_folder
from pipeline.outputs import (
    MANIFEST,
    fingerprint,
    is_current,
    load_once,
    read_manifest,
    whole,
    write_file,
)
from pipeline.program import code_fingerprint
from pipeline.promotion import question
from pipeline.scoring.answers import NO_EVENTS, NO_MODEL, OUTSIDE, UNLIKE, UNREACHED, answers
from pipeline.scoring.champions import Champion, Ensemble, allowed, find_champions, load_champions
from pipeline.scoring.reading import BucketReader, open_bucket
from pipeline.scoring.tables import PREDICTIONS, portraits_schema, portraits_table, predictions_table
from pipeline.settings import Settings, as_plain
from pipeline.timeline import resolve_as_of
from pipeline.tracking import Registered, Tracker

__all__ = [
    "NO_EVENTS",
    "NO_MODEL",
    "OUTSIDE",
    "UNLIKE",
    "UNREACHED",
    "Champion",
    "Ensemble",
    "allowed",
    "load_champions",
    "predict_bucket",
    "score",
    "score_bucket",
]


def score(settings: Settings, outputs: Path, tracker: Tracker, workers: int) -> dict[str, Any]:
    """Write `predictions` and `portraits` of all customers; return the manifest.

    Raises
    ------
    ModelError
        If a champion cannot be loaded or expects other features than the snapshot has.
    DataError
        If features have not been made yet.
    """
    events = read_manifest(outputs / "events")
    as_of_us = resolve_as_of(settings.data, events)
    snapshot = snapshot_folder(outputs, as_of_us)
    champions = find_champions(settings, tracker)
    versions = {name: _label(champion) for name, champion in champions.items()}
    if set(versions.values()) == {NO_MODEL} and _was_trained(outputs):
        raise ModelError(
            f"score: no champion of any attribute of '{settings.data.name}' in {tracker.uri}, although this source has "
            "been trained. Is it the right store (tracking.uri, MLFLOW_TRACKING_URI)? Otherwise train again."
        )
    asked = [question(attribute, settings.model) for attribute in settings.attributes.values()]
    expected = fingerprint(
        read_manifest(snapshot)["fingerprint"],
        read_manifest(outputs / "profiles")["fingerprint"],
        versions,
        tracker.uri,
        asked,
        as_plain(settings)["attributes"],
        code_fingerprint(__name__, "pipeline.model", "pipeline.engine"),
    )
    folder = outputs / "scores"
    if is_current(folder, expected):
        console.say("score: nothing has changed since the last scoring")
        return read_manifest(folder)
    facts: dict[str, Any] = {
        "as_of_us": as_of_us,
        "buckets": events["buckets"],
        "versions": versions,
        "data": settings.data.name,
    }
    with whole(folder, expected, facts) as partial:
        shared = partial / ".champions.joblib"
        ensemble = load_champions(settings, tracker, champions)
        write_file(shared, lambda path: joblib.dump(ensemble, path))
        if len(ensemble.encoders) > 1:
            console.say(
                f"score: champions of several trainings read {len(ensemble.encoders)} encoders, so that each customer "
                "is encoded as often; a training whose models all become champions leaves one"
            )
        facts["values"] = {c.attribute: list(c.values or c.declaration.values or ()) for c in ensemble.champions}
        jobs = [
            delayed(score_bucket)(settings, outputs, shared, snapshot, partial, b, workers)
            for b in range(events["buckets"])
        ]
        states: Counter[tuple[str, str, str]] = Counter()
        with console.progress("score", events["buckets"]) as step:
            for bucket, counted in enumerate(run_tasks(jobs, settings.engine, workers, partial)):
                states.update(counted)
                step(f"bucket {bucket}")
        shared.unlink()
        facts["states"] = {"/".join(key).rstrip("/"): n for key, n in sorted(states.items())}
    _report(settings, states, folder)
    return facts


def score_bucket(
    settings: Settings, outputs: Path, shared: Path, snapshot: Path, folder: Path, bucket: int, workers: int
) -> Counter[tuple[str, str, str]]:
    """Write one bucket's predictions and portraits unless they stand already; count states by attribute."""
    target = bucket_file(folder / "predictions", bucket)
    portraits = bucket_file(folder / "portraits", bucket)
    ensemble: Ensemble = load_once(shared)
    with task_engine(settings.engine, workers) as engine:
        if not (target.exists() and portraits.exists()):
            write_bucket(open_bucket(engine, settings, outputs, snapshot, ensemble, bucket), target, portraits)
            schemas.check(schemas.predictions(), engine.parquet(target), target)
        return _counted(engine, target)


def predict_bucket(
    engine: DuckDBEngine, settings: Settings, outputs: Path, snapshot: Path, ensemble: Ensemble, bucket: int
) -> pd.DataFrame:
    """Return one row per customer and attribute of a bucket, sorted by customer; instants in microseconds.

    Declared values are never overwritten. `probability` is that of the likeliest value, which is also given
    where nothing is stated; `probabilities` are those of all values, in their order.
    """
    found = [PREDICTIONS.empty_table()]
    with config_context(assume_finite=True):
        reader = open_bucket(engine, settings, outputs, snapshot, ensemble, bucket)
        for chunk in reader.chunks():
            said = [answers(champion, chunk) for champion in ensemble.champions]
            found.append(predictions_table(chunk.customers, ensemble.champions, said, reader.as_of_us))
    table = pa.concat_tables(found)
    plain = {pa.types.is_dictionary: pa.string(), pa.types.is_timestamp: pa.int64()}
    for place, column in enumerate(table.schema):
        for is_such, kind in plain.items():
            if is_such(column.type):
                table = table.set_column(place, column.name, table[column.name].cast(kind))
    return table.to_pandas()


def write_bucket(reader: BucketReader, target: Path, portraits: Path) -> None:
    """Write a bucket's predictions and portraits, chunk by chunk."""
    champions = reader.ensemble.champions
    wide = portraits_schema([champion.attribute for champion in champions])
    # Readers see plain texts and not categories: which a file stores as a dictionary is its own affair.
    options = {"compression": "zstd", "store_schema": False}

    def write(path: Path, second: Path) -> None:
        with (
            config_context(assume_finite=True),  # `reading` has checked what all estimators read
            pq.ParquetWriter(path, PREDICTIONS, **options) as long_file,
            pq.ParquetWriter(second, wide, **options) as wide_file,
        ):
            for chunk in reader.chunks():
                said = [answers(champion, chunk) for champion in champions]
                long_file.write_table(predictions_table(chunk.customers, champions, said, reader.as_of_us))
                wide_file.write_table(portraits_table(chunk.customers, said, reader.as_of_us))

    write_file(portraits, lambda second: write_file(target, lambda path: write(path, second)))


def _counted(engine: DuckDBEngine, target: Path) -> Counter[tuple[str, str, str]]:
    """Return how many predictions there are by attribute, state and inferred value."""
    table = engine.parquet(target)
    told = (table[STATE] == INFERRED).ifelse(table[VALUE], "")
    named = table.select(ATTRIBUTE, STATE, **{VALUE: told})
    found = engine.arrow(named.group_by(ATTRIBUTE, STATE, VALUE).agg(n=named.count()))
    return Counter({(row[ATTRIBUTE], row[STATE], row[VALUE]): row["n"] for row in found.to_pylist()})


def _label(champion: Registered | None) -> str:
    return f"{champion.label} of run {champion.run_id}" if champion else NO_MODEL


def _was_trained(outputs: Path) -> bool:
    return (outputs / "training" / MANIFEST).exists() and bool(read_manifest(outputs / "training")["attributes"])


def _report(settings: Settings, states: Counter[tuple[str, str, str]], folder: Path) -> None:
    rows = []
    for name in settings.attributes:
        own = {key[1:]: n for key, n in states.items() if key[0] == name}
        everyone = max(1, sum(own.values()))
        said = [f"{value} {n:,}" for (state, value), n in sorted(own.items()) if state == INFERRED]
        declared, withheld = (own.get((state, ""), 0) for state in (DECLARED, WITHHELD))
        shares = [f"{n:,} ({n / everyone:.0%})" for n in (declared, everyone - declared - withheld, withheld)]
        rows.append([name, *shares, ", ".join(said)])
    columns = ["attribute", DECLARED, INFERRED, WITHHELD, "what was inferred"]
    console.table("Portraits: customers by state", columns, rows, f"Written to {folder}.", left=(0, 4))
