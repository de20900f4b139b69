"""Files of one log must agree on the columns that are read; footers and headers tell before a row is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.engine import one_header
from pipeline.errors import DataError, SchemaError
from pipeline.settings import Log
from pipeline.sources import kind_of


def in_order(files: Sequence[Path], log: Log, columns: Iterable[str], where: str) -> list[Path]:
    """Return a log's files in the order in which they are read; all of them, also those that have been read before.

    One that has a type for each column goes first, because the first one's types are taken for all.

    Parameters
    ----------
    columns
        Those that are read.
    where
        How messages name the declaration, such as ``data.logs.purchases``.

    Raises
    ------
    DataError
        If files are of several kinds, CSV files have several headers, or one is no whole Parquet file.
    SchemaError
        See `refuse_drift`.
    """
    if log.database is not None or len(files) < 2:
        return list(files)
    if kind_of(files, log, where) == "csv":
        one_header(files)
        return list(files)
    typed = refuse_drift(files, columns, where)
    return [typed, *(file for file in files if file != typed)]


def refuse_drift(files: Sequence[Path], columns: Iterable[str], where: str) -> Path:
    """Refuse Parquet files that are cut off or whose columns differ from those of the first one; return a typed one.

    Only `columns` are compared, and of them those that at least one file has; other columns may come and go, because
    nobody reads them. A column that is empty in one file and was written without a type fits any. Returned is the first
    file in which every column has the type that others give it.

    Parameters
    ----------
    where
        How messages name the declaration, such as ``data.logs.purchases``.

    Raises
    ------
    DataError
        If a file is no whole Parquet file.
    SchemaError
        If a column is missing in one file, or of another type than in the first one, or no file has types for all.
    """
    schemas = [(file, _schema(file, where)) for file in files]
    complete = set(files)
    for column in columns:
        having = [(file, schema.field(column).type) for file, schema in schemas if column in schema.names]
        if not having:
            continue  # a reference table's, or nobody's: told where the table is opened
        if len(having) < len(schemas):
            lacking = next(file for file, schema in schemas if column not in schema.names)
            raise SchemaError(
                f"{where}: {lacking}: the column '{column}' is missing, but {having[0][0].name} has it "
                f"({having[0][1]}); all files of a log need the columns that are read"
            )
        typed = [(file, kind) for file, kind in having if not pa.types.is_null(kind)]
        if typed:
            complete &= {file for file, _ in typed}
        for file, kind in typed[1:]:
            if _plain(kind) != _plain(typed[0][1]):
                raise SchemaError(
                    f"{where}: {file}: the column '{column}' is of type {kind}, but {typed[0][1]} in "
                    f"{typed[0][0].name}; write the file anew with the same type"
                )
    if not complete:
        raise SchemaError(
            f"{where}: {files[0].parent}: every file has a column without a type, because all its values are missing; "
            "write one of them with the columns' types"
        )
    return next(file for file in files if file in complete)


def _schema(file: Path, where: str) -> pa.Schema:
    try:
        return pq.read_schema(file)
    except Exception as error:  # bytes that are no Parquet can raise anything
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"{where}: {file}: no whole Parquet file ({file.stat().st_size:,} bytes; {reason}). It may be cut off or "
            "still being written: replace it, or take it out of the folder, and run the same command again."
        ) from None


def _plain(kind: pa.DataType) -> str:
    """Return a type without what makes no difference to a reader: how texts are packed, how fine a clock is."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "string"
    return f"timestamp {kind.tz is not None}" if pa.types.is_timestamp(kind) else str(kind)
