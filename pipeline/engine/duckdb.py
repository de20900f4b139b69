"""The embedded engine: DuckDB behind Ibis, with a memory limit and spilling to disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa

from pipeline.errors import DataError
from pipeline.outputs import write_file


@ibis.udf.scalar.builtin(name="timezone", signature=((dt.string, dt.timestamp), dt.Timestamp("UTC")))
def _instant(zone: str, local: dt.timestamp):  # type: ignore[no-untyped-def]
    """Read a local clock time as an instant."""


@ibis.udf.scalar.builtin(name="timezone", signature=((dt.string, dt.Timestamp("UTC")), dt.timestamp))
def _clock(zone: str, instant: dt.timestamp):  # type: ignore[no-untyped-def]
    """Show an instant on a local clock."""


@ibis.udf.scalar.builtin(name="epoch_us", signature=((dt.Timestamp("UTC"),), dt.int64))
def _epoch_us(instant: dt.timestamp):  # type: ignore[no-untyped-def]
    """Count microseconds since the epoch."""


@ibis.udf.scalar.builtin(name="make_timestamptz", signature=((dt.int64,), dt.Timestamp("UTC")))
def _from_epoch_us(microseconds: int):  # type: ignore[no-untyped-def]
    """Turn microseconds since the epoch into an instant."""


@ibis.udf.scalar.builtin(name="try_strptime", signature=((dt.string, dt.string), dt.timestamp))
def _try_strptime(text: str, pattern: str):  # type: ignore[no-untyped-def]
    """Parse a text by a pattern; NULL where it does not fit."""


@ibis.udf.scalar.builtin(name="md5", signature=((dt.string,), dt.string))
def _md5(text: str):  # type: ignore[no-untyped-def]
    """Hash a text to 32 hex digits, the same on every engine."""


class DuckDBEngine:
    """An in-memory DuckDB connection that reads and writes files.

    Parameters
    ----------
    threads
        Threads of one query. Stages use one thread a bucket and several buckets side by side: the sum of
        doubles then has one order, so the same input gives the same bits.
    memory_limit_gb
        DuckDB's own memory limit; what exceeds it is spilled.
    spill
        Folder for spilled data, or None for DuckDB's default.
    """

    def __init__(self, threads: int = 1, memory_limit_gb: float = 2.0, spill: str | None = None) -> None:
        options: dict[str, object] = {"threads": threads, "memory_limit": f"{memory_limit_gb:.3f}GB"}
        if spill is not None:
            options["temp_directory"] = spill
        self.ibis = ibis.duckdb.connect(":memory:", **options)
        self.ibis.raw_sql("SET TimeZone = 'UTC'")
        self.ibis.raw_sql("SET enable_progress_bar = false")

    def __enter__(self) -> DuckDBEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the connection and its memory."""
        self.ibis.disconnect()

    def parquet(self, files: Path | Sequence[Path]) -> ir.Table:
        """Open one or several Parquet files of one schema as a table.

        Raises
        ------
        DataError
            If a file is damaged or not Parquet.
        """
        names = [str(files)] if isinstance(files, Path) else [str(file) for file in files]
        try:
            return self.ibis.read_parquet(names)
        except duckdb.Error as error:
            raise DataError(f"{names[0]}: cannot be read as Parquet: {_first_line(error)}") from None

    def csv(self, files: Sequence[Path]) -> ir.Table:
        """Open CSV files as a table of texts; types are decided, and checked, by the declaration."""
        try:
            return self.ibis.read_csv([str(file) for file in files], all_varchar=True, header=True)
        except duckdb.Error as error:
            raise DataError(f"{files[0]}: cannot be read as CSV: {_first_line(error)}") from None

    def attached(self, database: Path, table: str) -> ir.Table:
        """Open a table of a database file that DuckDB can attach, read only."""
        alias = f"db_{abs(hash(str(database))) % 10**8}"
        try:
            if alias not in self.ibis.list_catalogs():
                self.ibis.attach(str(database), name=alias, read_only=True)
            schema, _, name = table.rpartition(".")
            known = [str(name) for name in self.ibis.list_tables(database=(alias, schema or "main"))]
            if name not in known:
                raise DataError(f"{database}: no table '{table}' in it (tables: {', '.join(known) or 'none'})")
            return self.ibis.table(name, database=(alias, schema or "main"))
        except duckdb.Error as error:
            raise DataError(f"{database}: cannot be attached: {_first_line(error)}") from None

    def memory(self, table: pa.Table) -> ir.Table:
        """Open an Arrow table as a table of this engine."""
        return ibis.memtable(table)

    def write(self, table: ir.Table, path: Path) -> None:
        """Write a table as one Parquet file, whole or not at all."""
        with _disk_errors(path):
            write_file(path, lambda partial: self.ibis.to_parquet(table, partial, compression="zstd"))

    def write_split(self, table: ir.Table, folder: Path, by: str) -> None:
        """Write a table as one folder of Parquet files per value of the column `by`."""
        with _disk_errors(folder):
            self.ibis.to_parquet(table, folder, partition_by=by, overwrite=True)

    def arrow(self, table: ir.Table) -> pa.Table:
        """Run a query and return its rows as an Arrow table."""
        return self.ibis.to_pyarrow(table)

    def instant_us(self, local: ir.TimestampValue, zone: str) -> ir.IntegerValue:
        """Return microseconds since the epoch of local clock times in `zone`."""
        return _epoch_us(_instant(ibis.literal(zone), local))

    def clock(self, event_us: ir.IntegerValue, zone: str) -> ir.TimestampValue:
        """Return the local clock time in `zone` of microseconds since the epoch."""
        return _clock(ibis.literal(zone), _from_epoch_us(event_us))

    def parse_time(self, text: ir.StringValue, pattern: str) -> ir.TimestampValue:
        """Parse texts by a strptime pattern; NULL where one does not fit."""
        return _try_strptime(text, ibis.literal(pattern))

    def hash32(self, text: ir.StringValue) -> ir.IntegerValue:
        """Return the first 32 bits of the text's MD5, in 0 … 2**32 - 1: the same on every engine."""
        digits = _md5(text)
        parts = [
            ibis.literal("0123456789abcdef").find(digits.substr(place, 1)).cast("int64") * 16 ** (7 - place)
            for place in range(8)
        ]
        return sum(parts[1:], parts[0])


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]


class _disk_errors:  # noqa: N801 (reads as a statement)
    """Turn what a full or read-only disk raises into a `DataError` that names the place."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException | OSError):
            raise DataError(
                f"{self.path}: cannot be written: {_first_line(error)}. Nothing half-written is left as finished; "
                "free some space (or give engine.spill another folder) and run the same command again."
            ) from None
