"""One real cluster for all tests here: a master and two workers on the loopback address, and one session on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.engine import cluster
from pipeline.engine.protocol import QueryEngine
from pipeline.engine.spark.java import java_home, spark_home
from pipeline.errors import ConfigError
from pipeline.settings import Engine
from tests.cluster import started

HERE = Path(__file__).parent
ROOT = HERE.resolve().parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE and "port" in getattr(item, "fixturenames", ()):
            item.add_marker("spark")


@pytest.fixture(scope="session")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Yield the port of a running cluster's master."""
    try:
        spark_home()
        java_home(tmp_path_factory.mktemp("java"))
    except ConfigError as error:
        pytest.skip(str(error))
    with started() as chosen:
        yield chosen
        from pipeline.engine.spark import session

        session.stop()


@pytest.fixture(scope="session")
def settings(port: int) -> Engine:
    """Return the settings of `engine=spark` on the cluster; its workers can import the tests."""
    quick = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
    options = {
        "spark.driver.extraJavaOptions": quick,
        "spark.executor.extraJavaOptions": quick,
        "spark.ui.enabled": "false",
        "spark.task.maxFailures": "3",
        "spark.sql.shuffle.partitions": "2",
        "spark.executorEnv.PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }
    return Engine(name="spark", master=cluster.address(port), executor_memory="512m", workers=1, options=options)


@pytest.fixture
def spark(settings: Engine, tmp_path: Path) -> Iterator[QueryEngine]:
    """Yield a Spark engine."""
    from pipeline.engine.spark.engine import SparkEngine

    with SparkEngine(settings, tmp_path / "shared") as opened:
        yield opened
