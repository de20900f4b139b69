"""The contracts of the data sets between stages, checked with pandera when one is written."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("DISABLE_PANDERA_IMPORT_WARNING", "True")

import ibis
import ibis.expr.types as ir
import numpy as np

from pipeline.columns import (
    AS_OF,
    ATTRIBUTE,
    COUNT,
    CUSTOMER,
    DECLARED,
    EVENT_DAY,
    EVENT_US,
    EXPIRES,
    FIELD,
    HOUR,
    INFERRED,
    LIKELIEST,
    MODEL_VERSION,
    PROBABILITIES,
    PROBABILITY,
    RANK,
    REASON,
    SCORE,
    SET,
    STATE,
    TOKEN,
    VALUE,
    WEEKDAY,
    WITHHELD,
)
from pipeline.errors import SchemaError
from pipeline.settings import Log

_local_ip = os.environ.get("SPARK_LOCAL_IP")
with warnings.catch_warnings():
    # pandera loads PySpark where that is installed, and PySpark then warns of pandas 3; it gets no frames here.
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
    import pandera.ibis as pa
    from pandera.errors import SchemaErrors
if _local_ip is None:
    os.environ.pop("SPARK_LOCAL_IP", None)  # pandera has set it to an address that other machines cannot reach

_HUGE = float(np.finfo(np.float64).max)


def _column(kind: str, *checks: Any, nullable: bool = False) -> pa.Column:
    return pa.Column(ibis.dtype(kind), list(checks), nullable=nullable)


def events(log: Log) -> pa.DataFrameSchema:
    """Return the contract of a log's canonical events."""
    return pa.DataFrameSchema(
        {
            CUSTOMER: _column("string"),
            EVENT_US: _column("int64"),
            EVENT_DAY: _column("int32"),
            HOUR: _column("int8", pa.Check.in_range(0, 23)),
            WEEKDAY: _column("int8", pa.Check.in_range(0, 6)),
            **{name: _column("string", nullable=True) for name in log.categorical},
            **{name: _column("float64", nullable=True) for name in log.numeric},
        },
        strict=True,
    )


def tokens(added: bool = False) -> pa.DataFrameSchema:
    """Return the contract of a snapshot's token counts; `added`: of what later events add to them or take away."""
    return pa.DataFrameSchema(
        {
            CUSTOMER: _column("string"),
            FIELD: _column("string"),
            TOKEN: _column("string"),
            COUNT: _column("int64", *([] if added else [pa.Check.ge(1)])),
        },
        strict=True,
    )


def predictions() -> pa.DataFrameSchema:
    """Return the contract of predictions."""
    return pa.DataFrameSchema(
        {
            CUSTOMER: _column("string"),
            ATTRIBUTE: _column("string"),
            VALUE: _column("string", nullable=True),
            LIKELIEST: _column("string", nullable=True),
            PROBABILITY: _column("float64", pa.Check.in_range(0, 1), nullable=True),
            PROBABILITIES: pa.Column(nullable=True),  # lists, for which pandera has no type here
            SET: _column("string", nullable=True),
            STATE: _column("string", pa.Check.isin([DECLARED, INFERRED, WITHHELD])),
            REASON: _column("string", nullable=True),
            MODEL_VERSION: _column("string", nullable=True),
            EXPIRES: pa.Column(nullable=False),
            AS_OF: pa.Column(nullable=False),
        },
        strict=True,
    )


def members() -> pa.DataFrameSchema:
    """Return the contract of an audience's members."""
    return pa.DataFrameSchema({**_ranked(), REASON: _column("string")}, strict=True, unique=[CUSTOMER])


def control() -> pa.DataFrameSchema:
    """Return the contract of those held back who would have been members."""
    return pa.DataFrameSchema(_ranked(), strict=True, unique=[CUSTOMER])


def _ranked() -> dict[str, pa.Column]:
    return {
        CUSTOMER: _column("string"),
        RANK: _column("int64", pa.Check.ge(1)),
        SCORE: _column("float64", pa.Check.in_range(-_HUGE, _HUGE)),  # and so neither NaN nor infinite
    }


def check(schema: pa.DataFrameSchema, table: ir.Table, path: Path) -> None:
    """Refuse a table that breaks its contract.

    Raises
    ------
    SchemaError
        Naming the file and the first five violations.
    """
    if table.count().execute() == 0:  # pandera's Ibis backend takes the sum over no rows, NULL, for a violation
        kinds = {name: pa.Column(column.dtype, nullable=True) for name, column in schema.columns.items()}
        schema = pa.DataFrameSchema(kinds, strict=True)
    try:
        schema.validate(table, lazy=True)
    except SchemaErrors as error:
        lines = [f"  {str(item).splitlines()[0][:200]}" for item in error.schema_errors[:5]]
        raise SchemaError("\n".join([f"{path}: does not keep its contract:", *lines])) from None
