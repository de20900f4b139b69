"""What a section of the report reads from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError
from pipeline.outputs import read_manifest
from pipeline.report.words import Words
from pipeline.settings import Settings


@dataclass(frozen=True)
class Source:
    """Where the finished data sets of one source stand, and in which words to tell of them."""

    settings: Settings
    outputs: Path
    engine: DuckDBEngine
    words: Words
    as_of_us: int

    def manifest(self, name: str, of_any_day: bool = False) -> dict[str, Any]:
        """Return a data set's manifest.

        Parameters
        ----------
        of_any_day
            Whether it may be of another instant than the report: models are not trained every day.

        Raises
        ------
        DataError
            If it has not been written, or is of another instant.
        """
        found = read_manifest(self.outputs / name)
        made_us = found.get("as_of_us", self.as_of_us)
        if made_us != self.as_of_us and not of_any_day:
            zone = self.settings.data.time_zone
            day, now = self.words.day(made_us, zone), self.words.day(self.as_of_us, zone)
            raise DataError(self.words.say("stale", name=name, day=day, now=now))
        return found

    def is_small(self, n: float) -> bool:
        """Tell whether so few customers must not be shown."""
        return 0 < n < self.settings.report.min_cell

    def count(self, n: float | None) -> str:
        """Return a number of customers, or that they are too few to be shown."""
        if n is not None and self.is_small(n):
            return self.words.say("few", n=self.settings.report.min_cell)
        return self.words.number(n)

    def people(self, mean: float, low: float, high: float) -> str:
        """Return an estimated number of customers with its interval, or that they are too few to be shown."""
        return self.count(mean) if self.is_small(mean) or low == high else self.words.span(mean, low, high)
