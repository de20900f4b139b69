"""Scoring forty attributes against plain loops over the same models, on an operator trained once; see `scoring`.

*command* is `python -m pipeline stages=[score]` with two workers, as in production, from its start to its end: imports,
loading of 41 champions, and all that *buckets* does. The others run in one process, and two can at best double what
they do in a second of wall time, so that CPU seconds are the column to compare.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.bench.measured import Results, measure
from tests.bench.options import Options, command
from tests.bench.scoring import BY_HAND, WORKERS, asked, repeat
from tests.bench.tables import show_growth, show_ways

PART = "scoring"
TRAINED = 5_000  # customers of the operator that the models learn from; bigger bases are copies of them
COMMAND = "command"
WAYS = (COMMAND, *BY_HAND)
IN_MEMORY, KB_OF_A_CUSTOMER = ("predictors", "boosters"), 45  # which hold all customers, and how much of each


def run(options: Options, results: Results) -> None:
    """Train, then measure each size, print and note the figures; sizes default to 20,000 and 100,000 customers."""
    folder = options.folder / "scoring"
    made = ("--customers", TRAINED, "--activity", options.activity, "--folder", folder / "source")
    measure(command("pipeline.synthetic.telecom", *made))
    source = [f"data.root={folder}/source", f"outputs={folder}"]
    measure(command("pipeline", "stages=[features,train]", *asked(folder, options.overrides), *source))
    for size in options.sizes or (20_000, 100_000):
        base = folder / f"base-{size}" / "telecom"
        customers = repeat(folder, base, size)
        facts = {"part": PART, "size": size, "customers": customers, "activity": options.activity}
        for number in range(options.rounds):
            for way in _possible(customers):
                _measured(way, number, facts, folder, base, options.overrides, results)
        shutil.rmtree(base.parent)
    rows = [row for row in results.rows if row["part"] == PART]
    show_ways(rows, "Scoring: medians over rounds", WAYS, COMMAND)
    show_growth(rows, WAYS)
    shutil.rmtree(folder)


def _possible(customers: int) -> tuple[str, ...]:
    """Return the ways for which this machine has memory; say which it has not."""
    here_gb, needed_gb = psutil.virtual_memory().total / 1e9, customers * KB_OF_A_CUSTOMER / 1e6
    if needed_gb < 0.8 * here_gb:
        return WAYS
    print(f"{' and '.join(IN_MEMORY)} need some {needed_gb:.0f} GB for {customers:,} customers: left out", flush=True)
    return tuple(way for way in WAYS if way not in IN_MEMORY)


def _measured(
    way: str,
    number: int,
    facts: dict[str, object],
    folder: Path,
    base: Path,
    overrides: Sequence[str],
    results: Results,
) -> None:
    told = folder / "told.json"
    if way == COMMAND:
        shutil.rmtree(base / "scores", ignore_errors=True)
        where = [f"outputs={base.parent}", f"engine.workers={WORKERS}"]
        cost = measure(command("pipeline", "stages=[score]", *asked(folder, overrides), *where))
        work = {"work_seconds": cost.seconds, "work_cpu_seconds": cost.cpu_seconds}
    else:
        cost = measure(command("tests.bench.scoring", way, folder, base, told, *overrides))
        work = json.loads(told.read_text())
    results.add(cost, **facts, way=way, round=number, **work)
    n = int(str(facts["customers"]))
    seconds, cpu = work["work_seconds"], work["work_cpu_seconds"]
    print(
        f"{PART}, {n:,} customers, round {number + 1}, {way}: {seconds:.1f} s, {n / seconds:,.0f} a second, "
        f"{cpu / n * 1e3:.3f} ms of CPU per customer, {cost.peak_mb:.0f} MB",
        flush=True,
    )
