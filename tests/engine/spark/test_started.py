"""A cluster that is started for one purpose leaves nothing behind."""

from __future__ import annotations

import subprocess

import psutil
import pytest

from pipeline.engine import cluster
from pipeline.errors import DataError
from tests.cluster import started


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
