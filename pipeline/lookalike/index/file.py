"""One file per index: its settings, the ids and the FAISS index in an archive with checksums."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.lookalike.index.engine import faiss
from pipeline.lookalike.vectors import Ids
from pipeline.outputs import write_file

_FORMAT = 2
_SETTINGS, _IDS, _NUMBERS, _INDEX = "settings.json", "ids.npy", "vector_of_customer.npy", "vectors.faiss"

# What archive, JSON, NumPy and FAISS raise for bytes that are not what was written. Of an archive that claims a
# compression which Python does not know it is NotImplementedError, a RuntimeError.
_DAMAGED = (zipfile.BadZipFile, OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, struct.error)


def write_index(path: Path, settings: Mapping[str, Any], ids: Ids, numbers: NDArray[np.int32], index: Any) -> None:
    """Write an archive, whole or not at all, without a second copy in memory."""
    header = json.dumps({"format": _FORMAT, **settings}, sort_keys=True, ensure_ascii=False)

    def write(partial: Path) -> None:
        with zipfile.ZipFile(partial, "w") as archive:
            archive.writestr(_SETTINGS, header)
            for name, table in ((_IDS, ids), (_NUMBERS, numbers)):
                with archive.open(name, "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, table, allow_pickle=False)
            with archive.open(_INDEX, "w", force_zip64=True) as member:
                faiss.write_index(index, faiss.PyCallbackIOWriter(member.write))

    write_file(path, write)


def read_index(path: Path, expect: str | None = None) -> tuple[dict[str, Any], Ids, NDArray[np.int32], Any]:
    """Return settings, ids, the number of each customer's vector, and the FAISS index of a file.

    Checksums are verified first: FAISS given damaged bytes may end the process.

    Raises
    ------
    ModelError
        The file is missing, damaged, of another format, or of another snapshot than `expect`.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no index file there. Build the index first.")
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise ValueError(f"checksum of '{damaged}' is wrong")
            header = json.loads(archive.read(_SETTINGS))
            _check_header(path, header, expect)
            ids, numbers = (_read_array(archive, name) for name in (_IDS, _NUMBERS))
            with archive.open(_INDEX) as member:
                index = faiss.read_index(faiss.PyCallbackIOReader(member.read))
        if len(numbers) != len(ids) or numbers.max(initial=-1) >= index.ntotal:
            raise ValueError(f"{index.ntotal} vectors, {len(ids)} ids, {len(numbers)} of them with a vector")
    except _DAMAGED as error:
        raise ModelError(f"{path}: damaged or not an index file ({error}). Rebuild the index.") from error
    return header, ids, numbers, index


def _read_array(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _check_header(path: Path, header: dict[str, Any], expect: str | None) -> None:
    if header["format"] != _FORMAT:
        raise ModelError(f"{path}: index file of format {header['format']}, this version reads {_FORMAT}. Rebuild it.")
    if expect is not None and header["snapshot"] != expect:
        found = "of no named snapshot" if header["snapshot"] is None else f"'{header['snapshot']}'"
        raise ModelError(
            f"{path}: index of another snapshot: it holds the vectors of {found}, expected '{expect}'. "
            "Rebuild the index from this snapshot, or name the snapshot it was built from."
        )
