"""Which engine a configuration means."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.engine.duckdb import DuckDBEngine
from pipeline.engine.protocol import QueryEngine
from pipeline.settings import Engine


def open_engine(settings: Engine, threads: int, shared: Path) -> QueryEngine:
    """Return the engine that reads the source's files.

    Parameters
    ----------
    threads
        Of an engine within this process.
    shared
        Folder of the outputs; a cluster's workers must see it.
    """
    if settings.name == "spark":
        from pipeline.engine.spark.engine import SparkEngine  # only with the extra

        return SparkEngine(settings, shared)
    return DuckDBEngine(threads, settings.memory_limit_gb, settings.spill)


def end_engines() -> None:
    """Give back what engines hold beyond a stage: the workers of a cluster."""
    started = sys.modules.get("pipeline.engine.spark.session")
    if started is not None:
        started.stop()
