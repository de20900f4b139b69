"""The law of the refresh: adding new files to what stands gives what reading all files anew gives."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.engine import DuckDBEngine
from pipeline.events import write_events
from pipeline.features import snapshot as snapshot_module
from pipeline.features.counts import fit_encoder, read_counts
from pipeline.features.dense import cut_off
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.settled import settle
from pipeline.features.snapshot import snapshot_folder, write_snapshots
from pipeline.outputs import read_manifest
from pipeline.settings import Data, Engine, Features, Log, Quality, Vector
from pipeline.timeline import resolve_as_of
from tests.features.source import DAY_US

# 2024-03-05 00:00 in New York; the clocks are set forward on the 10th.
FIRST_US = 1_709_614_800_000_000
NOW_US = FIRST_US + 1000 * DAY_US
LATE_DAYS = 2
LOGS = {
    "buy": Log(
        path="buy", id="who", time="at", time_unit="us", categorical=["item", "shop"], numeric=["amount", "pieces"],
        weigh={"shop": ("amount", 0.5)}, duplicates="keep",
    ),
    "visit": Log(path="visit", id="who", time="at", time_unit="us", has_clock=False, categorical=["page"]),
}  # fmt: skip
TYPES = {"who": pa.string(), "at": pa.int64(), "amount": pa.float64(), "pieces": pa.float64()}
Rows = list[dict[str, Any]]


def some_rows(log: str, rng: np.random.Generator, n: int, first_day: int, days: int) -> Rows:
    """Return rows with NULLs and ties, of few customers, on any of `days` days from `first_day` on."""
    rows = []
    for _ in range(n):
        at = FIRST_US + int(rng.integers(first_day * 24, (first_day + days) * 24)) * 3_600_000_000
        row: dict[str, Any] = {"who": f"c{rng.integers(0, 9)}", "at": at}
        row |= {field: [None, "a", "b", "c"][rng.integers(0, 4)] for field in LOGS[log].categorical}
        row |= {field: [None, 0.1, -0.35, 2.5, 3.0][rng.integers(0, 5)] for field in LOGS[log].numeric}
        rows.append(row)
    return rows


class Source:
    """Folders of files that come one by one, and what is made of them."""

    def __init__(self, folder: Path, windows: tuple[int, ...] = (1, 7, 30), settled_days: int = 5) -> None:
        self.folder = folder
        self.data = Data("grows", LOGS, root=str(folder), time_zone="America/New_York", quality=Quality(1.0))
        self.features = Features(windows, 2, late_days=LATE_DAYS, settled_days=settled_days)

    def add(self, log: str, name: str, rows: Rows) -> None:
        (self.folder / log).mkdir(parents=True, exist_ok=True)
        columns = ["who", "at", *LOGS[log].categorical, *LOGS[log].numeric]
        table = {name: pa.array([row[name] for row in rows], TYPES.get(name, pa.string())) for name in columns}
        pq.write_table(pa.table(table), self.folder / log / f"{name}.parquet")

    def first_open_day(self, log: str) -> int:
        """Return the first day, counted from the source's first, of which events are still taken in."""
        last_us = read_manifest(self.folder / "out" / "events")["logs"][log]["last_us"]
        zone = self.data.time_zone
        return cut_off(last_us, zone).as_of_day + 1 - LATE_DAYS - cut_off(FIRST_US, zone).as_of_day

    def snapshot(self, outputs: str, refreshed: bool) -> Path:
        out = self.folder / outputs
        with DuckDBEngine() as engine:
            manifest = write_events(
                self.data, 2, out / "events", out / "quarantine", engine, now_us=NOW_US, late_days=LATE_DAYS
            )
        as_of_us = resolve_as_of(self.data, manifest)
        moving_us = as_of_us if refreshed else None
        write_snapshots(self.data, self.features, Engine(), 1, out, [as_of_us], refreshed_us=moving_us)
        return snapshot_folder(out, as_of_us)


def dense(snapshot: Path) -> dict[str, dict[str, float | None]]:
    tables = [pq.read_table(file) for file in sorted((snapshot / "dense").glob("*.parquet"))]
    return {row.pop("customer_id"): row for table in tables for row in table.to_pylist()}


def tokens(snapshot: Path) -> Counter[tuple[str, str, str]]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for file in (snapshot / "tokens").glob("*.parquet"):
        for row in pq.read_table(file).to_pylist():
            counts[row["customer_id"], row["field"], row["token"]] += row["count"]
    return Counter({key: count for key, count in counts.items() if count})


def unequal(found: Path, expected: Path) -> list[tuple[Any, ...]]:
    """Return what differs: counts must be the same, doubles to 1e-9 of the amounts they are made of."""
    one, other = dense(found), dense(expected)
    assert one.keys() == other.keys()
    wrong: list[tuple[Any, ...]] = []
    for customer, row in one.items():
        assert list(row) == list(other[customer])
        for name, value in row.items():
            right = other[customer][name]
            exact = any(part in name for part in ("__count__", "__distinct__", "__min__", "__max__", "_days__"))
            same = value == right if value is None or right is None or exact else math.isclose(
                value, right, rel_tol=1e-9, abs_tol=1e-9
            )  # fmt: skip
            if not same:
                wrong.append((customer, name, value, right))
    return wrong


@settings(
    deadline=None, max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    seed=st.integers(0, 2**32 - 1),
    windows=st.lists(st.integers(1, 40), min_size=1, max_size=3, unique=True),
    settled_days=st.sampled_from([0, 3, 100]),
    steps=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 4)), min_size=2, max_size=4),
)
def test_a_refreshed_snapshot_is_a_rebuilt_one(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    windows: list[int],
    settled_days: int,
    steps: list[tuple[int, int]],
) -> None:
    rng = np.random.default_rng(seed)
    source = Source(tmp_path_factory.mktemp("law"), tuple(windows), settled_days)
    for log in LOGS:
        source.add(log, "0", some_rows(log, rng, 60, 0, 30))
    source.snapshot("out", refreshed=True)
    for number, (n, days) in enumerate(steps, start=1):
        first_day = {log: source.first_open_day(log) for log in LOGS}
        for log, own in (("buy", n), ("visit", n // 2)):
            if own:  # late rows, too, but none too late
                source.add(log, str(number), some_rows(log, rng, own, first_day[log], days + LATE_DAYS))
        refreshed = source.snapshot("out", refreshed=True)
    rebuilt = source.snapshot("full", refreshed=False)
    assert refreshed.name == rebuilt.name
    assert unequal(refreshed, rebuilt) == []
    assert tokens(refreshed) == tokens(rebuilt)


@pytest.fixture
def grown(tmp_path: Path) -> Source:
    """Return a source of thirty days of which a snapshot was taken, and a file of one more day."""
    source, rng = Source(tmp_path), np.random.default_rng(0)
    for log in LOGS:
        source.add(log, "0", some_rows(log, rng, 120, 0, 30))
    source.snapshot("out", refreshed=True)
    source.add("buy", "1", some_rows("buy", rng, 20, 30, 1))
    return source


def names(folder: Path) -> dict[str, int]:
    return {str(file.relative_to(folder)): file.stat().st_ino for file in folder.rglob("*.parquet")}


def test_a_refresh_opens_no_event_of_a_settled_day(grown: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    parquet = DuckDBEngine.parquet

    def counted(self, files, name=None):  # type: ignore[no-untyped-def]
        opened.extend([files] if isinstance(files, Path) else files)
        return parquet(self, files, name)

    kept = names(grown.folder / "out" / "settled")
    monkeypatch.setattr(DuckDBEngine, "parquet", counted)
    snapshot = grown.snapshot("out", refreshed=True)
    events = grown.folder / "out" / "events"
    read = {path.name for path in opened if path.is_relative_to(events)}
    assert read  # the parts that have the last days
    assert all("part-" in name for name in read)
    assert names(grown.folder / "out" / "settled") == kept
    monkeypatch.undo()
    assert unequal(snapshot, grown.snapshot("full", refreshed=False)) == []


def test_the_large_token_table_is_shared_and_what_was_added_stands_beside(grown: Source) -> None:
    snapshot = grown.snapshot("out", refreshed=True)
    kept = names(grown.folder / "out" / "settled" / "tokens")
    files = names(snapshot / "tokens")
    assert {name: inode for name, inode in files.items() if "part" not in name} == kept
    assert {name for name in files if "part" in name} == {f"bucket=000{bucket}.part-0001.parquet" for bucket in (0, 1)}


def test_what_is_kept_is_made_again_when_it_has_grown_old_or_all_is_read_anew(grown: Source) -> None:
    grown.snapshot("out", refreshed=True)
    settled = grown.folder / "out" / "settled"
    first = read_manifest(settled)
    rng = np.random.default_rng(1)
    grown.add("buy", "2", some_rows("buy", rng, 5, 34, 1))
    grown.snapshot("out", refreshed=True)
    assert read_manifest(settled) == first  # 5 days later
    grown.add("buy", "3", some_rows("buy", rng, 5, 36, 1))
    snapshot = grown.snapshot("out", refreshed=True)
    second = read_manifest(settled)
    assert second["from_day"]["buy"] == first["from_day"]["buy"] + 7
    assert second["from_day"]["visit"] == first["from_day"]["visit"]
    grown.add("buy", "1", some_rows("buy", rng, 5, 2, 1))  # a file that was read before
    snapshot = grown.snapshot("out", refreshed=True)
    assert read_manifest(settled)["base"] != second["base"]
    assert unequal(snapshot, grown.snapshot("full", refreshed=False)) == []


def test_another_longest_window_is_made_again(grown: Source) -> None:
    before = read_manifest(grown.folder / "out" / "settled")
    grown.features = dataclasses.replace(grown.features, windows_days=(3, 45))
    snapshot = grown.snapshot("out", refreshed=True)
    assert read_manifest(grown.folder / "out" / "settled") != before
    assert unequal(snapshot, grown.snapshot("full", refreshed=False)) == []


def test_a_killed_refresh_leaves_the_old_snapshot_and_is_resumed(
    grown: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,) = (grown.folder / "out" / "snapshots").iterdir()
    before, write = names(old), DuckDBEngine.write_prepared

    def killed(self, build, files, path, *given):  # type: ignore[no-untyped-def]
        if path.parent.name == "dense" and path.name == "bucket=0001.parquet":
            raise KeyboardInterrupt
        write(self, build, files, path, *given)

    monkeypatch.setattr(DuckDBEngine, "write_prepared", killed)
    with pytest.raises(KeyboardInterrupt):
        grown.snapshot("out", refreshed=True)
    assert names(old) == before
    assert [path.name for path in old.parent.iterdir() if "partial" not in path.name] == [old.name]
    monkeypatch.undo()
    assert unequal(grown.snapshot("out", refreshed=True), grown.snapshot("full", refreshed=False)) == []


def test_counts_that_a_killed_run_had_taken_up_are_taken_up_anew(
    grown: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept may be of another day by then: settings that say how long events are waited for have changed."""
    share = snapshot_module.share_file

    def killed(old: Path, new: Path) -> None:
        share(old, new)
        raise KeyboardInterrupt

    monkeypatch.setattr(snapshot_module, "share_file", killed)
    with pytest.raises(KeyboardInterrupt):
        grown.snapshot("out", refreshed=True)
    monkeypatch.undo()
    left = [*(grown.folder / "out" / "snapshots").glob("*.partial-*/tokens/bucket=*.parquet")]
    assert left
    for file in left:
        one = pq.read_table(file).slice(0, 1)
        file.unlink()  # it is one file with what is kept
        pq.write_table(one, file)  # as if it were of another day
    assert unequal(grown.snapshot("out", refreshed=True), grown.snapshot("full", refreshed=False)) == []


@pytest.mark.parametrize("changed", [{"late_days": 6}, {"settled_days": 0}])
def test_buckets_of_a_killed_run_are_not_mixed_with_what_is_kept_until_another_day(
    grown: Source, monkeypatch: pytest.MonkeyPatch, changed: dict[str, int]
) -> None:
    """The tokens of a bucket stand already, its other features would be added to other counts."""
    grown.snapshot("out", refreshed=True)
    rng = np.random.default_rng(3)
    grown.add("buy", "2", some_rows("buy", rng, 20, 31, 1))
    write = DuckDBEngine.write_prepared

    def killed(self, build, files, path, *given):  # type: ignore[no-untyped-def]
        if path.parent.name == "dense":
            raise KeyboardInterrupt
        write(self, build, files, path, *given)

    monkeypatch.setattr(DuckDBEngine, "write_prepared", killed)
    with pytest.raises(KeyboardInterrupt):
        grown.snapshot("out", refreshed=True)
    monkeypatch.undo()
    grown.features = dataclasses.replace(grown.features, **changed)
    assert unequal(grown.snapshot("out", refreshed=True), grown.snapshot("full", refreshed=False)) == []


def test_what_is_kept_of_a_file_that_went_is_not_taken_for_that_of_another(
    grown: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run read all anew and got no further; then another file came in its place, of the same days."""
    rng = np.random.default_rng(4)
    grown.features = dataclasses.replace(grown.features, settled_days=0)
    (last,) = some_rows("buy", rng, 1, 33, 1)
    grown.add("buy", "1", [*some_rows("buy", rng, 20, 28, 2), last])
    grown.snapshot("out", refreshed=True)  # keeps late events of file 1, too
    (grown.folder / "buy" / "1.parquet").unlink()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tests.features.test_refresh.write_snapshots", killed)
        with pytest.raises(KeyboardInterrupt):
            grown.snapshot("out", refreshed=True)
    grown.add("buy", "1b", [last])
    assert unequal(grown.snapshot("out", refreshed=True), grown.snapshot("full", refreshed=False)) == []


def test_readers_of_tokens_see_the_same_counts_in_one_part_or_two(grown: Source) -> None:
    found = []
    for outputs, refreshed in (("out", True), ("full", False)):
        snapshot = grown.snapshot(outputs, refreshed)
        with DuckDBEngine() as engine:
            encoder: BehaviourEncoder = fit_encoder(engine, snapshot, Vector(3, 2), seed=0)
            customers, counts = read_counts(engine, snapshot, np.asarray(encoder.vocabulary), range(2))
        found.append((list(encoder.vocabulary), customers.tolist(), counts.toarray().tolist()))
        assert counts.has_canonical_format
        assert (counts.data > 0).all()
    assert found[0] == found[1]


def test_one_worker_and_two_write_the_same_bits(grown: Source) -> None:
    snapshot = grown.snapshot("out", refreshed=True)
    out, at_us = grown.folder / "out", read_manifest(snapshot)["as_of_us"]
    before = {name: (snapshot / name).read_bytes() for name in names(snapshot)}
    (snapshot / "_manifest.json").unlink()
    snapshot.rename(grown.folder / "aside")
    write_snapshots(grown.data, grown.features, Engine(), 2, out, [at_us], refreshed_us=at_us)
    assert {name: (snapshot / name).read_bytes() for name in names(snapshot)} == before


def test_nothing_is_settled_that_can_still_change(grown: Source) -> None:
    out = grown.folder / "out"
    source = read_manifest(out / "events")
    last_day = cut_off(source["logs"]["buy"]["last_us"], "America/New_York").as_of_day
    cut = cut_off(source["logs"]["buy"]["last_us"] - 9 * DAY_US, "America/New_York")
    early = settle(grown.data, grown.features, Engine(), 1, out, cut)
    assert early.from_day["buy"] == cut.as_of_day - LATE_DAYS < last_day - LATE_DAYS
