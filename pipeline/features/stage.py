"""The features stage: events, profiles, snapshots at every needed instant, behaviour vectors."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from joblib import delayed

from pipeline import console
from pipeline.arrivals import can_grow
from pipeline.columns import CUSTOMER
from pipeline.engine import DuckDBEngine, open_engine, run_tasks, task_engine
from pipeline.events import bucket_file, write_events
from pipeline.features.counts import fit_encoder, read_counts
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.naming import vector_names
from pipeline.features.snapshot import drop_stale, snapshot_folder, write_snapshots
from pipeline.outputs import (
    MANIFEST,
    code_fingerprint,
    fingerprint,
    is_current,
    load_object,
    load_once,
    read_manifest,
    whole,
    write_file,
)
from pipeline.profiles import write_profiles
from pipeline.settings import Engine, Settings, as_plain
from pipeline.timeline import as_of_name, resolve_as_of, snapshot_instants


def build_features(settings: Settings, outputs: Path, workers: int) -> dict[str, Any]:
    """Write everything that training, scoring and look-alikes read; return the events' manifest.

    Raises
    ------
    DataError, SchemaError, ConfigError
        If the source cannot be read as declared.
    """
    data, quarantine = settings.data, outputs / "quarantine"
    with open_engine(settings.engine, workers, outputs) as engine:
        events = write_events(
            data,
            settings.features.buckets,
            outputs / "events",
            quarantine,
            engine,
            lambda what: console.say(f"features: {what}"),
            late_days=settings.features.late_days,
        )
        profiles = write_profiles(data, outputs / "events", outputs / "profiles", quarantine, engine)
    as_of_us = resolve_as_of(data, events)
    _report(settings, events, profiles, as_of_us, quarantine)
    first_us = min(facts["first_us"] for facts in events["logs"].values())
    training = trains(settings)
    needed = snapshot_instants(settings.attributes, as_of_us, first_us) if training else [as_of_us]
    if not training:
        console.say(
            "features: no model is fitted in this run, so that the snapshot of as_of is all that is needed, and "
            "behaviour vectors are by the encoder that stands (stages=[features] or with train: all snapshots, a new "
            "encoder)"
        )
    grows = any(can_grow(log, data.root) for log in data.logs.values())
    with console.progress("features: snapshot", len(needed) * events["buckets"]) as step:
        moving_us = as_of_us if grows else None
        write_snapshots(data, settings.features, settings.engine, workers, outputs, needed, step, moving_us)
    drop_stale(outputs)
    if only_scores(settings) and _encoder_stands(settings, outputs):
        console.say("features: this run only scores; behaviour vectors are made with the next run that works with them")
        return events
    limit, spill = settings.engine.memory_limit_gb, settings.engine.spill
    with DuckDBEngine(workers, limit, spill) as engine:
        write_behaviour(settings, outputs, engine, as_of_us, workers, training)
    return events


def trains(settings: Settings) -> bool:
    """Tell whether a run's stages fit models, or write features alone, for a training run to come."""
    return not set(settings.stages).isdisjoint({"train", "sweep"}) or set(settings.stages) == {"features"}


def only_scores(settings: Settings) -> bool:
    """Tell whether nothing in a run works with the encoder and the vectors of all customers: models have their own."""
    others = set(settings.stages) - {"features"}
    return bool(others) and others <= {"score", "portrait"}


def write_behaviour(
    settings: Settings, outputs: Path, engine: DuckDBEngine, as_of_us: int, workers: int = 1, refit: bool = True
) -> None:
    """Write all customers' behaviour vectors at the latest snapshot.

    Parameters
    ----------
    refit
        Fit the encoder on this snapshot, without labels; else the one that stands is used if its settings still hold.
    """
    snapshot = snapshot_folder(outputs, as_of_us)
    manifest = read_manifest(snapshot)
    folder = outputs / "behaviour"
    shape = _shape(settings)
    fitted = expected = fingerprint(manifest["fingerprint"], shape)
    standing = read_manifest(folder) if (folder / MANIFEST).is_file() else {}
    if not refit and standing.get("shape") == shape and standing["fitted"] != fitted:
        fitted = standing["fitted"]
        expected = fingerprint(expected, fitted)
    if is_current(folder, expected):
        return
    facts: dict[str, Any] = {"as_of_us": as_of_us, "buckets": manifest["buckets"], "shape": shape, "fitted": fitted}
    with whole(folder, expected, facts) as partial:
        if standing.get("fitted") == fitted:
            encoder = read_encoder(outputs)
        else:
            encoder = fit_encoder(engine, snapshot, settings.features.vector, settings.seed)
        write_file(partial / "encoder.joblib", lambda path: joblib.dump(encoder, path))
        facts |= {"tokens": len(encoder.vocabulary), "dimensions": encoder.dimensions_}
        jobs = [
            delayed(write_vectors)(settings.engine, workers, snapshot, partial, bucket)
            for bucket in range(manifest["buckets"])
        ]
        for _ in run_tasks(jobs, settings.engine, workers, partial, threads=True):
            pass


def _shape(settings: Settings) -> str:
    """Return the fingerprint of all that an encoder follows from, but for the customers it is fitted to."""
    return fingerprint(as_plain(settings.features.vector), settings.seed, code_fingerprint())


def _encoder_stands(settings: Settings, outputs: Path) -> bool:
    folder = outputs / "behaviour"
    return (folder / MANIFEST).is_file() and read_manifest(folder).get("shape") == _shape(settings)


def write_vectors(settings: Engine, workers: int, snapshot: Path, folder: Path, bucket: int) -> None:
    """Write the behaviour vectors of one bucket's customers, by the encoder that stands in `folder`."""
    encoder: BehaviourEncoder = load_once(folder / "encoder.joblib")
    with task_engine(settings, workers) as engine:
        customers, counts = read_counts(engine, snapshot, np.asarray(encoder.vocabulary), [bucket])
    vectors = encoder.transform(counts) if len(customers) else np.empty((0, encoder.dimensions_))
    columns = dict(zip(vector_names(encoder.dimensions_), vectors.T, strict=True))
    table = pa.table({CUSTOMER: pa.array(customers.tolist(), pa.string()), **columns})
    write_file(bucket_file(folder / "vectors", bucket), functools.partial(pq.write_table, table))


def read_encoder(outputs: Path) -> BehaviourEncoder:
    """Return the encoder of the latest snapshot."""
    read_manifest(outputs / "behaviour")
    encoder: BehaviourEncoder = load_object(outputs / "behaviour" / "encoder.joblib")
    return encoder


def _report(
    settings: Settings, events: dict[str, Any], profiles: dict[str, Any], as_of_us: int, quarantine: Path
) -> None:
    rows = []
    for name, facts in events["logs"].items():
        listed = ", ".join(f"{reason} {count:,}" for reason, count in facts["bad"].items())
        rows.append(
            [
                name,
                f"{facts['rows']:,}",
                as_of_name(facts["first_us"])[:8],
                as_of_name(facts["last_us"])[:8],
                listed or "none",
                f"{facts['unmatched']:,}",
            ]
        )
    bad_profiles = ", ".join(f"{reason} {count:,}" for reason, count in profiles["bad"].items())
    console.table(
        f"Source {settings.data.name}, portraits as of {as_of_name(as_of_us)}",
        ["log", "events", "first", "last", "quarantined", "without reference"],
        rows,
        f"{profiles['customers']:,} customers, {profiles['customers_without_profile']:,} without a profile, "
        f"{profiles['profiles_without_events']:,} profiles without events; bad profiles: {bad_profiles or 'none'}."
        + (f" Quarantined rows are in {quarantine}." if quarantine.exists() else ""),
    )
