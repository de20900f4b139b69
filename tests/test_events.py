import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import arrivals
from pipeline.arrivals import listing
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError, PipelineError
from pipeline.events import bucket_file, read_events, write_events
from pipeline.settings import Quality
from pipeline.split import hash32
from tests.source import NOW_US, contents, csv_log, ingest, parquet_log, rows, us

T = "2024-05-06 07:08:09"


# ---- what stands in the data set


def test_the_shop_is_read_without_a_bad_row(shop, tmp_path):
    orders = ingest(shop, tmp_path / "out", buckets=3, log="orders")
    assert orders.facts["rows"] == 120
    assert orders.facts["bad"] == {}
    assert not (tmp_path / "out" / "quarantine").exists()
    # Every fourth good is soap, which the reference table lacks: goods[(i + n) % 4] == 3.
    soap = sum((i + n) % 4 == 3 for i in range(1, 61) for n in range(i % 3 + 1))
    assert orders.facts["unmatched"] == soap
    assert orders.facts["missing"] == {"good": 0, "kind": soap, "amount": 0}
    assert sum(orders.column("amount")) == sum(1.5 * i + n for i in range(1, 61) for n in range(i % 3 + 1))
    assert orders.facts["first_us"] == min(orders.column("event_us"))
    assert orders.facts["last_us"] == max(orders.column("event_us"))


def test_customers_stand_in_the_bucket_of_their_hash_sorted(shop, tmp_path):
    ingest(shop, tmp_path, buckets=3, log="orders")
    for bucket in range(3):
        found = rows(bucket_file(tmp_path / "events" / "orders", bucket))
        assert {hash32(row["customer_id"]) % 3 for row in found} == {bucket}
        keys = [(row["customer_id"], row["event_us"], row["good"]) for row in found]
        assert keys == sorted(keys)
    names = ["customer_id", "event_us", "event_day", "hour", "weekday", "good", "kind", "amount"]
    assert list(found[0]) == names


def test_read_events_opens_one_bucket(shop, tmp_path, engine):
    ingest(shop, tmp_path, buckets=1, log="visits")
    assert len(engine.arrow(read_events(engine, tmp_path / "events", "visits", 0))) == 50


def test_a_log_of_two_rows_fills_two_of_nine_buckets(tmp_path):
    done = ingest(csv_log(tmp_path, ["id,time,x", f"a,{T},1", f"b,{T},2"], numeric=["x"]), tmp_path, buckets=9)
    assert done.column("customer_id") == ["a", "b"]
    assert len(list((tmp_path / "events" / "log").glob("*.parquet"))) == 9


@pytest.mark.parametrize("lines", [["id,time"], ["id,time", ""]])
def test_a_log_with_a_header_only(tmp_path, lines):
    with pytest.raises(
        DataError, match=r"data\.logs\.log: log\.csv holds no event at all; a log needs at least one row"
    ):
        ingest(csv_log(tmp_path, lines), tmp_path)
    assert not (tmp_path / "events").exists()


def test_a_parquet_log_without_rows(tmp_path):
    with pytest.raises(DataError, match="holds no event at all"):
        ingest(parquet_log(tmp_path, {"id": [], "time": []}), tmp_path)


def test_a_log_whose_rows_are_all_bad(tmp_path):
    with pytest.raises(DataError, match=r"no usable row is left\. null time: 1 rows, such as \[id=a; time=NULL\]"):
        ingest(csv_log(tmp_path, ["id,time", "a,"]), tmp_path)


def test_an_unknown_zone_is_told_before_anything_is_read(tmp_path):
    data = csv_log(tmp_path, ["id,time", f"a,{T}"])
    with pytest.raises(ConfigError, match=r"data\.time_zone: 'Mars' is no time zone"):
        ingest(replace(data, time_zone="Mars"), tmp_path)
    log = replace(data.logs["log"], zone="Europe/Kyyiv")
    with pytest.raises(ConfigError, match=r"data\.logs\.log\.zone: 'Europe/Kyyiv' .*Did you mean 'Europe/Kyiv'\?"):
        ingest(replace(data, logs={"log": log}), tmp_path)


# ---- duplicates


DOUBLED = [
    "id,time,x,other",
    f"a,{T},1,p",
    f"a,{T},1,q",
    f"a,{T},1.0,p",
    f"a,{T},2,p",
    f"b,{T},1,p",
    f"b,{T},,p",
    f"b,{T},,p",
]


def test_of_equal_events_one_is_kept(tmp_path):
    done = ingest(csv_log(tmp_path, DOUBLED, numeric=["x"]), tmp_path)
    assert [(row["customer_id"], row["x"]) for row in done.events] == [("a", 1), ("a", 2), ("b", 1), ("b", None)]
    assert done.facts["bad"] == {"duplicate event": 3}
    instant = us(2024, 5, 6, 7, 8, 9)
    assert done.bad == sorted(
        [("duplicate event", f"customer_id=a; event_us={instant}; x=1.0")] * 2
        + [("duplicate event", f"customer_id=b; event_us={instant}; x=NULL")]
    )


def test_equal_events_are_kept_where_the_log_says_so(tmp_path):
    done = ingest(csv_log(tmp_path, DOUBLED, numeric=["x"], duplicates="keep"), tmp_path)
    assert done.facts["rows"] == 7
    assert done.bad == []


def test_equal_bad_rows_keep_their_own_reason(tmp_path):
    done = ingest(csv_log(tmp_path, ["id,time", "a,never", "a,never", f"b,{T}"]), tmp_path)
    assert done.facts["bad"] == {"unparseable time": 2}


# ---- too much that is bad


HALF_BAD = ["id,time,x", *(f"{n},{T},1" for n in range(6)), "q1,,1", "q2,never,1", "q3,never,1", f"q4,{T},much"]


def test_too_many_bad_rows_stop_with_file_counts_example_and_quarantine(tmp_path):
    data = csv_log(tmp_path, HALF_BAD, numeric=["x"], bad=0.399)
    for _ in range(2):  # the second time nothing is read anew, and the rows are still there
        with pytest.raises(DataError) as caught:
            ingest(data, tmp_path / "out")
        assert str(caught.value) == (
            "data.logs.log: log.csv: 4 of 10 rows (40.0%) cannot be used, more than data.quality.max_bad_share=0.399 "
            f"allows. null time: 1 rows, such as [id=q1; time=NULL; x=1]; unparseable time: 2 rows, such as [id=q2; "
            f"time=never; x=1]; x: not a number: 1 rows, such as [id=q4; time={T}; x=much]. "
            f"The rows are kept in {tmp_path / 'out' / 'quarantine' / 'log'}."
        )
        assert not (tmp_path / "out" / "events").exists()
        kept = [row for file in (tmp_path / "out" / "quarantine").rglob("*.parquet") for row in rows(file)]
        assert sorted(row["customer_id"] for row in kept) == ["q1", "q2", "q3", "q4"]
    done = ingest(replace(data, quality=Quality(max_bad_share=0.4)), tmp_path / "out")
    assert done.facts["rows"] == 6
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["events", "quarantine"]


def test_a_new_bad_file_leaves_the_old_events_alone(tmp_path):
    ingest(csv_log(tmp_path, ["id,time", f"a,{T}"], bad=0.1), tmp_path / "out")
    before = contents(tmp_path / "out" / "events")
    with pytest.raises(DataError, match=r"1 of 2 rows \(50\.0%\) cannot be used"):
        ingest(csv_log(tmp_path, ["id,time", f"a,{T}", "b,"], bad=0.1), tmp_path / "out")
    assert contents(tmp_path / "out" / "events") == before


def test_quarantine_of_mended_files_and_of_logs_no_longer_declared_is_forgotten(tmp_path):
    ingest(csv_log(tmp_path, ["id,time", f"a,{T}", "b,"]), tmp_path / "out")
    (tmp_path / "out" / "quarantine" / "former").mkdir()
    assert ingest(csv_log(tmp_path, ["id,time", f"a,{T}"]), tmp_path / "out").bad == []
    assert not (tmp_path / "out" / "quarantine").exists()


# ---- order and repetition


def test_the_order_of_rows_and_files_changes_no_byte(tmp_path):
    body = [f"{n % 7},{T},{n % 3},t{n % 2},{'' if n % 5 else 'x'}" for n in range(60)] + [
        f"1,{T},{zero},t,x" for zero in ("0", "-0", "0.0")
    ]
    found = []
    for number in range(3):
        folder = tmp_path / str(number)
        (folder / "files").mkdir(parents=True)
        random.Random(number).shuffle(body)
        for part in range(2):
            (folder / "files" / f"{part}.csv").write_text("\n".join(["id,time,x,t,u", *body[part::2]]) + "\n")
        data = csv_log(folder, [], numeric=["x"], categorical=["t", "u"])
        data = replace(data, logs={"log": replace(data.logs["log"], path="files")})
        ingest(data, folder / "out", buckets=2)
        found.append({name: text for name, text in contents(folder / "out").items() if "_manifest" not in name})
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 10  # two buckets: two parts of events with their facts, the quarantine


def test_more_threads_change_no_byte(shop, tmp_path):
    for threads in (1, 3):
        with DuckDBEngine(threads) as engine:
            out = tmp_path / str(threads)
            write_events(shop, 2, out / "events", out / "quarantine", engine, now_us=NOW_US)
    assert contents(tmp_path / "1") == contents(tmp_path / "3")


def state(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_second_run_does_nothing(shop, tmp_path):
    first = ingest(shop, tmp_path / "out", log="orders")
    before = state(tmp_path / "out")
    said = []
    with DuckDBEngine() as engine:
        out = tmp_path / "out"
        write_events(shop, 1, out / "events", out / "quarantine", engine, said.append, now_us=NOW_US + 1)
    assert state(tmp_path / "out") == before
    assert said == []
    assert ingest(shop, tmp_path / "out", log="orders").facts == first.facts


def test_the_fingerprint_knows_files_declaration_zone_quality_and_buckets(shop, tmp_path):
    orders = tmp_path / "shop" / "orders.parquet"
    goods = tmp_path / "shop" / "goods.csv"
    kept = replace(shop.logs["orders"], duplicates="keep")
    prints = [listing(shop, 2).inputs, listing(shop, 3).inputs]
    others = [replace(shop, time_zone="UTC"), replace(shop, quality=Quality(max_bad_share=0.1))]
    others.append(replace(shop, logs={**shop.logs, "orders": kept}))
    prints.extend(listing(changed, 2).inputs for changed in others)
    for file in (orders, goods):
        os.utime(file, ns=(1, 1))
        prints.append(listing(shop, 2).inputs)
    assert len(set(prints)) == len(prints)
    same = [replace(shop, as_of="2024-05-01"), replace(shop, name="other"), replace(shop, profiles=None)]
    assert {listing(data, 2).inputs for data in same} == {prints[-1]}


def test_another_program_computes_anew(shop, tmp_path, monkeypatch):
    ingest(shop, tmp_path / "out", log="orders")
    before = state(tmp_path / "out" / "events")
    monkeypatch.setattr(arrivals, "code_fingerprint", lambda *_: "another")
    ingest(shop, tmp_path / "out", log="orders")
    assert state(tmp_path / "out" / "events") != before


# ---- killed and resumed


@pytest.fixture
def doubtful(shop):
    """Return the shop with some bad rows in both of its logs."""
    with open(f"{shop.root}/visits.csv", "a", encoding="utf-8") as file:
        file.write("7,never,x\n,2024-05-05T00:00:00Z,x\n8,2024-05-05T00:00:00Z,x\n8,2024-05-05T00:00:00Z,x\n")
    orders = replace(shop.logs["orders"], categorical={}, numeric={}, join=())
    return replace(shop, logs={"orders": orders, "visits": shop.logs["visits"]}, quality=Quality(max_bad_share=0.6))


def at_once(data, tmp_path):
    ingest(data, tmp_path / "once", buckets=2, log="visits")
    return contents(tmp_path / "once")


def test_a_run_that_is_interrupted_anywhere_and_resumed_gives_the_same_files(doubtful, tmp_path, monkeypatch):
    expected = at_once(doubtful, tmp_path)
    write = DuckDBEngine.write_prepared
    for last in range(1, 6):  # two buckets of two logs, and at least one of them with bad rows
        written = itertools.count(1)

        def interrupted(self, build, files, path, *given, written=written, last=last):
            if next(written) == last:
                raise KeyboardInterrupt
            write(self, build, files, path, *given)

        monkeypatch.setattr(DuckDBEngine, "write_prepared", interrupted)
        out = tmp_path / str(last)
        with pytest.raises(KeyboardInterrupt):
            ingest(doubtful, out, buckets=2, log="visits")
        assert not (out / "events").exists()
        monkeypatch.undo()
        ingest(doubtful, out, buckets=2, log="visits")
        assert contents(out) == expected


def test_what_a_killed_run_left_half_written_is_not_believed(doubtful, tmp_path):
    expected = at_once(doubtful, tmp_path)
    out = tmp_path / "out"
    ingest(doubtful, out, buckets=2, log="visits")
    (out / "events" / "_manifest.json").unlink()
    partial = out / f"events.partial-{listing(doubtful, 2).inputs}"
    (out / "events").rename(partial)
    bucket_file(partial / "visits", 1).unlink()
    (partial / "visits" / ".bucket=0001.parquet.77.partial").write_text("half")
    for log in ("orders", "visits"):
        shutil.copytree(partial / "orders", partial / f".staged-{log}" / "bucket=1")
    ingest(doubtful, out, buckets=2, log="visits")
    assert contents(out) == expected


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from pipeline.settings import Data, Log
from tests.source import csv_log, ingest, source
out = Path(sys.argv[2])
print("ready", flush=True)
ingest(source(out.parent, "log.csv", numeric=["x"]), out, buckets=8)
"""


def test_killed_by_the_system_and_run_again_is_run_once(tmp_path, request):
    lines = ["id,time,x", *(f"{n % 997},{T[:-2]}{n % 60:02d},{n % 101}" for n in range(60_000)), "z,never,1"]
    data = csv_log(tmp_path, lines, numeric=["x"])
    ingest(data, tmp_path / "once", buckets=8)
    killed = 0
    for wait in (0.0, 0.05):
        command = [sys.executable, "-c", KILLED, str(request.config.rootpath), str(tmp_path / "out")]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            started = time.monotonic()
            while not list(tmp_path.glob("out/events*/log/*.parquet")) and time.monotonic() < started + 20:
                time.sleep(0.01)
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
    assert killed >= 1
    ingest(data, tmp_path / "out", buckets=8)
    assert contents(tmp_path / "out") == contents(tmp_path / "once")


# ---- anything at all


@settings(deadline=None, max_examples=25)
@given(
    st.binary(max_size=80)
    | st.text(st.sampled_from("id,time\n\r\"'#;|\t a1-:2024é\\"), max_size=80).map(str.encode)
    | st.text(st.sampled_from("a,2024-05-06 07:08\n\"'#"), max_size=80).map(lambda text: b"id,time\n" + text.encode())
)
def test_whatever_stands_in_a_csv_file_is_read_or_told(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("garbage")
    data = csv_log(folder, [])
    (folder / "log.csv").write_bytes(content)
    try:
        done = ingest(data, folder / "out")
    except PipelineError as error:
        assert str(error)  # noqa: PT017 (both outcomes are right)
    else:
        assert done.facts["rows"] == len(done.events) >= 1
        assert sum(done.facts["bad"].values()) == len(done.bad)


SIMPLE = st.text(st.sampled_from("ab1 ,;\"'#\n\tї"), max_size=6)


@settings(deadline=None, max_examples=8)
@given(st.lists(st.tuples(SIMPLE, st.sampled_from([T, "", "x"]), SIMPLE), min_size=1, max_size=40))
def test_every_row_of_a_well_formed_csv_file_arrives(tmp_path_factory, table):
    folder = tmp_path_factory.mktemp("csv")

    def quoted(cell):
        return '"' + cell.replace('"', '""') + '"'

    data = csv_log(
        folder, ["id,time,t", *(",".join(map(quoted, row)) for row in [*table, ("z", T, "")])], categorical=["t"]
    )
    done = ingest(data, folder / "out")
    assert len(done.events) + len(done.bad) == len(table) + 1
    good = {(row[0].strip(), row[2].strip() or None) for row in table if row[0].strip() and row[1] == T}
    assert {(row["customer_id"], row["t"]) for row in done.events} == good | {("z", None)}


def test_a_sample_keeps_whole_customers_and_the_share_of_bad_rows(tmp_path):
    ids = [f"c{i // 3:04d}" if i % 4 else None for i in range(6_000)]
    times = [f"2024-05-06T{i % 24:02d}:{i % 60:02d}:00" for i in range(6_000)]
    data = parquet_log(
        tmp_path, {"id": ids, "time": times, "what": [str(i) for i in range(6_000)]}, categorical=["what"]
    )
    whole, part = ingest(data, tmp_path / "whole"), ingest(replace(data, sample=0.2), tmp_path / "part")
    kept = {event["customer_id"] for event in part.events}
    assert 320 < len(kept) < 480  # of 2,000
    assert part.events == [event for event in whole.events if event["customer_id"] in kept]
    share = len(part.bad) / (len(part.bad) + len(part.events))
    assert 0.20 < share < 0.30  # 0.25 in the whole


@pytest.mark.parametrize("lost", [1, 3])
def test_rows_that_are_lost_between_splitting_and_writing_are_missed(tmp_path, monkeypatch, lost):
    data = csv_log(tmp_path, ["id,time", *(f"c{i},{T}" for i in range(60))])
    split = DuckDBEngine.write_split

    def losing(self, table, folder, by, origin=""):
        rows = split(self, table, folder, by, origin)
        for bucket in sorted(folder.iterdir())[:lost]:
            shutil.rmtree(bucket)
        return rows

    with monkeypatch.context() as patched:
        patched.setattr(DuckDBEngine, "write_split", losing)
        with pytest.raises(DataError, match=r"data\.logs\.log: 60 rows were split by customer, but \d+ arrived"):
            ingest(data, tmp_path / "out", buckets=3)
    assert not (tmp_path / "out" / "events").exists()
    assert len(ingest(data, tmp_path / "out", buckets=3).events) == 60  # the same command again
