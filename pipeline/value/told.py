"""What the parts of the stage hand over: tables, figures, pictures, sentences, and what is missing and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd

from pipeline import console
from pipeline.outputs import write_file


@dataclass(frozen=True)
class Shown:
    """A table of the console; the columns at the positions `left` are texts."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    left: Sequence[int] = (0,)


@dataclass
class Told:
    """What is known so far; each part adds to it.

    `lists` are ids of customers: they are written beside the tables, and stay out of the tracking store.
    """

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    lists: dict[str, pd.DataFrame] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    pictures: dict[str, Callable[[Path], None]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def miss(self, what: str, why: str) -> None:
        """Note that something is not told, and why; it is said and stands in the manifest."""
        self.missing[what] = why

    def write(self, folder: Path) -> None:
        """Write tables, texts and pictures."""
        for name, table in (self.tables | self.lists).items():
            write_file(folder / f"{name}.csv", partial(table.to_csv, index=False))
        for name, text in self.texts.items():
            write_file(folder / name, partial(Path.write_text, data=text, encoding="utf-8"))
        (folder / "pictures").mkdir(exist_ok=True)
        for name, draw in self.pictures.items():
            draw(folder / "pictures" / name)

    def report(self) -> None:
        """Print what was found, and what is missing."""
        for one in self.shown:
            console.table(one.title, one.columns, one.rows, one.note, one.left)
        for line in self.lines:
            console.say(line)
        for what, why in self.missing.items():
            console.warn(f"value: {what} is missing: {why}")
