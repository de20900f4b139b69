"""What was counted from days that are settled: a snapshot at the next as_of adds the events since, and reads no others.

A day is settled when no event of it is taken in any more, `features.late_days` after it. What is kept by customer:
totals and gaps of all settled days, sums by day for the longest window, token counts and what variety is made of. It
stands until more than `features.settled_days` have passed since, or all events have been read anew; then it is made
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
from joblib import delayed

from pipeline import schemas
from pipeline.columns import CUSTOMER, EVENT_DAY, FIELD
from pipeline.engine import run_tasks, task_engine
from pipeline.event_parts import bucket_file
from pipeline.features.aggregates import Aggregates, daily, distinct_days, of_kept, rhythm, summed
from pipeline.features.bucket import COUNTED, SUMS, VARIETY, Files, events_files, events_of, kept_name
from pipeline.features.dense import CutOff, cut_off
from pipeline.features.tokens import token_counts, token_sums
from pipeline.features.variety import by_field
from pipeline.outputs import MANIFEST, fingerprint, read_manifest, whole
from pipeline.program import code_fingerprint
from pipeline.settings import Data, Engine, Features, Log

_TOKENS = "tokens"
_ALWAYS = 2**63 - 1  # after every event


@dataclass(frozen=True)
class Settled:
    """Where what is kept stands, and from which local day of each log on events are to be added to it.

    Two with the same fingerprint keep the same.
    """

    folder: Path
    from_day: Mapping[str, int]
    fingerprint: str


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
    base = fingerprint(source["base"], longest, data.time_zone, code_fingerprint(__name__, "pipeline.engine"))
    manifest = read_manifest(folder) if (folder / MANIFEST).is_file() else {}
    if _fits(manifest, base, source["added"], days, features.settled_days):
        return Settled(folder, manifest["from_day"], manifest["fingerprint"])
    taken = [added["inputs"] for added in source["added"]]
    facts: dict[str, Any] = {"base": base, "added": taken, "from_day": days}
    expected = fingerprint(source["fingerprint"], facts)
    with whole(folder, expected, facts) as partial:
        jobs = [
            delayed(write_settled)(data, longest, engine, workers, outputs / "events", partial, days, bucket)
            for bucket in range(source["buckets"])
        ]
        for _ in run_tasks(jobs, engine, workers, partial, threads=True):
            pass
    return Settled(folder, days, expected)


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
    files = events_files(events, data.logs, bucket)
    with task_engine(settings, workers) as engine:
        for name, log in data.logs.items():
            for part, build in _PARTS.items():
                target = bucket_file(folder / name / part, bucket)
                engine.write_prepared(build, files, target, name, log, days[name], longest_days)
        tokens = bucket_file(folder / _TOKENS, bucket)
        engine.write_prepared(_tokens, files, tokens, data.logs, dict(days))
        schemas.check(schemas.tokens(), engine.parquet(tokens), tokens)
        engine.write_prepared(_variety, {COUNTED: tokens}, bucket_file(folder / VARIETY, bucket))
        if any(log.weigh for log in data.logs.values()):
            engine.write_prepared(_sums, files, bucket_file(folder / SUMS, bucket), data.logs, dict(days))


def kept_files(settled: Settled, data: Data, bucket: int) -> Files:
    """Return the files of what is kept of one bucket, tokens apart."""
    aggregates: Files = {
        kept_name(name, part): bucket_file(settled.folder / name / part, bucket)
        for name in data.logs
        for part in _PARTS
    }
    return aggregates | {VARIETY: bucket_file(settled.folder / VARIETY, bucket)}


def kept_aggregates(
    tables: Mapping[str, ir.Table], logs: Mapping[str, Log], windows_days: tuple[int, ...], cut: CutOff
) -> dict[str, Aggregates]:
    """Return the aggregates that are kept, by log, of the tables of `kept_files`."""
    found = {}
    for name, log in logs.items():
        totals, by_day, gaps = (tables[kept_name(name, part)] for part in _PARTS)
        found[name] = of_kept(totals, by_day, gaps, log, windows_days, cut.as_of_day)
    return found


def kept_tokens(settled: Settled, bucket: int) -> Path:
    """Return the file of the token counts that are kept of one bucket."""
    return bucket_file(settled.folder / _TOKENS, bucket)


def kept_sums(settled: Settled, bucket: int) -> Files:
    """Return the file of the amounts of weighed fields that are kept of one bucket, if any field is weighed."""
    file = bucket_file(settled.folder / SUMS, bucket)
    return {SUMS: file} if file.exists() else {}


def _totals(tables: Mapping[str, ir.Table], name: str, log: Log, day: int, longest_days: int) -> ir.Table:
    return summed(_before(tables, name, day), log, [CUSTOMER])


def _daily(tables: Mapping[str, ir.Table], name: str, log: Log, day: int, longest_days: int) -> ir.Table:
    table = _before(tables, name, day)
    return daily(table.filter(table[EVENT_DAY] >= day - longest_days), log)


def _rhythm(tables: Mapping[str, ir.Table], name: str, log: Log, day: int, longest_days: int) -> ir.Table:
    return rhythm(distinct_days(_before(tables, name, day)))


_PARTS = {"totals": _totals, "daily": _daily, "rhythm": _rhythm}


def _tokens(tables: Mapping[str, ir.Table], logs: Mapping[str, Log], days: Mapping[str, int]) -> ir.Table:
    return token_counts({name: _before(tables, name, days[name]) for name in logs}, logs, _ALWAYS)


def _variety(tables: Mapping[str, ir.Table]) -> ir.Table:
    return by_field(tables[COUNTED]).order_by(CUSTOMER, FIELD)


def _sums(tables: Mapping[str, ir.Table], logs: Mapping[str, Log], days: Mapping[str, int]) -> ir.Table:
    return token_sums({name: _before(tables, name, days[name]) for name in logs}, logs)


def _before(tables: Mapping[str, ir.Table], name: str, day: int) -> ir.Table:
    table = events_of(tables, [name])[name]
    return table.filter(table[EVENT_DAY] < day)


def _settled_day(facts: Mapping[str, Any], data: Data, features: Features, cut: CutOff) -> int:
    """Return the first local day of a log that is not settled at an as_of."""
    last_day = cut_off(facts["last_us"], data.time_zone).as_of_day
    return min(cut.as_of_day, last_day + 1) - features.late_days


def _fits(
    manifest: Mapping[str, Any], base: str, added: list[dict[str, Any]], days: Mapping[str, int], span_days: int
) -> bool:
    """Tell whether what is kept holds all events of its days, and no event after as_of, and is not too old."""
    taken = manifest.get("added", [])
    if manifest.get("base") != base or taken != [one["inputs"] for one in added[: len(taken)]]:
        return False
    since = [one["first_days"] for one in added[len(taken) :]]
    kept: Mapping[str, int] = manifest["from_day"]
    return all(0 <= days[name] - kept[name] <= span_days for name in kept) and all(
        first_day >= kept[name] for new in since for name, first_day in new.items()
    )
