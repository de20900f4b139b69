"""What has arrived at a source since its events were written: nothing, new files only, or something else.

Only new files beside untouched ones can be added to events that stand already. A file that grew, changed or went may
have changed any event, so then everything is read anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.errors import DataError
from pipeline.outputs import fingerprint
from pipeline.program import code_fingerprint
from pipeline.settings import Data, Log, as_plain
from pipeline.sources import files_of, resolve

EVENTS_PER_BUCKET = 2_000_000  # one thread sorts and counts so many in well under a gigabyte
FEWEST_BUCKETS = 4
_OUTGROWN = 4  # times the number of buckets that stand is what the source's size asks for: then all is read anew
_BYTES_PER_EVENT = {".gz": 10}  # of a compressed text; see _ROW
_ROW = 60  # bytes that an event takes in a CSV file, about

Paths = Mapping[str, list[Path]]
# By log: [path below the log's folder, size in bytes, time of change in ns] of each file.
Files = dict[str, list[list[Any]]]


@dataclass(frozen=True)
class Arrivals:
    """Files of a source that are not among its events yet, and why these cannot simply be added, if so.

    Attributes
    ----------
    files
        New files by log; logs without any are left out.
    obstacle
        Why everything must be read anew, in words; None where the new files are enough.
    """

    files: Mapping[str, list[Path]]
    obstacle: str | None = None


def can_grow(log: Log, root: str) -> bool:
    """Tell whether new files can appear beside a log's files: whether it is a folder."""
    return log.path is not None and resolve(root, log.path).is_dir()


@dataclass(frozen=True)
class Listing:
    """What a source holds at one moment: only these files are read, whatever arrives meanwhile.

    Attributes
    ----------
    paths
        Each log's own files, sorted.
    facts
        The same, with size and time of change.
    declared
        See `declaration`.
    """

    paths: Paths
    facts: Files
    declared: str

    @property
    def inputs(self) -> str:
        """Return the fingerprint of a source's logs: files, declaration, buckets (as set), code."""
        return fingerprint(self.facts, self.declared)


def listing(data: Data, buckets: int | None) -> Listing:
    """Return a source's files and what else decides about its events.

    Parameters
    ----------
    buckets
        As set; None: chosen from the source's size.
    """
    paths = {name: files_of(log, data.root, f"data.logs.{name}") for name, log in data.logs.items()}
    facts = {}
    for name, log in data.logs.items():
        place = resolve(data.root, log.path or log.database or "")
        facts[name] = [_facts(file, place) for file in paths[name]]
    return Listing(paths, facts, declaration(data, buckets))


def declaration(data: Data, buckets: int | None) -> str:
    """Return the fingerprint of all that decides about events but the logs' own files."""
    joined = {
        name: [
            _facts(file, file.parent)
            for position, join in enumerate(log.join)
            for file in files_of(join, data.root, f"data.logs.{name}.join[{position}]")
        ]
        for name, log in data.logs.items()
    }
    declared = {name: as_plain(log) for name, log in data.logs.items()}
    program = code_fingerprint("pipeline.events", "pipeline.engine")
    return fingerprint(joined, declared, data.time_zone, data.sample, as_plain(data.quality), buckets, program)


def arrivals(data: Data, found: Listing, standing: Mapping[str, Any], buckets: int | None) -> Arrivals:
    """Compare a source, as found now, with the manifest of the events that stand; `buckets`: as set."""
    if standing.get("declared") != found.declared:
        return Arrivals({}, "its declaration, a reference table or the program has changed")
    new: dict[str, list[Path]] = {}
    for name in data.logs:
        before = {path: facts for path, *facts in standing["files"][name]}
        now = {path: facts for path, *facts in found.facts[name]}
        for path, facts in before.items():
            if now.get(path) != facts:
                what = "has changed" if path in now else "is no longer there"
                return Arrivals({}, f"{path}, which was read before, {what}")
        fresh = [file for file, path in zip(found.paths[name], now, strict=True) if path not in before]
        if fresh:
            new[name] = fresh
    fitting = count_buckets(data, new, standing) if buckets is None else buckets
    if fitting >= _OUTGROWN * standing["buckets"]:
        return Arrivals({}, f"the source has outgrown its {standing['buckets']} buckets: {fitting} suit it now")
    return Arrivals(new)


def count_buckets(data: Data, paths: Paths, standing: Mapping[str, Any] | None = None) -> int:
    """Return a number of buckets that suits the source's size: one for every 2 million events, at least 4.

    Parquet files say how many rows they hold; of texts it is estimated from their bytes. Databases say nothing before
    they are read: for them it stays at the least.

    Parameters
    ----------
    paths
        Each log's files, or those that are new; logs without any may be left out.
    standing
        The manifest of the events that the others have become.
    """
    events = 0.0
    for name, log in data.logs.items():
        if log.database is None:
            for file in paths.get(name, []):
                parquet = log.format == "parquet" or file.suffix.lower() in (".parquet", ".pq")
                events += _rows(file) if parquet else file.stat().st_size // _BYTES_PER_EVENT.get(file.suffix, _ROW)
    events *= data.sample or 1.0
    events += sum(facts["rows"] for facts in standing["logs"].values()) if standing else 0
    return max(FEWEST_BUCKETS, -int(-events // EVENTS_PER_BUCKET))


def _rows(file: Path) -> int:
    try:
        return int(pq.read_metadata(file).num_rows)
    except Exception as error:  # bytes that are no Parquet can raise anything
        raise DataError(f"{file}: cannot be read as Parquet: {error}") from None


def _facts(file: Path, place: Path) -> list[Any]:
    name = file.relative_to(place).as_posix() if place.is_dir() and file.is_relative_to(place) else file.name
    return [name, file.stat().st_size, file.stat().st_mtime_ns]
