import os
import shutil
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError, SchemaError
from pipeline.events import bucket_file, write_events
from pipeline.outputs import read_manifest
from pipeline.profiles import read_customers, read_profiles, write_profiles
from pipeline.settings import Data, Log, Profiles, Quality
from pipeline.split import hash32
from tests.source import NOW_US, contents, rows


def checked(data, out, buckets=2):
    """Write events and profiles; return the manifest, the profiles and the customers, sorted."""
    with DuckDBEngine() as engine:
        write_events(data, buckets, out / "events", out / "quarantine", engine, now_us=NOW_US)
        facts = write_profiles(data, out / "events", out / "profiles", out / "quarantine", engine)
    found = [
        sorted((row for file in (out / "profiles" / kind).glob("*.parquet") for row in rows(file)), key=str)
        for kind in ("profiles", "customers")
    ]
    return facts, *found


def quarantined(out):
    return [tuple(row.values()) for row in rows(out / "quarantine" / "profiles.parquet")]


def with_profiles(folder, lines, bad=1.0, seen=("a", "b"), name="people.csv", **profiles):
    """Return a source in which the customers `seen` have one event each, and profiles of these lines."""
    folder.mkdir(exist_ok=True)
    (folder / "log.csv").write_text("id,time\n" + "".join(f"{customer},2024-05-06\n" for customer in seen), "utf-8")
    (folder / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return Data(
        name="one",
        root=str(folder),
        logs={"log": Log(path="log.csv", id="id", time="time")},
        profiles=Profiles(**{"path": name, "id": "id", **profiles}),
        quality=Quality(max_bad_share=bad),
    )


def test_a_place_below_folders_named_like_partitions_changes_nothing(shop, tmp_path):
    plain = checked(shop, tmp_path / "out")
    assert checked(shop, tmp_path / "event_us=1" / "customer_id=7") == plain


def test_the_shop_s_profiles_and_customers(shop, tmp_path):
    facts, profiles, customers = checked(shop, tmp_path / "out", buckets=3)
    counts = {name: facts[name] for name in facts if name != "fingerprint"}
    assert counts == {
        "buckets": 3,
        "rows": 40,
        "bad": {},
        "customers": 70,
        "profiles_without_events": 10,  # 61 … 70
        "customers_without_profile": 30,  # 1 … 30
    }
    assert {row["customer_id"] for row in profiles} == {str(i) for i in range(31, 71)}
    assert next(row for row in profiles if row["customer_id"] == "32") == {
        "customer_id": "32",
        "age": None,
        "city": "Lviv",
    }
    assert {row["customer_id"]: (row["has_profile"], row["has_events"]) for row in customers} == {
        str(i): (i > 30, i <= 60) for i in range(1, 71)
    }
    for kind in ("profiles", "customers"):
        for bucket in range(3):
            found = [row["customer_id"] for row in rows(bucket_file(tmp_path / "out" / "profiles" / kind, bucket))]
            assert found == sorted(set(found))
            assert {hash32(customer) % 3 for customer in found} == {bucket}


def test_buckets_are_read_one_by_one(shop, tmp_path, engine):
    checked(shop, tmp_path / "out", buckets=1)
    assert len(engine.arrow(read_profiles(engine, tmp_path / "out" / "profiles", 0))) == 40
    assert len(engine.arrow(read_customers(engine, tmp_path / "out" / "profiles", 0))) == 70


def test_a_source_without_profiles(shop, tmp_path):
    facts, profiles, customers = checked(replace(shop, profiles=None), tmp_path / "out")
    assert (facts["rows"], facts["customers"], facts["customers_without_profile"]) == (0, 60, 60)
    assert profiles == []
    assert {(row["has_profile"], row["has_events"]) for row in customers} == {(False, True)}


def test_a_profile_table_with_a_header_only(tmp_path):
    facts, profiles, customers = checked(with_profiles(tmp_path, ["id,age"]), tmp_path / "out")
    assert (facts["rows"], facts["bad"], profiles, len(customers)) == (0, {}, [], 2)


def test_of_copies_one_is_kept_and_contradictions_are_all_set_apart(tmp_path):
    lines = ["id,age,city", "a,30,Lviv", "a,30,Lviv", "a,30,Lviv", "b,30,", "b,31,", "c,40,x", ",50,x", "  ,50,x"]
    facts, profiles, customers = checked(with_profiles(tmp_path, lines), tmp_path / "out")
    assert facts["bad"] == {"customer with contradictory profiles": 2, "duplicate profile": 2, "null id": 2}
    assert facts["rows"] == 2
    assert [tuple(row.values()) for row in profiles] == [("a", "30", "Lviv"), ("c", "40", "x")]
    assert quarantined(tmp_path / "out") == [
        ("b", "customer with contradictory profiles", "id=b; age=30; city=NULL"),
        ("b", "customer with contradictory profiles", "id=b; age=31; city=NULL"),
        ("a", "duplicate profile", "id=a; age=30; city=Lviv"),
        ("a", "duplicate profile", "id=a; age=30; city=Lviv"),
        (None, "null id", "id=  ; age=50; city=x"),
        (None, "null id", "id=NULL; age=50; city=x"),
    ]
    flags = {row["customer_id"]: (row["has_profile"], row["has_events"]) for row in customers}
    assert flags == {"a": (True, True), "b": (False, True), "c": (True, False)}


def test_the_same_id_spelt_in_two_ways_is_one_customer(tmp_path):
    lines = ["id,age", "7,30", "7.0,30", " 8 ,30", "8,31"]
    facts, profiles, _ = checked(with_profiles(tmp_path, lines), tmp_path / "out")
    assert facts["bad"] == {"customer with contradictory profiles": 2, "duplicate profile": 1}
    assert profiles == [{"customer_id": "7", "age": "30"}]


def test_a_profile_table_of_nothing_but_ids(tmp_path):
    facts, profiles, _ = checked(with_profiles(tmp_path, ["id", "a", "a", "b"]), tmp_path / "out")
    assert facts["bad"] == {"duplicate profile": 1}
    assert profiles == [{"customer_id": "a"}, {"customer_id": "b"}]


def test_too_many_bad_rows_stop_with_file_counts_and_example(tmp_path):
    lines = ["id,age", "a,30", "b,30", "b,31", ",9"]
    out = tmp_path / "out"
    with pytest.raises(DataError) as caught:
        checked(with_profiles(tmp_path, lines, bad=0.5), out)
    assert str(caught.value) == (
        "data.profiles: people.csv: 3 of 4 rows (75.0%) cannot be used, more than data.quality.max_bad_share=0.5 "
        "allows. customer with contradictory profiles: 2 rows, such as [id=b; age=30]; null id: 1 rows, such as "
        f"[id=NULL; age=9]. The rows are kept in {out / 'quarantine' / 'profiles.parquet'}."
    )
    assert len(quarantined(out)) == 3
    assert not (out / "profiles").exists()
    assert checked(with_profiles(tmp_path, lines, bad=0.75), out)[0]["rows"] == 1


def test_the_quarantine_of_a_mended_table_is_forgotten(tmp_path):
    out = tmp_path / "out"
    checked(with_profiles(tmp_path, ["id,age", "a,30", ",1"]), out)
    assert len(quarantined(out)) == 1
    events = (tmp_path / "log.csv").stat()
    data = with_profiles(tmp_path, ["id,age", "a,30"])
    os.utime(tmp_path / "log.csv", ns=(events.st_atime_ns, events.st_mtime_ns))
    checked(data, out)
    assert not (out / "quarantine" / "profiles.parquet").exists()


def test_columns_may_have_any_name(tmp_path):
    lines = ["id,reason,raw,Customer_ID,has_profile,bucket,n", "a,1,2,3,4,5,6", "a,9,2,3,4,5,6", "b,1,2,3,4,5,6"]
    facts, profiles, _ = checked(with_profiles(tmp_path, lines), tmp_path / "out")
    assert facts["bad"] == {"customer with contradictory profiles": 2}
    own = {"reason": "1", "raw": "2", "has_profile": "4", "bucket": "5", "n": "6"}
    assert profiles == [{"customer_id": "b", **own}]


def test_types_of_a_parquet_table_stay(tmp_path):
    data = with_profiles(tmp_path, [], name="people.parquet")
    pq.write_table(pa.table({"id": [7.0, 8.0], "age": pa.array([30, None], pa.int16())}), tmp_path / "people.parquet")
    _, profiles, _ = checked(data, tmp_path / "out")
    assert profiles == [{"customer_id": "7", "age": 30}, {"customer_id": "8", "age": None}]


def test_a_missing_id_column_and_a_missing_file(tmp_path):
    with pytest.raises(SchemaError, match=r"data\.profiles: column 'ids' not found in people\.csv .*'id'\?"):
        checked(with_profiles(tmp_path, ["id,age", "a,1"], id="ids"), tmp_path / "out")
    with pytest.raises(DataError, match=r"data\.profiles: file not found: .*Did you mean 'people\.csv'\?"):
        checked(with_profiles(tmp_path, ["id,age"], path="peple.csv"), tmp_path / "out")


def test_a_second_run_does_nothing_and_another_file_runs_anew(shop, tmp_path):
    out = tmp_path / "out"
    first, _, _ = checked(shop, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    checked(shop, out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    with open(f"{shop.root}/people.csv", "a", encoding="utf-8") as file:
        file.write("71,20,Lviv\n")
    assert checked(shop, out)[0]["rows"] == 41
    assert read_manifest(out / "profiles")["fingerprint"] != first["fingerprint"]


def test_the_order_of_rows_changes_no_byte(tmp_path):
    lines = ["a,30,x", "a,30,x", "b,1,x", "b,2,x", "c,5,", "d,6,y", ",7,z"]
    found = []
    for number, order in enumerate((lines, lines[::-1])):
        folder = tmp_path / str(number)
        checked(with_profiles(folder, ["id,age,city", *order]), folder / "out")
        kept = contents(folder / "out" / "profiles") | contents(folder / "out" / "quarantine")
        found.append({name: text for name, text in kept.items() if name != "_manifest.json"})
    assert found[0] == found[1]


def test_profiles_that_are_lost_between_splitting_and_writing_are_missed(tmp_path, monkeypatch):
    data = with_profiles(tmp_path / "source", ["id,x", *(f"p{i},1" for i in range(40))])
    split = DuckDBEngine.write_split

    def losing(self, table, folder, by, origin=""):
        rows = split(self, table, folder, by, origin)
        if folder.name == ".staged":
            shutil.rmtree(next(folder.iterdir()))
        return rows

    with monkeypatch.context() as patched:
        patched.setattr(DuckDBEngine, "write_split", losing)
        with pytest.raises(DataError, match=r"data\.profiles: 40 profiles were split by customer, but \d+ arrived"):
            checked(data, tmp_path / "out")
    assert not (tmp_path / "out" / "profiles").exists()
    assert checked(data, tmp_path / "out")[0]["rows"] == 40  # the same command again
