"""A Spark cluster of one master and two workers on this machine, for trying and testing.

    python -m pipeline.engine.cluster up      # starts it and prints the master's address
    python -m pipeline.engine.cluster status
    python -m pipeline.engine.cluster down    # stops it, also what a crash has left

The pip package of Spark has no start scripts for a cluster; its `spark-class` starts the same programs. They listen on
the loopback address alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipeline.engine.spark.java import java_home, spark_home
from pipeline.errors import ConfigError, DataError, PipelineError

HOST, PORT, WORKERS = "127.0.0.1", 7077, 2
CORES, MEMORY = 1, "2g"  # of each worker; memory that conf/engine/spark.yaml asks for
_WAIT_S = 60.0  # a busy machine starts three Javas slowly
_STOP_S = 10.0
_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"
_REGISTERED = "Successfully registered with master"
_STARTED: dict[int, subprocess.Popen[bytes]] = {}  # children of this program, whose end must be noticed


def address(port: int = PORT) -> str:
    """Return the master's address.

    >>> address()
    'spark://127.0.0.1:7077'
    """
    return f"spark://{HOST}:{port}"


def folder_of(port: int = PORT) -> Path:
    """Return the folder of a cluster's process ids, logs and work; it outlasts `make clean`."""
    return Path(tempfile.gettempdir()) / f"lookalike-cluster-{os.getuid()}-{port}"


def up(port: int = PORT, workers: int = WORKERS, cores: int = CORES, memory: str = MEMORY) -> str:
    """Start a master and workers, or what is missing of them, and return the master's address when all are there.

    Parameters
    ----------
    cores, memory
        What each worker offers.

    Raises
    ------
    ConfigError
        If PySpark or a Java is missing, or something else listens on the port.
    DataError
        If the cluster does not come up; nothing of it is left running.
    """
    running = status(port)
    if "master" not in running:
        down(port)  # workers of a master that is gone
        running = {}
        if listens(HOST, port):
            raise ConfigError(f"cluster: {HOST}:{port} is taken by another program. Choose another with --port")
    folder = folder_of(port)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise ConfigError(f"cluster: {folder} belongs to somebody else. Choose another port with --port")
    here = ["--host", HOST, "--webui-port", "0"]
    offer = ["--cores", str(cores), "--memory", memory, "--work-dir", str(folder / "work")]
    missing = [name for name in (f"worker{number}" for number in range(workers)) if name not in running]
    try:
        if "master" not in running:
            _start(folder, "master", [_MASTER, *here, "--port", str(port)])
            _await(folder, "master", lambda: listens(HOST, port))
        for name in missing:
            _start(folder, name, [_WORKER, *here, *offer, address(port)])
        for name in missing:
            _await(folder, name, partial(_has_registered, folder / f"{name}.log"))
    except PipelineError:
        stop(port)
        raise
    return address(port)


def down(port: int = PORT) -> int:
    """Stop a cluster and remove its logs; return how many processes there were."""
    stopped = stop(port)
    shutil.rmtree(folder_of(port), ignore_errors=True)
    return stopped


def stop(port: int = PORT) -> int:
    """Stop a cluster's processes, also those that a crash has left; return how many there were."""
    running = status(port)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in running.values():
            if _is_ours(process):
                os.kill(process, number)
        deadline = time.monotonic() + _STOP_S
        while any(_is_ours(process) for process in running.values()) and time.monotonic() < deadline:
            time.sleep(0.1)
    return len(running)


def status(port: int = PORT) -> dict[str, int]:
    """Return the process id of each part of a cluster that is running, by its name: master, worker0, worker1."""
    found = {}
    for file in sorted(folder_of(port).glob("*.pid")):
        text = file.read_text("utf-8").strip()
        if text.isdigit() and _is_ours(int(text)):
            found[file.stem] = int(text)
    return found


def listens(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Tell whether something answers at an address."""
    try:
        with socket.create_connection((host, port), timeout_s):
            return True
    except OSError:
        return False


def _start(folder: Path, name: str, arguments: list[str]) -> None:
    home = spark_home()
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "JAVA_HOME": str(java_home(folder)),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",  # small, and soon there
    }
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [str(home / "bin" / "spark-class"), *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # outlives this program, and its terminal's Ctrl-C
        )
    (folder / f"{name}.pid").write_text(f"{process.pid}\n", "utf-8")
    _STARTED[process.pid] = process


def _await(folder: Path, name: str, ready: Callable[[], bool]) -> None:
    process = int((folder / f"{name}.pid").read_text("utf-8"))
    deadline = time.monotonic() + _WAIT_S
    while not ready():
        ended = not _is_ours(process)
        if ended or time.monotonic() > deadline:
            log = folder / f"{name}.log"
            last = " ".join(log.read_text("utf-8", "replace").split()[-40:])
            code = _STARTED[process].poll() if process in _STARTED else None
            what = f"ended (exit code {code})" if ended else f"is not ready after {_WAIT_S:.0f} s"
            raise DataError(f"cluster: the {name} {what}. Its log is {log}: … {last}")
        time.sleep(0.1)


def _has_registered(log: Path) -> bool:
    return _REGISTERED in log.read_text("utf-8", "replace")


def _is_ours(process: int) -> bool:
    """Tell whether a process runs and is a part of a Spark cluster: ids are used again, but not those of children.

    What a child is called is not asked: while a script becomes the program that it starts, it has no name.
    """
    if process in _STARTED:
        return _STARTED[process].poll() is None
    told = subprocess.run(
        ["ps", "-ww", "-p", str(process), "-o", "args="], capture_output=True, text=True, check=False
    ).stdout
    # spark-class is a script that becomes the Java program.
    return "org.apache.spark.deploy" in told


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.engine.cluster", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["up", "down", "status"])
    parser.add_argument("--port", type=int, default=PORT, help="of the master (default %(default)s)")
    parser.add_argument("--cores", type=int, default=CORES, help="of each worker (default %(default)s)")
    parser.add_argument("--memory", default=MEMORY, help="of each worker for its executors (default %(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.what == "up":
            print(up(chosen.port, cores=chosen.cores, memory=chosen.memory))
        elif chosen.what == "down":
            print(f"stopped {down(chosen.port)} processes")
        else:
            running = status(chosen.port)
            print("\n".join(f"{name}: process {process}" for name, process in running.items()) or "not running")
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
