"""Engines connect, read, write and close; every query is an Ibis expression defined elsewhere."""

from pipeline.engine.duckdb import DuckDBEngine, names_zone

__all__ = ["DuckDBEngine", "names_zone"]
