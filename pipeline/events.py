"""Canonical events: one validated view per log, in hash buckets of customers.

What becomes of a source's row: its id becomes a text, its time one integer (microseconds since the
epoch in UTC) plus local hour, weekday and day, its categorical fields texts, its numeric fields
doubles. A row that cannot be used is not dropped but quarantined with its reason and its text as
found. Events are first split by bucket, then each bucket is checked and sorted on its own, so
memory is bounded by a bucket and a killed run goes on where it stopped. The total order within a
bucket makes every later sum of doubles reproducible.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from pipeline import schemas
from pipeline.canonical import canonical
from pipeline.columns import BUCKET, CUSTOMER, EVENT_DAY, EVENT_US, HOUR, RAW, REASON, UNMATCHED, WEEKDAY
from pipeline.engine import DuckDBEngine, QueryEngine
from pipeline.errors import DataError
from pipeline.outputs import (
    code_fingerprint,
    file_facts,
    fingerprint,
    is_current,
    read_manifest,
    whole,
    write_json,
)
from pipeline.settings import Data, Log, as_plain
from pipeline.sources import files_of, place_of
from pipeline.timeline import check_zone

Progress = Callable[[str], None]


def bucket_file(folder: Path, bucket: int) -> Path:
    """Return the file of one hash bucket in a bucketed data set."""
    return folder / f"bucket={bucket:04d}.parquet"


def events_fingerprint(data: Data, buckets: int) -> str:
    """Return the fingerprint of a source's logs: files, declaration, buckets, code."""
    logs = {
        name: [
            file_facts(file)
            for where, table in (("", log), *((f".join[{n}]", join) for n, join in enumerate(log.join)))
            for file in files_of(table, data.root, f"data.logs.{name}{where}")
        ]
        for name, log in data.logs.items()
    }
    declared = {name: as_plain(log) for name, log in data.logs.items()}
    return fingerprint(logs, declared, data.time_zone, data.sample, as_plain(data.quality), buckets, code_fingerprint())


def write_events(
    data: Data,
    buckets: int,
    folder: Path,
    quarantine: Path,
    engine: QueryEngine,
    progress: Progress = lambda _: None,
    now_us: int | None = None,
) -> dict[str, Any]:
    """Read, check and write all logs of a source; return the manifest.

    Parameters
    ----------
    folder
        Where the data set shall stand: `<log>/bucket=0000.parquet`, canonical events sorted by customer,
        time and all fields.
    quarantine
        Where the rows that cannot be used are written, with columns `reason` and `raw`.
    now_us
        Events later than this instant are refused as lying in the future; default: the clock.

    Raises
    ------
    DataError
        If files are missing or damaged, too many rows are bad, or no usable event is left.
    SchemaError
        If a declared column does not exist.
    """
    check_zone(data.time_zone, "data.time_zone")
    for name, log in data.logs.items():
        check_zone(log.zone or data.time_zone, f"data.logs.{name}.zone")
    expected = events_fingerprint(data, buckets)
    if is_current(folder, expected):
        return read_manifest(folder)
    now_us = time.time_ns() // 1000 if now_us is None else now_us
    for stranger in [path for path in quarantine.glob("*") if path.is_dir() and path.name not in data.logs]:
        shutil.rmtree(stranger)
    facts: dict[str, Any] = {"buckets": buckets, "logs": {}}
    with whole(folder, expected, facts) as partial:
        for name, log in data.logs.items():
            progress(f"events of {name}")
            staged = partial / f".staged-{name}"
            if not all(bucket_file(partial / name, bucket).exists() for bucket in range(buckets)):
                shutil.rmtree(quarantine / name, ignore_errors=True)
                where = f"data.logs.{name}"
                raw = canonical(engine, log, data, where, buckets, now_us)
                engine.write_split(raw, staged, BUCKET, f"{where}: {place_of(log)}")
                if next(staged.rglob("*.parquet"), None) is None:
                    raise DataError(f"{where}: {place_of(log)} holds no event at all; a log needs at least one row")
                jobs = [(log, staged, bucket, partial / name, quarantine / name) for bucket in range(buckets)]
                engine.each_bucket(_check_bucket, jobs)
            shutil.rmtree(staged, ignore_errors=True)
            facts["logs"][name] = _log_facts(partial / name, buckets)
            _refuse_bad(name, log, data, facts["logs"][name], quarantine / name)
    if quarantine.is_dir() and not any(quarantine.iterdir()):
        quarantine.rmdir()
    return read_manifest(folder)


def read_events(engine: QueryEngine, folder: Path, log: str, bucket: int) -> ir.Table:
    """Open one bucket of one log's canonical events."""
    return engine.parquet(bucket_file(folder / log, bucket))


def _check_bucket(engine: DuckDBEngine, log: Log, staged: Path, bucket: int, folder: Path, quarantine: Path) -> None:
    """Set duplicates apart, sort, and write one bucket, its quarantine and its facts."""
    fields = [*log.categorical, *log.numeric]
    columns = [CUSTOMER, EVENT_US, EVENT_DAY, HOUR, WEEKDAY, *fields]
    files = sorted((staged / f"{BUCKET}={bucket}").glob("*.parquet"))
    table = engine.parquet(files or sorted(staged.rglob("*.parquet"))[:1])
    table = table if files else table.filter(ibis.literal(False))
    order = [CUSTOMER, EVENT_US, *fields]
    if log.duplicates == "quarantine":
        copy = ibis.row_number().over(ibis.window(group_by=[*order, REASON, RAW], order_by=UNMATCHED))
        table = table.mutate(
            **{REASON: ibis.coalesce(table[REASON], (copy > 0).ifelse("duplicate event", ibis.null("string")))}
        )
    good = table.filter(table[REASON].isnull()).select(*columns, UNMATCHED).order_by(order)
    bad = table.filter(table[REASON].notnull())
    described = ibis.literal("; ").join(
        [ibis.literal(f"{name}=") + bad[name].cast("string").fill_null("NULL") for name in order]
    )
    bad = bad.select(CUSTOMER, REASON, **{RAW: bad[RAW].fill_null(described)}).order_by([REASON, RAW])
    summed = bad.group_by(REASON).agg(n=bad.count(), example=bad[RAW].min()).order_by(REASON)
    reasons = engine.arrow(summed).to_pylist()
    if reasons:
        engine.write(bad, bucket_file(quarantine, bucket))
    totals = engine.arrow(
        good.agg(
            rows=good.count(),
            first_us=good[EVENT_US].min(),
            last_us=good[EVENT_US].max(),
            unmatched=good[UNMATCHED].sum(),
            **{f"null_{name}": good[name].isnull().sum() for name in fields},
        )
    ).to_pylist()[0]
    write_json(bucket_file(folder, bucket).with_suffix(".json"), {**totals, "bad": reasons})
    target = bucket_file(folder, bucket)
    engine.write(good.drop(UNMATCHED), target)
    schemas.check(schemas.events(log), engine.parquet(target), target)


def _log_facts(folder: Path, buckets: int) -> dict[str, Any]:
    files = [bucket_file(folder, bucket).with_suffix(".json") for bucket in range(buckets)]
    parts = [json.loads(file.read_text("utf-8")) for file in files]
    bad: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for part in parts:
        for item in part["bad"]:
            bad[item[REASON]] += item["n"]
            examples[item[REASON]] = min(item["example"], examples.get(item[REASON], item["example"]))
    seen = [part for part in parts if part["rows"]]
    return {
        "rows": sum(part["rows"] for part in parts),
        "first_us": min((part["first_us"] for part in seen), default=None),
        "last_us": max((part["last_us"] for part in seen), default=None),
        "unmatched": sum(part["unmatched"] or 0 for part in parts),
        "missing": {
            name.removeprefix("null_"): sum(part[name] or 0 for part in parts)
            for name in parts[0]
            if name.startswith("null_")
        },
        "bad": dict(sorted(bad.items())),
        "examples": examples,
    }


def _refuse_bad(name: str, log: Log, data: Data, facts: dict[str, Any], quarantine: Path) -> None:
    bad, rows = sum(facts["bad"].values()), facts["rows"]
    place = place_of(log)
    share = bad / (rows + bad)
    listed = "; ".join(
        f"{reason}: {count:,} rows, such as [{facts['examples'][reason]}]" for reason, count in facts["bad"].items()
    )
    if share > data.quality.max_bad_share:
        raise DataError(
            f"data.logs.{name}: {place}: {bad:,} of {rows + bad:,} rows ({share:.1%}) cannot be used, more than "
            f"data.quality.max_bad_share={data.quality.max_bad_share:g} allows. {listed}. "
            f"The rows are kept in {quarantine}."
        )
    if rows == 0:
        raise DataError(
            f"data.logs.{name}: {place}: no usable row is left. {listed}. The rows are kept in {quarantine}."
        )
