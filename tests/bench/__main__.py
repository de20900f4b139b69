"""Time and memory, each row beside its alternative in the same run: `make bench`, or `python -m tests.bench --help`.

part      what is measured, and what --sizes counts; in brackets what the part takes besides --sizes and --rounds
stages    features, train, score, lookalike of each recipe of --models (customers of a synthetic operator; without: the
          default source) [--models, overrides]
features  the features of a snapshot against hand-written SQL, polars and pandas, which must give the same (events)
refresh   one more day of events against making all anew (events)
growth    the program's features alone, for the exponent of growth: give three sizes or more (events)
scoring   forty attributes against a plain loop over the same trees (customers) [--activity, overrides]
training  forty attributes against a plain loop of as many fits (customers) [overrides]
operator  a synthetic operator end to end, with each stage's share (customers) [one of --models, --activity, overrides]
spark     features and scores by Spark against DuckDB, for the record (customers) [one of --models, overrides]

What one of the parts does not take is refused before anything is measured.

Each row is a process of its own, in turn and several times; printed are medians over the rounds and ratios of the same
round, by the clock and by processor time, which others on the machine disturb less. Memory is the largest sum of the
resident sets of a process and its workers (pages that they share are counted for each). The JSON file keeps all runs,
each with its command line, the machine and each measurement with the load at its end, and is whole after each.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from tests.bench.measured import Results
from tests.bench.options import Options
from tests.bench.parts import PARTS, overrides_of, refused


def main(given: Sequence[str] | None = None) -> None:
    """Run the parts that are asked for, one after another."""
    parts, options, json = arguments(given)
    results = Results(json, sys.argv[1:] if given is None else given)
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for part in parts:
            PARTS[part].run(replace(options, folder=Path(folder)), results)
    print(f"written to {json}")


def arguments(given: Sequence[str] | None) -> tuple[list[str], Options, Path]:
    """Return the parts in the order asked, what else is asked, and the file for the figures.

    Raises
    ------
    SystemExit
        If something is asked that does not exist, or that one of the parts does not take.
    """
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--sizes", type=_size, nargs="+", default=[], help="see above, such as 20M or 200K; three or more show growth"
    )
    parser.add_argument("--rounds", type=_from_1, default=1, help="how often each row is measured")
    parser.add_argument(
        "--models",
        type=_recipe,
        nargs="+",
        help=f"recipes of conf/model (default: {' '.join(Options.models)}, or the first of them)",
    )
    parser.add_argument(
        "--activity", type=float, help="of a synthetic operator: 1, the default, gives some 600 events per subscriber"
    )
    parser.add_argument("--json", type=Path, default=Path("outputs/bench.json"), help="where the figures are added")
    parser.add_argument(
        "--folder", type=Path, default=Path("outputs/bench"), help="where files stand meanwhile; emptied afterwards"
    )
    parser.add_argument(
        "what",
        nargs="*",
        metavar="part",
        help=f"{', '.join(PARTS)} (default: stages),\nor overrides of a run, such as features.buckets=8",
    )
    asked = parser.parse_intermixed_args(given)
    overrides = overrides_of(asked.what)
    parts = [text for text in asked.what if text not in overrides] or ["stages"]
    optional = {name: value for name in ("models", "activity") if (value := getattr(asked, name)) is not None}
    if "models" in optional:
        optional["models"] = tuple(optional["models"])
    options = Options(tuple(asked.sizes), asked.rounds, asked.folder, overrides=tuple(overrides), **optional)
    if (reason := refused(parts, options, [*optional])) is not None:
        parser.error(reason)
    return parts, options, asked.json


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


def _recipe(text: str) -> str:
    if "=" in text:
        raise argparse.ArgumentTypeError(f"recipes by their names, not {text}: overrides stand before --models")
    return text


def _from_1(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1, not {text}")
    return number


if __name__ == "__main__":
    main()
