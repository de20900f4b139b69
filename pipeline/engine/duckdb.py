"""The embedded engine: DuckDB behind Ibis, with a memory limit and spilling to disk."""

from __future__ import annotations

import glob
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.damage import advice, file_named_in
from pipeline.engine.csv_header import one_header
from pipeline.engine.portable import hash32
from pipeline.engine.prepared import Build, Prepared, prepare
from pipeline.engine.protocol import Answer
from pipeline.errors import DataError, PipelineError, did_you_mean
from pipeline.outputs import unwritable, write_file

# What DuckDB raises for a query that is wrong in itself: a defect of the program, which keeps its traceback.
_DEFECTS = (duckdb.BinderException, duckdb.CatalogException, duckdb.InternalException, duckdb.ParserException)
SOURCE = "a source file"
_chosen: list[str] = []  # folders for what is spilled where none is given; the last one counts


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


@ibis.udf.scalar.builtin(name="try_strptime", signature=((dt.string, dt.string), dt.Timestamp("UTC")))
def _try_strptime_zoned(text: str, pattern: str):  # type: ignore[no-untyped-def]
    """Parse a text by a pattern that holds an offset or zone."""


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
        Folder for spilled data; None: that of `spilling_to`, and else DuckDB's own choice, the working folder.
    """

    def __init__(self, threads: int = 1, memory_limit_gb: float = 2.0, spill: str | None = None) -> None:
        options: dict[str, object] = {"threads": threads, "memory_limit": f"{memory_limit_gb:.3f}GB"}
        if spill is not None or _chosen:
            options["temp_directory"] = spill or _chosen[-1]
        self._aliases: dict[str, str] = {}
        with _told("engine"):
            self.ibis = ibis.duckdb.connect(":memory:", **options)
            self.ibis.raw_sql("SET TimeZone = 'UTC'")
            self.ibis.raw_sql("SET enable_progress_bar = false")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the connection and its memory."""
        self.ibis.disconnect()

    def parquet(self, files: Path | Sequence[Path], name: str | None = None) -> ir.Table:
        """Open one or several Parquet files of one schema as a table; `name`: what it is called in this connection.

        Raises
        ------
        DataError
            If a file is damaged or not Parquet.
        """
        paths = [files] if isinstance(files, Path) else list(files)
        try:
            return self.ibis.read_parquet(
                [glob.escape(str(path)) for path in paths],
                table_name=name,
                can_have_nan=True,  # files' statistics say nothing of NaN; DuckDB takes that for proof of none
                hive_partitioning=False,  # or a folder `key=value` anywhere above hides the column `key`
            )
        except duckdb.Error as error:
            said = _first_line(error).rstrip(". ")
            file = next((path for path in paths if str(path) in said), paths[0])
            raise DataError(f"{file}: cannot be read as Parquet: {said}{advice(file)}") from None

    def csv(self, files: Sequence[Path]) -> ir.Table:
        """Open CSV files of one header as a table of texts; types are decided, and checked, by the declaration.

        The delimiter is the one of comma, semicolon, tab and bar that the header holds most often; quotes are ``"``,
        doubled inside. DuckDB's own guessing is off: it takes rows that begin with # for comments and skips rows
        before the ones that fit best, both without a word.

        Raises
        ------
        DataError
            If a file is empty, is not UTF-8, or has another header than the first one.
        SchemaError
            If a column stands twice in the header.
        """
        delimiter, header = one_header(files)
        try:
            return self.ibis.read_csv(
                [glob.escape(str(file)) for file in files],
                auto_detect=False,
                header=True,
                delim=delimiter,
                quote='"',
                escape='"',
                columns=dict.fromkeys(header, "VARCHAR"),
                hive_partitioning=False,
            )
        except duckdb.Error as error:
            raise DataError(f"{files[0]}: cannot be read as CSV: {_first_line(error)}") from None

    def attached(self, database: Path, table: str) -> ir.Table:
        """Open a table of a database file that DuckDB can attach, read only."""
        alias = self._aliases.setdefault(str(database), f"db_{len(self._aliases)}")
        schema, _, name = table.rpartition(".")
        try:
            self.ibis.raw_sql(f"ATTACH IF NOT EXISTS {_quoted(str(database))} AS {alias} (READ_ONLY)")
            listed = self.ibis.raw_sql(
                "SELECT table_name FROM information_schema.tables "
                f"WHERE table_catalog = '{alias}' AND table_schema = {_quoted(schema or 'main')} ORDER BY 1"
            )
            known = [str(row[0]) for row in listed.fetchall()]
            if name not in known:
                raise DataError(f"{database}: no table '{table}' in it {did_you_mean(name, known)}")
            return self.ibis.table(name, database=(alias, schema or "main"))
        except duckdb.Error as error:
            raise DataError(f"{database}: cannot be attached: {_first_line(error)}") from None

    def memory(self, table: pa.Table) -> ir.Table:
        """Open an Arrow table as a table of this engine."""
        return ibis.memtable(table)

    def write(self, table: ir.Table, path: Path) -> None:
        """Write a table as one Parquet file, whole or not at all."""
        with _told(SOURCE, path):
            write_file(path, lambda partial: self.ibis.to_parquet(table, partial, compression="zstd"), queried=True)

    def write_prepared(self, build: Build, files: Mapping[str, Path | Sequence[Path]], path: Path, *given: Any) -> None:
        """Write `build(tables, *given)` as one Parquet file, whole or not at all; see `prepare`.

        Parameters
        ----------
        files
            By name, the Parquet files that the table of this name is opened from.
        """
        query = self._prepared(build, files, given)
        with _told(SOURCE, path):
            copy = "COPY ({}) TO {} (FORMAT parquet, COMPRESSION zstd)"
            write_file(path, lambda file: self.ibis.raw_sql(copy.format(query.sql, _quoted(str(file)))), queried=True)

    def arrow_prepared(self, build: Build, files: Mapping[str, Path | Sequence[Path]], *given: Any) -> pa.Table:
        """Return the rows of `build(tables, *given)` as an Arrow table; see `write_prepared`."""
        query = self._prepared(build, files, given)
        with _told(SOURCE):
            return self.ibis.con.sql(query.sql).to_arrow_table().cast(query.columns)

    def _prepared(self, build: Build, files: Mapping[str, Path | Sequence[Path]], given: tuple[Any, ...]) -> Prepared:
        return prepare(self.ibis, build, {name: self.parquet(chosen, name) for name, chosen in files.items()}, given)

    def write_split(self, table: ir.Table, folder: Path, by: str, origin: str = SOURCE) -> int:
        """Write a table as one folder of Parquet files per value of the column `by`; return how many rows it has.

        Parameters
        ----------
        origin
            What the table is read from, for the message where that turns out to be damaged.
        """
        shutil.rmtree(folder, ignore_errors=True)
        with _told(origin, folder):
            self.ibis.to_parquet(table, folder, partition_by=by, overwrite=True)
        return sum(pq.read_metadata(file).num_rows for file in folder.rglob("*.parquet"))

    def arrow(self, table: ir.Table, origin: str = SOURCE) -> pa.Table:
        """Run a query and return its rows as an Arrow table; `origin` is named where it turns out damaged."""
        with _told(origin):
            return self.ibis.to_pyarrow(table)

    def each_bucket(self, work: Callable[..., Answer], jobs: Sequence[tuple[Any, ...]]) -> list[Answer]:
        """Return `work(engine, *job)` of each job, in order, one after another with this engine's threads."""
        return [work(self, *job) for job in jobs]

    def instant_us(self, local: ir.TimestampValue, zone: str) -> ir.IntegerValue:
        """Return microseconds since the epoch of local clock times in `zone`."""
        return _epoch_us(_instant(ibis.literal(zone), local))

    def clock(self, event_us: ir.IntegerValue, zone: str) -> ir.TimestampValue:
        """Return the local clock time in `zone` of microseconds since the epoch."""
        return _clock(ibis.literal(zone), _from_epoch_us(event_us))

    def parse_time(self, text: ir.StringValue, pattern: str) -> ir.TimestampValue:
        """Parse texts by a strptime pattern; NULL where one does not fit.

        A pattern with ``%z`` or ``%Z`` yields clock times in UTC.

        Raises
        ------
        DataError
            If the pattern is none.
        """
        self.arrow(ibis.literal(pattern).name("pattern").as_table().select(_try_strptime("", pattern)), "the pattern")
        if names_zone(pattern):
            return _try_strptime_zoned(text, ibis.literal(pattern)).cast("timestamp")
        return _try_strptime(text, ibis.literal(pattern))

    def hash32(self, text: ir.StringValue) -> ir.IntegerValue:
        """Return the first 32 bits of the text's MD5, in 0 … 2**32 - 1: the same on every engine."""
        return hash32(text)


@contextmanager
def spilling_to(folder: Path) -> Iterator[None]:
    """Let engines of this process for which no folder is named spill into this one; other processes' are their own."""
    _chosen.append(str(folder))
    try:
        yield
    finally:
        _chosen.pop()


def names_zone(pattern: str) -> bool:
    """Tell whether a strptime pattern reads an offset or a zone.

    >>> names_zone("%Y-%m-%d %H:%M %z"), names_zone("%Y-%m-%d")
    (True, False)
    """
    return "%z" in pattern.lower()


def _quoted(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]


@contextmanager
def _told(origin: str, path: Path | None = None) -> Iterator[None]:
    """Turn what damaged files, full disks and scarce memory raise into a `DataError` that says where.

    A damaged file shows itself only while a query runs, and DuckDB has no class of its own for it.
    """
    try:
        yield
    except (*_DEFECTS, PipelineError):
        raise
    except duckdb.OutOfMemoryException as error:
        raise DataError(
            f"{path or origin}: not enough memory: {_first_line(error)}. Raise engine.memory_limit_gb, or give "
            "engine.spill a folder with free space, and run the same command again."
        ) from None
    except (duckdb.Error, OSError) as error:
        reason = _reason(error)
        writing = isinstance(error, OSError) or "No space left" in reason or "write" in reason
        ours = path is not None and any(str(place) in reason for place in (path, path.with_name(f".{path.name}")))
        if path is not None and (writing or ours):
            raise unwritable(path, reason) from None
        file = file_named_in(reason)
        raise DataError(f"{origin}: cannot be read: {reason}{advice(file) if file else ''}") from None


def _reason(error: BaseException) -> str:
    """Return what a message says before it goes on to advice, and the file it names at its end."""
    lines = [line.strip() for line in str(error).strip().splitlines()]
    end = next((place for place, line in enumerate(lines) if not line or line.startswith("Possible")), len(lines))
    named = next((line.removeprefix("file = ") for line in lines if line.startswith("file = ")), None)
    return "; ".join(lines[:end] or ["no reason given"]) + (f" (in {named})" if named else "")
