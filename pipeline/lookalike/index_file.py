"""One file per index: its settings, the ids and the FAISS index in an archive with checksums."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import faiss as _typed_faiss
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.outputs import write_file

# FAISS ships types of its C++ constructors, not of the Python ones that replace them when it is loaded.
faiss: Any = _typed_faiss
Ids = NDArray[np.str_]
_FORMAT = 1


def write_index(path: Path, settings: Mapping[str, Any], ids: Ids, index: Any) -> None:
    """Write an `.npz` archive, whole or not at all."""
    header = json.dumps({"format": _FORMAT, **settings}, sort_keys=True)

    def write(partial: Path) -> None:
        with partial.open("wb") as file:  # given a name, numpy would append a suffix to it
            np.savez(file, header=np.array(header), ids=ids, index=faiss.serialize_index(index))

    write_file(path, write)


def read_index(path: Path) -> tuple[dict[str, Any], Ids, Any]:
    """Return settings, ids and FAISS index of a file.

    Checksums are verified first: FAISS given damaged bytes may end the process.

    Raises
    ------
    ModelError
        The file is missing, damaged, or of another format.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no index file there. Build the index first.")
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive_check:
            if damaged := archive_check.testzip():
                raise ValueError(f"checksum of '{damaged}' is wrong")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            header = json.loads(str(archive["header"]))
            ids, content = archive["ids"], archive["index"]
        if header["format"] != _FORMAT:
            raise ModelError(
                f"{path}: index file of format {header['format']}, this version reads {_FORMAT}. Rebuild it."
            )
        index = faiss.deserialize_index(content)
        if index.ntotal != len(ids):
            raise ValueError(f"{index.ntotal} vectors, {len(ids)} ids")
    except (
        zipfile.BadZipFile,
        OSError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        struct.error,
    ) as error:
        raise ModelError(f"{path}: damaged or not an index file ({error}). Rebuild the index.") from error
    return header, ids, index
