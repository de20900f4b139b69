"""Write a SYNTHETIC operator's files: chunk by chunk of households, in bounded memory, whole or not at all.

::

    <folder>/calls/2024-01/part-00000.parquet   events of one month (or day) and one chunk, by time
    <folder>/messages/…  sessions/…  payments/…  sightings/…  roaming/…  handsets/…
    <folder>/profiles/part-00000.parquet        what account holders told
    <folder>/truth/part-00000.parquet           what every line's user is; no source declares it
    <folder>/_manifest.json                     last: settings and counts; a folder without it is unfinished

A run that was killed goes on where it stopped: the truth of a chunk is written last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DataError
from pipeline.outputs import fingerprint, is_current, read_manifest, whole, write_file
from pipeline.program import code_fingerprint
from pipeline.synthetic.answers import named, profiles, told, truths
from pipeline.synthetic.behaviour import Behaviour, behaviour
from pipeline.synthetic.calendar import day_date
from pipeline.synthetic.causes import CHOICES
from pipeline.synthetic.draws import Draws, pseudonym
from pipeline.synthetic.logs import LOGS, Maker
from pipeline.synthetic.population import People, people


@dataclass(frozen=True)
class Operator:
    """What is made: the arguments of the command line, and all that the data depend on."""

    customers: int = 2_000
    days: int = 364
    seed: int = 0
    shared_plans: float = 0.55
    activity: float = 1.0
    chunk: int = 4_000  # households
    files: str = "month"


@dataclass(frozen=True)
class Chunk:
    """Some households, and how many of their lines are wanted."""

    number: int
    first: int
    below: int
    keep: int


def chunks(operator: Operator) -> list[Chunk]:
    """Return the chunks that hold the first `customers` lines; a household's lines may be cut, never changed."""
    found: list[Chunk] = []
    left, first, draws = operator.customers, 0, Draws(operator.seed)
    while left > 0:
        size = min(operator.chunk, left)  # every household has a line, so that so many households suffice
        lines = len(people(draws, first, first + size, operator.shared_plans).slot)
        found.append(Chunk(len(found), first, first + size, min(lines, left)))
        left, first = left - lines, first + size
    return found


def write(operator: Operator, folder: Path, step: Callable[[int], Callable[[str], None]]) -> dict[str, Any]:
    """Write all files; return the manifest. Nothing is done where the very same data stand already.

    Parameters
    ----------
    step
        Given the number of chunks, returns what is called after each of them with its name.

    Raises
    ------
    DataError
        If files were removed meanwhile, so that there are fewer lines than wanted.
    """
    expected = fingerprint(asdict(operator), code_fingerprint(__name__))
    if is_current(folder, expected):
        return read_manifest(folder)
    facts: dict[str, Any] = {"synthetic": True, "operator": asdict(operator)}
    parts = chunks(operator)
    with whole(folder, expected, facts) as place:
        report = step(len(parts))
        for part in parts:
            if not (place / "truth" / _part(part)).exists():
                _write_chunk(operator, part, place)
            report(f"households {part.first:,} to {part.below - 1:,}")
        facts["rows"] = {name: _rows(place / name) for name in (*LOGS, "profiles", "truth")}
        if (lines := facts["rows"]["truth"]) != operator.customers:
            raise DataError(
                f"{place}: {lines:,} of {operator.customers:,} lines were found after all were written: files were "
                "removed meanwhile. Delete this folder and run the same command again."
            )
        facts["other_holder"] = sum(_true(file, "holder_differs") for file in _parts(place / "truth"))
    return read_manifest(folder)


def read_truth(folder: Path) -> pa.Table:
    """Return the truth of all lines of a finished folder.

    Raises
    ------
    DataError
        If the folder is none, or unfinished.
    """
    read_manifest(folder)
    return pa.concat_tables([pq.ParquetFile(file).read() for file in _parts(folder / "truth")])


def _write_chunk(operator: Operator, part: Chunk, place: Path) -> None:
    draws = Draws(operator.seed)
    who = people(draws, part.first, part.below, operator.shared_plans)
    like = behaviour(draws, who.key, who.flags(), operator.activity)
    for log, (table, day) in Maker(draws, who, like, operator.days, part.keep).tables().items():
        order = np.lexsort((table["line_id"].to_numpy(), table["started_at"].cast(pa.int64()).to_numpy()))
        table, day = table.take(pa.array(order)), day[order]
        names = _file_names(day, operator.files)
        for name in dict.fromkeys(names.tolist()):
            here = np.flatnonzero(names == name)
            rows = (
                table.slice(here[0], len(here)) if len(here) == here[-1] - here[0] + 1 else table.take(pa.array(here))
            )
            write_file(place / log / name / _part(part), partial(pq.write_table, rows))
    ids = pseudonym(who.key)
    told_rows = profiles(draws, who, like, ids, part.keep)
    write_file(place / "profiles" / _part(part), partial(pq.write_table, told_rows))
    true_rows = _truth(draws, who, like, ids).slice(0, part.keep)
    write_file(place / "truth" / _part(part), partial(pq.write_table, true_rows))


def _file_names(day: np.ndarray, files: str) -> np.ndarray:
    """Return the folder in which each event stands: its local month, or its day."""
    names = np.array(
        [day_date(number).isoformat()[: 10 if files == "day" else 7] for number in range(day.max(initial=0) + 1)]
    )
    return np.asarray(names[day])


def _truth(draws: Draws, who: People, like: Behaviour, ids: np.ndarray) -> pa.Table:
    """Return one row per line: its user (`user_…`), account holder (`holder_…`), and what its logs are drawn from."""
    alone = People(**{**who.__dict__, "holder": np.arange(len(ids))})
    return pa.table(
        {
            "line_id": ids,
            "household": who.household,
            "slot": who.slot,
            "holder_differs": who.differs,
            "has_profile": told(draws, who),
            "shared_plan": who.shared,
            **{f"user_{cell}": named(cell, values) for cell, values in truths(alone).items()},
            **{f"holder_{cell}": named(cell, values) for cell, values in truths(who).items()},
            **{c.name: pa.array([tuple(c.weights)[k] for k in like.tokens[c.name]], pa.string()) for c in CHOICES},
            **{f"rate_{name}": values for name, values in like.rates.items()},
            **{f"share_{name}": values for name, values in like.shares.items()},
            **{f"level_{name}": values for name, values in like.levels.items()},
            "hazard": like.hazard,
            "declines_day": like.declines,
            "leaves_day": like.leaves,
        }
    )


def _part(part: Chunk) -> str:
    return f"part-{part.number:05d}.parquet"


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.rglob("part-*.parquet"))


def _rows(folder: Path) -> int:
    return sum(pq.read_metadata(file).num_rows for file in _parts(folder))


def _true(file: Path, column: str) -> int:
    return int(pq.ParquetFile(file).read([column])[column].to_numpy().sum())
