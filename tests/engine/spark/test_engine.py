"""Spark SQL says of every value what DuckDB says of it, and reads and writes the same files."""

import math
from datetime import UTC, datetime, timedelta

import duckdb
import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.canonical import _bounded, _epoch_us, _number, _token, customer_id
from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError, SchemaError
from tests.source import contents, rows

ZONES = ["UTC", "Europe/Kyiv", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
TEXTS = [
    "",
    "a",
    "12346",
    "O'Brien",
    'say "hi"',
    "Ярослав",
    "名前",
    "a\\b",
    "x\\1$1",
    "%s; drop",
    " a ",
    "\t x\n",
    None,
]
TEXTS += ["12.0", "-7.00", "+3.0", "1.50", "é" * 500]
NUMBERS = ["1", "1.5", " 2 ", "1d", "1.5f", "nan", "NaN", "inf", "-Infinity", "1e5", "1E-3", ".5", "5.", "+4", "-4"]
NUMBERS += ["1,5", "0x10", "1_000", "1_000.5", "1__0", "_1", "", "abc", "1 2", "--1", "1e", "1e400", None]
DOUBLES = [0.1, 12.0, -7.5, 12345678.5, 1e7, 1e8 + 0.25, 1e15 + 0.5, 1e16, 1.5e20, 1e20, 1e-3, 1e-4, 1.2345e-4, 1e-5]
DOUBLES += [1.5e-7, 1e300, -2.5e-10, 123456789012.75, 9.999999e-5, 0.0, -0.0, math.nan, math.inf, -math.inf, None]
TIMES = ["2024-01-02", "2024/1/2 3:04", "2024-01-02 03:04:05.123456", "2024-01-02T03:04:05.1234567", "2024-13-01"]
TIMES += ["2024-01/02", "2024-01-02 25:00", "x", None, "9999-12-31 23:59:59", "1700-01-01"]
INSTANTS = ["2024-01-02 03:04:05Z", "2024-01-02 03:04:05+05:30", "2024-01-02 03:04 Europe/Kyiv", "2024-01-02 03:04 UTC"]
CLOCKS = [datetime(2024, 1, 1, 5), datetime(1969, 12, 31, 23, 59, 59, 999_999), datetime(1700, 1, 1), None]
CLOCKS += [datetime(9999, 12, 31, 23), *(datetime(2024, 1, day, 23, 30) for day in range(1, 9))]
COUNTS = [
    "1",
    " 1700000000 ",
    "1700000000.123456",
    "x",
    "9223372036854775807",
    "99999999999999999999",
    None,
    "-5",
    "nan",
]


def ask(engine, values, kind, expression):
    table = engine.memory(pa.table({"x": pa.array(values, kind)}))
    return engine.arrow(table.select(y=expression(engine, table.x)))["y"]


def same(engine, spark, values, kind, expression):
    """Tell of each value that the two engines answer otherwise."""
    theirs, ours = ask(spark, values, kind, expression), ask(engine, values, kind, expression)
    assert theirs.type == ours.type
    pairs = zip(values, ours.to_pylist(), theirs.to_pylist(), strict=True)
    # NaN is equal to nothing, and a text of NaN is "nan".
    return [(value, a, b) for value, a, b in pairs if a != b and not (a != a and b != b)]


@pytest.mark.parametrize(
    ("values", "kind", "expression"),
    [
        (TEXTS, pa.string(), lambda engine, x: engine.hash32(x)),
        (TEXTS, pa.string(), lambda _, x: customer_id(x)),
        (DOUBLES, pa.float64(), lambda _, x: customer_id(x)),
        ([*range(-3, 4), None, 2**53], pa.int64(), lambda _, x: customer_id(x)),
        (DOUBLES, pa.float64(), lambda _, x: x.cast("string")),
        (DOUBLES, pa.float64(), lambda _, x: _token(x)),
        (DOUBLES, pa.float64(), lambda _, x: x.isnull()),
        (DOUBLES, pa.float64(), lambda _, x: x.isnan()),
        (DOUBLES, pa.float64(), lambda _, x: x.isinf()),
        (DOUBLES, pa.float64(), lambda _, x: (x > 1e9).ifelse(1, 0)),
        (DOUBLES, pa.float64(), lambda _, x: _epoch_us(x, 1_000_000)),
        (NUMBERS, pa.string(), lambda _, x: _number(x)),
        (COUNTS, pa.string(), lambda _, x: _epoch_us(x, 1_000_000)),
        ([1, -5, 2**63 - 1, None], pa.int64(), lambda _, x: _epoch_us(x, 1_000)),
        (TIMES, pa.string(), lambda _, x: x.try_cast("timestamp")),
        (INSTANTS, pa.string(), lambda _, x: x.try_cast("timestamp('UTC')").cast("timestamp")),
        (["31.12.2024 23:59", "x", None], pa.string(), lambda engine, x: engine.parse_time(x, "%d.%m.%Y %H:%M")),
        (["2024-12-31 23:00 +0530", "x"], pa.string(), lambda engine, x: engine.parse_time(x, "%Y-%m-%d %H:%M %z")),
        (CLOCKS, pa.timestamp("us"), lambda _, x: _bounded(x)),
        (CLOCKS, pa.timestamp("us"), lambda _, x: x.cast("string")),
        (CLOCKS, pa.timestamp("us", "UTC"), lambda _, x: x.cast("string")),
        (CLOCKS, pa.timestamp("us"), lambda _, x: x.date().epoch_days().cast("int32")),
        (CLOCKS, pa.timestamp("us"), lambda _, x: x.hour().cast("int8")),
        (CLOCKS, pa.timestamp("us"), lambda _, x: x.day_of_week.index().cast("int8")),
        (["1", "12", "1234", None], pa.string(), lambda _, x: (x.length() < 3).ifelse(x.lpad(3, "0"), x).left(2)),
    ],
)
def test_a_value_is_the_same_on_both_engines(engine, spark, values, kind, expression):
    assert same(engine, spark, values, kind, expression) == []


@pytest.mark.parametrize("zone", ZONES)
def test_clocks_and_instants_are_the_same_through_a_year_and_both_of_its_changes(engine, spark, zone):
    steps = [timedelta(minutes=30 * n, microseconds=123_456) for n in range(366 * 48)]
    local = [datetime(2024, 1, 1) + step for step in steps]
    assert same(engine, spark, local, pa.timestamp("us"), lambda e, x: e.instant_us(x, zone)) == []
    instants = [int((datetime(2024, 1, 1, tzinfo=UTC) + step).timestamp()) * 1_000_000 + 7 for step in steps]
    instants += [-2_208_988_800_000_000, None]  # 1900
    assert same(engine, spark, instants, pa.int64(), lambda e, x: e.clock(x, zone)) == []


def test_texts_sort_alike(engine, spark):
    values = [*TEXTS, "B", "a", "ä", "Ω", "z", "\U0001f469", "\uffee"]
    for asked in (engine, spark):
        table = asked.memory(pa.table({"x": values}))
        found = asked.arrow(table.order_by(table.x.fill_null("~")))["x"].to_pylist()
        assert found == sorted(values, key=lambda text: ("~" if text is None else text).encode())


def test_a_csv_file_is_read_by_the_same_strict_rules(engine, spark, tmp_path):
    text = '\ufeff"id";note\n1;"two\nlines"\n# no comment;\n"O\'Brien";"say ""hi"""\n;""\nЯрослав;a\\b\n'
    for name in ("a.csv", "b [1].csv"):
        (tmp_path / name).write_text(text, "utf-8")
    files = [tmp_path / "a.csv", tmp_path / "b [1].csv"]
    found = [asked.arrow(asked.csv(files).order_by("id", "note")).to_pylist() for asked in (engine, spark)]
    assert found[0] == found[1]
    assert {"id": "# no comment", "note": None} in found[1]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("a,b\n1,2,3\n", DataError, r"bad\.csv.*cannot be read|cannot be read.*bad\.csv"),
        ("a,A\n1,2\n", SchemaError, "stands twice"),
        ("", DataError, "first line is empty"),
    ],
)
def test_a_damaged_csv_file_is_refused_as_by_duckdb(spark, tmp_path, text, error, message):
    (tmp_path / "bad.csv").write_text(text, "utf-8")
    with pytest.raises(error, match=message):
        spark.arrow(spark.csv([tmp_path / "bad.csv"]))


def test_a_file_that_is_no_parquet_is_told(spark, tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"no parquet" * 100)
    with pytest.raises(DataError, match=r"bad\.parquet"):
        spark.arrow(spark.parquet(tmp_path / "bad.parquet"))


def test_nanoseconds_and_unsigned_numbers_that_spark_cannot_read_are_read(engine, spark, tmp_path):
    times = np.array(["2024-03-31T01:30:00.123456789", "NaT"], dtype="datetime64[ns]")
    table = pa.table({"at": times, "big": pa.array([2**64 - 1, None], pa.uint64())})
    pq.write_table(table, tmp_path / "fine.parquet")
    found = spark.arrow(spark.parquet(tmp_path / "fine.parquet").select("at"))["at"].to_pylist()
    (ours,) = engine.arrow(engine.parquet(tmp_path / "fine.parquet").select(at=ibis._.at.cast("timestamp")))
    assert found == ours.to_pylist() == [datetime(2024, 3, 31, 1, 30, 0, 123457), None]


def test_a_folder_s_name_is_a_column_on_neither_engine(engine, spark, tmp_path):
    folder = tmp_path / "day=2024-01-01" / "region=north"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"region": ["south"]}), folder / "a.parquet")
    (folder / "a.csv").write_text("region\nsouth\n")
    for opened in (engine, spark):
        assert opened.arrow(opened.parquet(folder / "a.parquet")).to_pylist() == [{"region": "south"}]
        assert opened.arrow(opened.csv([folder / "a.csv"])).to_pylist() == [{"region": "south"}]


def test_an_instant_stays_one_and_a_clock_time_stays_one(spark, tmp_path):
    moment = datetime(2024, 3, 31, 1, 30)
    columns = {"local": pa.array([moment], pa.timestamp("us")), "zoned": pa.array([moment], pa.timestamp("us", "UTC"))}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    types = spark.parquet(tmp_path / "x.parquet").schema()
    assert types["local"].timezone is None
    assert types["zoned"].timezone == "UTC"


def test_the_oldest_kind_of_timestamp_is_a_clock_time(engine, spark, tmp_path):
    moments = [datetime(2024, 3, 31, 1, 30, 0, 123456), datetime(1850, 1, 1), None]
    table = pa.table({"at `x`": pa.array(moments, pa.timestamp("us"))})
    pq.write_table(table, tmp_path / "x.parquet", use_deprecated_int96_timestamps=True)
    found = spark.parquet(tmp_path / "x.parquet")
    assert found["at `x`"].type().timezone is engine.parquet(tmp_path / "x.parquet")["at `x`"].type().timezone is None
    assert spark.arrow(found)["at `x`"].to_pylist() == moments


def test_a_table_of_an_attached_database(spark, tmp_path):
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as made:
        made.execute("CREATE TABLE orders AS SELECT 1 AS id, 'tea' AS item")
    assert spark.arrow(spark.attached(tmp_path / "shop.duckdb", "orders")).to_pylist() == [{"id": 1, "item": "tea"}]
    with pytest.raises(DataError, match=r"no table 'ordes' in it .*Did you mean 'orders'"):
        spark.attached(tmp_path / "shop.duckdb", "ordes")


def test_write_is_whole_and_in_order_and_leaves_nothing_else(spark, tmp_path):
    table = spark.memory(pa.table({"x": [3, 1, 2]}))
    spark.write(table.order_by("x"), tmp_path / "deep" / "x.parquet")
    assert rows(tmp_path / "deep" / "x.parquet") == [{"x": 1}, {"x": 2}, {"x": 3}]
    assert list(contents(tmp_path / "deep")) == ["x.parquet"]


def test_write_split_makes_a_folder_per_value_and_forgets_older_ones(spark, tmp_path):
    folder = tmp_path / "it's [1] *"
    for values in ([], [1, 2, 2], [2]):
        table = spark.memory(pa.table({"x": pa.array(values, pa.int64()), "b": pa.array(values, pa.int64())}))
        assert spark.write_split(table, folder, "b") == len(values)
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["b=2"]
    assert spark.arrow(spark.parquet(sorted(folder.rglob("*.parquet"))))["x"].to_pylist() == [2]


def test_a_pattern_that_is_none(spark):
    with pytest.raises(DataError, match=r"%Q"):
        spark.parse_time(ibis.literal("x"), "%Q")


def test_closing_forgets_the_tables_and_their_copies(spark, tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    spark.csv([tmp_path / "a.csv"])
    assert list(contents(tmp_path / "shared"))
    spark.close()
    assert list(contents(tmp_path / "shared")) == []


def test_duckdb_does_each_bucket_in_turn():
    with DuckDBEngine() as engine:
        assert engine.each_bucket(lambda own, number: (own is engine, number), [(2,), (1,)]) == [(True, 2), (True, 1)]
