"""The engine for sources that outgrow one machine: Spark behind Ibis, with the rules that make it agree with DuckDB."""

from __future__ import annotations

import functools
import shutil
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.engine.csv_header import one_header
from pipeline.engine.duckdb import SOURCE, DuckDBEngine
from pipeline.engine.portable import hash32
from pipeline.engine.protocol import Answer
from pipeline.engine.spark.dialect import TO_INSTANT, TO_TIMESTAMP, PortableCompiler
from pipeline.engine.spark.failures import SparkError, told
from pipeline.engine.spark.session import session
from pipeline.engine.spark.tasks import MARK, Job, run
from pipeline.engine.tasks import task_engine
from pipeline.outputs import write_file
from pipeline.settings import Engine

_SECONDS_TO_LATER = 3 * 3600  # no clock is set back by more, so that by then it is what it is set back to


@ibis.udf.scalar.builtin(name="to_utc_timestamp", signature=((dt.timestamp, dt.string), dt.Timestamp("UTC")))
def _earlier(local: dt.timestamp, zone: str):  # type: ignore[no-untyped-def]
    """Read a local clock time as an instant, the earlier one of two."""


@ibis.udf.scalar.builtin(name="from_utc_timestamp", signature=((dt.Timestamp("UTC"), dt.string), dt.Timestamp("UTC")))
def _shown(instant: dt.timestamp, zone: str):  # type: ignore[no-untyped-def]
    """Return the instant whose UTC clock shows what the zone's clock shows at another."""


@ibis.udf.scalar.builtin(name="unix_micros", signature=((dt.Timestamp("UTC"),), dt.int64))
def _epoch_us(instant: dt.timestamp):  # type: ignore[no-untyped-def]
    """Count microseconds since the epoch."""


@ibis.udf.scalar.builtin(name="timestamp_micros", signature=((dt.int64,), dt.Timestamp("UTC")))
def _from_epoch_us(microseconds: int):  # type: ignore[no-untyped-def]
    """Turn microseconds since the epoch into an instant."""


class SparkEngine:
    """A connection to Spark that reads and writes files that its workers see.

    Parameters
    ----------
    settings
        Of conf/engine/spark.yaml.
    shared
        Folder of the outputs, on a file system that all workers share.
    """

    def __init__(self, settings: Engine, shared: Path) -> None:
        self._settings = settings
        self._shared = shared.absolute()
        self._session = session(settings, self._shared)
        for left in self._shared.glob(".copies-*"):
            shutil.rmtree(left, ignore_errors=True)
        for left in self._shared.glob(f"{MARK}*"):
            left.unlink()
        self._copies = self._shared / f".copies-{uuid.uuid4().hex[:8]}"
        self._views: list[str] = []
        self._patterns: dict[str, str] = {}
        self._ibis = ibis.pyspark.connect(self._session)
        self._ibis.compiler = PortableCompiler()
        self._register(TO_TIMESTAMP, functools.partial(_read, kind="timestamp"), "timestamp_ntz")
        self._register(TO_INSTANT, functools.partial(_read, kind="timestamp('UTC')"), "timestamp_ntz")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget the opened tables; the session serves the stages to come and ends with the program."""
        for name in self._views:
            self._session.catalog.dropTempView(name)
        self._views.clear()
        shutil.rmtree(self._copies, ignore_errors=True)

    def parquet(self, files: Path | Sequence[Path]) -> ir.Table:
        """Open one or several Parquet files of one schema as a table.

        What Spark cannot read, such as nanoseconds, is read by DuckDB in tasks and laid down anew.

        Raises
        ------
        DataError
            If a file is damaged or not Parquet.
        """
        paths = [files] if isinstance(files, Path) else list(files)
        with suppress(SparkError):  # not a damaged file's DataError
            return self._opened(paths)
        return self._opened(self._copied("parquet", [(path.absolute(),) for path in paths]))

    def csv(self, files: Sequence[Path]) -> ir.Table:
        """Open CSV files of one header as a table of texts; see `DuckDBEngine.csv`, which reads each in a task.

        Spark's own reader takes damaged files for good ones: it replaces what is no UTF-8.
        """
        one_header(files)
        return self._opened(self._copied("csv", [([file.absolute()],) for file in files]))

    def attached(self, database: Path, table: str) -> ir.Table:
        """Open a table of a database file, read only: a task lays it down as Parquet."""
        return self._opened(self._copied("attached", [(database.absolute(), table)]))

    def memory(self, table: pa.Table) -> ir.Table:
        """Open an Arrow table as a table of this engine."""
        from pyspark.sql.pandas.types import from_arrow_schema

        schema = from_arrow_schema(table.schema, prefer_timestamp_ntz=True)
        return self._view(self._session.createDataFrame(table, schema=schema))

    def write(self, table: ir.Table, path: Path) -> None:
        """Write a table as one Parquet file, whole or not at all."""
        folder = self._copies / uuid.uuid4().hex

        def moved(partial: Path) -> None:
            self._frame(table).coalesce(1).write.parquet(_uri(folder))
            (written,) = folder.glob("*.parquet")
            shutil.move(written, partial)

        try:
            with told(str(path)):
                write_file(path, moved)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def write_split(self, table: ir.Table, folder: Path, by: str, origin: str = SOURCE) -> int:
        """Write a table as one folder of Parquet files per value of the column `by`: the one true shuffle.

        Returned is the number of rows that the tasks have written, wherever that was. They are counted behind the
        shuffle, where each task counts once however often it was tried.
        """
        from pyspark.sql import Observation
        from pyspark.sql.functions import count, lit

        shutil.rmtree(folder, ignore_errors=True)
        written = Observation()
        with told(origin):
            split = self._frame(table).repartition(by).observe(written, count(lit(1)).alias("rows"))
            split.write.partitionBy(by).parquet(_uri(folder))
            if next(folder.rglob("*.parquet"), None) is None:
                return int(self._frame(table).count())  # Spark does not observe a plan that it finds empty
            return int(written.get["rows"])

    def arrow(self, table: ir.Table, origin: str = SOURCE) -> pa.Table:
        """Run a query and return its rows as an Arrow table."""
        with told(origin):
            found = self._frame(table).toArrow()
        return found.cast(table.schema().to_pyarrow())

    def each_bucket(self, work: Callable[..., Answer], jobs: Sequence[tuple[Any, ...]]) -> list[Answer]:
        """Return `work(engine, *job)` of each job, in order; each is a task with a DuckDB engine of its own."""
        calls: list[Job] = [(_with_engine, (self._settings, work, job), {}) for job in jobs]
        return list(run(calls, self._settings, self._shared))

    def instant_us(self, local: ir.TimestampValue, zone: str) -> ir.IntegerValue:
        """Return microseconds since the epoch of local clock times in `zone`, the later one of two.

        Spark takes the earlier one. The later one is found with the clock's offset some hours on, and is right if the
        clock then shows the time that was asked for.
        """
        place = ibis.literal(zone)
        wanted, first = _epoch_us(local.cast("timestamp('UTC')")), _epoch_us(_earlier(local, place))
        ahead = first + _SECONDS_TO_LATER * 1_000_000
        second = wanted - (_epoch_us(_shown(_from_epoch_us(ahead), place)) - ahead)
        return (_epoch_us(_shown(_from_epoch_us(second), place)) == wanted).ifelse(second, first)

    def clock(self, event_us: ir.IntegerValue, zone: str) -> ir.TimestampValue:
        """Return the local clock time in `zone` of microseconds since the epoch."""
        return _shown(_from_epoch_us(event_us), ibis.literal(zone)).cast("timestamp")

    def parse_time(self, text: ir.StringValue, pattern: str) -> ir.TimestampValue:
        """Parse texts by a strptime pattern; NULL where one does not fit. DuckDB reads them, within Spark's workers.

        Raises
        ------
        DataError
            If the pattern is none.
        """
        with DuckDBEngine() as engine:
            engine.parse_time(ibis.literal(""), pattern)
        if pattern not in self._patterns:
            name = f"portable_strptime_{len(self._patterns)}"
            self._register(name, functools.partial(_parse, pattern=pattern), "timestamp_ntz")
            self._patterns[pattern] = name
        read = ibis.udf.scalar.builtin(_anonymous, name=self._patterns[pattern], signature=((dt.string,), dt.timestamp))
        return read(text)

    def hash32(self, text: ir.StringValue) -> ir.IntegerValue:
        """Return the first 32 bits of the text's MD5, in 0 … 2**32 - 1: the same on every engine."""
        return hash32(text)

    def _frame(self, table: ir.Table) -> Any:
        return self._session.sql(self._ibis.compile(table))

    def _opened(self, paths: Sequence[Path]) -> ir.Table:
        with told(str(paths[0])):
            frame = self._session.read.parquet(*(_uri(path, glob=True) for path in paths))
            for name in _int96(paths[0]):
                column = frame[f"`{name.replace('`', '``')}`"]
                frame = frame.withColumn(name, column.cast("timestamp_ntz"))
            return self._view(frame)

    def _view(self, frame: Any) -> ir.Table:
        name = f"opened_{uuid.uuid4().hex[:12]}"
        frame.createOrReplaceTempView(name)
        self._views.append(name)
        return ibis.table(_schema(frame), name=name)

    def _copied(self, kind: str, opened: Sequence[tuple[Any, ...]]) -> list[Path]:
        """Let tasks read files, given from the root, and lay them down as Parquet that Spark reads; return where."""
        targets = [self._copies / f"{uuid.uuid4().hex}.parquet" for _ in opened]
        jobs = [(kind, arguments, target) for arguments, target in zip(opened, targets, strict=True)]
        self.each_bucket(_copy, jobs)
        return targets

    def _register(self, name: str, function: Callable[[pa.Array], pa.Array], kind: str) -> None:
        from pyspark.sql.functions import arrow_udf

        def read(texts: pa.Array) -> pa.Array:
            return function(texts)

        read.__annotations__ = {"texts": pa.Array, "return": pa.Array}
        self._session.udf.register(name, arrow_udf(read, kind))


def _int96(file: Path) -> list[str]:
    """Return the columns of a Parquet file's oldest kind of timestamp: a clock time to DuckDB, an instant to Spark."""
    try:
        columns = pq.ParquetFile(file).schema
    except (OSError, pa.ArrowInvalid):
        return []  # Spark tells what is wrong when it reads the file
    return [column.path for column in columns if column.physical_type == "INT96"]


def _schema(frame: Any) -> dict[str, dt.DataType]:
    """Return the types of a data frame; Ibis forgets which of Spark's two timestamps is an instant."""
    from ibis.backends.pyspark.datatypes import PySparkType

    return {
        field.name: dt.Timestamp("UTC")
        if field.dataType.typeName() == "timestamp"
        else PySparkType.to_ibis(field.dataType)
        for field in frame.schema
    }


def _uri(path: Path, glob: bool = False) -> str:
    """Return a path as Spark takes it: a local file, whatever the cluster's own file system; never as a pattern."""
    text = str(path.absolute())
    if glob:
        text = "".join(f"\\{letter}" if letter in "\\*?[]{}" else letter for letter in text)
    return f"file://{text}"


def _anonymous(text: str) -> None:
    """Stand for a function that Spark knows by its name."""


def _with_engine(settings: Engine, work: Callable[..., Any], job: tuple[Any, ...]) -> Any:
    with task_engine(settings, 1) as engine:
        return work(engine, *job)


def _copy(engine: DuckDBEngine, kind: str, arguments: Iterable[Any], target: Path) -> None:
    """Lay a table of a source down as Parquet; finer times than microseconds are rounded to them."""
    table = getattr(engine, kind)(*arguments)
    fine = [name for name, kind in table.schema().items() if kind.is_timestamp() and (kind.scale or 0) > 6]
    engine.write(table.mutate(**{name: table[name].cast("timestamp") for name in fine}) if fine else table, target)


@functools.cache
def _reader() -> DuckDBEngine:
    """Return the engine that reads texts in this worker."""
    return DuckDBEngine()


def _asked(texts: pa.Array, expression: Callable[[ir.StringValue], ir.Value]) -> pa.Array:
    engine = _reader()
    table = engine.memory(pa.table({"text": texts}))
    found = engine.arrow(table.select(read=expression(table["text"])))["read"]
    return found.combine_chunks().cast(pa.timestamp("us"))


def _read(texts: pa.Array, kind: str) -> pa.Array:
    return _asked(texts, lambda text: text.try_cast(kind).cast("timestamp"))


def _parse(texts: pa.Array, pattern: str) -> pa.Array:
    return _asked(texts, lambda text: _reader().parse_time(text, pattern))
