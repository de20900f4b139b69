import math
import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.canonical import customer_id
from pipeline.errors import ConfigError, DataError, SchemaError
from pipeline.settings import Join, Log
from tests.source import csv_log, ingest, parquet_log, us

T = "2024-05-06 07:08:09"
T_US = us(2024, 5, 6, 7, 8, 9)


def ids_of(folder, column):
    """Return the ids that a column of ids becomes, in its order; NULL times keep no row out."""
    times = [T_US + n for n in range(len(column))]
    done = ingest(parquet_log(folder, {"id": column, "time": times}, time_unit="us"), folder)
    found = {event["event_us"]: event["customer_id"] for event in done.events}
    return [found.get(time) for time in times]


# ---- ids


def test_whole_numbers_and_doubles_and_texts_name_the_same_customer(tmp_path):
    expected = ["12346", "7", "0"]
    columns = [
        pa.array([12346, 7, 0], pa.int32()),
        pa.array([12346, 7, 0], pa.uint64()),
        pa.array([12346.0, 7.0, -0.0], pa.float64()),
        pa.array([12346, 7, 0], pa.float32()),
        pa.array(["12346", " 7 ", "0.0"]),
        pa.array(["12346.0", "7.00", "\t0\n"]),
        pa.array(["12346", "7", "0"]).dictionary_encode(),
    ]
    assert [ids_of(tmp_path / str(n), column) for n, column in enumerate(columns)] == [expected] * len(columns)


def test_ids_that_only_look_alike_stay_apart(tmp_path):
    texts = [
        "007",
        "7",
        "7.5",
        "7.0.0",
        "a.0",
        "O'Brien",
        '"quoted"',
        "Олена",
        "олена",
        "名前",
        "👩‍👧",
        "a,b",
        "x=1; y=2",
    ]
    assert ids_of(tmp_path, pa.array(texts)) == texts


def test_large_whole_numbers_keep_every_digit(tmp_path):
    numbers = [2**53 + 1, 2**63 - 1, -5]
    assert ids_of(tmp_path, pa.array(numbers, pa.int64())) == [str(number) for number in numbers]


def test_a_double_that_is_no_whole_number_stays_as_it_is(tmp_path):
    assert ids_of(tmp_path, pa.array([1.5, 2.0])) == ["1.5", "2"]


def test_null_and_blank_and_not_a_number_are_no_customer(tmp_path):
    done = ingest(csv_log(tmp_path / "csv", ["id,time", f",{T}", f"  ,{T}", f'"",{T}', f"a,{T}"]), tmp_path / "csv")
    assert done.bad == [("null id", f"id=  ; time={T}")] + [("null id", f"id=NULL; time={T}")] * 2
    assert done.facts["bad"] == {"null id": 3}
    assert done.facts["examples"] == {"null id": f"id=  ; time={T}"}
    assert done.column("customer_id") == ["a"]
    assert ids_of(tmp_path, pa.array([math.nan, math.inf, None, 3.0])) == [None, None, None, "3"]
    assert ids_of(tmp_path / "no null", pa.array([math.nan, 2.0, 3.0])) == [None, "2", "3"]


def test_not_a_number_is_seen_in_a_file_whose_statistics_leave_it_out(engine, tmp_path):
    pq.write_table(pa.table({"id": [0.5, math.nan, 1.0]}), tmp_path / "log.parquet")
    table = engine.parquet(tmp_path / "log.parquet")
    assert engine.arrow(table.select(id=customer_id(table.id)))["id"].to_pylist() == ["0.5", None, "1"]


# ---- times


LOCAL_AND_ABSOLUTE = {
    "2024-05-06": us(2024, 5, 5, 21),  # midnight in Kyiv, three hours before that in UTC
    "2024/5/6": us(2024, 5, 5, 21),
    "2024-05-06 07:08": us(2024, 5, 6, 4, 8),
    "2024-05-06T07:08:09": us(2024, 5, 6, 4, 8, 9),
    " 2024-05-06 07:08:09.25 ": us(2024, 5, 6, 4, 8, 9, 250_000),
    "2024-05-06 07:08:09.123456789": us(2024, 5, 6, 4, 8, 9, 123_456),
    "2024-05-06T07:08:09Z": us(2024, 5, 6, 7, 8, 9),
    "2024-05-06T07:08Z": us(2024, 5, 6, 7, 8),
    "2024-05-06 07:08:09 UTC": us(2024, 5, 6, 7, 8, 9),
    "2024-05-06T07:08:09+05:30": us(2024, 5, 6, 1, 38, 9),
    "2024-05-06T07:08:09-0500": us(2024, 5, 6, 12, 8, 9),
    "2024-05-06 07:08:09.5+02": us(2024, 5, 6, 5, 8, 9, 500_000),
    "2024-05-06 07:08:09 -05:00": us(2024, 5, 6, 12, 8, 9),
    "2024-05-06 07:08:09 America/New_York": us(2024, 5, 6, 11, 8, 9),
}


def test_a_text_is_local_unless_it_names_its_offset(tmp_path):
    lines = ["id,time", *(f"{n:02d},{text}" for n, text in enumerate(LOCAL_AND_ABSOLUTE))]
    done = ingest(csv_log(tmp_path, lines, time_zone="Europe/Kyiv"), tmp_path)
    assert dict(zip(LOCAL_AND_ABSOLUTE, done.column("event_us"), strict=True)) == LOCAL_AND_ABSOLUTE


NO_TIMES = """yesterday|06.05.2024|05/06/2024|2024-02-30|2024-05-06 25:00|20240506|1714950000|infinity|epoch|2024-05
07:08|2024-05-06 (BC)|2024-05-06 07:08:09 Mars/Base|2024-05-06 07:08 or so|NaT|2024-05-06 07:08:09+99:99|294247-01-10"""


def test_a_text_that_is_no_time_is_not_guessed(tmp_path):
    texts = NO_TIMES.replace("\n", "|").split("|")
    done = ingest(csv_log(tmp_path, ["id,time", *(f"a,{text}" for text in texts), f"b,{T}"]), tmp_path)
    assert done.bad == sorted(("unparseable time", f"id=a; time={text}") for text in texts)
    assert done.facts["bad"] == {"unparseable time": 17}
    assert done.column("customer_id") == ["b"]


def test_null_and_blank_times(tmp_path):
    done = ingest(csv_log(tmp_path, ["id,time", "a,", "b,   ", f"c,{T}"]), tmp_path)
    assert done.bad == [("null time", "id=a; time=NULL"), ("null time", "id=b; time=   ")]
    column = pa.array([None, datetime(2024, 5, 6)], pa.timestamp("us"))
    done = ingest(parquet_log(tmp_path / "p", {"id": ["a", "b"], "time": column}), tmp_path / "p")
    assert done.bad == [("null time", "id=a; time=NULL")]


def test_the_future_begins_after_now(tmp_path):
    lines = ["id,time", "a,2024-05-06 07:08:09", "b,2024-05-06 07:08:10", "c,9999-12-31"]
    done = ingest(csv_log(tmp_path, lines), tmp_path, now_us=T_US)
    assert done.bad == [("future time", "id=b; time=2024-05-06 07:08:10"), ("future time", "id=c; time=9999-12-31")]
    assert done.column("customer_id") == ["a"]


def test_times_before_1900_are_another_word_for_unknown(tmp_path):
    lines = ["id,time", "a,1899-12-31 23:59:59", "b,1900-01-01", "c,0001-01-01"]
    done = ingest(csv_log(tmp_path, lines), tmp_path)
    assert done.facts["bad"] == {"time before 1900": 2}
    assert done.column("event_us") == [us(1900, 1, 1)]


EXACT = us(2024, 5, 6, 7, 8, 9, 123_456)


@pytest.mark.parametrize(
    ("kind", "unit", "size"),
    [
        ("int", "s", 1_000_000),
        ("int", "ms", 1_000),
        ("int", "us", 1),
        ("double", "us", 1),
        ("text", "ms", 1_000),
        ("text of a double", "s", 1_000_000),
    ],
)
def test_a_count_since_the_epoch(tmp_path, kind, unit, size):
    count = EXACT // size
    given = {"int": [count], "double": [float(count)], "text": [str(count)], "text of a double": [f"{count}.0"]}[kind]
    done = ingest(parquet_log(tmp_path, {"id": ["a"], "time": given}, "Europe/Kyiv", time_unit=unit), tmp_path)
    assert done.column("event_us") == [count * size]
    assert done.column("hour") == [10]


def test_a_count_of_seconds_with_parts_of_one(tmp_path):
    column = pa.array([1_714_979_289.5, 1_714_979_289.123456, None, math.nan, math.inf])
    done = ingest(parquet_log(tmp_path, {"id": list("abcde"), "time": column}), tmp_path)
    assert done.column("event_us") == [us(2024, 5, 6, 7, 8, 9, 500_000), us(2024, 5, 6, 7, 8, 9, 123_456)]
    assert done.facts["bad"] == {"null time": 3}


@pytest.mark.parametrize(
    ("unit", "column"),
    [
        ("s", pa.array([2**63 - 1, -(2**63), 1_714_979_289], pa.int64())),
        ("us", pa.array([2**63 - 1, -(2**63), 1_714_979_289], pa.int64())),
        ("s", pa.array([2**64 - 1, 2**63, 1_714_979_289], pa.uint64())),
        ("ms", pa.array([1e300, -1e300, 1_714_979_289.0], pa.float64())),
        ("s", pa.array(["9" * 30, "-" + "9" * 30, "1714979289"])),
    ],
)
def test_counts_that_no_clock_can_show_are_set_apart(tmp_path, unit, column):
    done = ingest(parquet_log(tmp_path, {"id": ["a", "b", "c"], "time": column}, time_unit=unit), tmp_path)
    assert done.column("customer_id") == ["c"]
    assert set(done.facts["bad"]) <= {"future time", "time before 1900"}
    assert sum(done.facts["bad"].values()) == 2


def test_milliseconds_declared_as_seconds_lie_in_the_future(tmp_path):
    data = parquet_log(tmp_path, {"id": ["a"], "time": [EXACT // 1000]}, bad=0.5)
    with pytest.raises(DataError, match=r"future time: 1 rows, such as \[id=a; time=1714979289123\]"):
        ingest(data, tmp_path)


def test_a_declared_pattern(tmp_path):
    lines = ["id,time", "a,06.05.2024 07:08", "b,2024-05-06", "c,31.02.2024 07:08", "d,"]
    done = ingest(csv_log(tmp_path, lines, "Europe/Kyiv", time_format="%d.%m.%Y %H:%M"), tmp_path)
    assert done.column("event_us") == [us(2024, 5, 6, 4, 8)]
    assert done.facts["bad"] == {"null time": 1, "unparseable time": 2}


def test_a_pattern_applies_to_numbers_too(tmp_path):
    for number, column in enumerate(([20240506, 20241301], [20240506.0, 20241301.0])):
        folder = tmp_path / str(number)
        done = ingest(parquet_log(folder, {"id": ["a", "b"], "time": column}, time_format="%Y%m%d"), folder)
        assert done.column("event_us") == [us(2024, 5, 6)]
        assert done.facts["bad"] == {"unparseable time": 1}


def test_a_pattern_with_an_offset_needs_no_zone(tmp_path):
    lines = ["id,time", "a,06/May/2024:07:08:09 +0530"]
    done = ingest(csv_log(tmp_path, lines, "Europe/Kyiv", time_format="%d/%b/%Y:%H:%M:%S %z"), tmp_path)
    assert done.column("event_us") == [us(2024, 5, 6, 1, 38, 9)]


def test_what_is_no_pattern(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.logs\.log\.time_format: '%Q'"):
        ingest(csv_log(tmp_path, ["id,time", f"a,{T}"], time_format="%Q"), tmp_path)


def test_typed_times(tmp_path):
    clock = datetime(2024, 5, 6, 7, 8, 9, 123_456)
    columns = {
        "us": pa.array([clock], pa.timestamp("us")),
        "ns": pa.array([clock], pa.timestamp("ns")),
        "zoned": pa.array([clock.replace(tzinfo=UTC) - timedelta(hours=3)], pa.timestamp("us", "America/New_York")),
    }
    for name, column in columns.items():
        data = parquet_log(tmp_path / name, {"id": ["a"], "time": column}, "Europe/Kyiv")
        assert ingest(data, tmp_path / name).column("event_us") == [us(2024, 5, 6, 4, 8, 9, 123_456)], name
    data = parquet_log(tmp_path / "date", {"id": ["a"], "time": pa.array([date(2024, 5, 6)])}, "Europe/Kyiv")
    assert ingest(data, tmp_path / "date").column("event_us") == [us(2024, 5, 5, 21)]


def test_typed_times_that_no_clock_can_show(tmp_path):
    for kind, beyond in (("ms", 2**52), ("us", 2**62)):
        column = pa.array([beyond, -beyond, 0], pa.int64()).cast(pa.timestamp(kind))
        data = parquet_log(tmp_path / kind, {"id": list("abc"), "time": column}, "Asia/Tokyo")
        done = ingest(data, tmp_path / kind)
        assert done.column("customer_id") == ["c"]
        assert sum(done.facts["bad"].values()) == 2


def test_the_zone_of_a_log_reads_its_clock_and_that_of_the_source_shows_it(tmp_path):
    lines = ["id,time", "a,2024-01-01 03:30:00"]
    done = ingest(csv_log(tmp_path, lines, time_zone="America/New_York", zone="UTC"), tmp_path)
    assert done.column("event_us") == [us(2024, 1, 1, 3, 30)]
    assert (done.column("hour"), done.column("weekday")) == ([22], [6])  # Sunday evening in New York
    assert done.column("event_day") == [(date(2023, 12, 31) - date(1970, 1, 1)).days]


@pytest.mark.parametrize("zone", ["Europe/Kyiv", "America/New_York", "Asia/Kolkata", "Pacific/Apia"])
def test_local_hour_weekday_and_day_are_those_of_python_around_changes_of_the_clock(tmp_path, zone):
    instants = [us(2024, month, 1) + half_hour * 1_800_000_000 for month in (3, 10) for half_hour in range(34 * 48)] + [
        0,
        -1,
        us(1999, 12, 31, 23, 59, 59, 999_999),
    ]
    data = parquet_log(tmp_path, {"id": ["a"] * len(instants), "time": instants}, zone, time_unit="us")
    done = ingest(data, tmp_path)
    local = [
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)).astimezone(ZoneInfo(zone))
        for instant in sorted(instants)
    ]
    assert done.column("hour") == [moment.hour for moment in local]
    assert done.column("weekday") == [moment.weekday() for moment in local]
    assert done.column("event_day") == [(moment.date() - date(1970, 1, 1)).days for moment in local]


# ---- fields


def test_numeric_fields_from_texts(tmp_path):
    cells = ["1.5", " -2 ", "1e3", "", "nan", "abc", "1,5", "inf", "-Infinity", "1e999"]
    lines = ["id,time,amount", *(f'{n},{T},"{cell}"' for n, cell in enumerate(cells))]
    done = ingest(csv_log(tmp_path, lines, numeric=["amount"]), tmp_path)
    assert done.column("amount") == [1.5, -2.0, 1000.0, None, None]
    assert done.facts["missing"] == {"amount": 2}
    assert done.facts["bad"] == {"amount: infinite": 3, "amount: not a number": 2}
    assert ("amount: not a number", f"id=6; time={T}; amount=1,5") in done.bad
    assert ("amount: infinite", f"id=8; time={T}; amount=-Infinity") in done.bad


def test_numeric_fields_of_any_type_become_doubles(tmp_path):
    columns = {
        "whole": pa.array([2**53, None], pa.int64()),
        "truth": [True, False],
        "money": pa.array([1, None], pa.int64()).cast(pa.decimal128(30, 2)),
        "double": [-0.0, math.nan],
    }
    data = parquet_log(
        tmp_path, {"id": ["a", "b"], "time": [T_US] * 2, **columns}, time_unit="us", numeric=list(columns)
    )
    done = ingest(data, tmp_path)
    assert [done.column(name) for name in columns] == [[2.0**53, None], [1.0, 0.0], [1.0, None], [0.0, None]]
    assert math.copysign(1, done.column("double")[0]) == 1


def test_infinite_doubles_are_set_apart(tmp_path):
    columns = {"id": ["a", "b", "c"], "time": [T_US] * 3, "x": [math.inf, -math.inf, 1.0]}
    done = ingest(parquet_log(tmp_path, columns, time_unit="us", numeric=["x"]), tmp_path)
    assert done.facts["bad"] == {"x: infinite": 2}
    assert done.column("x") == [1.0]


def test_a_row_with_several_faults_is_counted_once_under_the_first(tmp_path):
    done = ingest(csv_log(tmp_path, ["id,time,x", ",never,much", "a,never,much", f"b,{T},1"], numeric=["x"]), tmp_path)
    assert done.bad == [
        ("null id", "id=NULL; time=never; x=much"),
        ("unparseable time", "id=a; time=never; x=much"),
    ]


def test_tokens_are_texts_without_blanks_around_them(tmp_path):
    columns = {
        "text": pa.array([" a ", "  ", None, 'It\'s; "q"=Ґ']),
        "number": pa.array([12.0, 1.5, None, math.nan]),
        "truth": pa.array([True, False, None, True]),
        "version": pa.array(["2.0", "2", "007", "1e3"]),
    }
    times = [T_US + n for n in range(4)]
    data = parquet_log(tmp_path, {"id": ["a"] * 4, "time": times, **columns}, time_unit="us", categorical=list(columns))
    done = ingest(data, tmp_path)
    assert done.column("text") == ["a", None, None, 'It\'s; "q"=Ґ']
    assert done.column("number") == ["12", "1.5", None, None]
    assert done.column("truth") == ["true", "false", None, "true"]
    assert done.column("version") == ["2.0", "2", "007", "1e3"]


def test_a_field_may_be_called_like_a_column_of_another_meaning(tmp_path):
    lines = ["id,time,why,raw,reason,event_us,hour", f"a,{T},x,1,2,3,4"]
    fields = {"why": "reason", "what": "raw", "when": "event_us", "clock": "hour", "id": "id"}
    done = ingest(csv_log(tmp_path, lines, categorical=fields), tmp_path)
    assert [done.column(name) for name in fields] == [["2"], ["1"], ["3"], ["4"], ["a"]]


def test_a_missing_column_is_told_with_the_closest(tmp_path):
    lines = ["id,time,amount", f"a,{T},1"]
    with pytest.raises(SchemaError, match=r"data\.logs\.log: column 'amont' not found in log\.csv .*'amount'\?"):
        ingest(csv_log(tmp_path, lines, numeric=["amont"]), tmp_path)
    with pytest.raises(SchemaError, match="column 'Id' not found"):
        ingest(csv_log(tmp_path, lines, id="Id"), tmp_path)


# ---- reference tables


def joined(folder, ours, lines, join=None, **log):
    """Ingest a log of column `key` beside the reference table `lines`."""
    folder.mkdir(exist_ok=True)
    (folder / "goods.csv").write_text("\n".join(lines) + "\n", "utf-8")
    by = (Join(path="goods.csv", by=join or {"key": "key"}),)
    times = [T_US + n for n in range(len(ours))]
    columns = {"id": ["a"] * len(ours), "time": times, "key": ours}
    return ingest(parquet_log(folder, columns, time_unit="us", join=by, **log), folder)


def test_a_reference_table_gives_columns_and_unmatched_rows_are_kept_and_counted(tmp_path):
    done = joined(
        tmp_path, ["x", "y", "z", None], ["key,kind,price", "x,A,1.5", "y,,2"], categorical=["kind"], numeric=["price"]
    )
    assert done.column("kind") == ["A", None, None, None]
    assert done.column("price") == [1.5, 2.0, None, None]
    assert done.facts["unmatched"] == 2
    assert (done.facts["rows"], done.bad) == (4, [])


def test_keys_match_whatever_their_type(tmp_path):
    lines = ["key,kind", "7,seven", "8.0,eight"]
    for number, ours in enumerate((pa.array([7, 8]), pa.array([7.0, 8.0]), pa.array(["7", " 8 "]))):
        done = joined(tmp_path / str(number), ours, lines, categorical=["kind"])
        assert (done.column("kind"), done.facts["unmatched"]) == (["seven", "eight"], 0)


def test_a_repeated_key_would_multiply_events(tmp_path):
    with pytest.raises(
        DataError, match=r"data\.logs\.log\.join\[0\]: goods\.csv: key must be unique .* more than once: \('x',\)"
    ):
        joined(tmp_path, ["x"], ["key,kind", "x,A", "y,B", "x,C"], categorical=["kind"])


def test_a_repeated_blank_key_matches_nothing_and_harms_nothing(tmp_path):
    done = joined(tmp_path, ["x", None, ""], ["key,kind", "x,A", ",B", ",C"], categorical=["kind"])
    assert (done.column("kind"), done.facts["unmatched"]) == (["A", None, None], 2)


def test_a_key_of_two_columns(tmp_path):
    (tmp_path / "goods.csv").write_text("k,day,kind\n1,1,A\n1,2,B\n")
    by = (Join(path="goods.csv", by={"key": "k", "id": "day"}),)
    columns = {"id": ["1", "2", "3"], "time": [T_US] * 3, "key": [1, 1, 1]}
    done = ingest(parquet_log(tmp_path, columns, time_unit="us", join=by, categorical=["kind"]), tmp_path)
    assert (done.column("kind"), done.facts["unmatched"]) == (["A", "B", None], 1)


def test_two_reference_tables_and_rows_that_miss_one_or_both(tmp_path):
    (tmp_path / "goods.csv").write_text("key,kind\nx,A\ny,B\n")
    (tmp_path / "kinds.csv").write_text("kind,group\nA,first\n")
    join = (Join(path="goods.csv", by=["key"]), Join(path="kinds.csv", by=["kind"]))
    columns = {"id": ["a"] * 3, "time": [T_US, T_US + 1, T_US + 2], "key": ["x", "y", "z"]}
    done = ingest(parquet_log(tmp_path, columns, time_unit="us", join=join, categorical=["kind", "group"]), tmp_path)
    assert (done.column("kind"), done.column("group")) == (["A", "B", None], ["first", None, None])
    assert done.facts["unmatched"] == 2


def test_a_join_without_or_with_a_wrong_key(tmp_path):
    (tmp_path / "goods.csv").write_text("key,kind\nx,A\n")
    columns = {"id": ["a"], "time": [T_US], "key": ["x"]}
    for join, error, message in [
        (Join(path="goods.csv"), ConfigError, r"join\[0\]\.by: this key is required.*goods\.csv"),
        (Join(path="goods.csv", by={"kez": "key"}), SchemaError, r"'kez' not found in log\.parquet .*'key'\?"),
        (Join(path="goods.csv", by={"key": "kez"}), SchemaError, r"'kez' not found in goods\.csv .*'key'\?"),
        (Join(path="good.csv", by=["key"]), DataError, r"join\[0\]: file not found: .*Did you mean 'goods\.csv'"),
    ]:
        with pytest.raises(error, match=message):
            ingest(parquet_log(tmp_path, columns, time_unit="us", join=(join,), categorical=["kind"]), tmp_path / "out")
    missing = parquet_log(
        tmp_path, columns, time_unit="us", join=(Join(path="goods.csv", by=["key"]),), categorical=["kin"]
    )
    with pytest.raises(SchemaError, match=r"column 'kin' not found in log\.parquet or goods\.csv"):
        ingest(missing, tmp_path / "out")


def test_the_log_s_own_column_goes_before_that_of_a_reference_table(tmp_path):
    done = joined(tmp_path, ["x"], ["key,id,kind", "x,other,A"], categorical=["kind"])
    assert done.column("customer_id") == ["a"]


# ---- anything at all


BLANKS = " \t\n\r\v\f"
NUMBER = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE | re.ASCII)
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.sampled_from(
    [T, "2024-05-06", "9999-12-31", "1e308", "-1", "inf", "nan", "a", "12.0", "0001-01-01", "294247-01-10", "", " "]
)


@settings(deadline=None, max_examples=10)
@given(
    table=st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=40),
    duplicates=st.sampled_from(["keep", "quarantine"]),
)
def test_every_row_is_either_good_or_quarantined(tmp_path_factory, table, duplicates):
    folder = tmp_path_factory.mktemp("any")
    columns = dict(zip(("id", "time", "token", "amount"), map(list, zip(*table, strict=True)), strict=True))
    data = parquet_log(folder, columns, categorical=["token"], numeric=["amount"], duplicates=duplicates)
    try:
        done = ingest(data, folder)
    except DataError as error:
        assert "no usable row is left" in str(error)  # noqa: PT017 (both outcomes are right)
        return
    assert len(done.events) + len(done.bad) == len(table)
    assert done.facts["rows"] == len(done.events)
    assert sum(done.facts["bad"].values()) == len(done.bad)
    assert all(row["customer_id"].strip() and row["event_us"] is not None for row in done.events)
    amounts = {float(row[3]) for row in table if NUMBER.fullmatch(row[3].strip(BLANKS))}
    for row in done.events:
        assert row["amount"] in amounts | {None}
    if not any(row[3].strip(BLANKS) in ("", "nan") for row in table):
        assert None not in done.column("amount")


# ---- codes


def test_codes_get_their_leading_zeros_and_higher_levels_are_their_beginnings(tmp_path):
    columns = {
        "id": ["a", "a", "b"],
        "time": [T_US, T_US + 1, T_US + 2],
        "code": pa.array([10101, 180905, None], pa.int32()),
    }
    log = parquet_log(
        tmp_path,
        columns,
        time_unit="us",
        categorical={"code": "code", "part": "code"},
        digits={"code": 6, "part": 6},
        first={"part": 2},
    )
    found = [(event["code"], event["part"]) for event in ingest(log, tmp_path).events]
    assert sorted(found, key=str) == [("010101", "01"), ("180905", "18"), (None, None)]


def test_a_level_of_a_field_that_is_not_declared_is_refused():
    with pytest.raises(ValueError, match=r"first\.cod: 'cod' is no categorical field \(allowed: code\)"):
        Log(path="x", id="i", time="t", categorical=["code"], first={"cod": 2})
    with pytest.raises(ValueError, match=r"weigh\.code: 'minuts' is no numeric field .*Did you mean 'minutes'"):
        Log(path="x", id="i", time="t", categorical=["code"], numeric=["minutes"], weigh={"code": ("minuts", 30)})
