"""Snapshots: the features of all customers at one as_of, written in hash buckets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from joblib import delayed

from pipeline import schemas
from pipeline.engine import run_tasks, task_engine
from pipeline.errors import LeakageError
from pipeline.events import bucket_file, read_events
from pipeline.features.dense import CutOff, dense_features
from pipeline.features.tokens import token_counts
from pipeline.outputs import code_fingerprint, fingerprint, is_current, read_manifest, whole
from pipeline.settings import Data, Engine, Features
from pipeline.timeline import as_of_name


def cut_off(as_of_us: int, time_zone: str) -> CutOff:
    """Return a cut-off with its local day.

    >>> cut_off(86_400_000_000, "UTC").as_of_day
    1
    """
    local = datetime.fromtimestamp(as_of_us // 1_000_000, ZoneInfo(time_zone))
    midnight = datetime(local.year, local.month, local.day, tzinfo=UTC)
    return CutOff(as_of_us, int(midnight.timestamp()) // 86_400)


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
) -> dict[int, dict[str, Any]]:
    """Write a snapshot for each instant, bucket by bucket, several buckets side by side.

    Parameters
    ----------
    instants
        Cut-off instants, microseconds since the epoch.
    workers
        Buckets under way at once; each has one DuckDB thread and its share of the memory limit.

    Returns
    -------
    dict
        Manifest by instant. A snapshot holds `dense/` and `tokens/`, each `bucket=0000.parquet`.
    """
    events = outputs / "events"
    source = read_manifest(events)
    shape = {"windows_days": features.windows_days, "time_zone": data.time_zone}
    done: dict[int, dict[str, Any]] = {}
    for as_of_us in sorted(set(instants)):
        folder = snapshot_folder(outputs, as_of_us)
        expected = fingerprint(source["fingerprint"], as_of_us, shape, code_fingerprint())
        if not is_current(folder, expected):
            facts: dict[str, Any] = {"as_of_us": as_of_us, "buckets": source["buckets"], "data": data.name}
            with whole(folder, expected, facts) as partial:
                jobs = [
                    delayed(write_bucket)(
                        data, features, engine, workers, events, partial, cut_off(as_of_us, data.time_zone), b
                    )
                    for b in range(source["buckets"])
                ]
                counted = run_tasks(jobs, engine, workers, partial)
                customers = 0
                for bucket, count in enumerate(counted):
                    customers += count
                    progress(f"{as_of_name(as_of_us)}, bucket {bucket}")
                facts["customers"] = customers
        else:
            for bucket in range(source["buckets"]):
                progress(f"{as_of_name(as_of_us)}, bucket {bucket} (kept)")
        done[as_of_us] = read_manifest(folder)
    return done


def write_bucket(
    data: Data,
    features: Features,
    settings: Engine,
    workers: int,
    events: Path,
    folder: Path,
    cut: CutOff,
    bucket: int,
) -> int:
    """Write one bucket of a snapshot unless it stands already; return its number of customers."""
    tokens_file, dense_file = bucket_file(folder / "tokens", bucket), bucket_file(folder / "dense", bucket)
    with task_engine(settings, workers) as engine:
        logs = {name: read_events(engine, events, name, bucket) for name in data.logs}
        if not tokens_file.exists():
            engine.write(token_counts(logs, data.logs, cut.as_of_us), tokens_file)
            schemas.check(schemas.tokens(), engine.parquet(tokens_file), tokens_file)
        tokens = engine.parquet(tokens_file)
        if not dense_file.exists():
            engine.write(dense_features(logs, tokens, data.logs, features.windows_days, cut), dense_file)
        dense = engine.parquet(dense_file)
        return int(engine.arrow(dense.agg(n=dense.count())).to_pylist()[0]["n"])


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
