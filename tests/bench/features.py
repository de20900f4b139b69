"""Features by the program against the same features by hand: DuckDB SQL, polars, pandas.

All read the same canonical events. The first round of each size compares all columns and token counts, and the bench
stops where any differ. Ratios above 1 are slower than the program.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

from tests.bench import events
from tests.bench.measured import Results, measure
from tests.bench.options import Options, command
from tests.bench.tables import show_growth, show_ways
from tests.bench.ways.equality import require_equal

PART = "features"
WAYS = ("ours", "ours, kept", "sql", "polars", "pandas")
PREPARED = "source to canonical"


def run(options: Options, results: Results, part: str = PART, ways: tuple[str, ...] = WAYS) -> None:
    """Measure all ways in turn at each size, print and note the figures."""
    found = tuple(way for way in ways if way != "polars" or importlib.util.find_spec("polars"))
    if found != ways:
        print("polars is left out: it is not installed (pip install 'lookalike[bench]')")
    for size in options.events:
        prepared = _prepared(size, options.folder / f"events-{size}", part, results)
        for number in range(options.rounds):
            _round(size, number, prepared, found, part, results, check=number == 0)
    rows = [row for row in results.rows if row["part"] == part]
    show_ways(rows, f"Part {part}: medians over rounds", (PREPARED, *found), found[0])
    show_growth(rows, found)


def _prepared(size: int, folder: Path, part: str, results: Results) -> Path:
    """Write the source and its canonical events; return the latter's folder. A row of its own tells what they took."""
    shutil.rmtree(folder, ignore_errors=True)
    events.write_days(events.sized(size), folder / "source", range(events.DAYS))
    cost = measure(command("tests.bench.events", size, folder / "source", folder / "out"))
    results.add(cost, part=part, size=size, way=PREPARED, round=0)
    print(f"{part}, {size:,} events, {PREPARED}: {cost.seconds:.1f} s, {cost.peak_mb:.0f} MB", flush=True)
    return folder / "out" / "events"


def _round(
    size: int, number: int, prepared: Path, ways: tuple[str, ...], part: str, results: Results, check: bool
) -> None:
    place = prepared.parent / "ways"
    for way in ways:
        out = place / way.replace(", ", "-")
        out.mkdir(parents=True)
        cost = measure(command("tests.bench.ways", way, prepared, out, events.as_of()))
        work = json.loads((out / "seconds.json").read_text())
        facts: dict[str, object] = {"work_seconds": work}
        if check and way != ways[0]:
            facts["equal_customers"] = require_equal(place / ways[0], out)
        results.add(cost, part=part, size=size, way=way, round=number, **facts)
        print(
            f"{part}, {size:,} events, round {number + 1}, {way}: {cost.seconds:.1f} s ({work:.1f} s of work), "
            f"{cost.peak_mb:.0f} MB" + (", equal" if "equal_customers" in facts else ""),
            flush=True,
        )
    shutil.rmtree(place)


def run_growth(options: Options, results: Results) -> None:
    """Measure the program alone at each size, for the exponent of growth."""
    if len(set(options.events)) < 3:
        raise SystemExit("growth needs three sizes or more: --sizes 200000 600000 2000000")
    run(options, results, "growth", WAYS[:1])
