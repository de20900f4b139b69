"""What was counted from days that are settled: a snapshot at the next as_of adds the events since, and reads no others.

A day is settled when no event of it is taken in any more, `features.late_days` after it. What is kept by customer:
totals and gaps of all settled days, sums by day for the longest window, token counts. It stands until more than
`features.settled_days` have passed since, or all events have been read anew; then it is made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
from joblib import delayed

from pipeline import schemas
from pipeline.columns import CUSTOMER, EVENT_DAY
from pipeline.engine import DuckDBEngine, run_tasks, task_engine
from pipeline.event_parts import bucket_file
from pipeline.events import read_events
from pipeline.features.aggregates import Aggregates, daily, distinct_days, of_kept, rhythm, summed
from pipeline.features.dense import CutOff, cut_off
from pipeline.features.tokens import token_counts, token_sums
from pipeline.outputs import MANIFEST, code_fingerprint, fingerprint, read_manifest, whole
from pipeline.settings import Data, Engine, Features

_TOTALS, _DAILY, _RHYTHM, _TOKENS, _SUMS = "totals", "daily", "rhythm", "tokens", "sums"
_ALWAYS = 2**63 - 1  # after every event


@dataclass(frozen=True)
class Settled:
    """Where what is kept stands, and from which local day of each log on events are to be added to it."""

    folder: Path
    from_day: Mapping[str, int]


def settle(
    data: Data,
    features: Features,
    engine: Engine,
    workers: int,
    outputs: Path,
    cut: CutOff,
) -> Settled:
    """Return what is kept for snapshots at this as_of, made again if it does not fit."""
    source = read_manifest(outputs / "events")
    folder = outputs / "settled"
    days = {name: _settled_day(facts, data, features, cut) for name, facts in source["logs"].items()}
    longest = max(features.windows_days, default=0)
    base = fingerprint(source["base"], longest, data.time_zone, code_fingerprint())
    manifest = read_manifest(folder) if (folder / MANIFEST).is_file() else {}
    if _fits(manifest, base, source["added"], days, features.settled_days):
        return Settled(folder, manifest["from_day"])
    facts: dict[str, Any] = {"base": base, "added": len(source["added"]), "from_day": days}
    with whole(folder, fingerprint(source["fingerprint"], facts), facts) as partial:
        jobs = [
            delayed(write_settled)(data, longest, engine, workers, outputs / "events", partial, days, bucket)
            for bucket in range(source["buckets"])
        ]
        for _ in run_tasks(jobs, engine, workers, partial):
            pass
    return Settled(folder, days)


def write_settled(
    data: Data,
    longest_days: int,
    settings: Engine,
    workers: int,
    events: Path,
    folder: Path,
    days: Mapping[str, int],
    bucket: int,
) -> None:
    """Write what is kept of one bucket: all events before the day given for each log."""
    with task_engine(settings, workers) as engine:
        logs = {name: read_events(engine, events, name, bucket) for name in data.logs}
        logs = {name: table.filter(table[EVENT_DAY] < days[name]) for name, table in logs.items()}
        for name, log in data.logs.items():
            table, place = logs[name], folder / name
            recent = table.filter(table[EVENT_DAY] >= days[name] - longest_days)
            for part, expression in (
                (_TOTALS, summed(table, log, [CUSTOMER])),
                (_DAILY, daily(recent, log)),
                (_RHYTHM, rhythm(distinct_days(table))),
            ):
                engine.write(expression, bucket_file(place / part, bucket))
        tokens = bucket_file(folder / _TOKENS, bucket)
        engine.write(token_counts(logs, data.logs, _ALWAYS), tokens)
        schemas.check(schemas.tokens(), engine.parquet(tokens), tokens)
        sums = token_sums(logs, data.logs)
        if sums is not None:
            engine.write(sums, bucket_file(folder / _SUMS, bucket))


def kept_aggregates(
    engine: DuckDBEngine, settled: Settled, data: Data, windows_days: tuple[int, ...], cut: CutOff, bucket: int
) -> dict[str, Aggregates]:
    """Open the aggregates that are kept of one bucket, by log."""
    found = {}
    for name, log in data.logs.items():
        parts = [bucket_file(settled.folder / name / part, bucket) for part in (_TOTALS, _DAILY, _RHYTHM)]
        totals, by_day, gaps = (engine.parquet(part) for part in parts)
        found[name] = of_kept(totals, by_day, gaps, log, windows_days, cut.as_of_day)
    return found


def kept_tokens(settled: Settled, bucket: int) -> Path:
    """Return the file of the token counts that are kept of one bucket."""
    return bucket_file(settled.folder / _TOKENS, bucket)


def kept_sums(engine: DuckDBEngine, settled: Settled, bucket: int) -> ir.Table | None:
    """Open the amounts of weighed fields that are kept of one bucket; None if no field is weighed."""
    file = bucket_file(settled.folder / _SUMS, bucket)
    return engine.parquet(file) if file.exists() else None


def _settled_day(facts: Mapping[str, Any], data: Data, features: Features, cut: CutOff) -> int:
    """Return the first local day of a log that is not settled at an as_of."""
    last_day = cut_off(facts["last_us"], data.time_zone).as_of_day
    return min(cut.as_of_day, last_day + 1) - features.late_days


def _fits(
    manifest: Mapping[str, Any], base: str, added: list[dict[str, int]], days: Mapping[str, int], span_days: int
) -> bool:
    """Tell whether what is kept holds all events of its days, and no event after as_of, and is not too old."""
    if manifest.get("base") != base or manifest["added"] > len(added):
        return False
    since = added[manifest["added"] :]
    kept: Mapping[str, int] = manifest["from_day"]
    return all(0 <= days[name] - kept[name] <= span_days for name in kept) and all(
        first_day >= kept[name] for new in since for name, first_day in new.items()
    )
