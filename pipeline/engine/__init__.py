"""Engines connect, read, write and close; every query is an Ibis expression defined elsewhere."""

from pipeline.engine.duckdb import DuckDBEngine

__all__ = ["DuckDBEngine"]
