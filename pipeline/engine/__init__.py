"""Engines connect, read, write and close; every query is an Ibis expression defined elsewhere."""

from pipeline.engine.choice import end_engines, open_engine
from pipeline.engine.csv_header import one_header
from pipeline.engine.duckdb import DuckDBEngine, names_zone
from pipeline.engine.protocol import QueryEngine
from pipeline.engine.tasks import run_tasks, task_engine

__all__ = [
    "DuckDBEngine",
    "QueryEngine",
    "end_engines",
    "names_zone",
    "one_header",
    "open_engine",
    "run_tasks",
    "task_engine",
]
