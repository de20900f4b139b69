"""What all segments of a run are compared on, and each one's brief."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.campaign.brief import Brief, silence, what_to_avoid
from pipeline.campaign.guard import Forbidden
from pipeline.campaign.hours import time_shares, timing
from pipeline.campaign.interests import find_interests
from pipeline.campaign.manner import manner, manner_columns
from pipeline.campaign.price import PriceSense, price_columns, price_scores, price_sense
from pipeline.campaign.response import Later, contacts, later
from pipeline.campaign.segments import Segment
from pipeline.campaign.sensitive import explained, groups_of, known_values, sensitive_attributes, telling_tokens
from pipeline.campaign.tokens import Counts, View, activity, count_tokens, only, refined
from pipeline.columns import CUSTOMER, HOUR, WEEKDAY
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError, did_you_mean
from pipeline.events import bucket_file
from pipeline.outputs import read_manifest
from pipeline.settings import Campaign, Data, Settings

Silent = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Ground:
    """What the segments of a run are compared on.

    Attributes
    ----------
    segments
        Those that are large enough, of customers who are in the base.
    counted
        Who met which token, by field.
    silent, silent_for
        Why tokens must not be named: in any segment, and in one.
    told, later
        Contacts and what became of them; None without a response log.
    """

    segments: tuple[Segment, ...]
    base: int
    clock: str
    dense: pd.DataFrame
    by_hour: pd.DataFrame | None
    by_weekday: pd.DataFrame | None
    counted: tuple[Counts, ...]
    silent: Silent
    silent_for: Mapping[str, Silent]
    prices: tuple[pd.Series, str] | None
    told: pd.DataFrame | None
    later: Later | None


def read_ground(
    settings: Settings,
    engine: DuckDBEngine,
    outputs: Path,
    snapshot: Path,
    as_of_us: int,
    segments: list[Segment],
    forbidden: Forbidden,
) -> Ground:
    """Return what the segments are compared on.

    Raises
    ------
    ConfigError
        If campaign.source names a log or field that is not declared.
    DataError
        If no segment has `campaign.min_cell` customers of the base.
    """
    campaign, data = settings.campaign, settings.data
    check_source(campaign, data)
    clock = campaign.source.clock or _busiest_log(data, read_manifest(outputs / "events"))
    price = campaign.source.price
    columns = [*manner_columns(clock), *(price_columns(price, data) if price else [])]
    dense = _dense(engine, snapshot, list(dict.fromkeys(columns)))
    kept = _of_base(segments, dense, campaign.min_cell)
    values = known_values(engine, settings, outputs)
    counted, silent, silent_for = _tokens(settings, engine, snapshot, kept, values, forbidden)
    response = campaign.source.response
    told = None if response is None else contacts(engine, outputs / "events", response, data, as_of_us)
    judged = None
    if told is not None and response is not None:
        judged = later(told, response.days, campaign.prior_contacts, campaign.min_cell, settings.seed)
    return Ground(
        segments=kept,
        base=len(dense),
        clock=clock,
        dense=dense,
        by_hour=time_shares(engine, snapshot, clock, HOUR) if data.logs[clock].has_clock else None,
        by_weekday=time_shares(engine, snapshot, clock, WEEKDAY),
        counted=counted,
        silent=silent,
        silent_for=silent_for,
        prices=price_scores(dense, price, price_columns(price, data)) if price else None,
        told=told,
        later=judged,
    )


def brief_of(segment: Segment, ground: Ground, settings: Settings) -> Brief:
    """Return a segment's brief."""
    campaign = settings.campaign
    silent = {**ground.silent_for.get(segment.name, {}), **ground.silent}
    rule = (campaign.prior_customers, campaign.false_share, campaign.min_cell)
    interests = find_interests(list(ground.counted), segment.name, len(segment.customers), silent, *rule)
    when = timing(
        ground.clock, ground.by_hour, ground.by_weekday, segment.customers, campaign.contact_hours, campaign.min_cell
    )
    if ground.prices is None:
        price = PriceSense(None, reason="no field is declared to tell it (campaign.source.price)")
    else:
        price = price_sense(*ground.prices, segment.customers, campaign.min_cell)
    return Brief(
        segment=segment.name,
        kind=segment.kind,
        customers=len(segment.customers),
        base=ground.base,
        note=segment.note,
        interests=interests,
        timing=when,
        price=price,
        manner=manner(ground.dense, ground.clock, segment.name, segment.customers, campaign),
        avoid=what_to_avoid(interests, when, sensitive_attributes(settings)),
    )


def check_source(campaign: Campaign, data: Data) -> None:
    """Refuse fields and logs of campaign.source that the source does not declare."""
    known = [f"{log}.{field}" for log, declared in data.logs.items() for field in declared.categorical]
    named = {
        "words": campaign.source.words,
        "quoted": campaign.source.quoted,
        "unnamed": campaign.source.unnamed,
    }
    for key, fields in named.items():
        for field in fields:
            if field not in known:
                told = did_you_mean(field, known)
                raise ConfigError(f"campaign.source.{key}: '{field}' is no categorical field of a log {told}")
    clock = campaign.source.clock
    if clock is not None and clock not in data.logs:
        raise ConfigError(f"campaign.source.clock: '{clock}' is no log {did_you_mean(clock, data.logs)}")


def _tokens(
    settings: Settings,
    engine: DuckDBEngine,
    snapshot: Path,
    segments: tuple[Segment, ...],
    values: Mapping[str, pd.Series],
    forbidden: Forbidden,
) -> tuple[tuple[Counts, ...], Silent, Mapping[str, Silent]]:
    """Return the counts of every field that texts can name, and why some of its tokens must not be."""
    campaign = settings.campaign
    prior, least = campaign.prior_customers, campaign.min_cell
    own = {segment.name: segment.customers for segment in segments}
    counted: list[Counts] = []
    silent: dict[tuple[str, str], str] = {}
    silent_for: dict[str, dict[tuple[str, str], str]] = {name: {} for name in own}
    for field in _fields(campaign, settings.data):
        strata = activity(engine, snapshot, field[0])
        views = [View(strata, own)]
        for known in values.values():
            inside = only(strata, known.index.to_numpy(dtype=object))
            views += [View(inside, groups_of(known, least)), View(refined(strata, known), own)]
        counts, *rest = count_tokens(engine, snapshot, field, views, least)
        counted.append(counts)
        for attribute, answers, within in zip(values, rest[::2], rest[1::2], strict=True):
            for token, told in telling_tokens(answers, attribute, prior, campaign.tells_from).items():
                silent[counts.field, token] = told.words()
            for name in own:
                lifts = counts.lifts(name, prior).lift, within.lifts(name, prior).lift
                for place in np.flatnonzero(explained(*lifts)):
                    reason = f"most of it is explained by {attribute.replace('_', ' ')}"
                    silent_for[name][counts.field, str(counts.tokens[place])] = reason
        silent |= silence([(counts.field, str(token)) for token in counts.tokens], forbidden, campaign)
    return tuple(counted), silent, silent_for


def _fields(campaign: Campaign, data: Data) -> list[tuple[str, str]]:
    """Return log and field of those with words, or all categorical fields where none has."""
    named = list(dict.fromkeys([*campaign.source.words, *campaign.source.quoted]))
    every = [f"{log}.{field}" for log, declared in data.logs.items() for field in declared.categorical]
    return [(log, field) for log, _, field in (name.partition(".") for name in named or every)]


def _dense(engine: DuckDBEngine, snapshot: Path, columns: list[str]) -> pd.DataFrame:
    files = [bucket_file(snapshot / "dense", bucket) for bucket in range(read_manifest(snapshot)["buckets"])]
    parts = [engine.arrow(engine.parquet(file).select(CUSTOMER, *columns)).to_pandas() for file in files]
    return pd.concat(parts).set_index(CUSTOMER).sort_index()


def _of_base(segments: list[Segment], dense: pd.DataFrame, at_least: int) -> tuple[Segment, ...]:
    known = [
        Segment(one.name, one.kind, one.customers[np.isin(one.customers, dense.index.to_numpy(dtype=object))], one.note)
        for one in segments
    ]
    kept = tuple(one for one in known if len(one.customers) >= at_least)
    if not kept:
        sizes = ", ".join(f"{one.name}: {len(one.customers)}" if not len(one.customers) else one.name for one in known)
        raise DataError(
            f"messages: no segment has {at_least} customers with events (campaign.min_cell); looked at: {sizes}. "
            "Ids must be those of the source."
        )
    return kept


def _busiest_log(data: Data, events: Mapping[str, Any]) -> str:
    """Return the log with most events, of those with a clock if there is one."""
    with_clock = [name for name, log in data.logs.items() if log.has_clock] or list(data.logs)
    return max(with_clock, key=lambda name: (events["logs"][name]["rows"], name))
