"""An attribute's own past: what customers did before as_of by the very rule that makes its label after it.

In forecasting these are lagged values of the target. They are computed from events before as_of alone, and depend on
no other customer, so that a bucket's are those of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from pipeline.columns import CUSTOMER, EVENT_DAY, EVENT_US, US_PER_DAY
from pipeline.engine import QueryEngine
from pipeline.events import read_events
from pipeline.features.matrix import FeatureMatrix, among
from pipeline.features.naming import past_name, visible, with_siblings
from pipeline.labels.rules import matching
from pipeline.outputs import read_manifest
from pipeline.settings import Attribute, Data, Future

LAGS = 4  # horizons before as_of that are looked at one by one
_SPANS = (1, 2, 4)  # windows, in horizons
_DECIMALS = 9  # a sum of doubles depends on their order in the last digit
_BACK, _NUMBER, _FIRST, _LAST, _SUM, _KNOWN = "_back", "_number", "_first", "_last", "_sum", "_known"


@dataclass(frozen=True)
class OwnPast:
    """Features of some customers: names, shape (n_features,), and values, shape (n_customers, n_features).

    NaN means unknown; a count, a sum or a number of days of nothing is 0.
    """

    names: np.ndarray
    block: np.ndarray


@dataclass(frozen=True)
class PastReader:
    """Reads the own past of attributes at one instant; what all events of a log say is computed once.

    Attributes
    ----------
    buckets
        Hash buckets whose customers are read.
    as_of_us
        Events at or after it are not read.
    between
        First and last id of whom events are read, both included; None: everybody.
    """

    engine: QueryEngine
    events: Path
    data: Data
    as_of_us: int
    buckets: Sequence[int] | range
    between: tuple[str, str] | None = None
    _whole: dict[tuple[str, int, str | None], pd.DataFrame] = field(default_factory=dict)

    def read(self, name: str, attribute: Attribute, hide: Iterable[str], customers: np.ndarray) -> OwnPast | None:
        """Return an attribute's own past; None if it is declared, or if its rule reads what is hidden.

        Parameters
        ----------
        hide
            Entries `<log>` or `<log>.<field>`.
        customers
            For whom, in this order, shape (n_customers,); who has no event in the log has a past without any.
        """
        rule = attribute.future
        if rule is None or not may_look_back(rule, hide, self.data):
            return None
        everything = self._everything(rule).reindex(customers)
        own = everything
        if rule.where or rule.above:
            events = matching(self._log(rule.log), rule.where, rule.above)
            own = self._summed(events, rule).reindex(customers)
        columns = {past_name(rule.log, name, *key): values for key, values in self._columns(own, rule).items()}
        if own is not everything:
            shared = self._columns(everything, rule)
            columns |= {past_name(rule.log, name, *key, everything=True): v for key, v in shared.items()}
        lags = self._lags(own, everything, rule)
        columns |= {past_name(rule.log, name, *key): values for key, values in lags.items()}
        block = np.column_stack([*columns.values()]).round(_DECIMALS)
        return OwnPast(np.array([*columns]), block)

    def _log(self, log_name: str) -> ir.Table:
        return among(read_events(self.engine, self.events, log_name, self.buckets), self.between)

    def _everything(self, rule: Future) -> pd.DataFrame:
        key = (rule.log, rule.horizon_days, rule.field)
        if key not in self._whole:
            self._whole[key] = self._summed(self._log(rule.log), rule)
        return self._whole[key]

    def _summed(self, events: ir.Table, rule: Future) -> pd.DataFrame:
        """Return sums of events before as_of by customer: over windows, and horizon by horizon."""
        days = _by_day(events, rule.field, rule.horizon_days * US_PER_DAY, self.as_of_us)
        found = _by_customer(days, rule.field is not None, rule.horizon_days, self.as_of_us)
        return self.engine.arrow(found).to_pandas().set_index(CUSTOMER)

    def _columns(self, found: pd.DataFrame, rule: Future) -> dict[tuple[str, int | None], np.ndarray]:
        """Return how often, how much, how recently and how regularly, by aggregate and window in days."""
        columns: dict[tuple[str, int | None], np.ndarray] = {}
        for span in (*_SPANS, None):
            window = None if span is None else span * rule.horizon_days
            for what in ("count", "days") if rule.field is None else ("count", "days", "sum"):
                columns[what, window] = _filled(found, f"{what}_{span}")
        for span in _SPANS[:2]:
            columns["recent_days", span * rule.horizon_days] = _filled(found, f"recent_{span}")
        for what in ("recency_days", "tenure_days"):
            columns[what, None] = found[what].to_numpy(dtype=float)
        days = found["days_None"].to_numpy(dtype=float)
        span_days = (found["last_day"] - found["first_day"]).to_numpy(dtype=float)
        columns["gap_days", None] = np.divide(span_days, days - 1, out=np.full(len(days), np.nan), where=days > 1)
        return columns

    def _lags(
        self, own: pd.DataFrame, everything: pd.DataFrame, rule: Future
    ) -> dict[tuple[str, int | None], np.ndarray]:
        """Return the rule's amount in the last horizons, and how often its answer was yes."""
        first_us = read_manifest(self.events)["logs"][rule.log]["first_us"]
        # The first day counts as a whole one, though its first event is later than its midnight.
        recorded = (self.as_of_us - first_us + US_PER_DAY) // (rule.horizon_days * US_PER_DAY)
        complete = min(LAGS, recorded - (rule.aggregate == "growth"))  # growth also needs the horizon before
        unknown = np.full(len(own), np.nan)
        amounts = [_amount(own, everything, rule, lag) if lag <= complete else unknown for lag in range(1, LAGS + 1)]
        columns: dict[tuple[str, int | None], np.ndarray] = {}
        for lag in (1, 2):
            columns[f"amount_{lag}", rule.horizon_days] = amounts[lag - 1]
        columns["amount_mean", LAGS * rule.horizon_days] = _mean(amounts)
        if rule.at_least is not None or rule.at_most is not None:
            columns["yes_share", LAGS * rule.horizon_days] = _mean([_yes(amount, rule) for amount in amounts])
        return columns


def own_features(
    matrix: FeatureMatrix, reader: PastReader, name: str, attribute: Attribute, hide: Iterable[str]
) -> FeatureMatrix:
    """Return what an attribute's predictor reads: the matrix without what is hidden, its own past before it."""
    columns = visible(matrix.names, hide, reader.data, f"attributes.{name}.hide")
    matrix = matrix if columns.all() else matrix.select(columns)
    past = reader.read(name, attribute, hide, matrix.customers)
    return matrix if past is None else matrix.with_past(past.names, past.block)


def may_look_back(rule: Future, hide: Iterable[str], data: Data) -> bool:
    """Tell whether a rule reads nothing that is hidden, neither its log nor a field."""
    read = {rule.log, *(f"{rule.log}.{name}" for name in (*rule.where, *rule.above, rule.field) if name)}
    return read.isdisjoint(with_siblings(hide, data))


def _by_day(events: ir.Table, amount: str | None, horizon_us: int, as_of_us: int) -> ir.Table:
    """Return the events before as_of by customer, horizon back (0: the last one before as_of) and day."""
    before = events.filter(events[EVENT_US] < as_of_us)
    before = before.mutate(**{_BACK: (as_of_us - 1 - before[EVENT_US]) // horizon_us})
    sums = {_NUMBER: before.count(), _FIRST: before[EVENT_US].min(), _LAST: before[EVENT_US].max()}
    if amount is not None:
        sums |= {_SUM: before[amount].sum().fill_null(0.0), _KNOWN: before[amount].count()}
    return before.group_by(CUSTOMER, _BACK, EVENT_DAY).agg(**sums)


def _by_customer(days: ir.Table, with_amount: bool, horizon_days: int, as_of_us: int) -> ir.Table:
    """Return one row per customer; `<what>_<span>` are of windows, `<what>_lag<n>` of single horizons."""
    number, back = days[_NUMBER].cast("float64"), days[_BACK]
    age_days = (as_of_us - days[_LAST]).cast("float64") / float(US_PER_DAY)
    found: dict[str, ir.Value] = {
        "recency_days": age_days.min(),
        "tenure_days": (as_of_us - days[_FIRST].min()).cast("float64") / float(US_PER_DAY),
        "first_day": days[EVENT_DAY].min(),
        "last_day": days[EVENT_DAY].max(),
    }
    inside: Mapping[str, ir.BooleanValue] = {
        **{str(span): back < span for span in _SPANS},
        "None": ibis.literal(True),
        **{f"lag{lag}": back == lag - 1 for lag in range(1, LAGS + 2)},
    }
    for key, where in inside.items():
        found[f"count_{key}"] = number.sum(where=where)
        found[f"days_{key}"] = days.count(where=where)
        if with_amount:
            found[f"sum_{key}"] = days[_SUM].sum(where=where)
            found[f"known_{key}"] = days[_KNOWN].sum(where=where)
    for lag in range(1, LAGS + 1):
        since_us = days[_FIRST].min(where=back == lag - 1) - (as_of_us - lag * horizon_days * US_PER_DAY)
        found[f"delay_lag{lag}"] = since_us.cast("float64") / float(US_PER_DAY)
    for span in _SPANS[:2]:  # active days, each worth half as much per so many horizons that it is old
        found[f"recent_{span}"] = (age_days * (-log(2.0) / (span * horizon_days))).exp().sum()
    return days.group_by(CUSTOMER).agg(**found)


def _amount(own: pd.DataFrame, everything: pd.DataFrame, rule: Future, lag: int) -> np.ndarray:
    """Return the rule's aggregate over the horizon that ended `lag - 1` horizons before as_of, as `future` does.

    Days until the next event are at most the horizon's.
    """
    key = f"lag{lag}"
    total = "count" if rule.field is None else "sum"
    if rule.aggregate in ("count", "active_days", "sum"):
        return _filled(own, f"{'days' if rule.aggregate == 'active_days' else total}_{key}")
    if rule.aggregate == "mean":
        return _ratio(_filled(own, f"{total}_{key}"), _filled(own, f"known_{key}"))
    if rule.aggregate == "per_day":
        return _ratio(_filled(own, f"{total}_{key}"), _filled(own, f"days_{key}"))
    if rule.aggregate == "share":
        return _ratio(_filled(own, f"{total}_{key}"), _filled(everything, f"{total}_{key}"))
    if rule.aggregate == "growth":
        return _ratio(_filled(own, f"{total}_{key}"), _filled(own, f"{total}_lag{lag + 1}"))
    return own[f"delay_{key}"].fillna(float(rule.horizon_days)).to_numpy(dtype=float)


def _yes(amount: np.ndarray, rule: Future) -> np.ndarray:
    said = amount >= rule.at_least if rule.at_least is not None else amount <= (rule.at_most or 0.0)
    return np.where(np.isnan(amount), np.nan, said)


def _mean(amounts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of the known ones, NaN where there is none."""
    stacked = np.stack(amounts)
    known = ~np.isnan(stacked)
    return _ratio(np.where(known, stacked, 0.0).sum(axis=0), known.sum(axis=0).astype(float))


def _ratio(part: np.ndarray, of: np.ndarray) -> np.ndarray:
    return np.divide(part, of, out=np.full(len(part), np.nan), where=of > 0)


def _filled(found: pd.DataFrame, column: str) -> np.ndarray:
    return found[column].fillna(0).to_numpy(dtype=float)
