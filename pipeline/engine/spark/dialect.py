"""Ibis' Spark SQL where it would give other rows than DuckDB: each rule was a measured difference."""

from __future__ import annotations

from typing import Any

import ibis.backends.sql.compilers as compilers
import ibis.expr.datatypes as dt
import sqlglot as sg
import sqlglot.expressions as sge

TO_TIMESTAMP, TO_INSTANT = "portable_timestamp", "portable_instant"
# Spark would also read 1d and 1f as numbers, and not 1_000.
_NUMBER = r"^[+-]?([0-9]+(_[0-9]+)*[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"
_NAMED = r"^[+-]?(nan|inf|infinity)$"


class PortableCompiler(type(compilers.pyspark.compiler)):  # type: ignore[misc]
    """Compiles expressions to Spark SQL that means what they mean to DuckDB."""

    def visit_IsNull(self, op: Any, *, arg: Any) -> Any:
        """NaN is a number, not NULL."""
        return arg.is_(sge.Null())

    def visit_NotNull(self, op: Any, *, arg: Any) -> Any:
        """NaN is a number, not NULL."""
        return sg.not_(arg.is_(sge.Null()))

    def visit_IsNan(self, op: Any, *, arg: Any) -> Any:
        """Of NULL it is unknown."""
        return self.if_(arg.is_(sge.Null()), sge.Null(), self.f.isnan(arg))

    def visit_IsInf(self, op: Any, *, arg: Any) -> Any:
        """Ibis compares two parts of a query in Python, which are never the same, and says no."""
        if not op.arg.dtype.is_floating():
            return sge.convert(False)
        return self.f.abs(arg).eq(self.cast(sge.convert("Infinity"), dt.float64))

    def visit_Greatest(self, op: Any, *, arg: Any) -> Any:
        """Return the only one of one; Spark asks for two."""
        return super().visit_Greatest(op, arg=arg) if len(arg) > 1 else arg[0]

    def visit_RegexReplace(self, op: Any, *, arg: Any, pattern: Any, replacement: Any) -> Any:
        r"""Name a group as Java does: \1 would be the digit to it."""
        if isinstance(replacement, sge.Literal):
            text = str(replacement.this).replace("$", r"\$")
            for number in range(10):
                text = text.replace(f"\\{number}", f"${number}")
            replacement = sge.convert(text)
        return self.f.regexp_replace(arg, pattern, replacement)

    def visit_StringFind(self, op: Any, **arguments: Any) -> Any:
        """Ibis takes a place in a text for an int64, and spares the cast that would make it one."""
        return self.cast(super().visit_StringFind(op, **arguments), dt.int64)

    def visit_Cast(self, op: Any, *, arg: Any, to: Any) -> Any:
        """Write doubles and instants as DuckDB does."""
        if to.is_string() and op.arg.dtype.is_floating():
            return self._text_of_double(arg, op.arg.dtype)
        if to.is_string() and op.arg.dtype.is_timestamp() and op.arg.dtype.timezone is not None:
            return self.f.concat(self.cast(arg, to), sge.convert("+00"))
        return super().visit_Cast(op, arg=arg, to=to)

    def visit_TryCast(self, op: Any, *, arg: Any, to: Any) -> Any:
        """Read times by DuckDB's own reader, and numbers as it does."""
        if op.arg.dtype.is_string() and to.is_timestamp():
            return self.f.anon[TO_TIMESTAMP if to.timezone is None else TO_INSTANT](arg)
        if op.arg.dtype.is_string() and to.is_numeric():
            text = self.f.trim(arg)
            plain = self.f.anon.rlike(text, sge.convert(_NUMBER))
            named = self.f.anon.rlike(self.f.lower(text), sge.convert(_NAMED))
            digits = self.f.anon.replace(text, sge.convert("_"), sge.convert(""))
            return self.if_(plain | named, super().visit_TryCast(op, arg=digits, to=to), sge.Null())
        return super().visit_TryCast(op, arg=arg, to=to)

    def _text_of_double(self, arg: Any, kind: dt.DataType) -> Any:
        """Return the shortest text of a double: Java has 1.0E7 for 10000000.0, 1.0E-4 for 0.0001 and NaN for nan."""
        java = self.cast(arg, dt.string)
        size = self.f.abs(arg)
        digits = 28 if kind.is_float64() else 20
        zeros = sge.convert(r"0+$")
        plain = self.f.regexp_replace(self.cast(java, dt.Decimal(38, digits)), zeros, sge.convert(""))
        whole = self.f.regexp_replace(self.cast(java, dt.Decimal(38, 10)), zeros, sge.convert(""))
        mantissa = self.f.regexp_replace(self.f.lower(java), sge.convert(r"\.0e"), sge.convert("e"))
        power = self.f.regexp_replace(mantissa, sge.convert(r"e([0-9])"), sge.convert("e+$1"))
        scientific = self.f.regexp_replace(power, sge.convert(r"e([+-])([0-9])$"), sge.convert("e$10$2"))
        return (
            sge.Case()
            .when(self.f.isnan(arg) | self.f.isnull(arg), self.f.lower(java))
            .when(size >= 1e16, self.f.replace(scientific, sge.convert("infinity"), sge.convert("inf")))
            .when(size >= 1e7, self.f.regexp_replace(whole, sge.convert(r"\.$"), sge.convert(".0")))
            .when((size < 1e-3) & (size >= 1e-4), plain)
            .when((size < 1e-4) & (size > 0.0), scientific)
            .else_(java)
        )
