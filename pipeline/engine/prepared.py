"""Queries whose SQL is made once in a process and run over the files of one bucket after another."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

Build = Callable[..., ir.Table]

MOST = 256  # texts that are kept, of some ten kilobytes each
_texts: OrderedDict[bytes, str] = OrderedDict()
_lock = Lock()


def query_text(backend: Backend, build: Build, tables: Mapping[str, ir.Table], given: tuple[Any, ...]) -> str:
    """Return the SQL of `build(tables, *given)`.

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
    with _lock:
        known = _texts.get(key)
    if known is None:
        known = str(backend.compile(build(tables, *given)))
        with _lock:
            _texts[key] = known
            while len(_texts) > MOST:
                _texts.popitem(last=False)
    return known
