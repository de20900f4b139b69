"""Snapshots: the features of all customers at one as_of, written in hash buckets."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow.parquet as pq
from joblib import delayed

from pipeline import schemas
from pipeline.engine import DuckDBEngine, run_tasks, task_engine
from pipeline.errors import LeakageError
from pipeline.events import bucket_file
from pipeline.features.bucket import ADDED, COUNTED, SUMS, VARIETY, Files, events_files, events_of
from pipeline.features.dense import CutOff, cut_off, dense_features
from pipeline.features.settled import Settled, kept_aggregates, kept_files, kept_sums, kept_tokens, settle
from pipeline.features.tokens import added_counts, token_counts
from pipeline.features.variety import of_counts, of_kept_counts
from pipeline.outputs import MANIFEST, drop_partials, fingerprint, is_current, read_manifest, share_file, whole
from pipeline.program import code_fingerprint
from pipeline.settings import Data, Engine, Features, Log
from pipeline.timeline import as_of_name


def snapshot_folder(outputs: Path, as_of_us: int) -> Path:
    """Return where the snapshot of an instant stands."""
    return outputs / "snapshots" / as_of_name(as_of_us)


def write_snapshots(
    data: Data,
    features: Features,
    engine: Engine,
    workers: int,
    outputs: Path,
    instants: Iterable[int],
    progress: Callable[[str], None] = lambda step: None,
    refreshed_us: int | None = None,
) -> dict[int, dict[str, Any]]:
    """Write a snapshot for each instant, bucket by bucket, several buckets side by side.

    Parameters
    ----------
    instants
        Cut-off instants, microseconds since the epoch.
    workers
        Buckets under way at once; each has one DuckDB thread and its share of the memory limit.
    refreshed_us
        The instant that moves on with each new day of events: its snapshot is made from what was kept of settled days
        and the events since.

    Returns
    -------
    dict
        Manifest by instant. A snapshot holds `dense/` and `tokens/`, each `bucket=0000.parquet`; a refreshed one has
        its tokens in two parts.
    """
    events = outputs / "events"
    source = read_manifest(events)
    shape = {"windows_days": features.windows_days, "time_zone": data.time_zone}
    done: dict[int, dict[str, Any]] = {}
    for as_of_us in sorted(set(instants)):
        folder = snapshot_folder(outputs, as_of_us)
        expected = fingerprint(source["fingerprint"], as_of_us, shape, code_fingerprint(__name__, "pipeline.engine"))
        if not is_current(folder, expected):
            facts: dict[str, Any] = {"as_of_us": as_of_us, "buckets": source["buckets"], "data": data.name}
            facts["events"] = source["fingerprint"]
            cut = cut_off(as_of_us, data.time_zone)
            settled = settle(data, features, engine, workers, outputs, cut) if as_of_us == refreshed_us else None
            # What a killed run wrote of some buckets from what was kept goes only with the same of the others.
            with whole(folder, expected, facts, parts=settled.fingerprint if settled else "") as partial:
                jobs = [
                    delayed(write_bucket)(data, features, engine, workers, events, partial, cut, b, settled)
                    for b in range(source["buckets"])
                ]
                counted = run_tasks(jobs, engine, workers, partial, threads=True)
                customers = 0
                for bucket, count in enumerate(counted):
                    customers += count
                    progress(f"{as_of_name(as_of_us)}, bucket {bucket}")
                if settled:  # all at once, which costs little more than one
                    added = [bucket_file(partial / "tokens", bucket, 1) for bucket in range(source["buckets"])]
                    with task_engine(engine, 1) as here:
                        schemas.check(schemas.tokens(added=True), here.parquet(added), added[0])
                facts["customers"] = customers
        else:
            for bucket in range(source["buckets"]):
                progress(f"{as_of_name(as_of_us)}, bucket {bucket} (kept)")
        done[as_of_us] = read_manifest(folder)
    return done


def drop_stale(outputs: Path) -> None:
    """Remove snapshots of events that have been replaced since: a job that runs every night would pile them up.

    So would runs that were killed while they wrote one; who calls this has written all that are needed. The snapshot
    that the standing scores were made of stays until there are others: portraits are explained by it.
    """
    events = read_manifest(outputs / "events")["fingerprint"]
    scores = outputs / "scores"
    scored = read_manifest(scores)["as_of_us"] if (scores / MANIFEST).is_file() else None
    drop_partials(outputs / "snapshots" / "*")
    for manifest in (outputs / "snapshots").glob(f"*/{MANIFEST}"):
        found = read_manifest(manifest.parent)
        if found.get("events") != events and found["as_of_us"] != scored:
            shutil.rmtree(manifest.parent)


def write_bucket(
    data: Data,
    features: Features,
    settings: Engine,
    workers: int,
    events: Path,
    folder: Path,
    cut: CutOff,
    bucket: int,
    settled: Settled | None = None,
) -> int:
    """Write one bucket of a snapshot unless it stands already; return its number of customers."""
    tokens_file, dense_file = bucket_file(folder / "tokens", bucket), bucket_file(folder / "dense", bucket)
    from_day = settled.from_day if settled else {}
    files = events_files(events, data.logs, bucket, from_day)
    with task_engine(settings, workers) as engine:
        if settled:
            token_files = _add_tokens(engine, data, files, settled, tokens_file, cut, bucket)
        else:
            token_files = {COUNTED: tokens_file}
            if not tokens_file.exists():
                engine.write_prepared(_counts, files, tokens_file, data.logs, cut)
                schemas.check(schemas.tokens(), engine.parquet(tokens_file), tokens_file)
        if not dense_file.exists():
            kept = kept_files(settled, data, bucket) if settled else {}
            given = (data.logs, features.windows_days, cut, dict(from_day))
            engine.write_prepared(_features, files | token_files | kept, dense_file, *given)
        return int(pq.read_metadata(dense_file).num_rows)


def _add_tokens(
    engine: DuckDBEngine,
    data: Data,
    files: Files,
    settled: Settled,
    tokens_file: Path,
    cut: CutOff,
    bucket: int,
) -> Files:
    """Share the counts that are kept and write what events since then add; return the files of both."""
    added_file = bucket_file(tokens_file.parent, bucket, 1)
    if not added_file.exists():
        tokens_file.unlink(missing_ok=True)  # of a run that was killed, and perhaps of what was kept until another day
        share_file(kept_tokens(settled, bucket), tokens_file)
        given = (data.logs, cut, dict(settled.from_day))
        engine.write_prepared(_added, files | kept_sums(settled, bucket), added_file, *given)
    return {COUNTED: tokens_file, ADDED: added_file}


def _counts(tables: Mapping[str, ir.Table], logs: Mapping[str, Log], cut: CutOff) -> ir.Table:
    return token_counts(events_of(tables, logs), logs, cut.as_of_us)


def _added(
    tables: Mapping[str, ir.Table], logs: Mapping[str, Log], cut: CutOff, from_day: Mapping[str, int]
) -> ir.Table:
    return added_counts(events_of(tables, logs, from_day), logs, cut.as_of_us, tables.get(SUMS))


def _features(
    tables: Mapping[str, ir.Table],
    logs: Mapping[str, Log],
    windows_days: tuple[int, ...],
    cut: CutOff,
    from_day: Mapping[str, int],
) -> ir.Table:
    events = events_of(tables, logs, from_day)
    if not from_day:
        return dense_features(events, of_counts(tables[COUNTED]), logs, windows_days, cut)
    counts = of_kept_counts(tables[VARIETY], tables[COUNTED], tables[ADDED], logs)
    return dense_features(events, counts, logs, windows_days, cut, kept_aggregates(tables, logs, windows_days, cut))


def require_before(manifest: dict[str, Any], label_from_us: int, what: str) -> None:
    """Refuse features that could have seen what a label is made from.

    Raises
    ------
    LeakageError
        If the snapshot's as_of lies after the instant from which the label is computed.
    """
    if manifest["as_of_us"] > label_from_us:
        raise LeakageError(
            f"{what}: its label is made from events since {as_of_name(label_from_us)}, but the features look at events "
            f"up to {as_of_name(manifest['as_of_us'])}; features must end where the label's horizon begins"
        )
