"""What every engine does. Functions that build queries take any of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import ibis.expr.types as ir
import pyarrow as pa

Answer = TypeVar("Answer")


class QueryEngine(Protocol):
    """Connects, reads, writes and closes; every query is an Ibis expression that is defined elsewhere.

    The same expressions over the same files give the same rows on each engine; doubles differ by the order in which
    they are summed alone.
    """

    def __enter__(self) -> Self:
        """Return the engine itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the engine."""
        ...

    def close(self) -> None:
        """Release what the engine holds."""
        ...

    def parquet(self, files: Path | Sequence[Path]) -> ir.Table:
        """Open Parquet files of one schema; DataError if one is damaged."""
        ...

    def csv(self, files: Sequence[Path]) -> ir.Table:
        """Open CSV files of one header as a table of texts; DataError, SchemaError if they are none."""
        ...

    def attached(self, database: Path, table: str) -> ir.Table:
        """Open a table of a DuckDB database file, read only; DataError if there is none."""
        ...

    def memory(self, table: pa.Table) -> ir.Table:
        """Open an Arrow table."""
        ...

    def write(self, table: ir.Table, path: Path) -> None:
        """Write a table, in its order, as one Parquet file, whole or not at all."""
        ...

    def write_split(self, table: ir.Table, folder: Path, by: str, origin: str = ...) -> int:
        """Write a table as one folder `<by>=<value>` of Parquet files for each value of a column; return its rows."""
        ...

    def arrow(self, table: ir.Table, origin: str = ...) -> pa.Table:
        """Return a query's rows; meant for few."""
        ...

    def each_bucket(self, work: Callable[..., Answer], jobs: Sequence[tuple[Any, ...]]) -> list[Answer]:
        """Return `work(engine, *job)` of each job, in order.

        `work` reads and writes the files of one bucket with the engine it is given, a DuckDB one, and may be run
        again from the start after a crash.
        """
        ...

    def instant_us(self, local: ir.TimestampValue, zone: str) -> ir.IntegerValue:
        """Return microseconds since the epoch of local clock times in `zone`.

        A clock time that is skipped counts on from the hour before; of one that is shown twice the later is meant.
        """
        ...

    def clock(self, event_us: ir.IntegerValue, zone: str) -> ir.TimestampValue:
        """Return the local clock time in `zone` of microseconds since the epoch."""
        ...

    def parse_time(self, text: ir.StringValue, pattern: str) -> ir.TimestampValue:
        """Parse texts by a strptime pattern, NULL where one does not fit; DataError if the pattern is none."""
        ...

    def hash32(self, text: ir.StringValue) -> ir.IntegerValue:
        """Return the first 32 bits of the text's MD5."""
        ...
