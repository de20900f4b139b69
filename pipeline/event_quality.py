"""What a log's manifest says of its rows, and how many that cannot be used are too many."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.columns import REASON
from pipeline.errors import DataError
from pipeline.outputs import told
from pipeline.settings import Data


def log_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a log's facts as the manifest has them."""
    return {
        **{key: facts[key] for key in ("rows", "first_us", "last_us", "unmatched")},
        "missing": {key.removeprefix("null_"): n for key, n in facts.items() if key.startswith("null_")},
        "bad": {item[REASON]: item["n"] for item in facts["bad"]},
        "examples": {item[REASON]: item["example"] for item in facts["bad"]},
    }


def refuse_bad(place: str, data: Data, facts: Mapping[str, Any], quarantine: Path) -> None:
    """Refuse rows of which too many cannot be used.

    Parameters
    ----------
    place
        Log and file, for the error.
    facts
        As `log_facts` returns them.
    quarantine
        Where the rows that cannot be used are kept.

    Raises
    ------
    DataError
        More than `data.quality.max_bad_share` of all rows.
    """
    bad, rows = sum(facts["bad"].values()), facts["rows"]
    if bad > data.quality.max_bad_share * (rows + bad):
        raise DataError(
            f"{place}: {bad:,} of {rows + bad:,} rows ({bad / (rows + bad):.1%}) cannot be used, more than "
            f"data.quality.max_bad_share={data.quality.max_bad_share:g} allows. {_listed(facts)}. "
            f"The rows are kept in {quarantine}."
        )


def refuse_nothing(place: str, facts: Mapping[str, Any], quarantine: Path) -> None:
    """Refuse a log of which no row can be used, with DataError; parameters as of `refuse_bad`."""
    if facts["rows"] == 0:
        raise DataError(f"{place}: no usable row is left. {_listed(facts)}. The rows are kept in {quarantine}.")


def drop_refused(quarantine: Path, first: int) -> None:
    """Remove what was set aside of new files that have become no part of the events.

    Parameters
    ----------
    quarantine
        Where the rows of one log that cannot be used are kept.
    first
        The lowest number that no part of the events has.

    Raises
    ------
    DataError
        If a file cannot be removed.
    """
    with told(quarantine):
        for path in quarantine.glob("bucket=*.part-*.parquet"):
            if int(path.stem.rpartition("-")[2]) >= first:
                path.unlink()
        for folder in (quarantine, quarantine.parent):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _listed(facts: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{reason}: {count:,} rows, such as [{facts['examples'][reason]}]" for reason, count in facts["bad"].items()
    )
