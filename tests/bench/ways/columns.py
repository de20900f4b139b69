"""What all ways of making features must write: the names of the columns, and the windows, in days."""

from __future__ import annotations

from pathlib import Path

from pipeline.features.dense import dense_names
from pipeline.settings import Features
from tests.bench.events import LOG, purchases

WINDOWS = Features().windows_days


def dense_columns() -> list[str]:
    """Return the names of the dense features, in their order."""
    return dense_names(LOG, purchases(Path()).logs[LOG], WINDOWS)
