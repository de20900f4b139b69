"""Make a SYNTHETIC telecom operator: `python -m pipeline.synthetic.telecom --customers 2000`.

Nobody in it exists. Households of several people share plans, so that the account holder, whose profile is known, is
often not the user, whose events are seen; profiles are missing not at random; who everybody is stands in `truth/`.

=================== ================================================================ ==========================
module              what causes what                                                 into which files
=================== ================================================================ ==========================
`population`        households → members → lines, users and account holders          truth
`causes`            a user's flags → rates, shares, sizes and tokens of the line      (tables of effects)
`behaviour`         the line's own draw of these; how long it is used                truth
`logs`, `calendar`  rates × season × use → events                                    calls … handsets
`answers`           account holders → who answers, and which cells                   profiles
`best`              the same tables, read backwards: the best possible prediction    (none)
=================== ================================================================ ==========================

A line's data depend on the seed and its household alone: not on how many customers follow, nor on chunks or days.

What it does not have: calls that appear at both ends; moves from one region to another; handsets that are replaced;
attributes that change within the year; a person's flags reaching the logs in a way that `causes` does not list.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from pipeline import console
from pipeline.errors import ConfigError, PipelineError
from pipeline.outputs import MANIFEST, held, read_manifest
from pipeline.synthetic.logs import LOGS
from pipeline.synthetic.writing import Operator, write

FOLDER = Path("data/telecom")


def arguments(given: Sequence[str] | None = None) -> tuple[Operator, Path]:
    """Return what the command line asks for.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.synthetic.telecom",
        description="Write the events, profiles and truth of a SYNTHETIC telecom operator; then: "
        "python -m pipeline data=telecom",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    plain = Operator()
    parser.add_argument("--customers", type=int, default=plain.customers, help="subscriber lines")
    parser.add_argument("--days", type=int, default=plain.days, help="days from 1 January 2024, at most 1,460")
    parser.add_argument("--seed", type=int, default=plain.seed, help="another seed is another population")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files shall stand")
    parser.add_argument(
        "--shared-plans", type=float, default=plain.shared_plans,
        help="probability that a household's adults are on one adult's plan; children always are",
    )  # fmt: skip
    parser.add_argument(
        "--activity",
        type=float,
        default=plain.activity,
        help="multiplies every rate of use; 1 is some 600 events a year",
    )
    parser.add_argument("--files", choices=["month", "day"], default=plain.files, help="one folder of a log per")
    parser.add_argument(
        "--chunk", type=int, default=plain.chunk,
        help="households at once: memory grows with it (some 0.2 MB each), the number of files shrinks",
    )  # fmt: skip
    chosen = vars(parser.parse_args(given))
    folder = chosen.pop("folder")
    for name, least, most in (
        ("customers", 1, 10**9), ("days", 1, 1_460), ("seed", 0, 2**63), ("chunk", 1, 10**6),
        ("shared_plans", 0.0, 1.0), ("activity", 0.001, 10.0),
    ):  # fmt: skip
        if not least <= chosen[name] <= most:
            raise ConfigError(f"--{name.replace('_', '-')}: {chosen[name]:g} is not between {least:,} and {most:,}")
    return Operator(**chosen), folder


def make(operator: Operator, folder: Path) -> None:
    """Write the operator's files and tell what they hold.

    Raises
    ------
    ConfigError
        If the folder holds something else.
    DataError
        If another run writes to the folder, or the disk is full or does not let itself be written.
    """
    there = folder.resolve()  # two runs may call it by different names
    # The lock stands beside the folder, which is replaced as a whole.
    with held(folder, there.with_name(f".{there.name}.lock"), "--folder"), ExitStack() as shown:
        if folder.exists() and not _ours(folder):
            raise ConfigError(f"--folder: {folder} exists and was not written by this program; give another one")

        def step(total: int) -> Callable[[str], None]:
            return shown.enter_context(console.progress("synthetic telecom", total))

        facts = write(operator, folder, step)
    rows = facts["rows"]
    lines = rows["truth"]
    other = facts["other_holder"] / lines
    console.table(
        f"SYNTHETIC operator in {folder}: {lines:,} lines, {operator.days} days, seed {operator.seed}",
        ["log", "events", "a line"],
        [[log, f"{rows[log]:,}", f"{rows[log] / lines:,.1f}"] for log in LOGS],
        f"{rows['profiles']:,} lines ({rows['profiles'] / lines:.0%}) have a profile; {other:.0%} are held by somebody "
        "else than the user. Next: python -m pipeline data=telecom",
    )


def _ours(folder: Path) -> bool:
    """Tell whether a place may be written over: an empty folder, or one that this program has finished."""
    if not folder.is_dir():
        return False
    return not any(folder.iterdir()) or ((folder / MANIFEST).exists() and "operator" in read_manifest(folder))


def main(given: Sequence[str] | None = None) -> None:
    """Run the command; a user's mistake ends with one message and exit code 2."""
    try:
        make(*arguments(given))
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("error: interrupted; the same command goes on where it stopped", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
