"""What a section of the report reads from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine import DuckDBEngine
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

    def manifest(self, name: str) -> dict[str, Any]:
        """Return a data set's manifest.

        Raises
        ------
        DataError
            If it has not been written.
        """
        return read_manifest(self.outputs / name)

    def is_small(self, n: float) -> bool:
        """Tell whether so few customers must not be shown."""
        return n < self.settings.report.min_cell
