"""Seeds: ids as files bring them, customers of a rule over events or portraits, and what gives them away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError, SchemaError
from pipeline.events import write_events
from pipeline.lookalike.seed.rule import hidden_by, read_ids, seed_ids
from pipeline.outputs import write_json
from pipeline.settings import Data, Log, Quality, SeedRule

AS_OF_US = 1_000_000
COMMON = {"id": "who", "time": "at", "time_unit": "us", "duplicates": "keep"}


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as engine:
        yield engine


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory, engine: DuckDBEngine) -> Path:
    """Return a folder with events and portraits in two buckets, and the source as `source.parquet`."""
    folder = tmp_path_factory.mktemp("seeds")
    events = [
        ("b", AS_OF_US - 1, "roaming"),
        ("a", 5, "roaming"),
        ("a", 6, "roaming"),
        ("late", AS_OF_US, "roaming"),
        ("10", 7, "roam%"),
        ("9", 8, "local"),
        ("none", 9, None),
        ("later", AS_OF_US + 5, "satellite"),
    ]
    columns = dict(zip(("who", "at", "kind"), zip(*events, strict=True), strict=True))
    pq.write_table(pa.table(columns), folder / "calls.parquet")
    write_events(source(folder), 2, folder / "events", folder / "quarantine", engine)
    portraits = pd.DataFrame(
        {
            "customer_id": ["d", "c", "b", "a"],
            "age": ["old", "young", "old", None],
            "age__state": ["declared", "inferred", "inferred", "withheld"],
            "town": ["Lviv", "Lviv", "Odesa", "Kyiv"],
            "town__state": ["declared"] * 4,
            "as_of": [0] * 4,
        }
    )
    (folder / "scores" / "portraits").mkdir(parents=True)
    for bucket in (0, 1):
        portraits[bucket::2].to_parquet(folder / "scores" / "portraits" / f"bucket=000{bucket}.parquet", index=False)
    write_json(folder / "scores" / "_manifest.json", {"buckets": 2, "fingerprint": "x"})
    return folder


def source(folder: Path, seed: SeedRule | None = None) -> Data:
    logs = {"calls": Log(path="calls.parquet", categorical=["kind"], **COMMON)}
    return Data("phone", logs, root=str(folder), quality=Quality(1.0), seed=seed)


# --- files ---


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ids.csv", "customer_id\n007\n 12 \nNA\nnull\n\n9\n"),
        ("ids.csv", "name,customer_id\nx,007\ny,12\nz,NA\nz,null\n,9\n"),
        ("ids.csv", "anything\n007\n12\nNA\nnull\n9\n"),
        ("ids.csv", "\ufeffcustomer_id,name\n007,x\n12,\nNA,\nnull,\n9,\n,nobody\n"),
        ("ids.txt", "007\n12\nNA\nnull\n\n9"),
        ("ids.txt", "\ufeff007\r\n12\r\n  NA\r\nnull\r\n9\r\n"),
    ],
)
def test_ids_are_texts_as_they_stand_in_csv_and_txt(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert read_ids(tmp_path / name, "x") == ["007", "12", "NA", "null", "9"]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (pa.array(["007", " 12 ", None, "NA", ""]), ["007", "12", "NA"]),
        (pa.array([7, 12, 2**53 + 1]), ["7", "12", str(2**53 + 1)]),
        (pa.array([7, None, 2**53 + 1]), ["7", str(2**53 + 1)]),
        (pa.array([7.0, None, 12.0]), ["7", "12"]),
    ],
    ids=lambda case: str(getattr(case, "type", "")),
)
def test_ids_of_parquet_are_whole_numbers_or_texts(ids: pa.Array, expected: list[str], tmp_path: Path) -> None:
    pq.write_table(pa.table({"customer_id": ids, "other": [0] * len(ids)}), tmp_path / "ids.parquet")
    assert read_ids(tmp_path / "ids.parquet", "x") == expected


def test_ids_keep_their_order_and_their_repetitions(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("b\na\nb\n")
    assert read_ids(tmp_path / "ids.txt", "x") == ["b", "a", "b"]


def test_several_columns_need_one_called_customer_id(tmp_path: Path) -> None:
    (tmp_path / "ids.csv").write_text("customer,name\na,b\n")
    with pytest.raises(
        SchemaError,
        match=r"seed\.file: .*ids\.csv has no column 'customer_id' \(allowed: customer, name\)\. "
        r"Did you mean 'customer'\?",
    ):
        read_ids(tmp_path / "ids.csv", "seed.file")


def test_a_missing_file_is_told_with_the_closest_one(tmp_path: Path) -> None:
    (tmp_path / "ids.csv").write_text("customer_id\na\n")
    with pytest.raises(
        DataError, match=r"seed\.file: file not found: .*idz\.csv\. \(allowed: ids\.csv\)\. Did you mean 'ids\.csv'\?"
    ):
        read_ids(tmp_path / "idz.csv", "seed.file")
    with pytest.raises(DataError, match=r"file not found: .*nowhere/ids\.csv\.$"):
        read_ids(tmp_path / "nowhere" / "ids.csv", "seed.file")


@pytest.mark.parametrize(
    ("name", "content"),
    [("ids.csv", b""), ("ids.csv", b'a\n"b'), ("ids.csv", b"a\n\xff\n"), ("ids.txt", b"\xff"), ("ids.parquet", b"x")],
)
def test_an_unreadable_file_is_told(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"seed\.file: .*{name} cannot be read: "):
        read_ids(tmp_path / name, "seed.file")


def test_a_seed_s_file_is_named_by_where_it_was_given(engine: DuckDBEngine, outputs: Path, tmp_path: Path) -> None:
    rule = SeedRule(file=str(tmp_path / "ids.csv"))
    (tmp_path / "other").touch()
    with pytest.raises(DataError, match=r"^lookalike\.seed\.file: file not found"):
        seed_ids(engine, rule, source(outputs), outputs, AS_OF_US)
    with pytest.raises(DataError, match=r"^data\.seed\.file: file not found"):
        seed_ids(engine, rule, source(outputs, rule), outputs, AS_OF_US)
    (tmp_path / "ids.csv").write_text("id\nb\na\n")
    assert seed_ids(engine, rule, source(outputs), outputs, AS_OF_US) == ["b", "a"]


# --- events ---


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, ["10", "9", "a", "b", "none"]),
        ({"kind": ("roaming",)}, ["a", "b"]),
        ({"kind": ("roaming", "local")}, ["9", "a", "b"]),
        ({"kind": ("roam*",)}, ["10", "a", "b"]),
        ({"kind": ("roam%",)}, ["10"]),
        ({"kind": ("satellite",)}, []),
    ],
)
def test_a_rule_over_events_finds_customers_by_events_before_as_of(
    where: dict[str, tuple[str, ...]], expected: list[str], engine: DuckDBEngine, outputs: Path
) -> None:
    rule = SeedRule(log="calls", where=where)
    assert seed_ids(engine, rule, source(outputs), outputs, AS_OF_US) == expected


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        (SeedRule(log="call"), ConfigError, r"\.log: 'call' is no log of 'phone' .* Did you mean 'calls'\?"),
        (
            SeedRule(log="calls", where={"knd": ("x",)}),
            ConfigError,
            r"\.where: 'knd' is no categorical field of 'calls' .* Did you mean 'kind'\?",
        ),
        (
            SeedRule(log="calls", where={"kind": ("roamin",)}),
            DataError,
            r"\.where\.kind: no event has 'roamin' .* Did you mean 'roaming'\?",
        ),
    ],
)
def test_a_rule_over_events_that_names_what_does_not_exist_is_refused(
    rule: SeedRule, error: type[Exception], message: str, engine: DuckDBEngine, outputs: Path
) -> None:
    with pytest.raises(error, match=r"^lookalike\.seed" + message):
        seed_ids(engine, rule, source(outputs), outputs, AS_OF_US)
    with pytest.raises(error, match=r"^data\.seed" + message):
        seed_ids(engine, rule, source(outputs, rule), outputs, AS_OF_US)


# --- portraits ---


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"age": ("old",)}, ["b", "d"]),
        ({"age": ("old", "young")}, ["b", "c", "d"]),
        ({"age": ("old",), "town": ("Lviv",)}, ["d"]),
        ({"age": ("young",), "town": ("Kyiv",)}, []),
    ],
)
def test_a_rule_over_portraits_finds_those_of_whom_all_is_stated(
    wanted: dict[str, tuple[str, ...]], expected: list[str], engine: DuckDBEngine, outputs: Path
) -> None:
    rule = SeedRule(portraits=wanted)
    assert seed_ids(engine, rule, source(outputs), outputs, AS_OF_US) == expected


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            {"agee": ("old",)},
            r"lookalike\.seed\.portraits: 'agee' is no attribute \(allowed: age, town\)\. Did you mean",
        ),
        ({"as_of": ("0",)}, r"'as_of' is no attribute \(allowed: age, town\)"),
        ({"age": ("od",)}, r"portraits\.age: no portrait states 'od' \(allowed: old, young\)\. Did you mean 'old'\?"),
        ({"age": ("young",), "town": ("Kviv",)}, r"no portrait states 'Kviv' \(allowed: Kyiv, Lviv, Odesa\)"),
    ],
)
def test_an_unknown_attribute_or_value_is_refused(
    wanted: dict[str, tuple[str, ...]], message: str, engine: DuckDBEngine, outputs: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        seed_ids(engine, SeedRule(portraits=wanted), source(outputs), outputs, AS_OF_US)


def test_portraits_must_have_been_written(engine: DuckDBEngine, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished data set here"):
        seed_ids(engine, SeedRule(portraits={"age": ("old",)}), source(tmp_path), tmp_path, AS_OF_US)


# --- what must be hidden ---


def test_what_a_seed_is_made_from_is_hidden() -> None:
    assert hidden_by(SeedRule(log="calls")) == ("calls",)
    assert hidden_by(SeedRule(log="calls", where={"kind": ("roaming",)})) == ("calls.kind",)
    assert hidden_by(SeedRule(log="calls", hide=("bills", "calls"))) == ("calls", "bills")
    assert hidden_by(SeedRule(file="ids.csv", hide=("bills",))) == ("bills",)
    assert hidden_by(replace(SeedRule(portraits={"age": ("old",)}))) == ()
