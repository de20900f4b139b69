"""The connection to Spark: one for the whole program, started when it is first needed."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
import warnings
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any

import pipeline
from pipeline.engine.cluster import listens
from pipeline.engine.spark.failures import told
from pipeline.engine.spark.java import java_home, spark_home
from pipeline.errors import ConfigError, DataError
from pipeline.settings import Engine

_ANSWER_S = 60.0  # for the first task, of which a cluster that has free workers needs a few seconds
_REACH_S = 10.0
_END_S = 30.0
_PYTHON_GB = 1.0  # of one task: Python, its libraries, all champions and a chunk of customers
_CORES = 1  # of an executor, unless somebody asks for more
# What objects of one process are rebuilt by in another; models above all.
_SAME = ("duckdb", "ibis-framework", "joblib", "lightgbm", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
# Rows are exchanged as Arrow tables, never as frames of pandas.
_PANDAS = "PySpark does not yet fully support pandas"
_SILENT = f"ignore:{_PANDAS}:FutureWarning"
_QUIET = """rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = spark: %p %c{1}: %m%n%ex{short}
# It tells of every lost worker and every try of a task; what it means for the run is told once, by the error.
logger.task.name = org.apache.spark
logger.task.level = off
# As severe as the root's, so that Spark does not tell that it has changed that.
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = error
"""


@dataclass
class _Running:
    settings: Engine
    session: Any
    folder: Path
    checked: bool = False


_now: _Running | None = None


def session(settings: Engine, shared: Path) -> Any:
    """Return the Spark session (`pyspark.sql.SparkSession`); started once, it serves all stages.

    Parameters
    ----------
    shared
        A folder of the outputs. When the session starts, tasks look for a file that is written there.

    Raises
    ------
    ConfigError
        If PySpark or Java is missing, the master cannot be reached, or has no worker that takes a task.
    DataError
        If the workers do not see the outputs, or have other versions of this program's libraries.
    """
    global _now
    if _now is not None and _now.settings != settings:
        stop()
    if _now is None:
        _now = _start(settings)
    if not _now.checked:
        _check(_now, shared)
        _now.checked = True
    return _now.session


def stop() -> None:
    """End the session, if there is one, and give its workers back."""
    global _now
    if _now is None:
        return
    running, _now = _now, None
    try:
        running.session.stop()
        _end_java()
    finally:
        shutil.rmtree(running.folder, ignore_errors=True)


def _start(settings: Engine) -> _Running:
    spark_home()
    master = settings.master or ""
    _refuse_unreachable(master)
    folder = Path(tempfile.mkdtemp(prefix="lookalike-spark-"))
    warnings.filterwarnings("ignore", message=_PANDAS, category=FutureWarning)
    try:
        (folder / "log4j2.properties").write_text(_QUIET, "utf-8")
        python = settings.options.get("spark.pyspark.python") or os.environ.get("PYSPARK_PYTHON") or sys.executable
        with (
            _environment(JAVA_HOME=str(java_home(folder)), PYSPARK_PYTHON=python, PYTHONWARNINGS=_SILENT),
            told(f"engine.master={master}"),
        ):
            from pyspark.logger import PySparkLogger
            from pyspark.sql import SparkSession

            builder = SparkSession.builder
            for key, value in _options(settings, folder).items():
                builder = builder.config(key, value)
            opened = builder.getOrCreate()
            for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):  # they print what is raised as well
                PySparkLogger.getLogger(name).disabled = True
            opened.sparkContext.addPyFile(str(_package(folder)))
    except BaseException:
        if "pyspark" in sys.modules:
            _end_java()  # its memory and settings would be those of the next start
        shutil.rmtree(folder, ignore_errors=True)
        raise
    atexit.register(stop)
    return _Running(settings, opened, folder)


def _options(settings: Engine, folder: Path) -> dict[str, str]:
    """Return Spark's settings; those of the user win, except for what results depend on."""
    master, memory = settings.master or "", settings.executor_memory or "1g"
    here = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    quiet = f"-Dlog4j2.configurationFile=file:{folder / 'log4j2.properties'}"
    own = {
        "spark.driver.memory": memory,  # with a master local[…] it is the executor as well
        "spark.executor.memory": memory,
        "spark.driver.extraJavaOptions": quiet,
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",  # no file is of the Julian calendar
        "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    }
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        own[f"spark.executorEnv.{variable}"] = "1"
    own |= {"spark.executorEnv.OMP_WAIT_POLICY": "passive", "spark.executorEnv.PYTHONWARNINGS": _SILENT}
    if settings.executor_cores:
        own["spark.executor.cores"] = str(settings.executor_cores)
    if not master.startswith("local") and "spark.executor.memoryOverheadFactor" not in settings.options:
        own["spark.executor.memoryOverhead"] = f"{_beside_java_mb(settings)}m"
    fixed = {
        "spark.app.name": "lookalike",
        "spark.master": master,
        "spark.submit.deployMode": "client",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",  # overflow and division by zero are errors, not NULL or another number
        "spark.sql.caseSensitive": "true",
    }
    own |= {**(here if _is_local(master) else {}), **settings.options, **fixed}
    if "spark.driver.extraJavaOptions" in settings.options:
        own["spark.driver.extraJavaOptions"] += f" {quiet}"
    return own


def _beside_java_mb(settings: Engine) -> int:
    """Return the MB that the tasks of one executor take beside Java's heap: each its queries and what Python holds.

    YARN and Kubernetes grant a tenth of the heap where nothing is asked for, and kill an executor that takes more; a
    standalone master does not limit it.
    """
    cores = int(settings.executor_cores or settings.options.get("spark.executor.cores") or _CORES)
    return ceil(cores * 1024 * (settings.memory_limit_gb + _PYTHON_GB))


def _is_local(master: str) -> bool:
    return master.startswith("local") or any(f"//{host}:" in master for host in ("127.0.0.1", "localhost"))


def _refuse_unreachable(master: str) -> None:
    """Refuse a standalone master that does not answer: Spark itself would try for minutes."""
    if not master.startswith("spark://"):
        return
    places = re.findall(r"([^,/:]+):(\d+)", master.removeprefix("spark://"))
    if not places:
        raise ConfigError(f"engine.master={master}: host and port are needed, such as spark://127.0.0.1:7077")
    if not any(listens(host, int(port), _REACH_S / len(places)) for host, port in places):
        raise ConfigError(
            f"engine.master={master}: nothing answers there. Start a cluster (make cluster-up starts one on this "
            "machine), correct the address, or run on this machine alone with engine.master=local[*]"
        )


def _package(folder: Path) -> Path:
    """Return this package as a zip file: workers run the very code that started the run."""
    root = Path(pipeline.__file__).parent
    target = folder / "lookalike.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("*")):
            if file.suffix in (".py", ".j2", ".yaml"):
                archive.write(file, file.relative_to(root.parent))
    return target


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that driver and workers must have in common."""
    return {"Python": ".".join(map(str, sys.version_info[:2])), **{name: version(name) for name in _SAME}}


def _look(path: str) -> tuple[str | None, dict[str, str]]:
    """Return what a worker finds in a file, and its versions; run by workers."""
    from pipeline.engine.spark.session import versions

    file = Path(path)
    return (file.read_text("utf-8") if file.exists() else None), versions()


def _check(running: _Running, shared: Path) -> None:
    """Run a first task on each core: refuse a cluster without workers, without the outputs, or with other libraries."""
    master = running.settings.master
    shared.mkdir(parents=True, exist_ok=True)
    word, file = uuid.uuid4().hex, (shared / f".seen-by-workers-{os.getpid()}").absolute()
    context = running.session.sparkContext
    file.write_text(word, "utf-8")
    pool = ThreadPoolExecutor(1)
    try:
        n = context.defaultParallelism
        with told(f"engine.master={master}"):
            asked = pool.submit(context.parallelize([str(file)] * n, n).map(_look).collect)
            answers = asked.result(_ANSWER_S)
    except TooLate:
        context.cancelAllJobs()
        raise ConfigError(
            f"engine.master={master}: no worker has taken a task for {_ANSWER_S:.0f} s. Are there workers with free "
            f"cores and engine.executor_memory={running.settings.executor_memory} free? The master's page tells"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        file.unlink(missing_ok=True)
    own = versions()
    for found, theirs in answers:
        if found != word:
            raise unseen(shared, f"the workers of engine.master={master}")
        other = [f"{name} {theirs.get(name)} (here {own[name]})" for name in own if theirs.get(name) != own[name]]
        if other:
            raise DataError(f"engine.master={master}: its workers have other versions: {', '.join(other)}")


def unseen(shared: Path, whom: str) -> DataError:
    """Return the error for workers that do not see the outputs."""
    return DataError(
        f"outputs: {shared} is not seen by {whom}. Workers read and write there: give a folder on a file system that "
        "all machines share with outputs=<folder>, or mend that machine's, and run the same command again"
    )


@contextmanager
def _environment(**wanted: str) -> Iterator[None]:
    """Set variables for as long as Spark starts: it reads some things from there alone."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _end_java() -> None:
    """End the Java program too: it holds the settings that were given when it was started."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.shutdown()
        process = getattr(gateway, "proc", None)
        if process is not None:
            process.stdin.close()  # which is what it ends by
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
        SparkContext._gateway = SparkContext._jvm = None
