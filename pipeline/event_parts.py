"""Parts of a log's events: what was read first, and one more part for each time new files had come.

A bucket of a log is `bucket=0000.parquet` and beside it `bucket=0000.part-0001.parquet` and so on, each with its
facts in a JSON file of the same name. Each part is sorted by customer, time and all fields, so that the order of rows,
and with it every later sum of doubles, follows from the input alone. Facts say which days a part spans: who needs the
last days opens the few small files that have them.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from pipeline import schemas
from pipeline.columns import BUCKET, CUSTOMER, EVENT_DAY, EVENT_US, HOUR, RAW, REASON, UNMATCHED, WEEKDAY
from pipeline.damage import read_json
from pipeline.engine import DuckDBEngine, QueryEngine
from pipeline.outputs import write_json
from pipeline.settings import Log

LATE = "later than late_days"
_STAGED, _BEFORE = "staged", "before"  # what is new, and what stands in earlier parts
_FACTS = ("rows", "first_us", "last_us", "first_day", "last_day", "unmatched", "bad")  # of every part, of any log
_OLD = "_old"  # int8, while duplicates are sought: 1 where a row stands in an earlier part

_Files = dict[str, list[Path]]


def bucket_file(folder: Path, bucket: int, part: int = 0) -> Path:
    """Return the file of one hash bucket in a bucketed data set; `part`: what came later, one by one."""
    return folder / (f"bucket={bucket:04d}.part-{part:04d}.parquet" if part else f"bucket={bucket:04d}.parquet")


def facts_file(part: Path) -> Path:
    """Return where the facts of one part are."""
    return part.with_suffix(".json")


def read_facts(part: Path) -> dict[str, Any]:
    """Return the facts of one part; a damaged file of them is a DataError."""
    return read_json(facts_file(part), _FACTS)


def parts_of(folder: Path, bucket: int, from_day: int | None = None) -> list[Path]:
    """Return the files of a bucket, first part first; `from_day`: only those with an event on that day or later."""
    files = [bucket_file(folder, bucket), *sorted(folder.glob(f"bucket={bucket:04d}.part-*.parquet"))]
    if from_day is None:
        return files
    spans = [(file, read_facts(file)["last_day"]) for file in files]
    return [file for file, last_day in spans if last_day is not None and last_day >= from_day]


def read_parts(engine: QueryEngine, folder: Path, buckets: Sequence[int], from_day: int | None = None) -> ir.Table:
    """Open buckets of a log, from a local day on if one is given."""
    return since(engine.parquet(files_since(folder, buckets, from_day)), from_day)


def files_since(folder: Path, buckets: Sequence[int], from_day: int | None = None) -> list[Path]:
    """Return the files that hold a log's events from a local day on; at least one, if only for its columns."""
    files = [file for bucket in buckets for file in parts_of(folder, bucket, from_day)]
    return files or [parts_of(folder, buckets[0])[-1]]


def since(events: ir.Table, from_day: int | None) -> ir.Table:
    """Return events of a local day and later ones; None: all."""
    return events if from_day is None else events.filter(events[EVENT_DAY] >= from_day)


def write_first_part(
    engine: DuckDBEngine, log: Log, staged: Path, bucket: int, folder: Path, quarantine: Path, split_day: int | None
) -> None:
    """Check, sort and write all events of a bucket.

    Parameters
    ----------
    split_day
        Events of this local day or later become a part of their own: late ones may still join them. None: no event
        can follow, one part is enough.
    """
    files, asked = _staged(log, staged, bucket)
    with _marked(engine, files, asked, bucket_file(folder, bucket)) as (files, asked):
        if split_day is None:
            _write_part(engine, files, asked, bucket_file(folder, bucket), bucket_file(quarantine, bucket))
            check_parts(engine, log, [bucket_file(folder, bucket)])
            return
        for part, span in ((1, (split_day, None)), (0, (None, split_day))):
            target, aside = bucket_file(folder, bucket, part), bucket_file(quarantine, bucket, part)
            _write_part(engine, files, replace(asked, days=span), target, aside)
            check_parts(engine, log, [target])


def write_next_part(
    engine: DuckDBEngine,
    log: Log,
    staged: Path,
    bucket: int,
    folder: Path,
    quarantine: Path,
    part: int,
    from_day: int,
) -> None:
    """Sort and write the events of a bucket that have newly come; whoever asks for it checks all buckets' at once.

    Parameters
    ----------
    part
        The number of the part.
    from_day
        Events of earlier local days are too late: they are set aside, because what was counted from those days stands.
    """
    files, asked = _staged(log, staged, bucket)
    target = bucket_file(folder, bucket, part)
    earlier = [file for file in parts_of(folder, bucket, from_day) if file != target]
    files |= {_BEFORE: earlier} if earlier else {}
    with _marked(engine, files, replace(asked, from_day=from_day), target) as (files, asked):
        _write_part(engine, files, asked, target, bucket_file(quarantine, bucket, part))


def merge_parts(engine: DuckDBEngine, log: Log, old: Path, folder: Path, bucket: int, parts: Sequence[int]) -> None:
    """Write the events of several parts as one, under the last one's number, with the facts of all."""
    target = bucket_file(folder, bucket, parts[-1])
    files = [bucket_file(old, bucket, part) for part in parts]
    merged = merged_facts([read_facts(file) for file in files])
    write_json(facts_file(target), merged)
    engine.write(engine.parquet(files).order_by(_order(log)), target)


def merged_facts(facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the facts of several parts as those of one."""
    reasons: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for part in facts:
        for item in part["bad"]:
            reasons[item[REASON]] += item["n"]
            examples[item[REASON]] = min(item["example"], examples.get(item[REASON], item["example"]))
    lowest = {
        key: min((f[key] for f in facts if f[key] is not None), default=None) for key in ("first_us", "first_day")
    }
    highest = {key: max((f[key] for f in facts if f[key] is not None), default=None) for key in ("last_us", "last_day")}
    nulls = [key for key in facts[0] if key.startswith("null_")]
    summed = {key: sum(part[key] or 0 for part in facts) for key in ("rows", "unmatched", *nulls)}
    bad = [{REASON: reason, "n": reasons[reason], "example": examples[reason]} for reason in sorted(reasons)]
    return {**summed, **lowest, **highest, "bad": bad}


def staged_days(engine: QueryEngine, staged: Path) -> tuple[int, int] | None:
    """Return the first and last local day of the usable rows that are staged; None if there are none."""
    table = engine.parquet(sorted(staged.rglob("*.parquet")))
    good = table.filter(table[REASON].isnull())
    found = engine.arrow(good.agg(first=good[EVENT_DAY].min(), last=good[EVENT_DAY].max())).to_pylist()[0]
    return None if found["last"] is None else (int(found["first"]), int(found["last"]))


@dataclass(frozen=True)
class _Asked:
    """Which of the staged rows become a part: all that their SQL follows from, but for the files.

    Attributes
    ----------
    log
        The log they are of.
    is_empty
        The file that is read is another bucket's, opened for its columns alone.
    from_day
        Events of earlier local days are too late.
    days
        First local day and the one after the last; None where there is no bound.
    """

    log: Log
    is_empty: bool = False
    from_day: int | None = None
    days: tuple[int | None, int | None] = (None, None)


def _staged(log: Log, staged: Path, bucket: int) -> tuple[_Files, _Asked]:
    files = sorted((staged / f"{BUCKET}={bucket}").glob("*.parquet"))
    return {_STAGED: files or sorted(staged.rglob("*.parquet"))[:1]}, _Asked(log, is_empty=not files)


def _order(log: Log) -> list[str]:
    return [CUSTOMER, EVENT_US, *log.categorical, *log.numeric]


@contextmanager
def _marked(engine: DuckDBEngine, files: _Files, asked: _Asked, target: Path) -> Iterator[tuple[_Files, _Asked]]:
    """Yield files and what is asked of them such that every reason is set, that of equal events included.

    Where these are sought the rows are written down for the while, because they are read several times and comparing
    them is what costs most.
    """
    if asked.log.duplicates != "quarantine":
        yield {_STAGED: files[_STAGED]}, asked
        return
    scratch = target.with_name(f".{target.stem}.{uuid.uuid4().hex[:12]}.marked.partial")
    try:
        engine.write_prepared(_without_copies, files, scratch, asked)
        yield {_STAGED: [scratch]}, _Asked(asked.log)
    finally:
        scratch.unlink(missing_ok=True)


def _rows(tables: Mapping[str, ir.Table], asked: _Asked) -> ir.Table:
    """Return the rows that are asked for, each with its reason or NULL."""
    table = tables[_STAGED]
    if asked.is_empty:
        table = table.filter(ibis.literal(False))
    if asked.from_day is not None:
        reason = (table[EVENT_DAY] < asked.from_day).ifelse(LATE, ibis.null("string"))
        table = table.mutate(**{REASON: ibis.coalesce(table[REASON], reason)})
    first, after = asked.days
    if first is not None:
        table = table.filter((table[EVENT_DAY] >= first).fill_null(False))
    if after is not None:
        table = table.filter((table[EVENT_DAY] < after).fill_null(True))
    return table


def _without_copies(tables: Mapping[str, ir.Table], asked: _Asked) -> ir.Table:
    """Return the rows with a reason set at all but one of equal events; what stands in earlier parts is the one."""
    table = _rows(tables, asked)
    names = [name for name in table.columns if name != BUCKET]
    table = table.select(*names, **{_OLD: ibis.literal(0, "int8")})
    if _BEFORE in tables:
        void = {REASON: ibis.null("string"), RAW: ibis.null("string"), UNMATCHED: ibis.literal(0, "int64")}
        before = since(tables[_BEFORE], asked.from_day)
        known = before.mutate(**void, **{_OLD: ibis.literal(1, "int8")}).select(table.columns)
        known = known.cast(dict(table.schema().items()))  # what staged files say of their types wins
        table = ibis.union(table, known)
    equal = ibis.window(group_by=[*_order(asked.log), REASON, RAW], order_by=[ibis.desc(_OLD), UNMATCHED])
    copy = ibis.row_number().over(equal)
    table = table.mutate(
        **{REASON: ibis.coalesce(table[REASON], (copy > 0).ifelse("duplicate event", ibis.null("string")))}
    )
    return table.filter(table[_OLD] == 0).drop(_OLD)


def _write_part(engine: DuckDBEngine, files: _Files, asked: _Asked, target: Path, quarantine: Path) -> None:
    """Write rows as one part, its quarantine and its facts; the events last."""
    reasons = engine.arrow_prepared(_reasons, files, asked).to_pylist()
    if reasons:
        engine.write_prepared(_bad, files, quarantine, asked)
    totals = engine.arrow_prepared(_totals, files, asked).to_pylist()[0]
    write_json(facts_file(target), {**totals, "bad": reasons})
    engine.write_prepared(_good, files, target, asked)


def check_parts(engine: DuckDBEngine, log: Log, parts: Sequence[Path]) -> None:
    """Refuse parts that do not keep the contract of a log's events; to check many costs little more than one."""
    schemas.check(schemas.events(log), engine.parquet(parts), parts[0])


def _good(tables: Mapping[str, ir.Table], asked: _Asked) -> ir.Table:
    return _usable(tables, asked).drop(UNMATCHED)


def _usable(tables: Mapping[str, ir.Table], asked: _Asked) -> ir.Table:
    table, log = _rows(tables, asked), asked.log
    good = table.filter(table[REASON].isnull())
    fields = [*log.categorical, *log.numeric]
    return good.select(CUSTOMER, EVENT_US, EVENT_DAY, HOUR, WEEKDAY, *fields, UNMATCHED).order_by(_order(log))


def _bad(tables: Mapping[str, ir.Table], asked: _Asked) -> ir.Table:
    table = _rows(tables, asked)
    bad = table.filter(table[REASON].notnull())
    described = ibis.literal("; ").join(
        [ibis.literal(f"{name}=") + bad[name].cast("string").fill_null("NULL") for name in _order(asked.log)]
    )
    return bad.select(CUSTOMER, REASON, **{RAW: bad[RAW].fill_null(described)}).order_by([REASON, RAW])


def _reasons(tables: Mapping[str, ir.Table], asked: _Asked) -> ir.Table:
    bad = _bad(tables, asked)
    return bad.group_by(REASON).agg(n=bad.count(), example=bad[RAW].min()).order_by(REASON)


def _totals(tables: Mapping[str, ir.Table], asked: _Asked) -> ir.Table:
    good, log = _usable(tables, asked), asked.log
    return good.agg(
        rows=good.count(),
        first_us=good[EVENT_US].min(),
        last_us=good[EVENT_US].max(),
        first_day=good[EVENT_DAY].min(),
        last_day=good[EVENT_DAY].max(),
        unmatched=good[UNMATCHED].sum(),
        **{f"null_{name}": good[name].isnull().sum() for name in [*log.categorical, *log.numeric]},
    )
