"""Rows of figures as tables: medians over rounds, and ratios to the first row."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.growth import growth

Rows = Sequence[dict[str, Any]]


COSTS = ("seconds", "cpu_seconds", "peak_mb")
_WIDTH = 120  # of tables, also where output goes to a file


def show_ways(rows: Rows, title: str, ways: Sequence[str], first: str) -> None:
    """Print for each size and way medians over rounds, and how much slower it is than `first`.

    Ratios are medians of each round's own ratio, with the least and greatest: a round's ways run one after another.
    """
    table = Table(title=title)
    for column in ("size", "way", "rounds", "s", "of it work", "CPU s", "peak MB", f"s : {first}", f"CPU s : {first}"):
        table.add_column(column, justify="right")
    for size in sorted({row["size"] for row in rows}):
        here = [row for row in rows if row["size"] == size]
        base = {row["round"]: row for row in here if row["way"] == first}
        for way in ways:
            own = [row for row in here if row["way"] == way]
            if own:
                figures = [median(own, "seconds"), _work(own), median(own, "cpu_seconds")]
                told = ["" if figure is None else f"{figure:.2f}" for figure in figures]
                ratios = (_ratio(own, base, cost) for cost in COSTS[:2])
                table.add_row(f"{size:,}", way, str(len(own)), *told, f"{median(own, 'peak_mb'):,.0f}", *ratios)
    _print(table)


def _work(rows: Rows) -> float | None:
    found = [row for row in rows if row.get("work_seconds") is not None]
    return median(found, "work_seconds") if found else None


def _ratio(rows: Rows, base: dict[int, dict[str, Any]], cost: str) -> str:
    found = [row[cost] / base[row["round"]][cost] for row in rows if row["round"] in base]
    if not found:
        return ""
    middle = f"{statistics.median(found):.2f}"
    return middle if len(found) == 1 else f"{middle} [{min(found):.2f}, {max(found):.2f}]"


def _print(table: Table) -> None:
    Console(width=max(_WIDTH, Console().width)).print(table)


def show_growth(rows: Rows, ways: Sequence[str], key: str = "way") -> None:
    """Print how time and memory of each way grow with size: exponents with 95 % intervals, from three sizes on."""
    if len({row["size"] for row in rows}) < 3:
        return
    table = Table(title="Exponent of growth with size [95 %]; 1 is proportional")
    for column in (key, "measurements", "wall time", "CPU time", "peak memory"):
        table.add_column(column, justify="right")
    for way in ways:
        own = [row for row in rows if row[key] == way]
        if len({row["size"] for row in own}) < 3:
            continue
        fits = [growth([row["size"] for row in own], [row[cost] for row in own]) for cost in COSTS]
        table.add_row(way, str(len(own)), *(f"{fit.exponent:.2f} [{fit.low:.2f}, {fit.high:.2f}]" for fit in fits))
    _print(table)


def median(rows: Rows, what: str) -> float:
    """Return the median of a figure over rows."""
    return float(statistics.median(row[what] for row in rows))
