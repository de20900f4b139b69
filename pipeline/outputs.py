"""Data sets on disk that appear whole or not at all.

A data set is a folder that ends with a `_manifest.json`; a folder without one does not exist for a
reader. While it is written it is called `<name>.partial-<fingerprint>`: a run that is killed leaves
that folder behind, and the next run with the same inputs goes on with the files it finds there,
because each of them was renamed into place only when complete. The fingerprint covers inputs,
settings and the program's own code, so that files of different settings never mix.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import joblib

from pipeline.errors import ConfigError, DataError

MANIFEST = "_manifest.json"
_REPLACED, PARTIAL = ".replaced", ".partial-"


def fingerprint(*parts: Any) -> str:
    """Return the first 16 hex digits of the SHA-256 of the parts' canonical JSON.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    text = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_facts(path: Path) -> list[list[Any]]:
    """Return `[name, size, mtime_ns]` of a file, or of each file below a folder, sorted by name."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return [[p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in files]


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a finished data set.

    Raises
    ------
    DataError
        If the folder holds no finished data set, or its manifest is damaged.
    """
    try:
        return json_object(folder / MANIFEST)
    except FileNotFoundError:
        raise DataError(
            f"{folder}: no finished data set here (no {MANIFEST}). Run the stage that writes it first: "
            "features writes events and snapshots, train the models, score the portraits."
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder / MANIFEST}: cannot be read: {str(error).rstrip('. ')}. Delete the folder {folder} and run again"
        ) from None


def json_object(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises
    ------
    OSError
        If the file is missing or unreadable.
    ValueError
        If it holds undecodable bytes, broken JSON or something else than an object.
    """
    found = json.loads(path.read_text("utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"it holds no JSON object but {json.dumps(found)[:40]}")
    return found


def is_current(folder: Path, expected: str) -> bool:
    """Tell whether a finished data set with this fingerprint stands at `folder`."""
    return (folder / MANIFEST).is_file() and read_manifest(folder).get("fingerprint") == expected


def write_file(path: Path, write: Callable[[Path], object], queried: bool = False) -> None:
    """Call `write` with a temporary name, flush to disk and rename: the file is whole or absent.

    Parameters
    ----------
    queried
        What is written comes from a query, which may spill to the same disk; see `unwritable`.

    Raises
    ------
    DataError
        If the disk is full or does not let itself be written.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.partial")
    with told(path, queried):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(partial)
            _sync(partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def share_file(old: Path, new: Path) -> None:
    """Let a finished file stand in another data set, too: a second name for it, or else a copy."""
    if new.exists():
        return
    with told(new):
        new.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(old, new)
        except OSError:
            write_file(new, lambda partial: shutil.copy2(old, partial))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    text = json.dumps(content, indent=1, sort_keys=True, default=str, ensure_ascii=False)
    write_file(path, lambda partial: partial.write_text(text + "\n", "utf-8"))


def load_object(path: Path) -> Any:
    """Return an object that `joblib.dump` wrote.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    try:
        return joblib.load(path)
    except Exception as error:  # unpickling damaged bytes can raise anything
        raise DataError(
            f"{path}: cannot be loaded: {type(error).__name__}: {error}. Delete the folder {path.parent} and run again."
        ) from None


def load_once(path: Path) -> Any:
    """Return an object that `joblib.dump` wrote; a process that asks again for the same file gets it from memory.

    The workers that score buckets of one after another ask so for their models.
    """
    facts = path.stat()
    return _loaded(path, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=1)
def _loaded(path: Path, size: int, mtime_ns: int) -> Any:
    return load_object(path)


@contextmanager
def whole(folder: Path, expected: str, facts: dict[str, Any], parts: str = "") -> Iterator[Path]:
    """Yield the folder to write a data set into; on success it becomes `folder`, manifest last.

    Parameters
    ----------
    folder
        Where the data set shall stand.
    expected
        Fingerprint of inputs, settings and code.
    facts
        What the manifest shall say besides; may be filled while the block runs.
    parts
        How the files are made, where that does not decide about the whole, but files made in different ways do not go
        together.

    Notes
    -----
    A file already standing in the yielded folder is complete and was made from the same inputs, and in the same way.
    """
    partial = folder.with_name(f"{folder.name}{PARTIAL}{expected}{'-' if parts else ''}{parts}")
    with told(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        drop_partials(folder, but=partial)
        partial.mkdir(exist_ok=True)
    yield partial
    with told(folder):
        for path in partial.rglob(".*.partial"):
            path.unlink(missing_ok=True)
        write_json(partial / MANIFEST, {"fingerprint": expected, **facts})
        _sync(partial)
        replaced = folder.with_name(f"{folder.name}{_REPLACED}")
        shutil.rmtree(replaced, ignore_errors=True)
        if folder.exists():
            folder.rename(replaced)
        partial.rename(folder)
        _sync(folder.parent)
        shutil.rmtree(replaced, ignore_errors=True)


def drop_partials(folder: Path, but: Path | None = None) -> None:
    """Remove what runs that were killed, or refused, left of a data set; `but`: what is gone on with."""
    for stale in folder.parent.glob(f"{folder.name}{PARTIAL}*"):
        if stale != but:
            with told(stale):
                shutil.rmtree(stale)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process alone; the lock ends with the process, however it ends.

    Raises
    ------
    DataError
        If another run holds it.
    ConfigError
        If there can be no such folder.
    """
    with held(folder, folder / ".lock", "outputs"):
        with told(folder):
            _put_back(folder)
        yield


@contextmanager
def held(folder: Path, lock: Path, option: str) -> Iterator[None]:
    """Hold a lock file, which is made if need be, for whoever writes to `folder`; see `exclusive`.

    Parameters
    ----------
    option
        What chooses the folder, as a user types it.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = lock.open("w")
    except OSError as error:
        raise ConfigError(
            f"{option}: the folder {folder} cannot be written to: {error.strerror}. "
            f"Give another one with {option}=<folder>."
        ) from None
    with handle as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"{folder}: another run is writing here. Wait for it, or give this one its own folder "
                f"with {option}=<folder>."
            ) from None
        yield


def _put_back(folder: Path) -> None:
    """Give data sets below a folder their names again that a run killed while it replaced them left without."""
    for depth in ("*", "*/*"):
        for replaced in folder.glob(f"{depth}{_REPLACED}"):
            there = replaced.with_name(replaced.name.removesuffix(_REPLACED))
            if there.exists():
                shutil.rmtree(replaced)
            else:
                replaced.rename(there)


@contextmanager
def told(path: Path, queried: bool = False) -> Iterator[None]:
    """Turn what a full or read-only disk raises into a `DataError` that names the place."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, str(error.strerror or error), queried) from None


def unwritable(path: Path, reason: str, queried: bool = True) -> DataError:
    """Return the error for a place that cannot be written; what a query writes may have spilt to the same disk."""
    spilt = " (or give engine.spill another folder)" if queried else ""
    return DataError(
        f"{path}: cannot be written: {reason}. Nothing half-written is left as finished; free some space{spilt} and "
        "run the same command again."
    )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
