"""Time and memory, each row beside its alternative in the same run: `make bench`, or `python -m tests.bench --help`.

part      what is measured, and what --sizes counts
stages    features, train, score, lookalike of each recipe of --models (customers of a synthetic operator; without: the
          default source)
features  the features of a snapshot against hand-written SQL, polars and pandas, which must give the same (events)
refresh   one more day of events against making all anew (events)
growth    the program's features alone, for the exponent of growth: give three sizes or more (events)
scoring   forty attributes against a plain loop over the same trees (customers)
training  forty attributes against a plain loop of as many fits (customers)
operator  a synthetic operator end to end, with each stage's share (customers)
spark     features and scores by Spark against DuckDB, for the record (customers)

Everything runs in processes of its own, in turn and several times; printed are medians over the rounds and ratios of
the same round, by the clock and by processor time, which others on the machine disturb less. Memory is the largest sum
of the resident sets of a process and its workers (pages that they share are counted for each). The JSON file has each
measurement and the machine, and is whole after each.
"""

from __future__ import annotations

import argparse
import importlib
import re
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from tests.bench.measured import Results
from tests.bench.options import Options

PARTS = {
    "stages": ("stages", "run"),
    "features": ("features", "run"),
    "refresh": ("refresh", "run"),
    "growth": ("features", "run_growth"),
    "scoring": ("customers_scored", "run"),
    "training": ("training", "run"),
    "operator": ("operator", "run"),
    "spark": ("spark", "run"),
}


def main(given: Sequence[str] | None = None) -> None:
    """Run the parts that are asked for, one after another."""
    parts, asked = arguments(given)
    results = Results(asked.json)
    asked.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        options = Options(
            sizes=tuple(asked.sizes),
            rounds=asked.rounds,
            folder=Path(folder),
            models=tuple(asked.models),
            overrides=tuple(text for text in asked.what if _overrides(text)),
            activity=asked.activity,
        )
        for part in parts:
            module, function = PARTS[part]
            getattr(importlib.import_module(f"tests.bench.{module}"), function)(options, results)
    print(f"written to {asked.json}")


def arguments(given: Sequence[str] | None) -> tuple[list[str], argparse.Namespace]:
    """Return the parts in the order asked, and what else is asked."""
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--sizes", type=_size, nargs="+", default=[], help="see above, such as 20M or 200K; three or more show growth"
    )
    parser.add_argument("--rounds", type=_from_1, default=1, help="how often each row is measured")
    parser.add_argument("--models", nargs="+", default=["stacked", "logistic"], help="recipes of conf/model to compare")
    parser.add_argument(
        "--activity", type=float, default=1.0, help="of the part operator: 1 gives some 600 events per subscriber"
    )
    parser.add_argument("--json", type=Path, default=Path("outputs/bench.json"), help="where the figures are written")
    parser.add_argument(
        "--folder", type=Path, default=Path("outputs/bench"), help="where files stand meanwhile; emptied afterwards"
    )
    parser.add_argument(
        "what",
        nargs="*",
        metavar="part",
        help=f"{', '.join(PARTS)} (default: stages),\nor overrides of a run, such as data=online_retail",
    )
    asked = parser.parse_intermixed_args(given)
    parts = [text for text in asked.what if not _overrides(text)] or ["stages"]
    for part in parts:
        if part not in PARTS:
            parser.error(f"there is no part '{part}'; there are {', '.join(PARTS)}")
    return parts, asked


def _overrides(text: str) -> bool:
    return "=" in text or text.startswith("~")  # Hydra's ~key removes a key


def _size(text: str) -> int:
    """Return a size given in plain digits, thousands or millions.

    >>> _size("20M"), _size("1.5k"), _size("2_000")
    (20000000, 1500, 2000)
    """
    found = re.fullmatch(r"(\d[\d_]*(?:\.\d+)?)([kKmM]?)", text)
    number = Decimal(found[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[found[2].lower()] if found else Decimal(0)
    if number < 1 or number != int(number):
        raise argparse.ArgumentTypeError(f"a whole number from 1, such as 2000, 200K or 20M, not {text}")
    return int(number)


def _from_1(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1, not {text}")
    return number


if __name__ == "__main__":
    main()
