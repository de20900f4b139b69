"""The laws of snapshots: nothing later is seen, nothing that should not matter does."""

from __future__ import annotations

import dataclasses
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.errors import LeakageError
from pipeline.events import write_events
from pipeline.features.dense import cut_off
from pipeline.features.snapshot import require_before, snapshot_folder, write_snapshots
from pipeline.settings import Data, Engine, Features
from tests.features.source import AS_OF_US, DAY_US, WINDOWS, Rows, random_rows, read_back, write_source

SHAPE = Features(WINDOWS, 2)


@pytest.fixture(scope="module")
def rows() -> dict[str, Rows]:
    """Two logs are enough for a law, and quicker."""
    return {log: own for log, own in random_rows(2).items() if log in ("buy", "visit")}


@pytest.fixture(scope="module")
def snapshot(rows: dict[str, Rows], take: Callable[..., Path]) -> Path:
    return take(rows, buckets=1)


def same(one: Path, other: Path) -> bool:
    """Tell whether two snapshots hold the same bits, whatever their buckets."""
    return all(read_back(one, part).equals(read_back(other, part)) for part in ("dense", "tokens"))


def moved(row: dict, at: int) -> dict:
    return {**row, "at": at}


def later(own: Rows) -> Rows:
    return [row for row in own if row["at"] >= AS_OF_US]


def earlier(own: Rows) -> Rows:
    return [row for row in own if row["at"] < AS_OF_US]


FUTURES: dict[str, Callable[[Rows], Rows]] = {
    "moved": lambda own: earlier(own) + [moved(row, AS_OF_US + 7 * n) for n, row in enumerate(later(own))],
    "added": lambda own: (
        own
        + [moved(row, AS_OF_US + n // 2) for n, row in enumerate(own[:60])]
        + [{**own[0], "who": f"only later {n}", "at": AS_OF_US + n} for n in range(20)]
    ),
    "deleted": earlier,
}


@pytest.mark.parametrize("change", FUTURES)
def test_events_at_or_after_as_of_change_no_feature(
    change: str, rows: dict[str, Rows], snapshot: Path, take: Callable[..., Path]
) -> None:
    changed = {log: FUTURES[change](own) for log, own in rows.items()}
    assert changed != rows
    assert same(take(changed, buckets=1), snapshot)


def test_an_event_before_as_of_does_change_them(
    rows: dict[str, Rows], snapshot: Path, take: Callable[..., Path]
) -> None:
    one_more = {"buy": [*rows["buy"], moved(rows["buy"][0], AS_OF_US - 1)], "visit": rows["visit"]}
    assert not same(take(one_more, buckets=1), snapshot)


def test_shuffled_rows_and_another_number_of_buckets_change_no_bit(
    rows: dict[str, Rows], snapshot: Path, take: Callable[..., Path]
) -> None:
    shuffled = {log: random.Random(0).sample(own, len(own)) for log, own in rows.items()}
    assert same(take(shuffled, buckets=3), snapshot)


def test_more_buckets_than_customers_and_a_bucket_of_later_customers_only(
    rows: dict[str, Rows], take: Callable[..., Path]
) -> None:
    few = {"buy": [{**row, "pieces": 1.5} for row in rows["buy"] if row["who"] in ("once", "edges", "at as_of")]}
    one, many = take(few, buckets=1), take(few, buckets=5)
    assert read_back(one, "dense")["customer_id"].to_pylist() == ["edges", "once"]
    assert same(one, many)
    sizes = [len(pq.read_table(file)) for file in sorted((many / "dense").glob("*.parquet"))]
    assert len(sizes) == 5
    assert 0 in sizes


def test_a_log_without_any_event_before_as_of_counts_as_nothing(
    rows: dict[str, Rows], take: Callable[..., Path]
) -> None:
    silent = {"buy": earlier(rows["buy"])[:40], "visit": later(rows["visit"])}
    found = take(silent, buckets=1)
    table = read_back(found, "dense")
    assert set(table["visit__events__count__all"].to_pylist()) == {0.0}
    assert set(table["visit__page__distinct__all"].to_pylist()) == {0.0}
    assert set(table["visit__time__recency_days__all"].to_pylist()) == {None}
    assert not any(row["field"].startswith("visit") for row in read_back(found, "tokens").to_pylist())


class Place:
    """A written source of which snapshots are taken."""

    def __init__(self, folder: Path, rows: dict[str, Rows]) -> None:
        self.data: Data = write_source(folder, rows)
        self.outputs = folder / "out"
        self.folder = snapshot_folder(self.outputs, AS_OF_US)
        with DuckDBEngine() as engine:
            write_events(self.data, 2, self.outputs / "events", folder / "quarantine", engine)

    def snapshot(
        self,
        workers: int = 1,
        features: Features = SHAPE,
        instants: tuple[int, ...] = (AS_OF_US,),
        progress: Callable[[str], None] = lambda step: None,
    ) -> dict:
        return write_snapshots(self.data, features, Engine(), workers, self.outputs, instants, progress)

    def stamps(self) -> dict[str, int]:
        return {f"{file.parent.name}/{file.name}": file.stat().st_mtime_ns for file in self.folder.rglob("*.*")}


@pytest.fixture(scope="module")
def written(rows: dict[str, Rows], tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("place"), rows)


@pytest.fixture
def place(written: Place) -> Place:
    """Each test begins without a snapshot, with the same events."""
    shutil.rmtree(written.folder.parent, ignore_errors=True)
    return written


def test_two_workers_write_what_one_writes(place: Place, snapshot: Path) -> None:
    manifest = place.snapshot(workers=2)[AS_OF_US]
    assert same(place.folder, snapshot)
    assert manifest["customers"] == len(read_back(snapshot, "dense"))
    assert manifest["as_of_us"] == AS_OF_US


def test_a_second_run_does_nothing_until_a_window_changes(place: Place) -> None:
    first, steps = place.snapshot(), []
    stamps = place.stamps()
    assert place.snapshot(instants=(AS_OF_US, AS_OF_US), progress=steps.append) == first
    assert place.stamps() == stamps
    assert steps == [f"20240311T070000Z, bucket {n} (kept)" for n in (0, 1)]
    assert place.snapshot(features=dataclasses.replace(SHAPE, windows_days=(3,))) != first
    assert "buy__events__count__3d" in read_back(place.folder, "dense").column_names


def test_killed_and_resumed_is_run_once(place: Place, snapshot: Path) -> None:
    def killed(step: str) -> None:
        if step.endswith("bucket 1"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.snapshot(progress=killed)
    assert not place.folder.exists()
    (partial,) = place.folder.parent.glob("*.partial-*")
    lost = partial / "dense" / "bucket=0001.parquet"
    lost.unlink()
    kept = {file: file.stat().st_mtime_ns for file in partial.rglob("*.parquet")}
    assert len(kept) == 3
    manifest = place.snapshot()[AS_OF_US]
    assert same(place.folder, snapshot)
    assert manifest["customers"] == len(read_back(snapshot, "dense"))
    for file, stamp in kept.items():
        assert (place.folder / file.relative_to(partial)).stat().st_mtime_ns == stamp
    assert not list(place.folder.parent.glob("*.partial-*"))


def test_each_instant_has_its_own_snapshot(place: Place) -> None:
    early_us = AS_OF_US - 30 * DAY_US
    found = place.snapshot(instants=(AS_OF_US, early_us))
    assert list(found) == [early_us, AS_OF_US]
    early = read_back(snapshot_folder(place.outputs, early_us), "dense")
    assert found[early_us]["customers"] == len(early) < found[AS_OF_US]["customers"]
    assert "once" not in early["customer_id"].to_pylist()


def test_amounts_are_doubles_and_counts_whole(snapshot: Path) -> None:
    dense, tokens = read_back(snapshot, "dense"), read_back(snapshot, "tokens")
    assert set(dense.schema.types) == {pa.string(), pa.float64()}
    assert tokens.schema.types == [pa.string(), pa.string(), pa.string(), pa.int64()]


@pytest.mark.parametrize(
    ("at", "zone", "day"),
    [
        (0, "UTC", 0),
        (-1, "UTC", -1),
        (0, "America/New_York", -1),
        (5 * DAY_US - 1, "UTC", 4),
        (5 * DAY_US - 1, "Asia/Tokyo", 5),
    ],
)
def test_a_cut_off_knows_its_local_day(at: int, zone: str, day: int) -> None:
    assert cut_off(at, zone).as_of_day == day
    assert cut_off(at, zone).as_of_us == at


def test_features_must_end_where_the_label_begins() -> None:
    require_before({"as_of_us": 5}, 5, "attributes.lapses")
    with pytest.raises(
        LeakageError, match=r"attributes\.lapses: its label is made from events since 19700101T000000\.000004Z"
    ):
        require_before({"as_of_us": 5}, 4, "attributes.lapses")
