"""Files of data sets that turn out damaged: what is wrong, and which folder to delete so that they are made anew."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DataError
from pipeline.outputs import MANIFEST, PARTIAL, json_object

_UNFINISHED = re.compile(re.escape(PARTIAL) + "[0-9a-f]{16}(-|$)")


def advice(path: Path) -> str:
    """Return what makes a damaged file whole again, as the end of a message; nothing for a file of somebody else.

    >>> advice(Path("a source") / "orders.parquet")
    ''
    """
    for folder in path.absolute().parents:
        finished = (folder / MANIFEST).is_file()
        if _is_made_anew(folder / MANIFEST) if finished else _UNFINISHED.search(folder.name):
            return f". Delete the folder {folder} and run again"
        if finished:
            break  # the nearest manifest says whose the file is
    return ""


def _is_made_anew(manifest: Path) -> bool:
    """Tell whether a manifest is that of a data set that a run makes again; a synthetic operator is a source."""
    try:
        found = json_object(manifest)
    except (OSError, ValueError):
        return False
    return "fingerprint" in found and "operator" not in found


def file_named_in(said: str) -> Path | None:
    """Return the Parquet file that a message of an engine names.

    >>> file_named_in("No magic bytes found at end of file 'outputs/it's/a.parquet'").as_posix()
    "outputs/it's/a.parquet"
    """
    found = re.search(r"(?:\"|'|in )(?P<path>[^\"\n]+\.parquet)(?:\"|'|\))", said)
    return Path(found["path"]) if found else None


def read_json(path: Path, keys: Collection[str]) -> dict[str, Any]:
    """Return what `write_json` wrote into a data set.

    Parameters
    ----------
    keys
        What it must have.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    try:
        found = json_object(path)
        if missing := sorted(set(keys) - set(found)):
            raise ValueError(f"it has no {', '.join(missing)}")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {str(error).rstrip('. ')}{advice(path)}") from None
    return found


def read_rows(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Return the rows of a Parquet file that stands in a data set.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    try:
        return pq.ParquetFile(path).read(columns)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {str(error).rstrip('. ')}{advice(path)}") from None
