"""Write a source with one log, ingest it, and read back what became of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.engine import DuckDBEngine
from pipeline.events import write_events
from pipeline.settings import Data, Log, Quality


def us(*parts: int) -> int:
    """Return the microseconds since the epoch of a UTC clock time."""
    return int(datetime(*parts[:6], tzinfo=UTC).timestamp()) * 1_000_000 + (parts[6] if len(parts) > 6 else 0)


NOW_US = us(2025, 1, 1)


@dataclass(frozen=True)
class Ingested:
    """What became of a log: its facts in the manifest, its events, its quarantined rows."""

    facts: dict[str, Any]
    events: list[dict[str, Any]]
    bad: list[tuple[str, str]]

    def column(self, name: str) -> list[Any]:
        return [event[name] for event in self.events]


def csv_log(folder: Path, lines: Iterable[str], time_zone: str = "UTC", bad: float = 1.0, **log: Any) -> Data:
    """Write `lines` as `log.csv`; columns `id` and `time` are the customer and the time."""
    folder.mkdir(exist_ok=True)
    (folder / "log.csv").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return source(folder, "log.csv", time_zone, bad, **log)


def parquet_log(
    folder: Path, columns: Mapping[str, Sequence[Any] | pa.Array], time_zone: str = "UTC", bad: float = 1.0, **log: Any
) -> Data:
    """Write `columns` as `log.parquet`; columns `id` and `time` are the customer and the time."""
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(dict(columns)), folder / "log.parquet")
    return source(folder, "log.parquet", time_zone, bad, **log)


def source(folder: Path, path: str, time_zone: str = "UTC", bad: float = 1.0, **log: Any) -> Data:
    """Return a source with the one log `log`."""
    declared = Log(**{"path": path, "id": "id", "time": "time", **log})
    return Data(
        name="one", root=str(folder), time_zone=time_zone, logs={"log": declared}, quality=Quality(max_bad_share=bad)
    )


def ingest(data: Data, out: Path, buckets: int = 1, now_us: int = NOW_US, log: str = "log") -> Ingested:
    """Write a source's events below `out`; return what became of one log."""
    with DuckDBEngine() as engine:
        manifest = write_events(data, buckets, out / "events", out / "quarantine", engine, now_us=now_us)
    events = [row for file in sorted((out / "events" / log).glob("*.parquet")) for row in rows(file)]
    found = [row for file in sorted((out / "quarantine" / log).glob("*.parquet")) for row in rows(file)]
    events.sort(key=lambda row: (row["customer_id"], row["event_us"]))
    return Ingested(manifest["logs"][log], events, sorted((row["reason"], row["raw"]) for row in found))


def rows(file: Path) -> list[dict[str, Any]]:
    """Return the rows of one Parquet file."""
    listed: list[dict[str, Any]] = pq.ParquetFile(file).read().to_pylist()
    return listed


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
