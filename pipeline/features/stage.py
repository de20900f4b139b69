"""The features stage: events, profiles, snapshots at every needed instant, behaviour vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline import console
from pipeline.arrivals import can_grow
from pipeline.engine import DuckDBEngine, open_engine
from pipeline.events import write_events
from pipeline.features.snapshot import drop_stale, write_snapshots
from pipeline.outputs import MANIFEST, fingerprint, read_manifest
from pipeline.profiles import write_profiles
from pipeline.program import code_fingerprint
from pipeline.settings import Settings, as_plain
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
    from pipeline.features.behaviour import write_behaviour  # with scikit-learn, which a daily run need not wait for

    limit, spill = settings.engine.memory_limit_gb, settings.engine.spill
    with DuckDBEngine(workers, limit, spill) as engine:
        write_behaviour(settings, outputs, engine, as_of_us, _shape(settings), workers, training)
    return events


def trains(settings: Settings) -> bool:
    """Tell whether a run's stages fit models, or write features alone, for a training run to come."""
    return not set(settings.stages).isdisjoint({"train", "sweep"}) or set(settings.stages) == {"features"}


def only_scores(settings: Settings) -> bool:
    """Tell whether nothing in a run works with the encoder and the vectors of all customers: models have their own."""
    others = set(settings.stages) - {"features"}
    return bool(others) and others <= {"score", "portrait"}


def _shape(settings: Settings) -> str:
    """Return the fingerprint of all that an encoder follows from, but for the customers it is fitted to."""
    return fingerprint(
        as_plain(settings.features.vector),
        settings.seed,
        code_fingerprint("pipeline.features.behaviour", "pipeline.engine"),
    )


def _encoder_stands(settings: Settings, outputs: Path) -> bool:
    folder = outputs / "behaviour"
    return (folder / MANIFEST).is_file() and read_manifest(folder).get("shape") == _shape(settings)


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
