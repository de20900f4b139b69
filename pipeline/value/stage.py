"""The value stage: what customers are worth, which groups bring it, who the best customers are."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import console
from pipeline.columns import CUSTOMER, US_PER_DAY
from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError
from pipeline.events import bucket_file
from pipeline.features.matrix import read_dense
from pipeline.features.snapshot import snapshot_folder, write_snapshots
from pipeline.outputs import MANIFEST, fingerprint, is_current, read_manifest, whole, write_file
from pipeline.program import code_fingerprint
from pipeline.settings import Settings, as_plain
from pipeline.summary import DESCRIPTION
from pipeline.timeline import as_of_name, resolve_as_of
from pipeline.tracking import Tracker, metric_name
from pipeline.value.bringing import tell_locomotives
from pipeline.value.concentration import concentration
from pipeline.value.describing import tell_ideals
from pipeline.value.forecast import Forecast, forecast
from pipeline.value.goals import goals
from pipeline.value.membership import portrayed, segment_groups
from pipeline.value.moment import Horizon, Moment, horizon_of, read_moment
from pipeline.value.money import Purse, money_of
from pipeline.value.resampling import in_first_half
from pipeline.value.told import Told
from pipeline.value.worth import tell_concentration, tell_forecast

PAST, EXPECTED, FIRST_HALF = "past_value", "expected_value", "first_half"


@dataclass(frozen=True)
class _Context:
    """A run of the stage of a source whose events reach far enough to look ahead."""

    settings: Settings
    engine: DuckDBEngine
    tracker: Tracker
    outputs: Path
    horizon: Horizon


def value(settings: Settings, outputs: Path, tracker: Tracker, workers: int = 1) -> dict[str, Any]:
    """Write what customers are worth and which groups and descriptions the best have; return the manifest.

    What the source cannot tell is named with the reason, and the rest is told.

    Raises
    ------
    ConfigError, DataError
        If the settings name an unknown log or field, or features have not been made yet.
    """
    events = read_manifest(outputs / "events")
    as_of_us = resolve_as_of(settings.data, events)
    first_us = min(facts["first_us"] for facts in events["logs"].values() if facts["rows"])
    money, said = money_of(settings.data, settings.value)
    horizon, too_short = horizon_of(settings.attributes, settings.value.horizon_days, as_of_us, first_us)
    expected = _expected(settings, outputs, as_of_us, tracker)
    folder = outputs / "value"
    if is_current(folder, expected):
        console.say(f"value: nothing has changed since {folder} was written")
        return read_manifest(folder)
    _write_snapshots(settings, outputs, workers, horizon)
    facts: dict[str, Any] = {"as_of_us": as_of_us, "data": settings.data.name, "buckets": events["buckets"]}
    facts["snapshot"] = read_manifest(snapshot_folder(outputs, as_of_us))["fingerprint"]
    told = Told()
    with (
        DuckDBEngine(1, settings.engine.memory_limit_gb, settings.engine.spill) as engine,
        whole(folder, expected, facts) as partial,
    ):
        purse = None if money is None else Purse(engine, outputs / "events", money, said)
        if purse is None:
            told.miss("all that needs money", said)
        if horizon is None:
            told.miss("all that needs a horizon", too_short)
        moments = _moments(settings, engine, outputs, horizon, purse, as_of_us)
        past = None if purse is None else _past(settings, told, purse, moments[-1], as_of_us)
        ahead = _ahead(settings, told, moments, horizon)
        if horizon is not None:
            context = _Context(settings, engine, tracker, outputs, horizon)
            _tell_groups(told, context, purse, moments[1], moments[2], ahead)
        _write_customers(engine, outputs, as_of_us, moments[-1], past, ahead, partial)
        told.write(partial)
        facts |= {"missing": told.missing, "horizon_days": horizon.days if horizon else None}
        facts |= {"money": None if money is None else as_plain(money), "method": ahead.method if ahead else None}
        _track(settings, tracker, partial, expected, told, facts)
    told.report()
    console.say(f"value: written to {folder}")
    return facts


def _expected(settings: Settings, outputs: Path, as_of_us: int, tracker: Tracker) -> str:
    snapshot = read_manifest(snapshot_folder(outputs, as_of_us))
    read = [outputs / "scores", *sorted((outputs / "segments").glob("*"))]
    return fingerprint(
        snapshot["fingerprint"],
        [read_manifest(place)["fingerprint"] for place in read if (place / MANIFEST).is_file()],
        as_plain(settings.value),
        None if settings.data.money is None else as_plain(settings.data.money),
        None if settings.data.seed is None else as_plain(settings.data.seed),
        as_plain(settings)["attributes"],
        settings.seed,
        tracker.uri,
        code_fingerprint(),
    )


def _write_snapshots(settings: Settings, outputs: Path, workers: int, horizon: Horizon | None) -> None:
    """Write the snapshots of the horizon, those that do not stand: a run that only scores makes none but as_of's."""
    if horizon is None:
        return
    needed = [horizon.learnt_us, horizon.judged_us]
    with console.progress("value: snapshot", len(needed) * int(read_manifest(outputs / "events")["buckets"])) as step:
        write_snapshots(settings.data, settings.features, settings.engine, workers, outputs, needed, step)


def _moments(
    settings: Settings,
    engine: DuckDBEngine,
    outputs: Path,
    horizon: Horizon | None,
    purse: Purse | None,
    as_of_us: int,
) -> list[Moment]:
    """Return what is known where is learnt, judged and asked; without a horizon the last alone."""
    zone, most = settings.data.time_zone, settings.value.sample_customers
    earlier = [] if horizon is None else [horizon.learnt_us, horizon.judged_us]
    known = [read_moment(engine, outputs, us, horizon, purse, zone).sample(most) for us in earlier]
    return [*known, read_moment(engine, outputs, as_of_us, horizon, purse, zone)]


def _past(settings: Settings, told: Told, purse: Purse, now: Moment, as_of_us: int) -> np.ndarray:
    chosen = settings.value
    since = -(2**62) if chosen.window_days is None else as_of_us - chosen.window_days * US_PER_DAY
    past = purse.spent(now.customers, since, as_of_us)
    money = purse.money
    amount = f"{money.log}.{money.field}" + (f" times {money.log}.{money.times}" if money.times else "")
    told.lines.append(f"Money is {amount}, {purse.said}.")
    found = concentration(past, chosen.resamples, settings.seed)
    if found is None:
        told.miss("concentration", f"{amount} sums to nothing for every customer")
    else:
        span = "of the whole history" if chosen.window_days is None else f"of the last {chosen.window_days} days"
        tell_concentration(told, found, span)
    return past


def _ahead(settings: Settings, told: Told, moments: list[Moment], horizon: Horizon | None) -> Forecast | None:
    if horizon is None or moments[2].lately is None:
        return None
    chosen = settings.value
    three = (moments[0], moments[1], moments[2])
    try:
        found = forecast(three, horizon, chosen.method, chosen.folds, chosen.resamples, settings.seed)
    except DataError as error:
        told.miss("the expected value", str(error))
        return None
    tell_forecast(told, found, horizon.days, float(moments[2].lately.sum()))
    return found


def _tell_groups(
    told: Told, context: _Context, purse: Purse | None, judge: Moment, now: Moment, ahead: Forecast | None
) -> None:
    """Tell which groups bring money, and who the best customers are: found where is judged, and told of now."""
    settings, outputs, horizon = context.settings, context.outputs, context.horizon
    both = judge.customers, now.customers
    known = portrayed(settings, context.engine, context.tracker, outputs, horizon, both)
    lacking, lines = known.words()
    told.missing |= lacking
    told.lines += lines
    if purse is not None:
        segments = segment_groups(outputs, judge.customers), segment_groups(outputs, now.customers)
        tell_locomotives(told, settings, purse, (judge, now), horizon, known, segments, ahead)
    first = in_first_half(judge.customers)
    wanted, why = goals(settings, context.engine, outputs / "events", judge, horizon, purse, first)
    told.missing |= {f"the goal {name}": reason for name, reason in why.items()}
    tell_ideals(told, settings, context.tracker, purse, (judge, now), first, wanted, known)


def _write_customers(
    engine: DuckDBEngine,
    outputs: Path,
    as_of_us: int,
    now: Moment,
    past: np.ndarray | None,
    ahead: Forecast | None,
    folder: Path,
) -> None:
    """Write one row per customer: past and expected value, and whether it is of the half on which groups are found."""
    unknown = np.full(len(now.customers), np.nan)
    columns = {
        PAST: unknown if past is None else past,
        EXPECTED: unknown if ahead is None else ahead.expected,
        FIRST_HALF: in_first_half(now.customers),
    }
    snapshot = snapshot_folder(outputs, as_of_us)
    for bucket in range(read_manifest(snapshot)["buckets"]):
        ids = engine.arrow(read_dense(engine, snapshot, [bucket]).select(CUSTOMER))[CUSTOMER].to_pylist()
        rows = np.searchsorted(now.customers, np.array(sorted(ids), dtype=object))
        told = {name: pa.array(column[rows], from_pandas=True) for name, column in columns.items()}
        table = pa.table({CUSTOMER: pa.array(now.customers[rows].tolist(), pa.string()), **told})
        write_file(bucket_file(folder / "customers", bucket), functools.partial(pq.write_table, table))


def _track(
    settings: Settings, tracker: Tracker, folder: Path, expected: str, told: Told, facts: dict[str, Any]
) -> None:
    tags = {
        "stage": "value",
        "level": "value",
        "source": settings.data.name,
        "as_of": as_of_name(facts["as_of_us"]),
        "method": str(facts["method"]),
        DESCRIPTION: "\n\n".join([*told.lines, *(f"Missing: {k}: {v}" for k, v in told.missing.items())])[:5000],
    }
    with tracker.run(f"value {expected[:6]}", expected, tags) as run_id:
        params = {name: v for name, v in as_plain(settings.value).items() if v not in (None, ())}
        tracker.log(
            run_id,
            params,
            {metric_name(name): figure for name, figure in told.metrics.items()},
            told.tables,
            told.texts,
            folder / "pictures",
        )
