"""A hash that every engine and Python compute alike; an engine's own would put customers elsewhere."""

from __future__ import annotations

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir


@ibis.udf.scalar.builtin(name="md5", signature=((dt.string,), dt.string))
def _md5(text: str):  # type: ignore[no-untyped-def]
    """Hash a text to 32 hex digits, the same on every engine."""


def hash32(text: ir.StringValue) -> ir.IntegerValue:
    """Return the first 32 bits of the text's MD5, in 0 … 2**32 - 1; `split.hash32` is its twin in Python."""
    digits = _md5(text)
    parts = [
        ibis.literal("0123456789abcdef").find(digits.substr(place, 1)).cast("int64") * 16 ** (7 - place)
        for place in range(8)
    ]
    return sum(parts[1:], parts[0])
