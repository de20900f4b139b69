"""The first line of CSV files, from which every engine takes the delimiter and the columns' names."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import DataError, SchemaError


def one_header(files: Sequence[Path]) -> tuple[str, list[str]]:
    """Return the delimiter and the columns' names of CSV files, which are the same in all of them.

    Raises
    ------
    DataError
        If a file has another header than the first one, or none; see `csv_header`.
    """
    delimiter, header = csv_header(files[0])
    for other in files[1:]:
        if csv_header(other) != (delimiter, header):
            raise DataError(f"{other}: its first line is not that of {files[0].name}: {delimiter.join(header)}")
    return delimiter, header


def csv_header(path: Path) -> tuple[str, list[str]]:
    """Return a CSV file's delimiter and its columns' names; a nameless one is called by its place."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            first = file.readline(1_000_000)
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read as CSV in UTF-8: {str(error).strip().splitlines()[0]}") from None
    unquoted = re.sub(r'"[^"]*"', "", first)
    delimiter = max(",;\t|", key=unquoted.count)
    try:
        header = next(csv.reader([first], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise DataError(f"{path}: its first line cannot be read as a CSV header: {error}") from None
    if not header:
        raise DataError(f"{path}: the first line is empty; a CSV file begins with its columns' names")
    names = [name or f"column{place}" for place, name in enumerate(header)]
    folded = [name.casefold() for name in names]
    for name in names:
        if folded.count(name.casefold()) > 1:
            raise SchemaError(f"{path}: the column '{name}' stands twice in the header (upper and lower case are one)")
    return delimiter, names
