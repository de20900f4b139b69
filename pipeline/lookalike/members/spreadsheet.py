"""Texts that a spreadsheet does not take for formulas.

A cell that begins with = + - @, a tab or a line break, or the wide form of one, is run as a formula when somebody opens
the file (OWASP, CSV Injection). An apostrophe before it makes it a text. It shows in other programs, so ids that were
guarded must be read with `unguarded`; a text that begins with an apostrophe itself gets another, so that this is
unambiguous.
"""

from __future__ import annotations

import pandas as pd

_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "＝",
    "＋",
    "－",
    "＠",
)  # a spreadsheet takes such a cell for a formula


def spreadsheet_safe(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with an apostrophe before each text that a spreadsheet would take for a formula.

    >>> spreadsheet_safe(pd.DataFrame({"id": ["=1+1", "7", "'x"], "score": [-1, 2, 3]}))["id"].tolist()
    ["'=1+1", '7', "''x"]
    """
    safe = table.copy()
    for name in table.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]]:
        safe[name] = [f"'{text}" if _guarded(text) else text for text in table[name]]
    return safe


def unguarded(text: str) -> str:
    """Return a text of the CSV as it was: without the apostrophe that `spreadsheet_safe` put before it.

    >>> [unguarded(text) for text in ("'=1+1", "7", "''x")]
    ['=1+1', '7', "'x"]
    """
    return text[1:] if text.startswith("'") and _guarded(text[1:]) else text


def guarded_cells(table: pd.DataFrame) -> int:
    """Return how many cells of a table have an apostrophe put before them in CSV."""
    texts = table.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]]
    return sum(_guarded(text) for name in texts for text in table[name])


def _guarded(text: str) -> bool:
    return str(text).startswith((*_FORMULA, "'"))
