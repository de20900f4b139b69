"""The segments stage: each family of segments as a data set, with tables, pictures and a run."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import console
from pipeline.columns import CUSTOMER, SEGMENT
from pipeline.engine import DuckDBEngine
from pipeline.events import bucket_file
from pipeline.features.snapshot import snapshot_folder
from pipeline.outputs import (
    MANIFEST,
    fingerprint,
    is_current,
    read_manifest,
    whole,
    write_file,
)
from pipeline.program import code_fingerprint
from pipeline.segment.activity.segmentation import activity_segments
from pipeline.segment.behaviour.segmentation import behaviour_segments
from pipeline.segment.family import Family, Place
from pipeline.segment.overlap import overlap
from pipeline.segment.rules.segmentation import rule_segments
from pipeline.settings import Settings, as_plain
from pipeline.split import hash32
from pipeline.summary import DESCRIPTION
from pipeline.timeline import as_of_name, resolve_as_of
from pipeline.tracking import Tracker, metric_name

# In order: what stands below may read what stands above. None: there is nothing to be made.
FAMILIES: dict[str, Callable[[Place], Family | None]] = {
    "activity": activity_segments,
    "behaviour": behaviour_segments,
    "rules": rule_segments,
    "overlap": overlap,
}


def segments(settings: Settings, outputs: Path, tracker: Tracker) -> dict[str, dict[str, Any]]:
    """Write all families of segments; return their manifests by family.

    Raises
    ------
    ConfigError, DataError
        A setting names what does not exist, or features have not been made yet.
    """
    as_of_us = resolve_as_of(settings.data, read_manifest(outputs / "events"))
    snapshot = snapshot_folder(outputs, as_of_us)
    read_manifest(snapshot)
    done: dict[str, dict[str, Any]] = {}
    with DuckDBEngine(1, settings.engine.memory_limit_gb, settings.engine.spill) as engine:
        place = Place(settings, engine, tracker, outputs, snapshot, as_of_us)
        for name, make in FAMILIES.items():
            expected = _expected(place, name, {other: facts["fingerprint"] for other, facts in done.items()})
            folder = place.folder(name)
            if is_current(folder, expected):
                console.say(f"segments: nothing has changed since {folder} was written")
            elif not _write(place, name, make, expected):
                shutil.rmtree(folder, ignore_errors=True)  # what stood there was made from other settings
                continue
            done[name] = read_manifest(folder)
    return done


def _expected(place: Place, family: str, above: dict[str, str]) -> str:
    settings, outputs = place.settings, place.outputs
    scores = outputs / "scores"
    return fingerprint(
        family,
        above,
        [
            read_manifest(folder)["fingerprint"]
            for folder in (outputs / "events", place.snapshot, outputs / "behaviour")
        ],
        read_manifest(scores)["fingerprint"] if (scores / MANIFEST).is_file() else None,
        as_plain(settings.segment),
        settings.seed,
        place.tracker.uri,
        code_fingerprint(),
    )


def _write(place: Place, name: str, make: Callable[[Place], Family | None], expected: str) -> bool:
    """Write, track and tell one family; False if there is nothing to be made."""
    found = make(place)
    if found is None:
        return False
    folder = place.folder(name)
    facts: dict[str, Any] = {
        "as_of_us": place.as_of_us,
        "data": place.settings.data.name,
        "buckets": place.buckets,
        "customers": int(found.rows[CUSTOMER].nunique()),
        "missing": list(found.missing),
        **found.facts,
    }
    with whole(folder, expected, facts) as partial:
        _write_rows(found.rows, partial, place.buckets)
        for title, table in found.tables.items():
            write_file(partial / f"{title}.csv", functools.partial(table.to_csv, index=False))
        (partial / "pictures").mkdir(exist_ok=True)
        for title, draw in found.pictures.items():
            draw(partial / "pictures" / title)
        _track(place, name, found, expected, partial / "pictures")
    for line in found.lines:
        console.say(line)
    for line in found.missing:
        console.warn(f"segments: not to be had: {line}")
    console.say(f"segments: {name} is in {folder}")
    return True


def _write_rows(rows: pd.DataFrame, folder: Path, buckets: int) -> None:
    """Write who is in which segment, by the buckets that events have."""
    where = np.array([hash32(str(customer)) % buckets for customer in rows[CUSTOMER]], dtype=np.int64)
    for bucket in range(buckets):
        own = rows[where == bucket].sort_values([CUSTOMER, SEGMENT], ignore_index=True)
        table = pa.Table.from_pandas(own, preserve_index=False)
        for number, name in enumerate(table.column_names):
            if name in (CUSTOMER, SEGMENT) or pa.types.is_null(table.schema.field(number).type):
                table = table.set_column(number, name, table.column(name).cast(pa.string()))
        write_file(bucket_file(folder, bucket), functools.partial(pq.write_table, table.replace_schema_metadata(None)))


def _track(place: Place, name: str, found: Family, expected: str, pictures: Path) -> None:
    tags = {
        "stage": "segments",
        "family": name,
        "source": place.settings.data.name,
        "as_of": as_of_name(place.as_of_us),
        DESCRIPTION: "\n\n".join([*found.lines, *(f"Not to be had: {line}" for line in found.missing)])[:5000],
    }
    with place.tracker.run(f"segments {name} {expected[:6]}", expected, tags) as run_id:
        plain = as_plain(place.chosen)
        place.tracker.log(
            run_id,
            params={key: value for key, value in plain.items() if value not in (None, (), {})},
            metrics={metric_name(key): value for key, value in found.metrics.items()},
            tables=found.tables,
            folder=pictures,
        )
