"""Profiles and events as the input stages leave them, written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.outputs import write_json

Write = Callable[..., Path]


@pytest.fixture(scope="session")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as engine:
        yield engine


@pytest.fixture
def write_profiles(tmp_path: Path) -> Write:
    """Return a function that writes a profile column, dealt out to two buckets."""

    def write(cells: pa.Array | list, **others: list) -> Path:
        column = cells if isinstance(cells, pa.Array) else pa.array(cells)
        ids = [f"c{n:02d}" for n in range(len(column))][::-1]  # unsorted on purpose
        table = pa.table({"customer_id": ids, "found": column, **others})
        for bucket in (0, 1):
            own = table.take(pa.array(range(bucket, len(table), 2), pa.int64()))
            file = tmp_path / "profiles" / "profiles" / f"bucket=000{bucket}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(own, file)
        write_json(tmp_path / "profiles" / "_manifest.json", {"buckets": 2})
        return tmp_path / "profiles"

    return write
