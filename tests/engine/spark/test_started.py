"""A cluster that is started for one purpose leaves nothing behind."""

from __future__ import annotations

import inspect
import subprocess

import psutil
import pytest
import yaml

from pipeline.engine import cluster
from pipeline.errors import DataError
from tests.cluster import started
from tests.engine.spark.conftest import ROOT


@pytest.mark.usefixtures("port")  # where there is no Spark, this is skipped as all tests here
def test_a_cluster_has_the_workers_asked_for_and_ends_with_its_purpose_also_if_this_fails() -> None:
    def failing() -> None:
        with started(workers=1) as port:
            running.update(cluster.status(port))
            folders.append(cluster.folder_of(port))
            raise DataError("no")

    running: dict[str, int] = {}
    folders = []  # of process ids and logs
    with pytest.raises(DataError, match=r"^no$"):
        failing()
    assert set(running) == {"master", "worker0"}
    assert [number for number in running.values() if psutil.pid_exists(number)] == []
    assert not folders[0].exists()


def test_a_child_is_known_by_being_one_and_not_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a script becomes the program that it starts the system tells no name: a cluster was held for ended."""
    with subprocess.Popen(["sleep", "60"]) as child:
        assert not cluster._is_ours(child.pid)  # somebody's, as far as its name says
        monkeypatch.setitem(cluster._STARTED, child.pid, child)
        assert cluster._is_ours(child.pid)
        child.kill()
        child.wait()
        assert not cluster._is_ours(child.pid)


def test_the_command_starts_the_same_cluster_as_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    takes = inspect.signature(cluster.up)
    asked: list[inspect.BoundArguments] = []

    def up(*positional: object, **named: object) -> str:
        asked.append(takes.bind(*positional, **named))
        return ""

    monkeypatch.setattr(cluster, "up", up)
    assert cluster.main(["up"]) == 0
    plain = takes.bind()
    for one in (*asked, plain):
        one.apply_defaults()
    assert asked == [plain]
    executor = yaml.safe_load((ROOT / "conf" / "engine" / "spark.yaml").read_text("utf-8"))["executor_memory"]
    assert plain.arguments["memory"] == executor  # a worker that offers less gets no executor
