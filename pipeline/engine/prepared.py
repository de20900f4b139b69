"""Queries whose SQL is made once in a process and run over the files of one bucket after another."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

Build = Callable[..., ir.Table]

MOST = 256  # queries that are kept, of some ten kilobytes each; the oldest makes room


@dataclass(frozen=True)
class Prepared:
    """A query's SQL, and names and types of what it gives."""

    sql: str
    columns: pa.Schema


_prepared: dict[bytes, Prepared] = {}
_making = Lock()  # threads ask for the same queries at the same time, and Ibis translates for one at a time


def prepare(backend: Backend, build: Build, tables: Mapping[str, ir.Table], given: tuple[Any, ...]) -> Prepared:
    """Return the query `build(tables, *given)`.

    To build an expression and to translate it takes longer than to run it over a few thousand customers. The text
    follows from the function, what it is given, and names and types of the tables' columns: it is made where one of
    these differs from what was asked before.

    Parameters
    ----------
    build
        A function of a module, which reads nothing but its arguments.
    tables
        Named tables of a connection, by the names that they have there.
    given
        Further arguments; they can be pickled.
    """
    columns = [(name, [(column, str(kind)) for column, kind in t.schema().items()]) for name, t in tables.items()]
    key = pickle.dumps((build, given, columns))
    known = _prepared.get(key)
    if known is not None:
        return known
    with _making:
        if key not in _prepared:
            table = build(tables, *given)
            while len(_prepared) >= MOST:
                del _prepared[next(iter(_prepared))]
            _prepared[key] = Prepared(str(backend.compile(table)), table.schema().to_pyarrow())
        return _prepared[key]
