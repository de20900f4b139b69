"""Canonical events: one validated view per log, in hash buckets of customers.

What becomes of a source's row: its id becomes a text, its time one integer (microseconds since the
epoch in UTC) plus local hour, weekday and day, its categorical fields texts, its numeric fields
doubles. A row that cannot be used is not dropped but quarantined with its reason and its text as
found. Events are first split by bucket, then each bucket is checked and sorted on its own, so
memory is bounded by a bucket and a killed run goes on where it stopped. The total order within a
part makes every later sum of doubles reproducible.

Where a log is a folder and only new files have come since, only these are read: the data set that replaces the old one
shares its files with it (hard links) and has one more part in each bucket.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis.expr.types as ir

from pipeline.arrivals import Arrivals, Paths, arrivals, can_grow, count_buckets, listing
from pipeline.canonical import canonical, columns_read
from pipeline.columns import BUCKET, CUSTOMER, EVENT_US
from pipeline.drift import in_order
from pipeline.engine import DuckDBEngine, QueryEngine
from pipeline.errors import DataError
from pipeline.event_parts import (
    LATE,
    bucket_file,
    check_parts,
    facts_file,
    merge_parts,
    merged_facts,
    parts_of,
    read_facts,
    read_parts,
    staged_days,
    write_first_part,
    write_next_part,
)
from pipeline.event_quality import drop_refused, log_facts, refuse_bad, refuse_nothing
from pipeline.outputs import MANIFEST, drop_partials, fingerprint, read_manifest, share_file, whole
from pipeline.settings import Data, Log
from pipeline.sources import place_of
from pipeline.timeline import as_of_name, check_zone

__all__ = ["bucket_file", "read_events", "write_events"]

Progress = Callable[[str], None]
MOST_PARTS = 32  # of a bucket, before those that came later are merged
_MOSTLY = 0.5  # of the rows of new files; if more are too late, a wrong clock or a delivery of old days is likelier


@dataclass(frozen=True)
class _Build:
    """What each log of one run is read with."""

    data: Data
    buckets: int
    engine: QueryEngine
    quarantine: Path
    now_us: int
    late_days: int


def write_events(
    data: Data,
    buckets: int | None,
    folder: Path,
    quarantine: Path,
    engine: QueryEngine,
    progress: Progress = lambda _: None,
    now_us: int | None = None,
    late_days: int = 3,
) -> dict[str, Any]:
    """Read, check and write all logs of a source, or what is new in them; return the manifest.

    Parameters
    ----------
    buckets
        Number of buckets; None: chosen from the source's size, and kept as long as only new files come and it has not
        grown to a multiple.
    folder
        Where the data set shall stand: `<log>/bucket=0000.parquet` and later parts beside it, canonical events sorted
        by customer, time and all fields.
    quarantine
        Where the rows that cannot be used are written, with columns `reason` and `raw`.
    now_us
        Events later than this instant are refused as lying in the future; default: the clock.
    late_days
        In new files, an event may be of a local day so many days before the day after the last event known so far;
        older ones are set aside. A full reading takes all. So it does rows that were set aside because they lay in the
        future then: as long as only new files come they stay where they are.

    Raises
    ------
    DataError
        If files are missing, damaged or of several kinds, too many rows are bad, most rows of new files are too late,
        or no usable event is left.
    SchemaError
        If a declared column does not exist, or not in each file alike.
    """
    check_zone(data.time_zone, "data.time_zone")
    for name, log in data.logs.items():
        check_zone(log.zone or data.time_zone, f"data.logs.{name}.zone")
    found = listing(data, buckets)
    standing = read_manifest(folder) if (folder / MANIFEST).is_file() else {}
    if standing.get("inputs") == found.inputs:
        drop_partials(folder)  # of new files that were refused, and have been taken away since
        for name in data.logs:
            drop_refused(quarantine / name, _next_part(standing))
        return standing
    paths = {
        name: in_order(found.paths[name], log, columns_read(log), f"data.logs.{name}")
        for name, log in data.logs.items()
    }
    come = arrivals(data, found, standing, buckets) if standing else Arrivals({}, "")
    now_us = time.time_ns() // 1000 if now_us is None else now_us
    number = standing.get("buckets", 0)
    if come.obstacle is not None:
        number = count_buckets(data, found.paths) if buckets is None else buckets
    build = _Build(data, number, engine, quarantine, now_us, late_days)
    facts: dict[str, Any] = {"buckets": number, "inputs": found.inputs, "declared": found.declared}
    facts["files"] = found.facts
    if come.obstacle is None:
        _add(build, come.files, folder, standing, facts, progress)
    else:
        if come.obstacle:
            progress(f"all files are read anew, because {come.obstacle}")
        _rebuild(build, paths, folder, facts, progress)
    if quarantine.is_dir() and not any(quarantine.iterdir()):
        quarantine.rmdir()
    return read_manifest(folder)


def read_events(
    engine: QueryEngine, folder: Path, log: str, bucket: int | Sequence[int], from_day: int | None = None
) -> ir.Table:
    """Open one bucket, or several, of one log's canonical events.

    Parameters
    ----------
    from_day
        Leave out events of earlier local days (days since the epoch), and the files that have no others.
    """
    return read_parts(engine, folder / log, [bucket] if isinstance(bucket, int) else bucket, from_day)


def _rebuild(build: _Build, paths: Paths, folder: Path, facts: dict[str, Any], progress: Progress) -> None:
    """Write a data set of all files."""
    logs = build.data.logs
    for stranger in [path for path in build.quarantine.glob("*") if path.is_dir() and path.name not in logs]:
        shutil.rmtree(stranger)
    facts |= {"logs": {}, "base": facts["inputs"], "added": []}
    with whole(folder, facts["inputs"], facts) as partial:
        for name, log in logs.items():
            progress(f"events of {name}")
            target, aside = partial / name, build.quarantine / name
            staged = partial / f".staged-{name}"
            if staged.exists() or not all(bucket_file(target, bucket).exists() for bucket in range(build.buckets)):
                shutil.rmtree(aside, ignore_errors=True)
                split = _stage(build, name, staged, paths[name])
                if split == 0:
                    raise DataError(
                        f"data.logs.{name}: {place_of(log)} holds no event at all; a log needs at least one row"
                    )
                days = staged_days(build.engine, staged) if can_grow(log, build.data.root) else None
                split_day = days[1] + 1 - build.late_days if days else None
                jobs = [(log, staged, bucket, target, aside, split_day) for bucket in range(build.buckets)]
                build.engine.each_bucket(write_first_part, jobs)
                _refuse_lost(name, split, _facts_of(target, build.buckets), staged)
            shutil.rmtree(staged, ignore_errors=True)
            facts["logs"][name] = log_facts(_facts_of(target, build.buckets))
            place = f"data.logs.{name}: {place_of(log)}"
            refuse_bad(place, build.data, facts["logs"][name], aside)
            refuse_nothing(place, facts["logs"][name], aside)


def _add(
    build: _Build,
    new: Mapping[str, list[Path]],
    folder: Path,
    standing: dict[str, Any],
    facts: dict[str, Any],
    progress: Progress,
) -> None:
    """Write a data set that has the parts of the standing one and one more for the new files."""
    added: dict[str, int | None] = {}
    number = _next_part(standing)
    facts |= {"logs": {}, "base": standing["base"]}
    with whole(folder, fingerprint(standing["fingerprint"], facts["inputs"], build.late_days), facts) as partial:
        for name, log in build.data.logs.items():
            _link(build, log, folder / name, partial / name)
            if name in new:
                progress(f"events of {name}, {len(new[name])} new {'file' if len(new[name]) == 1 else 'files'}")
                added[name] = _add_to(build, name, new[name], folder, partial, number)
            else:
                drop_refused(build.quarantine / name, number)
            facts["logs"][name] = log_facts(_facts_of(partial / name, build.buckets))
            late = facts["logs"][name]["bad"].get(LATE, 0) - standing["logs"][name]["bad"].get(LATE, 0)
            if late:
                progress(
                    f"{late:,} events of {name} are older than features.late_days={build.late_days} allows and were "
                    f"set aside in {build.quarantine / name}; to take them in, delete {folder} and run again"
                )
        first_days = {name: day for name, day in added.items() if day is not None}
        facts["added"] = [*standing["added"], {"inputs": facts["inputs"], "first_days": first_days}]


def _next_part(standing: Mapping[str, Any]) -> int:
    return len(standing["added"]) + 2  # after a full reading's two


def _add_to(build: _Build, name: str, files: list[Path], folder: Path, partial: Path, number: int) -> int | None:
    """Write one more part of a log's buckets; return the first local day in it."""
    log, target, aside = build.data.logs[name], partial / name, build.quarantine / name
    staged = partial / f".staged-{name}"
    known = merged_facts([_facts_of(folder / name, build.buckets)])
    parts = [bucket_file(target, bucket, number) for bucket in range(build.buckets)]
    if staged.exists() or not all(part.exists() for part in parts):
        drop_refused(aside, number)
        split = _stage(build, name, staged, files)
        if split == 0:
            return None  # new files without a row
        from_day = known["last_day"] + 1 - build.late_days
        jobs = [(log, staged, bucket, target, aside, number, from_day) for bucket in range(build.buckets)]
        build.engine.each_bucket(write_next_part, jobs)
        _refuse_lost(name, split, merged_facts([read_facts(part) for part in parts]), staged)
    shutil.rmtree(staged, ignore_errors=True)
    with DuckDBEngine() as here:
        check_parts(here, log, parts)
    found = merged_facts([read_facts(part) for part in parts])
    new = log_facts(found)
    in_time = {**new, "bad": {reason: n for reason, n in new["bad"].items() if reason != LATE}}
    place = f"data.logs.{name}: {files[0] if len(files) == 1 else f'{len(files)} new files from {files[0]} on'}"
    refuse_bad(place, build.data, in_time, aside)
    _refuse_late(place, build, new, folder, name, known["last_us"])
    return None if found["first_day"] is None else int(found["first_day"])


def _stage(build: _Build, name: str, staged: Path, files: list[Path]) -> int:
    """Split the rows of some files of a log by bucket; return how many there are."""
    log, where = build.data.logs[name], f"data.logs.{name}"
    raw = canonical(build.engine, log, build.data, where, build.buckets, build.now_us, files)
    rows = build.engine.write_split(raw, staged, BUCKET, f"{where}: {place_of(log)}")
    if rows and next(staged.rglob("*.parquet"), None) is None:
        raise _lost(name, rows, 0, staged)
    return rows


def _refuse_lost(name: str, split: int, facts: Mapping[str, Any], staged: Path) -> None:
    """Refuse parts that do not hold every row that was split: a bucket without files looks as one without customers."""
    found = facts["rows"] + sum(item["n"] for item in facts["bad"])
    if found != split:
        raise _lost(name, split, found, staged)


def _lost(name: str, split: int, found: int, staged: Path) -> DataError:
    return DataError(
        f"data.logs.{name}: {split:,} rows were split by customer, but {found:,} arrived: files of {staged} went while "
        "they were read. Let nobody else write there, and on a cluster let every worker see that folder; then run the "
        "same command again, which splits them anew"
    )


def _link(build: _Build, log: Log, old: Path, new: Path) -> None:
    """Give the new data set the old one's files; merge those that came later where they have become many."""
    for bucket in range(build.buckets):
        files = parts_of(old, bucket)
        if len(files) > MOST_PARTS:
            numbers = [int(file.stem.rpartition("-")[2]) for file in files[1:]]
            if not bucket_file(new, bucket, numbers[-1]).exists():
                build.engine.each_bucket(merge_parts, [(log, old, new, bucket, numbers)])
            files = files[:1]
        for file in [path for part in files for path in (facts_file(part), part)]:
            share_file(file, new / file.name)


def _facts_of(folder: Path, buckets: int) -> dict[str, Any]:
    """Return the facts of all parts of all buckets of a log."""
    return merged_facts([read_facts(part) for bucket in range(buckets) for part in parts_of(folder, bucket)])


def _refuse_late(place: str, build: _Build, new: Mapping[str, Any], folder: Path, name: str, last_us: int) -> None:
    """Refuse new files most of which are too late: one event with a wrong clock would shut out every day to come."""
    late = new["bad"].get(LATE, 0)
    rows = new["rows"] + sum(new["bad"].values())
    if late <= _MOSTLY * rows:
        return
    events = read_events(build.engine, folder, name, range(build.buckets))
    latest = events.filter(events[EVENT_US] == last_us).select(CUSTOMER).order_by(CUSTOMER).limit(1)
    customer = build.engine.arrow(latest).to_pylist()[0][CUSTOMER]
    raise DataError(
        f"{place}: {late:,} of {rows:,} rows are older than features.late_days={build.late_days} allows, because the "
        f"latest event of {name} that is known is of {as_of_name(last_us)} (customer '{customer}'). If that "
        "event's clock is wrong, correct its file and run again; if these files bring old days that are to be taken "
        f"in, delete {folder} and run again. Both read all files anew."
    )
