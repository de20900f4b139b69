"""Rules over events: which ones a label or a seed is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import ibis
import ibis.expr.types as ir

from pipeline.engine import QueryEngine
from pipeline.errors import ConfigError, DataError, did_you_mean
from pipeline.events import read_events
from pipeline.features.tokens import as_text, token_fields
from pipeline.outputs import read_manifest
from pipeline.settings import Data


def check_rule(
    log: str, conditions: list[str], fields: list[str], data: Data, where: str, above: Iterable[str] = ()
) -> None:
    """Refuse a rule over events that names an unknown log or field.

    Raises
    ------
    ConfigError
        Naming the entry and the closest declared name.
    """
    if log not in data.logs:
        raise ConfigError(f"{where}.log: '{log}' is no log of '{data.name}' {did_you_mean(log, data.logs)}")
    declared = data.logs[log]
    for condition in conditions:
        if condition not in token_fields(declared):
            raise ConfigError(
                f"{where}.where: '{condition}' is no categorical field of '{log}' "
                f"{did_you_mean(condition, token_fields(declared))}"
            )
    for key, field in [*(("field", name) for name in fields), *(("above", name) for name in above)]:
        if field in declared.numeric:
            continue
        raise ConfigError(
            f"{where}.{key}: '{field}' is no numeric field of '{log}' {did_you_mean(field, declared.numeric)}"
        )


def check_tokens(
    engine: QueryEngine, events: Path, log: str, conditions: Mapping[str, tuple[str, ...]], where: str
) -> None:
    """Refuse a condition that no event meets: a misspelt token would silently make everyone a *no*.

    Raises
    ------
    DataError
        Naming the token and the closest one in the log; or the field for which no token is given.
    """
    for field, wanted in conditions.items():
        if not wanted:
            raise DataError(f"{where}.where.{field}: no token is given, so no event could fit")
        buckets = range(read_manifest(events)["buckets"])
        tokens = (
            ibis.union(
                *(read_events(engine, events, log, b).select(field).distinct() for b in buckets),
                distinct=True,
            )
            if len(buckets) > 1
            else read_events(engine, events, log, 0).select(field).distinct()
        )
        tokens = tokens.select(**{field: as_text(tokens[field])})
        known = sorted(token for token in engine.arrow(tokens)[field].to_pylist() if token is not None)
        for token in wanted:
            pattern = token.rstrip("*")
            if token not in known and not (token.endswith("*") and any(k.startswith(pattern) for k in known)):
                raise DataError(f"{where}.where.{field}: no event has '{token}' {did_you_mean(token, known)}")


def matching(
    events: ir.Table, conditions: Mapping[str, tuple[str, ...]], above: Mapping[str, float] | None = None
) -> ir.Table:
    """Return the events that meet all conditions: see `meets`."""
    return events.filter(meets(events, conditions, above)) if conditions or above else events


def meets(
    events: ir.Table, conditions: Mapping[str, tuple[str, ...]], above: Mapping[str, float] | None = None
) -> ir.BooleanValue:
    """Return whether each event meets all conditions; null where what it asks for is unknown.

    Parameters
    ----------
    conditions
        Wanted tokens by field; `BABY*` means all that begin so. Hours are 00 to 23, weekdays 00 (Monday) to 06.
    above
        By numeric field, what its amount must exceed.
    """
    every: ir.BooleanValue = ibis.literal(True)
    for field, wanted in conditions.items():
        tokens = as_text(events[field])
        exact = [token for token in wanted if not token.endswith("*")]
        hit = tokens.isin(exact) if exact else ibis.literal(False)
        for token in wanted:
            if token.endswith("*"):
                hit = hit | tokens.startswith(token.rstrip("*"))
        every = every & hit
    for field, bound in (above or {}).items():
        every = every & (events[field] > float(bound))
    return every
