"""Labels that the future gives: what customers do in the horizon after as_of."""

from __future__ import annotations

from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from pipeline.columns import CUSTOMER, EVENT_DAY, EVENT_US, US_PER_DAY, VALUE
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError
from pipeline.events import bucket_file, read_events
from pipeline.labels.known import NO, YES, Labels, cut, ordered
from pipeline.labels.rules import check_rule, check_tokens, matching
from pipeline.outputs import read_manifest
from pipeline.settings import Attribute, Data, Future
from pipeline.timeline import as_of_name

_DECIMALS = 9  # 0.7 + 0.1 + 0.1 + 0.1 is a little less than 1, and how much less depends on the order of the sum
_LONGEST_DAY_US = 25 * US_PER_DAY // 24  # the last event may be of midnight, the day one that sets back the clock


def future_labels(
    engine: DuckDBEngine,
    events: Path,
    snapshot: Path,
    name: str,
    attribute: Attribute,
    data: Data,
    as_of_us: int,
) -> Labels:
    """Return the labels of a future attribute: what the customers of a snapshot did in the horizon after it.

    Parameters
    ----------
    snapshot
        Its customers are labelled; an event in the horizon is one in [as_of, as_of + horizon_days).

    Raises
    ------
    ConfigError
        If the rule names no declared log or field, the horizon reaches beyond the data, or `values` do not fit.
    DataError
        If the rule asks for a token that the log does not contain.
    """
    rule, where = attribute.future, f"attributes.{name}.future"
    if rule is None:
        raise ConfigError(f"{where}: this attribute is no future one")
    check_rule(rule.log, [*rule.where], rule.field, data, where)
    end_us = as_of_us + rule.horizon_days * US_PER_DAY
    last_us = max(facts["last_us"] for facts in read_manifest(events)["logs"].values())
    if end_us > last_us + _LONGEST_DAY_US:
        raise ConfigError(
            f"{where}.horizon_days: {rule.horizon_days} days after {as_of_name(as_of_us)} reach beyond the last "
            f"event of {as_of_name(last_us)}: the label would count what has not been recorded yet"
        )
    parts = []
    for bucket in range(read_manifest(events)["buckets"]):
        log = read_events(engine, events, rule.log, bucket)
        base = population(engine.parquet(bucket_file(snapshot / "dense", bucket)).select(CUSTOMER), log, rule, as_of_us)
        ahead = log.filter((log[EVENT_US] >= as_of_us) & (log[EVENT_US] < end_us))
        ahead = matching(ahead, rule.where)
        parts.append(engine.arrow(_aggregate(base, ahead, rule)).to_pandas())
    check_tokens(engine, events, rule.log, rule.where, where)
    frame = pd.concat(parts).sort_values(CUSTOMER)
    frame = frame.dropna(subset=[VALUE])
    frame[VALUE] = frame[VALUE].astype(float).round(_DECIMALS)
    amounts = frame[VALUE].to_numpy(dtype=float)
    customers = frame[CUSTOMER].to_numpy(dtype=object)
    values = ordered(rule.bands or (NO, YES), attribute.values, f"attributes.{name}")
    if rule.bands is not None:
        positions = cut(frame[VALUE], {value: rule.bands[value] for value in values}, where)
    else:
        positions = np.where(_answers(amounts, rule), values.index(YES), values.index(NO)).astype(np.int64)
    return Labels(name, attribute.kind, values, customers, positions, as_of_us)


def population(customers: ir.Table, log: ir.Table, rule: Future, as_of_us: int) -> ir.Table:
    """Return those customers of whom a rule speaks: all, or those with an event in its log that recently.

    Training and scoring ask here, so that a model answers only for customers like those it learnt from.
    """
    if rule.among_active_days is None:
        return customers
    since = as_of_us - rule.among_active_days * US_PER_DAY
    active = log.filter((log[EVENT_US] < as_of_us) & (log[EVENT_US] >= since)).select(CUSTOMER).distinct()
    return customers.semi_join(active, CUSTOMER)


def _aggregate(base: ir.Table, ahead: ir.Table, rule: Future) -> ir.Table:
    """Return (customer_id, value): the rule's aggregate of each base customer; no event counts 0."""
    value = {
        "count": lambda: ahead.count().cast("float64"),
        "active_days": lambda: ahead[EVENT_DAY].nunique().cast("float64"),
        "sum": lambda: ahead[rule.field].sum(),
        "mean": lambda: ahead[rule.field].mean(),
    }[rule.aggregate]()
    found = ahead.group_by(CUSTOMER).agg(**{VALUE: value})
    joined = base.left_join(found, CUSTOMER).drop(f"{CUSTOMER}_right")
    return joined if rule.aggregate == "mean" else joined.mutate(**{VALUE: joined[VALUE].fill_null(0.0)})


def _answers(amounts: np.ndarray, rule: Future) -> np.ndarray:
    if rule.at_least is not None:
        return amounts >= rule.at_least
    if rule.at_most is not None:
        return amounts <= rule.at_most
    if rule.top_share is None or not len(amounts):
        return np.zeros(len(amounts), dtype=bool)
    most = min(int(rule.top_share * len(amounts) + 1e-9), len(amounts) - 1)  # 0.7 * 10 is a little less than 7
    return amounts > np.sort(amounts)[len(amounts) - 1 - most]
