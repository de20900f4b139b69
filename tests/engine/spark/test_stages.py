"""All stages on a cluster: the same figures as on one machine, also where workers are killed in the middle."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

from pipeline.configuration import parse_settings
from pipeline.engine import cluster, end_engines, run_tasks
from pipeline.engine.spark.failures import SparkError
from pipeline.errors import DataError
from pipeline.features.snapshot import write_snapshots
from pipeline.run import run
from pipeline.score import score
from pipeline.settings import Engine, Settings, as_plain
from pipeline.tracking import told
from tests.end_to_end import planted
from tests.source import contents

AS_OF_US = int(pd.Timestamp("2024-12-01").timestamp()) * 1_000_000
BUCKETS = 12  # so many that some are done, some under way and some waiting when a worker dies


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    planted.write(folder)
    (folder / "seed.txt").write_text("\n".join(f"c{number:04d}" for number in range(planted.N_FANS)) + "\n", "utf-8")
    return folder


def done(source: Path, outputs: Path, engine: dict[str, Any] | None, buckets: int) -> Settings:
    """Run all stages, with the given engine or the default one."""
    config = planted.config(source, outputs)
    config["stages"] = ["features", "train", "score", "lookalike"]
    config["features"]["buckets"] = buckets
    config["lookalike"]["index"] = "exact"
    settings = parse_settings(config | ({"engine": engine} if engine else {}))
    run(settings)
    return settings


@pytest.fixture(scope="module")
def local(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return done(source, tmp_path_factory.mktemp("local"), None, BUCKETS)


def files(settings: Settings, part: str) -> dict[str, bytes]:
    """Return the files of a part of the outputs, but for manifests, which name the model store."""
    found = contents(Path(settings.outputs) / "planted" / part)
    return {name: content for name, content in found.items() if not name.endswith("_manifest.json")}


def test_all_stages_give_the_same_files_on_a_cluster(
    source: Path, local: Settings, settings: Engine, tmp_path: Path
) -> None:
    spark = done(source, tmp_path, as_plain(settings), BUCKETS)
    for part in ("events", "profiles", "snapshots", "behaviour/vectors", "audiences/default"):
        assert list(files(local, part)) == list(files(spark, part))
        assert files(local, part) == files(spark, part)
    found = [pd.read_parquet(Path(one.outputs) / "planted" / "scores" / "predictions") for one in (local, spark)]
    pd.testing.assert_frame_equal(found[0].drop(columns="probability"), found[1].drop(columns="probability"))
    np.testing.assert_allclose(found[0]["probability"], found[1]["probability"], atol=1e-6)
    assert len(found[0]) == 2 * (planted.N_CUSTOMERS + 5)


def test_relative_folders_are_those_of_who_starts_the_run(
    source: Path, local: Settings, settings: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("source").symlink_to(source)
    config = planted.config(Path("source"), Path("outputs")) | {"stages": ["features"], "engine": as_plain(settings)}
    config["features"]["buckets"] = BUCKETS
    run(parse_settings(config))
    there = replace(local, outputs="outputs")
    for part in ("events", "profiles"):
        assert files(there, part) == files(local, part)


@contextmanager
def killed(port: int, folder: Path, pattern: str, kill: Callable[[int], bool]) -> Iterator[list[int]]:
    """Kill a worker as soon as a few buckets are written; yield how many were there when it was killed."""
    seen: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            written = len(list(folder.glob(pattern)))
            if written >= 3 and kill(port):
                seen.append(written)
                return
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
        cluster.up(port)  # what was killed is started anew, for the tests to come


def kill_worker(port: int) -> bool:
    """Kill a worker and its executor, as the end of its machine would."""
    worker = psutil.Process(cluster.status(port)["worker0"])
    return kill_all([worker, *worker.children(recursive=True)])


def kill_python(port: int) -> bool:
    """Kill the processes that run tasks, as the system does when memory runs out."""
    found = [
        process
        for name, number in cluster.status(port).items()
        if name != "master"
        for process in psutil.Process(number).children(recursive=True)
        if "python" in process.name()
    ]
    return kill_all(found)


def kill_all(processes: list[psutil.Process]) -> bool:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    return bool(processes)


@pytest.mark.parametrize("kill", [kill_worker, kill_python])
def test_a_worker_that_is_killed_in_the_middle_of_a_snapshot_changes_nothing(
    local: Settings, settings: Engine, port: int, tmp_path: Path, kill: Callable[[int], bool]
) -> None:
    outputs = tmp_path / "planted"
    outputs.mkdir()
    (outputs / "events").symlink_to(Path(local.outputs) / "planted" / "events")
    one_machine = tmp_path / "one machine"
    one_machine.mkdir()
    (one_machine / "events").symlink_to(outputs / "events")
    with killed(port, outputs / "snapshots", "*.partial-*/dense/*.parquet", kill) as seen:
        write_snapshots(local.data, local.features, settings, 1, outputs, [AS_OF_US])
    assert 3 <= seen[0] < BUCKETS
    write_snapshots(local.data, local.features, Engine(), 1, one_machine, [AS_OF_US])
    assert contents(outputs / "snapshots") == contents(one_machine / "snapshots")


def test_a_worker_that_is_killed_in_the_middle_of_scoring_changes_nothing(
    local: Settings, settings: Engine, port: int, tmp_path: Path
) -> None:
    outputs = tmp_path / "planted"
    outputs.mkdir()
    for part in (Path(local.outputs) / "planted").iterdir():
        if part.name != "scores":
            (outputs / part.name).symlink_to(part)
    on_cluster = replace(local, engine=settings, outputs=str(tmp_path))
    with (
        told(local.tracking, local.data.name) as tracker,
        killed(port, outputs, "scores.partial-*/predictions/*.parquet", kill_worker) as seen,
    ):
        score(on_cluster, outputs, tracker, 1)
    assert 3 <= seen[0] < BUCKETS
    assert files(on_cluster, "scores") == files(local, "scores")


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(number: int) -> None:
    raise DataError(f"bucket {number}: no")


def fail(number: int) -> float:
    return 1 / number


def test_a_task_that_loses_every_worker_is_told_with_the_keys_that_help(settings: Engine, tmp_path: Path) -> None:
    said = r"a worker was lost.*memoryOverhead.*or engine\.executor_memory, or features\.buckets"
    with pytest.raises(DataError, match=said):
        list(run_tasks([(die, (0,), {})], settings, 1, tmp_path))


def test_a_user_s_mistake_comes_back_as_it_is(settings: Engine, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^bucket 3: no$"):
        list(run_tasks([(refuse, (3,), {}), (refuse, (3,), {})], settings, 1, tmp_path))


def test_a_defect_keeps_what_it_said_after_the_cluster_was_left(settings: Engine, tmp_path: Path) -> None:
    with pytest.raises(SparkError) as found:
        list(run_tasks([(fail, (0,), {})], settings, 1, tmp_path))
    end_engines()
    assert "ZeroDivisionError: division by zero" in str(found.value)
    assert str(found.value).startswith("fail: ")


def test_results_come_in_the_order_of_the_jobs(settings: Engine, tmp_path: Path) -> None:
    jobs = [(pow, (number, 2), {}) for number in range(10)]
    assert list(run_tasks(jobs, settings, 1, tmp_path)) == [number**2 for number in range(10)]
    assert sorted(run_tasks(jobs, settings, 1, tmp_path, in_order=False)) == [number**2 for number in range(10)]


def test_a_cluster_that_has_lost_a_part_is_made_whole(port: int) -> None:
    before = cluster.status(port)
    assert set(before) == {"master", "worker0", "worker1"}
    assert kill_worker(port)
    cluster._STARTED[before["worker0"]].wait(30)
    assert set(cluster.status(port)) == {"master", "worker1"}
    assert cluster.up(port) == cluster.address(port)
    after = cluster.status(port)
    assert after.pop("worker0") != before.pop("worker0")
    assert after == before  # what ran runs on


def test_a_cluster_that_is_whole_is_left_as_it_is(port: int) -> None:
    before = cluster.status(port)
    assert set(before) == {"master", "worker0", "worker1"}
    assert cluster.up(port) == cluster.address(port)
    assert cluster.status(port) == before
