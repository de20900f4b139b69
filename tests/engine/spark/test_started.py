"""A cluster that is started for one purpose leaves nothing behind."""

from __future__ import annotations

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
