from __future__ import annotations

import json
import subprocess
import sys

import psutil
import pytest

from tests.bench.measured import Cost, Results, measure

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
    results = Results(tmp_path / "new" / "bench.json")
    for number in range(2):
        results.add(Cost(1.5, 1.0, 30.0), part="stages", round=number)
        written = json.loads(results.path.read_text())
        assert [row["round"] for row in written["rows"]] == list(range(number + 1))
    assert written["rows"][0] == {"part": "stages", "round": 0, "seconds": 1.5, "cpu_seconds": 1.0, "peak_mb": 30.0}
    assert written["machine"]["cores"] >= 1
