"""Queries that are made once: the same rows whatever was asked before, also of several threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.engine import DuckDBEngine, prepared

BUILT: list[str] = []


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "_prepared", {})
    BUILT.clear()


def doubled(tables: Mapping[str, ir.Table], factor: int) -> ir.Table:
    BUILT.append("doubled")
    return tables["numbers"].mutate(n=tables["numbers"]["n"] * factor).order_by("n")


def slowly(tables: Mapping[str, ir.Table]) -> ir.Table:
    BUILT.append("slowly")
    time.sleep(0.2)
    return tables["numbers"]


def written(path: Path, *values: float, kind: pa.DataType | None = None) -> Path:
    pq.write_table(pa.table({"n": pa.array(values, kind or pa.int64())}), path)
    return path


def asked(engine: DuckDBEngine, file: Path, factor: int = 2) -> list[float]:
    return engine.arrow_prepared(doubled, {"numbers": file}, factor)["n"].to_pylist()


def test_the_same_query_over_other_files_is_made_once_and_reads_them(tmp_path: Path) -> None:
    one, two = written(tmp_path / "one.parquet", 1, 2), written(tmp_path / "two.parquet", 7)
    with DuckDBEngine() as engine:
        assert asked(engine, one) == [2, 4]
        assert asked(engine, two) == [14]
        assert asked(engine, one) == [2, 4]
    with DuckDBEngine() as another:
        assert asked(another, two) == [14]
    assert BUILT == ["doubled"]


def test_what_is_given_and_the_types_of_columns_make_another_query(tmp_path: Path) -> None:
    whole, parts = written(tmp_path / "a.parquet", 1), written(tmp_path / "b.parquet", 1.5, kind=pa.float64())
    with DuckDBEngine() as engine:
        assert asked(engine, whole) == [2]
        assert asked(engine, whole, 10) == [10]
        assert asked(engine, parts) == [3.0]
    assert len(BUILT) == 3


def test_a_file_is_written_with_the_rows_of_its_own_files(tmp_path: Path) -> None:
    with DuckDBEngine() as engine:
        for n in (3, 4):
            file, target = written(tmp_path / f"{n}.parquet", n), tmp_path / f"made-{n}.parquet"
            engine.write_prepared(doubled, {"numbers": file}, target, 2)
            assert pq.read_table(target)["n"].to_pylist() == [2 * n]
    assert BUILT == ["doubled"]


def test_threads_that_ask_for_the_same_make_it_once(tmp_path: Path) -> None:
    file = written(tmp_path / "one.parquet", 5)
    found = []

    def ask() -> None:
        with DuckDBEngine(1) as engine:
            found.append(engine.arrow_prepared(slowly, {"numbers": file})["n"].to_pylist())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[5]] * 4
    assert BUILT == ["slowly"]


def test_the_oldest_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "MOST", 2)
    file = written(tmp_path / "one.parquet", 1)
    with DuckDBEngine() as engine:
        assert [asked(engine, file, factor) for factor in (1, 2, 3, 3, 2, 1)] == [[1], [2], [3], [3], [2], [1]]
    assert len(BUILT) == 4
    assert len(prepared._prepared) == 2
