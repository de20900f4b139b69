import errno
import hashlib
import os
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engine import DuckDBEngine, names_zone
from pipeline.errors import DataError
from pipeline.split import hash32
from tests.source import contents, rows

TEXTS = [
    "",
    "a",
    "12346",
    "O'Brien",
    'say "hi"',
    "Ярослав",
    "ґанок",
    "名前",
    "👩‍👩‍👧",
    "a\\b",
    "%s; drop",
    " a ",
    "é" * 500,
]


@pytest.fixture(scope="module")
def opened():
    with DuckDBEngine() as engine:
        yield engine


def ask(engine, values, kind, expression):
    table = engine.memory(pa.table({"x": pa.array(values, kind)}))
    return engine.arrow(table.select(y=expression(table.x)))["y"].to_pylist()


def first_32_bits(text):
    return int.from_bytes(hashlib.md5(text.encode()).digest()[:4], "big")


def test_hash32_is_the_first_32_bits_of_md5(opened):
    expected = [first_32_bits(text) for text in TEXTS]
    assert ask(opened, TEXTS, pa.string(), opened.hash32) == expected
    assert [hash32(text) for text in TEXTS] == expected


@settings(deadline=None, max_examples=25)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=20))
def test_hash32_of_any_text(opened, texts):
    assert ask(opened, texts, pa.string(), opened.hash32) == [first_32_bits(text) for text in texts]


HALF_HOURS = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=30 * n) for n in range(366 * 48)]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Kyiv", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_local_clocks_and_instants_are_those_of_python_through_a_year(opened, zone):
    instants = [int(moment.timestamp()) * 1_000_000 + 123_456 for moment in HALF_HOURS]
    local = [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, microsecond=123_456) for moment in HALF_HOURS]
    assert ask(opened, instants, pa.int64(), lambda x: opened.clock(x, zone)) == local
    back = ask(opened, local, pa.timestamp("us"), lambda x: opened.instant_us(x, zone))
    shown = Counter(local)
    for instant, clock, found in zip(instants, local, back, strict=True):
        if found != instant:  # only in the hour that the clock shows twice
            assert abs(found - instant) in (1_800_000_000, 3_600_000_000)
            assert shown[clock] == 2
    assert sum(found != instant for found, instant in zip(back, instants, strict=True)) <= 2


def test_the_hour_that_is_skipped_and_the_hour_that_is_doubled(opened):
    """In Kyiv 2024-03-31 03:00-04:00 does not exist and 2024-10-27 03:00-04:00 exists twice."""
    clocks = [datetime(2024, 3, 31, 2, 59), datetime(2024, 3, 31, 3, 30), datetime(2024, 3, 31, 4, 0)]
    clocks += [datetime(2024, 10, 27, 2, 59), datetime(2024, 10, 27, 4, 0)]
    found = ask(opened, clocks, pa.timestamp("us"), lambda x: opened.instant_us(x, "Europe/Kyiv"))
    expected = [(3, 31, 0, 59), (3, 31, 1, 30), (3, 31, 1, 0), (10, 26, 23, 59), (10, 27, 2, 0)]
    assert found == [int(datetime(2024, *parts, tzinfo=UTC).timestamp()) * 1_000_000 for parts in expected]
    (doubled,) = ask(
        opened, [datetime(2024, 10, 27, 3, 30)], pa.timestamp("us"), lambda x: opened.instant_us(x, "Europe/Kyiv")
    )
    both = [datetime(2024, 10, 27, hour, 30, tzinfo=UTC).timestamp() * 1_000_000 for hour in (0, 1)]
    assert doubled in both


def test_null_stays_null(opened):
    assert ask(opened, [None], pa.int64(), lambda x: opened.clock(x, "Europe/Kyiv")) == [None]
    assert ask(opened, [None], pa.timestamp("us"), lambda x: opened.instant_us(x, "Europe/Kyiv")) == [None]
    assert ask(opened, [None], pa.string(), lambda x: opened.parse_time(x, "%Y")) == [None]


def test_parse_time_by_a_pattern(opened):
    found = ask(
        opened, ["31.12.2024 23:59", "2024-12-31"], pa.string(), lambda x: opened.parse_time(x, "%d.%m.%Y %H:%M")
    )
    assert found == [datetime(2024, 12, 31, 23, 59), None]


def test_a_pattern_with_an_offset_yields_utc(opened):
    found = ask(opened, ["2024-12-31 23:00 +0530"], pa.string(), lambda x: opened.parse_time(x, "%Y-%m-%d %H:%M %z"))
    assert found == [datetime(2024, 12, 31, 17, 30)]
    assert names_zone("%H %Z")
    assert not names_zone("%H %M")


def test_a_pattern_that_is_none(opened):
    with pytest.raises(DataError, match=r"%Q"):
        opened.parse_time(ibis.literal("x"), "%Q")


def test_write_is_whole_and_sorted_as_asked(opened, tmp_path):
    table = opened.memory(pa.table({"x": [3, 1, 2]}))
    opened.write(table.order_by("x"), tmp_path / "deep" / "x.parquet")
    assert rows(tmp_path / "deep" / "x.parquet") == [{"x": 1}, {"x": 2}, {"x": 3}]
    assert list(contents(tmp_path)) == ["deep/x.parquet"]


def test_write_split_makes_a_folder_per_value_and_forgets_older_ones(opened, tmp_path):
    for values in ([1, 2], [2]):
        opened.write_split(opened.memory(pa.table({"x": values, "b": values})), tmp_path / "out", "b")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b=2"]


def test_write_split_in_a_folder_with_a_strange_name(opened, tmp_path):
    folder = tmp_path / "it's [1] *"
    opened.write_split(opened.memory(pa.table({"x": [1], "b": [1]})), folder, "b")
    files = sorted(folder.rglob("*.parquet"))
    assert opened.arrow(opened.parquet(files))["x"].to_pylist() == [1]


@pytest.mark.parametrize("way", ["engine", "system"])
def test_a_full_disk_is_told_with_the_file_and_leaves_nothing(opened, tmp_path, monkeypatch, way):
    def fails(*_, **__):
        if way == "engine":
            raise duckdb.IOException('IO Error: Could not write file "x": No space left on device')
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(opened.ibis, "to_parquet", fails)
    table = opened.memory(pa.table({"x": [1], "b": [1]}))
    with pytest.raises(DataError, match=r"x\.parquet: cannot be written: .*No space left on device.*engine\.spill"):
        opened.write(table, tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"out: cannot be written: .*No space left on device"):
        opened.write_split(table, tmp_path / "out", "b")
    assert contents(tmp_path) == {}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_the_device_that_is_always_full(opened):
    table = opened.memory(pa.table({"x": list(range(1000))}))
    with pytest.raises(DataError, match=r"/dev/full/x: cannot be written"):
        opened.write(table, Path("/dev/full/x"))


def test_scarce_memory_is_told_with_the_key_that_helps(tmp_path):
    with (
        pytest.raises(DataError, match=r"not enough memory.*Raise engine\.memory_limit_gb"),
        DuckDBEngine(1, 0.001) as engine,
    ):
        engine.arrow(engine.memory(pa.table({"x": list(range(1_000_000))})).order_by("x"))


def test_spilling_goes_to_the_given_folder_and_changes_no_result(tmp_path):
    numbers = [(n * 7_919) % 1_000_003 for n in range(600_000)]
    with DuckDBEngine(1, 0.1, str(tmp_path / "spill")) as engine:
        table = engine.memory(pa.table({"x": numbers, "text": [f"{n:0200d}" for n in numbers]}))
        engine.write(table.order_by("x"), tmp_path / "x.parquet")
        found = engine.arrow(engine.parquet(tmp_path / "x.parquet").select("x"))["x"].to_pylist()
    assert found == sorted(numbers)


def test_a_query_that_is_wrong_in_itself_keeps_its_own_error(opened):
    with pytest.raises(duckdb.Error, match="does not exist"):
        opened.arrow(ibis.table({"x": "int64"}, name="nowhere"))


def test_closing_ends_the_connection(tmp_path):
    with DuckDBEngine() as engine:
        table = engine.memory(pa.table({"x": [1]}))
    with pytest.raises(DataError, match=r"[Cc]losed"):
        engine.arrow(table)


def test_two_engines_work_side_by_side(tmp_path):
    def work(number):
        with DuckDBEngine() as engine:
            engine.write(engine.memory(pa.table({"x": [number]})), tmp_path / f"{number}.parquet")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [rows(tmp_path / f"{number}.parquet") for number in range(4)] == [[{"x": number}] for number in range(4)]
