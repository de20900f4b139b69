"""The tables that queries over one bucket read, by name: events of each log, token counts, what is kept of each log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import ibis.expr.types as ir

from pipeline.event_parts import files_since, since

Files = dict[str, Path | list[Path]]

COUNTED, ADDED = "tokens_counted", "tokens_added"  # token counts, and what later events add to them
VARIETY = "variety"  # what variety is made of, as it was when the counts were kept
SUMS = "sums"  # amounts of weighed fields that are kept
_EVENTS = "events_"


def kept_name(log: str, part: str) -> str:
    """Return the name of a table that is kept of a log."""
    return f"kept_{part}_{log}"


def events_files(events: Path, logs: Iterable[str], bucket: int, from_day: Mapping[str, int] | None = None) -> Files:
    """Return the files of each log's events; `from_day`: the first local day of each that is asked for."""
    day = from_day or {}
    return {_EVENTS + name: files_since(events / name, [bucket], day.get(name)) for name in logs}


def events_of(
    tables: Mapping[str, ir.Table], logs: Iterable[str], from_day: Mapping[str, int] | None = None
) -> dict[str, ir.Table]:
    """Return each log's events among the tables, from the same days on."""
    day = from_day or {}
    return {name: since(tables[_EVENTS + name], day.get(name)) for name in logs}
