"""New files beside old ones: what is read, what is kept, what is refused."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import event_parts, events
from pipeline.arrivals import FEWEST_BUCKETS, count_buckets, listing
from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError, SchemaError
from pipeline.event_parts import facts_file
from pipeline.events import bucket_file, read_events, write_events
from pipeline.settings import Data, Log, Quality
from tests.source import NOW_US, contents, csv_log, rows, source, us

DAY_US = 86_400_000_000
Row = tuple[str | None, int, float | None]  # customer, microseconds, amount


def at(day: int, hour: int = 12) -> int:
    """Return an instant of January 2024."""
    return us(2024, 1, 1, hour) + (day - 1) * DAY_US


def write_day(folder: Path, name: str, table: list[Row], log: str = "files") -> None:
    ids, times, amounts = zip(*table, strict=True)
    columns = {
        "id": pa.array(ids, pa.string()),
        "time": pa.array(times, pa.int64()),
        "x": pa.array(amounts, pa.float64()),
    }
    pq.write_table(pa.table(columns), folder / log / f"{name}.parquet")


def day_rows(day: int) -> list[Row]:
    return [(f"c{n}", at(day, n), n + day / 10) for n in range(9)]


@pytest.fixture
def data(tmp_path: Path) -> Data:
    """Return a log of ten daily files."""
    (tmp_path / "files").mkdir()
    for day in range(1, 11):
        write_day(tmp_path, f"{day:02d}", day_rows(day))
    return source(tmp_path, "files", numeric=["x"], time_unit="us", bad=0.5)


def folder_of_days(folder: Path, name: str) -> Log:
    """Return a log of two daily files; that of the calls has a row without an id."""
    (folder / name).mkdir()
    write_day(folder, "09", day_rows(9), name)
    write_day(folder, "10", [*day_rows(10), *([(None, at(10), 1.0)] if name == "calls" else [])], name)
    return source(folder, name, numeric=["x"], time_unit="us").logs["log"]


class Told(list):
    def __call__(self, what: str) -> None:
        self.append(what)


def write(data: Data, out: Path, buckets: int | None = 2, late_days: int = 3, say: Told | None = None) -> dict:
    with DuckDBEngine() as engine:
        return write_events(
            data, buckets, out / "events", out / "quarantine", engine, Told() if say is None else say, NOW_US, late_days
        )


def found(out: Path, from_day: int | None = None) -> list[tuple]:
    with DuckDBEngine() as engine:
        table = engine.arrow(read_events(engine, out / "events", "log", range(2), from_day))
    return sorted(tuple(row.values()) for row in table.to_pylist())


def set_aside(out: Path) -> list[tuple[str, str]]:
    files = sorted((out / "quarantine").rglob("*.parquet"))
    return sorted((row["customer_id"], row["reason"]) for file in files for row in rows(file))


def set_aside_files(out: Path) -> set[str]:
    return {path.relative_to(out / "quarantine").as_posix() for path in (out / "quarantine").rglob("*.parquet")}


def test_events_of_new_files_are_those_of_a_full_reading(data: Data, tmp_path: Path) -> None:
    write(data, tmp_path / "out")
    for day in (11, 12, 14):
        write_day(tmp_path, f"{day}", day_rows(day))
        manifest = write(data, tmp_path / "out")
    full = write(data, tmp_path / "full")
    assert found(tmp_path / "out") == found(tmp_path / "full")
    assert manifest["logs"] == full["logs"]
    assert [one["first_days"] for one in manifest["added"]] == [{"log": 19723 + day} for day in (10, 11, 13)]
    assert full["added"] == []
    assert found(tmp_path / "out", 19733) == [row for row in found(tmp_path / "full") if row[2] >= 19733]


def test_only_new_files_are_read(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(data, tmp_path / "out")
    write_day(tmp_path, "11", day_rows(11))
    read: list[str] = []
    parquet = DuckDBEngine.parquet

    def counted(self, files, name=None):  # type: ignore[no-untyped-def]
        read.extend(str(file) for file in ([files] if isinstance(files, Path) else files))
        return parquet(self, files, name)

    monkeypatch.setattr(DuckDBEngine, "parquet", counted)
    said = Told()
    write(data, tmp_path / "out", say=said)
    assert [Path(path).name for path in read if path.startswith(str(tmp_path / "files"))] == ["11.parquet"]
    first_parts = [path for path in read if "/out/events/" in path and "part" not in Path(path).name]
    assert first_parts == []  # nor the events that are settled
    assert said == ["events of log, 1 new file"]


def test_files_that_stand_are_shared_not_copied(data: Data, tmp_path: Path) -> None:
    write(data, tmp_path / "out")
    before = {path.name: path.stat().st_ino for path in (tmp_path / "out" / "events" / "log").iterdir()}
    write_day(tmp_path, "11", day_rows(11))
    write(data, tmp_path / "out")
    after = {path.name: path.stat().st_ino for path in (tmp_path / "out" / "events" / "log").iterdir()}
    assert before.items() < after.items()


def test_nothing_new_writes_nothing(data: Data, tmp_path: Path) -> None:
    write(data, tmp_path / "out")
    write_day(tmp_path, "11", day_rows(11))
    first, before, said = write(data, tmp_path / "out"), contents(tmp_path / "out"), Told()
    assert write(data, tmp_path / "out", say=said) == first
    assert contents(tmp_path / "out") == before
    assert said == []


@pytest.mark.parametrize("what", ["touched", "gone"])
def test_an_old_file_that_changed_or_went_has_all_read_anew(data: Data, tmp_path: Path, what: str) -> None:
    write(data, tmp_path / "out")
    write_day(tmp_path, "11", day_rows(11))
    file = tmp_path / "files" / "03.parquet"
    if what == "touched":
        write_day(tmp_path, "03", day_rows(3)[:2])
    else:
        file.unlink()
    said = Told()
    manifest = write(data, tmp_path / "out", say=said)
    assert manifest["added"] == []
    assert manifest["logs"]["log"]["rows"] == 10 * 9 + (2 if what == "touched" else 0)
    told = "has changed" if what == "touched" else "is no longer there"
    assert said[0] == f"all files are read anew, because 03.parquet, which was read before, {told}"


def test_another_declaration_has_all_read_anew(data: Data, tmp_path: Path) -> None:
    write(data, tmp_path / "out")
    said = Told()
    write(replace(data, time_zone="Europe/Kyiv"), tmp_path / "out", say=said)
    assert "its declaration, a reference table or the program has changed" in said[0]


def test_late_events_are_taken_in_up_to_late_days_and_else_set_aside_and_told(data: Data, tmp_path: Path) -> None:
    write(data, tmp_path / "out")
    late: list[Row] = [("in time", at(8, 0), 1.0), ("too late", at(7, 23), 1.0), ("new", at(11), 1.0)]
    write_day(tmp_path, "11", late)
    said = Told()
    manifest = write(data, tmp_path / "out", say=said)
    assert set_aside(tmp_path / "out") == [("too late", "later than late_days")]
    assert manifest["logs"]["log"]["bad"] == {"later than late_days": 1}
    assert {row[0] for row in found(tmp_path / "out")} >= {"in time", "new"}
    assert said[1] == (
        "1 events of log are older than features.late_days=3 allows and were set aside in "
        f"{tmp_path / 'out' / 'quarantine' / 'log'}; to take them in, delete {tmp_path / 'out' / 'events'} and run "
        "again"
    )
    (tmp_path / "out" / "events").rename(tmp_path / "deleted")
    again = write(data, tmp_path / "out")
    assert again["fingerprint"] != manifest["fingerprint"]  # what is made from events must notice
    assert {row[0] for row in found(tmp_path / "out")} >= {"too late"}
    assert set_aside(tmp_path / "out") == []


def test_a_new_file_that_is_mostly_too_late_is_refused_with_the_event_that_shuts_it_out(
    data: Data, tmp_path: Path
) -> None:
    write_day(tmp_path, "10", [*day_rows(10), ("wrong", at(31), 1.0)])
    write(data, tmp_path / "out")
    before = contents(tmp_path / "out" / "events")
    write_day(tmp_path, "11", day_rows(11))
    said = r"11\.parquet: 9 of 9 rows are older than features\.late_days=3 .* of 20240131T120000.*\(customer 'wrong'\)"
    with pytest.raises(DataError, match=said):
        write(data, tmp_path / "out")
    assert contents(tmp_path / "out" / "events") == before
    write_day(tmp_path, "10", day_rows(10))
    assert write(data, tmp_path / "out")["logs"]["log"]["rows"] == 99


def test_a_killed_refresh_is_not_resumed_with_other_late_days(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its parts stand already, cut at another day."""
    write(data, tmp_path / "out")
    write_day(tmp_path, "11", [*day_rows(11), *((f"d{n}", at(6), 1.0) for n in range(8))])

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(events, "check_parts", killed)
        with pytest.raises(KeyboardInterrupt):
            write(data, tmp_path / "out")
    write(data, tmp_path / "out", late_days=5)
    write(data, tmp_path / "full")
    assert found(tmp_path / "out") == found(tmp_path / "full")


def test_a_file_that_arrives_while_all_are_read_is_taken_in_once(data: Data, tmp_path: Path) -> None:
    """With duplicates kept, a second reading would double its events and nothing would notice."""
    kept = replace(data, logs={"log": replace(data.logs["log"], duplicates="keep")})

    class Arriving(Told):
        def __call__(self, what: str) -> None:
            if what == "events of log":
                write_day(tmp_path, "11", day_rows(11))

    assert write(kept, tmp_path / "out", say=Arriving())["logs"]["log"]["rows"] == 90
    assert write(kept, tmp_path / "out")["logs"]["log"]["rows"] == 99
    assert len(found(tmp_path / "out")) == 99


def test_an_event_that_stands_already_is_a_duplicate_in_a_new_file(data: Data, tmp_path: Path) -> None:
    write(data, tmp_path / "out")
    again: list[Row] = [*day_rows(10)[:2], *day_rows(11), day_rows(11)[0], ("c1", at(10, 1), None)]
    write_day(tmp_path, "11", again)
    manifest = write(data, tmp_path / "out")
    assert manifest["logs"]["log"]["bad"] == {"duplicate event": 3}
    assert manifest["logs"]["log"]["rows"] == 10 * 9 + 9 + 1
    assert set_aside(tmp_path / "out") == sorted([("c0", "duplicate event")] * 2 + [("c1", "duplicate event")])


def test_a_new_file_of_bad_rows_is_refused_and_the_old_events_stay(data: Data, tmp_path: Path) -> None:
    write(data, tmp_path / "out")
    before = contents(tmp_path / "out" / "events")
    write_day(tmp_path, "11", [(None, at(11), 1.0), (None, at(11), 2.0), ("a", at(11), 1.0)])
    with pytest.raises(DataError, match=r"11\.parquet: 2 of 3 rows \(66\.7%\) cannot be used"):
        write(data, tmp_path / "out")
    assert contents(tmp_path / "out" / "events") == before
    assert len(set_aside(tmp_path / "out")) == 2
    (tmp_path / "files" / "11.parquet").unlink()
    write(data, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["events"]  # nothing is left of it


def test_what_was_set_aside_of_refused_files_goes_and_that_of_the_events_stays(tmp_path: Path) -> None:
    """Beside a log whose new file is refused stands another, with bad rows of a full reading and of an addition."""
    logs = {name: folder_of_days(tmp_path, name) for name in ("calls", "visits")}
    data = replace(source(tmp_path, "calls", bad=0.5), logs=logs)
    write(data, tmp_path / "out")
    write_day(tmp_path, "11", [*day_rows(11), (None, at(11), 2.0)], "calls")
    write(data, tmp_path / "out")
    kept = set_aside_files(tmp_path / "out")
    assert {name.partition("/")[0] for name in kept} == {"calls"}
    assert {"part-0002" in name for name in kept} == {True, False}
    refused = tmp_path / "visits" / "12.parquet"
    write_day(tmp_path, "12", [(None, at(12), 1.0), (None, at(12), 2.0), ("a", at(12), 1.0)], "visits")
    with pytest.raises(DataError, match="cannot be used"):
        write(data, tmp_path / "out")
    assert set_aside_files(tmp_path / "out") > kept
    refused.unlink()
    write_day(tmp_path, "13", day_rows(13), "calls")
    write(data, tmp_path / "out")
    assert set_aside_files(tmp_path / "out") == kept


@pytest.mark.parametrize("text", ["", "null", "[]", "{}"])
def test_damaged_facts_of_a_part_are_told(data: Data, tmp_path: Path, text: str) -> None:
    write(data, tmp_path / "out")
    facts_file(bucket_file(tmp_path / "out" / "events" / "log", 1)).write_text(text)
    write_day(tmp_path, "11", day_rows(11))
    said = rf"bucket=0001\.json: cannot be read: .*Delete the folder {tmp_path / 'out' / 'events'} and run again"
    with pytest.raises(DataError, match=said):
        write(data, tmp_path / "out")


def test_a_new_file_without_rows_is_read_once(data: Data, tmp_path: Path) -> None:
    write(data, tmp_path / "out")
    before = found(tmp_path / "out")
    pq.write_table(pq.read_table(tmp_path / "files" / "01.parquet").slice(0, 0), tmp_path / "files" / "11.parquet")
    manifest, said = write(data, tmp_path / "out"), Told()
    assert found(tmp_path / "out") == before
    assert write(data, tmp_path / "out", say=said) == manifest
    assert said == []


def test_many_parts_are_merged_and_nothing_changes(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_PARTS", 3)
    write(data, tmp_path / "out")
    for day in range(11, 18):
        write_day(tmp_path, f"{day}", [*day_rows(day), (None, at(day), 1.0)])
        manifest = write(data, tmp_path / "out")
        assert len(event_parts.parts_of(tmp_path / "out" / "events" / "log", 0)) <= 4
    full = write(data, tmp_path / "full")
    assert found(tmp_path / "out") == found(tmp_path / "full")
    assert manifest["logs"] == full["logs"]
    assert len(set_aside(tmp_path / "out")) == 7


@pytest.mark.parametrize("last", range(1, 6))
def test_a_killed_refresh_leaves_the_old_events_and_is_resumed(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    write(data, tmp_path / "out")
    write_day(tmp_path, "11", [*day_rows(11), (None, at(11), 1.0)])
    before, count, original = contents(tmp_path / "out" / "events"), 0, DuckDBEngine.write_prepared

    def killed(self, build, files, path, *given):  # type: ignore[no-untyped-def]
        nonlocal count
        count += 1
        if count == last:
            raise KeyboardInterrupt
        original(self, build, files, path, *given)

    monkeypatch.setattr(DuckDBEngine, "write_prepared", killed)
    with pytest.raises(KeyboardInterrupt):
        write(data, tmp_path / "out")
    assert contents(tmp_path / "out" / "events") == before
    monkeypatch.undo()
    write(data, tmp_path / "out")
    write(data, tmp_path / "full")
    assert found(tmp_path / "out") == found(tmp_path / "full")
    assert set_aside(tmp_path / "out") == [(None, "null id")]
    assert not list((tmp_path / "out").rglob("*.partial*"))


def test_a_csv_folder_grows_too(tmp_path: Path) -> None:
    data = csv_log(tmp_path, [])
    data = replace(data, logs={"log": replace(data.logs["log"], path="days")})
    (tmp_path / "days").mkdir()
    (tmp_path / "days" / "1.csv").write_text("id,time\na,2024-01-01\nb,2024-01-02\n")
    write(data, tmp_path / "out")
    (tmp_path / "days" / "2.csv").write_text("id,time\na,2024-01-03\n")
    said = Told()
    assert write(data, tmp_path / "out", say=said)["logs"]["log"]["rows"] == 3
    assert said == ["events of log, 1 new file"]


def test_files_that_are_one_file_have_one_part(tmp_path: Path) -> None:
    write(csv_log(tmp_path, ["id,time", "a,2024-01-01"]), tmp_path / "out")
    assert [path.name for path in sorted((tmp_path / "out" / "events" / "log").glob("*.parquet"))] == [
        "bucket=0000.parquet",
        "bucket=0001.parquet",
    ]


# ---- files that do not fit


def test_a_cut_off_file_is_named(data: Data, tmp_path: Path) -> None:
    write(data, tmp_path / "out")
    before = contents(tmp_path / "out")
    whole = (tmp_path / "files" / "10.parquet").read_bytes()
    (tmp_path / "files" / "11.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"data\.logs\.log: .*11\.parquet: no whole Parquet file \([0-9]+ bytes; "):
        write(data, tmp_path / "out")
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a"], "time": [at(11)]}, r"11\.parquet: the column 'x' is missing, but 01\.parquet has it \(double\)"),
        (
            {"id": ["a"], "time": [at(11)], "x": ["1"]},
            r"11\.parquet: the column 'x' is of type string, but double in 01\.parquet",
        ),
        (
            {"id": [1], "time": [at(11)], "x": [1.0]},
            r"11\.parquet: the column 'id' is of type int64, but string in 01\.parquet",
        ),
    ],
)
def test_columns_that_drift_are_named_with_file_and_types(
    data: Data, tmp_path: Path, columns: dict, message: str
) -> None:
    write(data, tmp_path / "out")
    before = contents(tmp_path / "out")
    pq.write_table(pa.table(columns), tmp_path / "files" / "11.parquet")
    with pytest.raises(SchemaError, match=message):
        write(data, tmp_path / "out")
    assert contents(tmp_path / "out") == before


def test_columns_that_nobody_reads_may_come_and_an_empty_one_may_have_no_type(data: Data, tmp_path: Path) -> None:
    write(data, tmp_path / "out")
    columns = {"other": [1], "id": ["new"], "time": [at(11)], "x": pa.nulls(1)}
    pq.write_table(pa.table(columns), tmp_path / "files" / "11.parquet")
    assert write(data, tmp_path / "out")["logs"]["log"]["missing"] == {"x": 1}


def test_an_empty_column_may_have_no_type_in_the_first_file_too(data: Data, tmp_path: Path) -> None:
    columns = {"id": ["new"], "time": [at(1)], "x": pa.nulls(1)}
    pq.write_table(pa.table(columns), tmp_path / "files" / "00.parquet")
    facts = write(data, tmp_path / "out")["logs"]["log"]
    assert (facts["rows"], facts["missing"]) == (91, {"x": 1})


def test_a_column_without_a_type_in_any_file_is_told(data: Data, tmp_path: Path) -> None:
    for day in range(1, 11):
        columns = {"id": ["a"], "time": [at(day)], "x": pa.nulls(1) if day % 2 else pa.array([1.0])}
        columns["id"] = pa.nulls(1) if not day % 2 else pa.array(["a"])
        pq.write_table(pa.table(columns), tmp_path / "files" / f"{day:02d}.parquet")
    with pytest.raises(SchemaError, match="every file has a column without a type"):
        write(data, tmp_path / "out")


def test_a_new_file_of_another_kind_is_refused(data: Data, tmp_path: Path) -> None:
    write(data, tmp_path / "out")
    (tmp_path / "files" / "11.csv").write_text("id,time,x\na,1,1\n")
    with pytest.raises(DataError, match=r"files of one kind; found \.csv, \.parquet"):
        write(data, tmp_path / "out")


def test_a_new_text_with_another_header_is_refused(tmp_path: Path) -> None:
    data = csv_log(tmp_path, [])
    data = replace(data, logs={"log": replace(data.logs["log"], path="days")})
    (tmp_path / "days").mkdir()
    (tmp_path / "days" / "1.csv").write_text("id,time\na,2024-01-01\nb,2024-01-02\n")
    write(data, tmp_path / "out")
    (tmp_path / "days" / "2.csv").write_text("time,id\n2024-01-03,a\n")
    with pytest.raises(DataError, match=r"2\.csv: its first line is not that of 1\.csv"):
        write(data, tmp_path / "out")


def test_what_another_writer_is_still_writing_is_not_read(data: Data, tmp_path: Path) -> None:
    hidden = tmp_path / "files" / "_temporary" / "0"
    hidden.mkdir(parents=True)
    (hidden / "11.parquet").write_bytes(b"half")
    assert write(data, tmp_path / "out")["logs"]["log"]["rows"] == 90


# ---- how many buckets


def test_buckets_follow_from_the_size_and_stay_when_files_come(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = listing(data, None).paths
    assert count_buckets(data, paths) == FEWEST_BUCKETS
    monkeypatch.setattr("pipeline.arrivals.EVENTS_PER_BUCKET", 10)
    assert count_buckets(data, paths) == 9  # of 90 events
    assert count_buckets(replace(data, sample=0.5), paths) == 5
    assert write(data, tmp_path / "out", buckets=None)["buckets"] == 9
    write_day(tmp_path, "11", day_rows(11))
    assert write(data, tmp_path / "out", buckets=None)["buckets"] == 9
    assert write(data, tmp_path / "out", buckets=3)["buckets"] == 3
    assert write(replace(data, quality=Quality(0.1)), tmp_path / "out", buckets=None)["buckets"] == 10


def test_a_source_that_has_outgrown_its_buckets_is_read_anew(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert write(data, tmp_path / "out", buckets=None)["buckets"] == FEWEST_BUCKETS
    write_day(tmp_path, "11", day_rows(11))
    monkeypatch.setattr("pipeline.arrivals.EVENTS_PER_BUCKET", 6)
    said = Told()
    assert write(data, tmp_path / "out", buckets=None, say=said)["buckets"] == 17  # of 99 events, over four times four
    assert "the source has outgrown its 4 buckets: 17 suit it now" in said[0]


def test_texts_are_estimated_from_their_bytes(tmp_path: Path) -> None:
    data = csv_log(tmp_path, ["id,time", *(f"{n},2024-01-01" for n in range(1000))])
    size = os.path.getsize(tmp_path / "log.csv")
    paths = listing(data, None).paths
    assert count_buckets(data, paths) == FEWEST_BUCKETS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.arrivals.EVENTS_PER_BUCKET", 10)
        assert count_buckets(data, paths) == -(-(size // 60) // 10)
