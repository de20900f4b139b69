"""Labels that the future gives: what customers do in the horizon after as_of."""

from __future__ import annotations

import sys
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.columns import CUSTOMER, EVENT_DAY, EVENT_US, US_PER_DAY, VALUE
from pipeline.engine import QueryEngine
from pipeline.errors import ConfigError
from pipeline.events import bucket_file, read_events
from pipeline.labels.known import NO, YES, Labels, banded, cut, ordered
from pipeline.labels.lots import LOT, Lottery, ids_of, with_lots
from pipeline.labels.rules import check_rule, check_tokens, matching
from pipeline.outputs import read_manifest
from pipeline.settings import Attribute, Data, Future
from pipeline.timeline import as_of_name

_BEFORE = "_compared_with"
_DECIMALS = 9  # 0.7 + 0.1 + 0.1 + 0.1 is a little less than 1, and how much less depends on the order of the sum
_LONGEST_DAY_US = 25 * US_PER_DAY // 24  # the last event may be of midnight, the day one that sets back the clock


def future_labels(
    engine: QueryEngine,
    events: Path,
    snapshot: Path,
    name: str,
    attribute: Attribute,
    data: Data,
    as_of_us: int,
    at_most: int | None = None,
) -> Labels:
    """Return the labels of a future attribute: what the customers of a snapshot did in the horizon after it.

    Parameters
    ----------
    snapshot
        Its customers are labelled; an event in the horizon is one in [as_of, as_of + horizon_days).
    at_most
        Customers whose labels are wanted, those of the lowest lots among all who have one; None: everybody's. The
        answer of each is the same: where it depends on what others did, on all of them.

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
    check_rule(rule.log, [*rule.where], [rule.field] if rule.field else [], data, where, rule.above)
    _require_recorded(events, rule, as_of_us, where)
    check_tokens(engine, events, rule.log, rule.where, where)
    values = ordered(rule.bands or (NO, YES), attribute.values, f"attributes.{name}")
    bands = {value: rule.bands[value] for value in values} if rule.bands else {}
    lottery = Lottery(sys.maxsize if at_most is None else at_most)
    numbers = []  # that all customers' answers are compared with, or that no answer is made of
    for bucket in range(read_manifest(events)["buckets"]):
        customers = engine.parquet(bucket_file(snapshot / "dense", bucket)).select(CUSTOMER)
        log = read_events(engine, events, rule.log, bucket)
        base = population(customers, log, rule, as_of_us)
        found = _known(engine, _amounts(base, log, rule, as_of_us), at_most is not None)
        lottery.add(found)
        amounts = found[VALUE].to_numpy()
        if rule.top_share is not None:
            numbers.append(amounts)
        elif bands:
            numbers.append(amounts[banded(amounts, bands) < 0])
    everyone = np.concatenate(numbers) if numbers else np.empty(0)
    drawn = lottery.drawn()
    amounts = drawn[VALUE].to_numpy()
    if bands:
        cut(pd.Series(everyone), bands, where)  # says what is wrong, also where those drawn are well
        positions = banded(amounts, bands)
    else:
        said = _answers(amounts, everyone, rule)
        positions = np.where(said, values.index(YES), values.index(NO)).astype(np.int64)
    return Labels(name, attribute.kind, values, ids_of(drawn), positions, as_of_us, lottery.sampled_from)


def _require_recorded(events: Path, rule: Future, as_of_us: int, where: str) -> None:
    """Refuse a horizon that reaches beyond the data."""
    end_us = as_of_us + rule.horizon_days * US_PER_DAY
    last_us = max(facts["last_us"] for facts in read_manifest(events)["logs"].values())
    if end_us > last_us + _LONGEST_DAY_US:
        raise ConfigError(
            f"{where}.horizon_days: {rule.horizon_days} days after {as_of_name(as_of_us)} reach beyond the last "
            f"event of {as_of_name(last_us)}: the label would count what has not been recorded yet"
        )


def _known(engine: QueryEngine, amounts: ir.Table, with_lot: bool) -> pa.Table:
    """Return the customers who have an amount, their lots if these are asked for, and the rounded amounts."""
    amounts = amounts.mutate(**{VALUE: amounts[VALUE].cast("float64")})
    amounts = with_lots(engine, amounts) if with_lot else amounts.mutate(**{LOT: ibis.literal(0, "int64")})
    found = engine.arrow(amounts)
    found = found.filter(pc.invert(pc.is_null(found[VALUE], nan_is_null=True)))
    rounded = pa.array(np.round(found[VALUE].to_numpy(), _DECIMALS))
    return found.select([CUSTOMER, LOT]).append_column(VALUE, rounded)


def population(customers: ir.Table, log: ir.Table, rule: Future, as_of_us: int) -> ir.Table:
    """Return those customers of whom a rule speaks.

    All; or those with an event in its log that recently (`among_active_days`), or with earlier ones only
    (`among_idle_days`): who was never there cannot come back.
    Of growth a rule can only speak where there was something before.
    Training and scoring ask here, so that a model answers only for customers like those it learnt from.
    """
    before = log.filter(log[EVENT_US] < as_of_us)
    days = rule.among_active_days or rule.among_idle_days
    if days is not None:
        lately = before.filter(before[EVENT_US] >= as_of_us - days * US_PER_DAY).select(CUSTOMER).distinct()
        if rule.among_active_days:
            customers = customers.semi_join(lately, CUSTOMER)
        else:
            customers = customers.semi_join(before.select(CUSTOMER).distinct(), CUSTOMER).anti_join(lately, CUSTOMER)
    if rule.aggregate == "growth":
        earlier = _before(log, rule, as_of_us)
        customers = customers.semi_join(earlier.filter(earlier[_BEFORE] > 0.0), CUSTOMER)
    return customers


def _amounts(base: ir.Table, log: ir.Table, rule: Future, as_of_us: int) -> ir.Table:
    """Return (customer_id, value): the rule's aggregate of each base customer; NULL where it has none.

    No event counts 0, and infinitely many days until the next one; it has no mean, no share and no sum per day.
    """
    everything = _between(log, as_of_us, as_of_us + rule.horizon_days * US_PER_DAY)
    ahead = matching(everything, rule.where, rule.above)
    first_us = ahead[EVENT_US].min()
    value = {
        "count": lambda: ahead.count().cast("float64"),
        "active_days": lambda: ahead[EVENT_DAY].nunique().cast("float64"),
        "mean": lambda: ahead[rule.field].mean(),
        "per_day": lambda: ahead[rule.field].sum() / ahead[EVENT_DAY].nunique().cast("float64"),
        "delay_days": lambda: (first_us - as_of_us).cast("float64") / float(US_PER_DAY),
    }.get(rule.aggregate, lambda: _total(ahead, rule))()
    joined = _joined(base, ahead.group_by(CUSTOMER).agg(**{VALUE: value}))
    if rule.aggregate in ("mean", "per_day"):
        return joined
    joined = joined.mutate(**{VALUE: joined[VALUE].fill_null(float("inf") if rule.aggregate == "delay_days" else 0.0)})
    if rule.aggregate in ("share", "growth"):
        of = (
            _before(log, rule, as_of_us)
            if rule.aggregate == "growth"
            else everything.group_by(CUSTOMER).agg(**{_BEFORE: _total(everything, rule)})
        )
        joined = _joined(joined, of.filter(of[_BEFORE] > 0.0))
        joined = joined.select(CUSTOMER, **{VALUE: joined[VALUE] / joined[_BEFORE]})
    return joined


def _before(log: ir.Table, rule: Future, as_of_us: int) -> ir.Table:
    """Return what growth compares with: the same amount in the time before as_of that is as long as the horizon."""
    earlier = matching(_between(log, as_of_us - rule.horizon_days * US_PER_DAY, as_of_us), rule.where, rule.above)
    return earlier.group_by(CUSTOMER).agg(**{_BEFORE: _total(earlier, rule)})


def _total(events: ir.Table, rule: Future) -> ir.Value:
    return events.count().cast("float64") if rule.field is None else events[rule.field].sum()


def _between(log: ir.Table, from_us: int, below_us: int) -> ir.Table:
    return log.filter((log[EVENT_US] >= from_us) & (log[EVENT_US] < below_us))


def _joined(base: ir.Table, found: ir.Table) -> ir.Table:
    return base.left_join(found, CUSTOMER).drop(f"{CUSTOMER}_right")


def _answers(amounts: np.ndarray, everyone: np.ndarray, rule: Future) -> np.ndarray:
    """Tell who is meant, given the amounts of some customers, and of all where the rule means those with the most."""
    if rule.at_least is not None:
        return amounts >= rule.at_least
    if rule.at_most is not None:
        return amounts <= rule.at_most
    if rule.top_share is None or not len(everyone):
        return np.zeros(len(amounts), dtype=bool)
    most = min(int(rule.top_share * len(everyone) + 1e-9), len(everyone) - 1)  # 0.7 * 10 is a little less than 7
    place = len(everyone) - 1 - most
    return amounts > np.partition(everyone, place)[place]
