"""A messy source becomes the same events, profiles, features and labels on Spark as on DuckDB."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.engine.spark.engine import SparkEngine
from pipeline.events import bucket_file, write_events
from pipeline.features.dense import dense_features
from pipeline.features.snapshot import cut_off, write_snapshots
from pipeline.features.tokens import token_counts
from pipeline.features.variety import of_counts
from pipeline.labels.declared import declared_labels
from pipeline.labels.future import _amounts, population
from pipeline.labels.past import OwnPast, PastReader
from pipeline.lookalike.members.control import draw_control
from pipeline.profiles import write_profiles
from pipeline.settings import Attribute, Data, Declared, Engine, Features, Future, Join, Log, Profiles, Quality
from pipeline.split import folds, hash32
from tests.source import contents, rows, us

BUCKETS = 8  # of 40 customers, some buckets have none
AS_OF_US = us(2024, 10, 28)
NOW_US = us(2025, 1, 1)
IDS = [
    *(f"c{number}" for number in range(30)),
    "O'Brien",
    'say "hi"',
    "Ярослав",
    "名前",
    "a\\b",
    " x ",
    "007",
    "7.0",
    "é",
]
RULES = {
    "count": Future(log="buy", horizon_days=28, at_least=2, among_active_days=90),
    "days": Future(log="buy", horizon_days=28, aggregate="active_days", at_least=2),
    "sum": Future(log="buy", horizon_days=28, aggregate="sum", field="amount", at_least=10),
    "mean": Future(log="buy", horizon_days=28, aggregate="mean", field="amount", at_least=1),
    "per_day": Future(log="buy", horizon_days=28, aggregate="per_day", field="amount", at_least=1),
    "share": Future(log="buy", horizon_days=28, aggregate="share", where={"item": ("tea",)}, at_least=0.3),
    "growth": Future(log="buy", horizon_days=28, aggregate="growth", at_least=1),
    "delay": Future(log="buy", horizon_days=28, aggregate="delay_days", at_most=7),
    "back": Future(log="visit", horizon_days=28, at_least=1, among_idle_days=14),
    "top": Future(log="buy", horizon_days=28, aggregate="sum", field="amount", top_share=0.25),
}


def write_source(folder: Path) -> Data:
    """Write logs with all that goes wrong: fractions of seconds, both changes of the clock, NULLs, ties, copies."""
    folder.mkdir()
    rng = np.random.default_rng(5)
    changes = [datetime(2024, 3, 31, 2, 30), datetime(2024, 10, 27, 2, 30)]  # in Kyiv clocks change between 3 and 4

    def moments(n: int) -> list[datetime]:
        near = [changes[i % 2] + timedelta(minutes=float(rng.integers(0, 150))) for i in range(n // 3)]
        year = [datetime(2024, 1, 1) + timedelta(seconds=int(rng.integers(0, 330 * 86_400))) for _ in range(n - n // 3)]
        return [moment.replace(microsecond=int(rng.integers(0, 1_000_000))) for moment in near + year]

    n = 900
    items = ["tea", "milk", "Зірка", "it's", "", None, "12.0"]
    amounts = [None, float("nan"), float("inf"), 0.1, -7.35, 1e6, 12_345_678.9]
    buy: dict[str, Any] = {
        "who": rng.choice([*IDS, None, ""], n).tolist(),
        "at": moments(n),
        "item": [items[i] for i in rng.integers(0, len(items), n)],
        "amount": [amounts[i] if i < 7 else float(rng.normal()) for i in rng.integers(0, 12, n)],
        "till": pa.array([float(i) if i % 7 else None for i in rng.integers(0, 9, n)], pa.float64()),
    }
    buy["at"][5] = None
    table = pa.table(buy)
    again = table.slice(0, 20)
    pq.write_table(pa.concat_tables([table, again]), folder / "buy.parquet")
    stamps = [
        f"{at:%Y-%m-%d %H:%M:%S}" if i % 3 else f"{at:%Y-%m-%dT%H:%M:%S.%f}+02:00" for i, at in enumerate(moments(200))
    ]
    stamps[:4] = ["", "yesterday", "2099-01-01", "1850-01-01"]
    lines = [
        f'"{str(who).replace(chr(34), chr(34) * 2)}",{at},page {i % 5},{i % 4}.50'
        for i, (who, at) in enumerate(zip(rng.choice(IDS, 200), stamps, strict=True))
    ]
    (folder / "visit.csv").write_text(
        "\n".join(["who,at,page,minutes", *lines, '7,2024-05-05 10:00,"a\nb",x']) + "\n", "utf-8"
    )
    (folder / "kinds.csv").write_text("item,kind\ntea,drink\nmilk,drink\nЗірка,food\n", "utf-8")
    people = [
        f'"{who.replace(chr(34), chr(34) * 2)}",{"yes" if i % 3 else "no"},{18 + i}'
        for i, who in enumerate(IDS)
        if i % 4
    ]
    (folder / "people.csv").write_text(
        "\n".join(["who,kids,age", *people, people[0], "c1,no,99", ",no,1"]) + "\n", "utf-8"
    )
    logs = {
        "buy": Log(
            path="buy.parquet",
            id="who",
            time="at",
            categorical={"item": "item", "kind": "kind", "till": "till"},
            numeric={"amount": "amount"},
            join=(Join(path="kinds.csv", by={"item": "item"}),),
        ),
        "visit": Log(
            path="visit.csv", id="who", time="at", categorical={"page": "page"}, numeric={"minutes": "minutes"}
        ),
    }
    profiles = Profiles(path="people.csv", id="who")
    return Data("messy", logs, root=str(folder), time_zone="Europe/Kyiv", profiles=profiles, quality=Quality(1.0))


@dataclass(frozen=True)
class Both:
    """The same source, taken in by each engine, and its snapshots."""

    data: Data
    duckdb: Path
    spark: Path


@pytest.fixture(scope="module")
def both(settings: Engine, tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("messy")
    data = write_source(folder / "source")
    found = Both(data, folder / "duckdb", folder / "spark")
    for outputs, chosen in ((found.duckdb, Engine()), (found.spark, settings)):
        opened = DuckDBEngine() if outputs == found.duckdb else SparkEngine(settings, outputs)
        with opened as engine:
            write_events(data, BUCKETS, outputs / "events", outputs / "quarantine", engine, now_us=NOW_US)
            write_profiles(data, outputs / "events", outputs / "profiles", outputs / "quarantine", engine)
        write_snapshots(data, Features((7, 28), BUCKETS), chosen, 1, outputs, [AS_OF_US])
    return found


@pytest.fixture
def spark(settings: Engine, both: Both) -> Any:
    with SparkEngine(settings, both.spark) as opened:
        yield opened


def test_the_source_is_as_messy_as_meant(both: Both) -> None:
    reasons = {
        row
        for file in (both.duckdb / "quarantine").rglob("*.parquet")
        for row in pq.read_table(file)["reason"].to_pylist()
    }
    assert reasons >= {"null id", "null time", "unparseable time", "future time", "time before 1900", "duplicate event"}
    assert reasons >= {"amount: infinite", "minutes: not a number", "customer with contradictory profiles"}
    sizes = [pq.ParquetFile(file).metadata.num_rows for file in (both.duckdb / "events" / "visit").glob("*.parquet")]
    assert len(sizes) == BUCKETS
    assert {"O'Brien", 'say "hi"', "Ярослав", "名前", "a\\b", "x"} <= set(customers(both.duckdb))


@pytest.mark.parametrize("part", ["events", "quarantine", "profiles", "snapshots"])
def test_every_file_is_the_same_to_the_byte(both: Both, part: str) -> None:
    ours, theirs = contents(both.duckdb / part), contents(both.spark / part)
    assert list(ours) == list(theirs)
    different = [name for name in ours if ours[name] != theirs[name]]
    # What is not of a bucket is written by Spark itself, which lays the same rows down otherwise.
    assert different == (["profiles.parquet"] if part == "quarantine" else [])
    for name in different:
        assert rows(both.duckdb / part / name) == rows(both.spark / part / name)


def customers(outputs: Path) -> list[str]:
    files = sorted((outputs / "profiles" / "customers").glob("*.parquet"))
    return [who for file in files for who in pq.read_table(file)["customer_id"].to_pylist()]


def test_splits_and_control_groups_are_the_same(both: Both, spark: SparkEngine) -> None:
    ids = sorted(customers(both.duckdb))
    table = spark.memory(pa.table({"id": ids}))
    hashed = dict(
        spark.arrow(table.select("id", n=spark.hash32("test:" + table.id))).to_pandas().itertuples(index=False)
    )
    assert [hashed[who] for who in ids] == [hash32(f"test:{who}") for who in ids]
    theirs = sorted(customers(both.spark))
    assert (folds(ids, 5, "test") == folds(theirs, 5, "test")).all()
    drawn = [draw_control(np.array(found), np.ones(len(found), bool), 0.2, "default") for found in (ids, theirs)]
    assert drawn[0].seal == drawn[1].seal


def everything(engine: Any, both: Both, log: str) -> Any:
    return engine.parquet([bucket_file(both.duckdb / "events" / log, bucket) for bucket in range(BUCKETS)])


def frame(engine: Any, table: Any, keys: list[str]) -> pd.DataFrame:
    return engine.arrow(table).to_pandas().sort_values(keys, ignore_index=True)


def test_features_compiled_to_spark_sql_are_those_of_duckdb(both: Both, spark: SparkEngine) -> None:
    cut, logs = cut_off(AS_OF_US, both.data.time_zone), both.data.logs
    counted, dense = [], []
    with DuckDBEngine() as engine:
        for asked in (engine, spark):
            events = {name: everything(asked, both, name) for name in logs}
            tokens = token_counts(events, logs, AS_OF_US)
            counted.append(frame(asked, tokens, ["customer_id", "field", "token"]))
            held = asked.memory(asked.arrow(tokens))  # as a snapshot holds them, in a file of their own
            dense.append(frame(asked, dense_features(events, of_counts(held), logs, (7, 28), cut), ["customer_id"]))
    pd.testing.assert_frame_equal(counted[0], counted[1])
    pd.testing.assert_frame_equal(dense[0], dense[1], rtol=1e-9, atol=1e-9)
    assert len(dense[0]) > 30


@pytest.mark.parametrize("name", RULES)
def test_labels_compiled_to_spark_sql_are_those_of_duckdb(both: Both, spark: SparkEngine, name: str) -> None:
    rule, found = RULES[name], []
    with DuckDBEngine() as engine:
        for asked in (engine, spark):
            log = everything(asked, both, rule.log)
            files = [bucket_file(both.duckdb / "profiles" / "customers", bucket) for bucket in range(BUCKETS)]
            inside = population(asked.parquet(files).select("customer_id"), log, rule, AS_OF_US)
            found.append(frame(asked, _amounts(inside, log, rule, AS_OF_US), ["customer_id"]))
    pd.testing.assert_frame_equal(found[0], found[1], rtol=1e-9, atol=1e-9)
    assert len(found[0]) > 3


def test_an_attribute_s_own_past_is_the_same(both: Both, spark: SparkEngine) -> None:
    ids = np.array(sorted(customers(both.duckdb)), dtype=object)
    found: list[dict[str, OwnPast | None]] = []
    with DuckDBEngine() as engine:
        for asked in (engine, spark):
            events, together = both.duckdb / "events", [*RULES.values()]
            reader = PastReader(asked, events, both.data, AS_OF_US, range(BUCKETS), together=together)
            attributes = {name: Attribute(kind="binary", future=rule) for name, rule in RULES.items()}
            found.append({name: reader.read(name, attribute, (), ids) for name, attribute in attributes.items()})
    for name, ours in found[0].items():
        theirs = found[1][name]
        assert ours is not None
        assert theirs is not None
        assert ours.names.tolist() == theirs.names.tolist()
        np.testing.assert_allclose(ours.block, theirs.block, rtol=1e-9, atol=1e-9)


def test_declared_labels_are_the_same(both: Both) -> None:
    asked = Attribute(kind="binary", declared=Declared(column="kids"))
    with DuckDBEngine() as engine:
        ours = declared_labels(engine, both.duckdb / "profiles", "kids", asked, both.data)
        theirs = declared_labels(engine, both.spark / "profiles", "kids", asked, both.data)
    assert (ours.customers.tolist(), ours.y.tolist()) == (theirs.customers.tolist(), theirs.y.tolist())
