"""One family of segments: who is in which, the tables and pictures that tell of it, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.columns import CUSTOMER, SEGMENT
from pipeline.engine import DuckDBEngine
from pipeline.lookalike.context import Context
from pipeline.outputs import read_manifest
from pipeline.settings import Segment, Settings
from pipeline.tracking import Tracker


@dataclass(frozen=True)
class Place:
    """What a family is made from: settings, places and the instant."""

    settings: Settings
    engine: DuckDBEngine
    tracker: Tracker
    outputs: Path
    snapshot: Path
    as_of_us: int

    @property
    def chosen(self) -> Segment:
        """The stage's own settings."""
        return self.settings.segment

    @property
    def buckets(self) -> int:
        """Hash buckets of the customers."""
        return int(read_manifest(self.outputs / "events")["buckets"])

    def lookalike(self, family: str) -> Context:
        """Return the same place as the look-alike stage's parts want it."""
        return Context(
            self.settings,
            self.engine,
            self.tracker,
            self.outputs,
            self.snapshot,
            self.as_of_us,
            self.folder(family),
            workers=1,
        )

    def folder(self, family: str) -> Path:
        """Return where a family's data set stands."""
        return self.outputs / "segments" / family


@dataclass(frozen=True)
class Family:
    """What the stage writes, shows and tracks of one family.

    Attributes
    ----------
    rows
        Who is in which segment: `customer_id`, `segment` and what else is known; no row, no segment.
    tables, pictures
        By file name without ending.
    metrics
        By name, for the run.
    lines
        What is told, one statement each.
    missing
        What could not be had, and why.
    facts
        For the manifest.
    """

    rows: pd.DataFrame
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    pictures: Mapping[str, Callable[[Path], object]] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def empty_rows() -> pd.DataFrame:
    """Return the rows of a family that nobody belongs to."""
    return pd.DataFrame({CUSTOMER: pd.Series(dtype=object), SEGMENT: pd.Series(dtype=object)})
