"""A damaged file of a data set is told with the folder to delete; a damaged file of somebody else without."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.damage import read_json, read_rows
from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError
from pipeline.events import bucket_file
from pipeline.outputs import MANIFEST, write_json


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a finished data set of two buckets, of which the second is cut off."""
    made = tmp_path / "it's a snapshot"
    for bucket in range(2):
        file = bucket_file(made / "dense", bucket)
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"x": list(range(1_000))}), file)
    file.write_bytes(file.read_bytes()[:1_000])
    write_json(made / MANIFEST, {"fingerprint": "0123456789abcdef"})
    return made


def told(folder: Path, bucket: int = 1) -> str:
    return rf"bucket=000{bucket}\.parquet.*[^.]\. Delete the folder {folder} and run again"


def assert_no_advice(engine: DuckDBEngine, folder: Path) -> None:
    with pytest.raises(DataError, match=r"bucket=0001\.parquet: cannot be read as Parquet") as raised:
        engine.parquet(files(folder)[1])
    assert "Delete" not in str(raised.value)


def files(folder: Path) -> list[Path]:
    return [bucket_file(folder / "dense", bucket) for bucket in range(2)]


def test_an_engine_says_which_folder_to_delete(engine: DuckDBEngine, folder: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read as Parquet.*" + told(folder)):
        engine.parquet(files(folder)[1])
    with pytest.raises(DataError, match=told(folder)):  # only the first file is opened at once
        engine.arrow(engine.parquet(files(folder)))
    files(folder)[0].unlink()
    with pytest.raises(DataError, match=told(folder, bucket=0)):
        engine.parquet(files(folder)[0])
    partial = folder.rename(folder.with_name("events.partial-0123456789abcdef-days"))
    (partial / MANIFEST).unlink()
    with pytest.raises(DataError, match=told(partial)):
        engine.parquet(files(partial)[1])


def test_a_file_of_the_source_is_not_to_be_deleted(engine: DuckDBEngine, folder: Path) -> None:
    (folder / MANIFEST).unlink()
    assert_no_advice(engine, folder)


@pytest.mark.parametrize(
    "manifest",
    [
        b'{"owner": "somebody else"}',
        b'{"fingerprint": "0123456789abcdef", "synthetic": true, "operator": {"seed": 1}}',
        b'["fingerprint"]',
        b"fingerprint",
    ],
)
def test_a_source_below_a_manifest_of_another_kind_is_not_to_be_deleted(
    engine: DuckDBEngine, folder: Path, manifest: bytes
) -> None:
    (folder / MANIFEST).write_bytes(manifest)
    assert_no_advice(engine, folder)
    write_json(folder.parent / MANIFEST, {"fingerprint": "0123456789abcdef"})
    assert_no_advice(engine, folder)


@pytest.mark.parametrize("name", ["orders.partial-2026", "orders.partial-0123456789abcdef0", "orders.partial-export"])
def test_a_source_in_a_folder_that_is_called_partial_is_not_to_be_deleted(
    engine: DuckDBEngine, folder: Path, name: str
) -> None:
    (folder / MANIFEST).unlink()
    assert_no_advice(engine, folder.rename(folder.with_name(name)))


def test_rows_and_facts_that_are_read_without_an_engine(folder: Path) -> None:
    assert read_rows(files(folder)[0], ["x"]).num_rows == 1_000
    with pytest.raises(DataError, match=told(folder)):
        read_rows(files(folder)[1])
    shutil.rmtree(folder / "dense")
    with pytest.raises(DataError, match=told(folder, bucket=0)):
        read_rows(files(folder)[0])
    facts = folder / "facts.json"
    for damaged in (b"", b"{", b"\xff", b"[]", b"null", b'{"Rows": 1}'):
        facts.write_bytes(damaged)
        with pytest.raises(DataError, match=rf"facts\.json: cannot be read: .*Delete the folder {folder} and run"):
            read_json(facts, ["rows"])
    write_json(facts, {"rows": 1})
    assert read_json(facts, ["rows"]) == {"rows": 1}
