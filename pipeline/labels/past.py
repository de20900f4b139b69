"""An attribute's own past: what customers did before as_of by the very rule that makes its label after it.

In forecasting these are lagged values of the target. They are computed from events before as_of alone, and depend on
no other customer, so that a bucket's are those of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.columns import CUSTOMER, US_PER_DAY
from pipeline.engine import QueryEngine
from pipeline.events import read_events
from pipeline.features.counts import among
from pipeline.features.matrix import FeatureMatrix
from pipeline.features.naming import past_name, visible, with_siblings
from pipeline.labels.daily import Condition, condition_of, in_passes, read_days
from pipeline.labels.horizons import Horizons, horizons, joined
from pipeline.outputs import read_manifest
from pipeline.settings import Attribute, Data, Future

LAGS = 4  # horizons before as_of that are looked at one by one
_SPANS = (1, 2, 4)  # windows, in horizons
_DECIMALS = 9  # a sum of doubles depends on their order in the last digit
_AT_ONCE = 5_000_000  # events of which one query's sums are held: some hundreds of MB at most

_Asked = tuple[str, Condition, str | None, int]  # log, what its events must meet, amount, days of a horizon


@dataclass(frozen=True)
class OwnPast:
    """Features of some customers: names, shape (n_features,), and values, shape (n_customers, n_features).

    NaN means unknown; a count, a sum or a number of days of nothing is 0.
    """

    names: np.ndarray
    block: np.ndarray


@dataclass
class PastReader:
    """Reads the own past of attributes at one instant.

    Attributes
    ----------
    buckets
        Hash buckets whose customers are read.
    as_of_us
        Events at or after it are not read.
    between
        First and last id of whom events are read, both included; None: everybody.
    together
        Rules that will be asked for. What they need of a log is read at once and held, some 300 bytes a rule and
        customer; another rule is read when it is asked for.
    only
        Ids of whom events are read, shape (n,); None: everybody. What is computed once for all attributes is bounded
        by them.
    """

    engine: QueryEngine
    events: Path
    data: Data
    as_of_us: int
    buckets: Sequence[int] | range
    between: tuple[str, str] | None = None
    together: Sequence[Future] = ()
    only: np.ndarray | None = None
    _held: dict[_Asked, _Found] = field(default_factory=dict, init=False, repr=False)

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
        found = self._found(rule)
        everything = own = found[_everything(rule)].of(customers)
        if rule.where or rule.above:
            own = found[_own(rule)].of(customers)
        columns = {past_name(rule.log, name, *key): values for key, values in self._columns(own, rule).items()}
        if own is not everything:
            shared = self._columns(everything, rule)
            columns |= {past_name(rule.log, name, *key, everything=True): v for key, v in shared.items()}
        lags = self._lags(own, everything, rule)
        columns |= {past_name(rule.log, name, *key): values for key, values in lags.items()}
        block = np.column_stack([*columns.values()]).round(_DECIMALS)
        return OwnPast(np.array([*columns]), block)

    def _found(self, rule: Future) -> Mapping[_Asked, _Found]:
        """Return the sums of a rule's events and of all events of its log, and of what is held with them."""
        if _own(rule) in self._held:
            return self._held
        together = [one for one in self.together if one.log == rule.log]
        if rule in together:
            self._held |= self._read(together)
            return self._held
        found = self._read([rule]) | self._held
        self._held[_everything(rule)] = found[_everything(rule)]  # other rules will ask for it
        return found

    def _read(self, rules: Sequence[Future]) -> dict[_Asked, _Found]:
        """Read the log of some rules, once for so many of them as one pass can tell apart."""
        found: dict[_Asked, _Found] = {}
        log_name = rules[0].log
        for some in in_passes(rules):
            asked = {key for rule in some for key in (_everything(rule), _own(rule))} - {*found, *self._held}
            customers: list[np.ndarray] = []
            parts: dict[_Asked, list[Horizons]] = {key: [] for key in asked}
            for buckets in self._in_parts(log_name):
                events = self._mine(read_events(self.engine, self.events, log_name, buckets))
                days = read_days(self.engine, events, some, self.as_of_us)
                customers.append(days.customers)
                for key in asked:
                    parts[key].append(horizons(days, *key[1:], lags=LAGS, as_of_us=self.as_of_us))
            who = _Places(pd.Index(np.concatenate(customers)))
            found |= {key: _Found(who, joined(own)) for key, own in parts.items()}
        return found

    def _mine(self, events: ir.Table) -> ir.Table:
        """Return the events of the customers who are asked for."""
        events = among(events, self.between)
        if self.only is None:
            return events
        wanted = self.engine.memory(pa.table({CUSTOMER: pa.array(self.only.tolist(), pa.string())}))
        return events.semi_join(wanted, CUSTOMER)

    def _in_parts(self, log_name: str) -> Iterator[Sequence[int]]:
        """Yield as many buckets as are read at once."""
        manifest = read_manifest(self.events)
        of_one = manifest["logs"][log_name]["rows"] / manifest["buckets"]
        step = max(1, int(_AT_ONCE // max(1, of_one)))
        for start in range(0, len(self.buckets), step):
            yield self.buckets[start : start + step]

    def _columns(self, found: Horizons, rule: Future) -> dict[tuple[str, int | None], np.ndarray]:
        """Return how often, how much, how recently and how regularly, by aggregate and window in days."""
        columns: dict[tuple[str, int | None], np.ndarray] = {}
        for span in (*_SPANS, None):
            window = None if span is None else span * rule.horizon_days
            columns["count", window] = found.within("counts", span)
            columns["days", window] = found.within("days", span)
            if rule.field is not None:
                columns["sum", window] = found.within("sums", span)
        for place, span in enumerate(_SPANS[:2]):
            columns["recent_days", span * rule.horizon_days] = found.recent[:, place]
        columns["recency_days", None], columns["tenure_days", None] = found.recency_days, found.tenure_days
        days = columns["days", None]
        columns["gap_days", None] = np.divide(found.span_days, days - 1, out=np.full(len(days), np.nan), where=days > 1)
        return columns

    def _lags(self, own: Horizons, everything: Horizons, rule: Future) -> dict[tuple[str, int | None], np.ndarray]:
        """Return the rule's amount in the last horizons, and how often its answer was yes."""
        first_us = read_manifest(self.events)["logs"][rule.log]["first_us"]
        # The first day counts as a whole one, though its first event is later than its midnight.
        recorded = (self.as_of_us - first_us + US_PER_DAY) // (rule.horizon_days * US_PER_DAY)
        complete = min(LAGS, recorded - (rule.aggregate == "growth"))  # growth also needs the horizon before
        unknown = np.full(len(own.recency_days), np.nan)
        amounts = [
            _amount(own, everything, rule, lag, self.as_of_us) if lag <= complete else unknown
            for lag in range(1, LAGS + 1)
        ]
        columns: dict[tuple[str, int | None], np.ndarray] = {}
        for lag in (1, 2):
            columns[f"amount_{lag}", rule.horizon_days] = amounts[lag - 1]
        columns["amount_mean", LAGS * rule.horizon_days] = _mean(amounts)
        if rule.at_least is not None or rule.at_most is not None:
            columns["yes_share", LAGS * rule.horizon_days] = _mean([_yes(amount, rule) for amount in amounts])
        return columns


class _Places:
    """Where customers stand among those who have events in a log; -1: nowhere."""

    def __init__(self, index: pd.Index) -> None:
        self.index = index
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def of(self, customers: np.ndarray) -> np.ndarray:
        if self._last is None or self._last[0] is not customers:  # most attributes ask for the same ones
            self._last = customers, self.index.get_indexer(pd.Index(customers, dtype=object))
        return self._last[1]


@dataclass(frozen=True)
class _Found:
    who: _Places
    sums: Horizons

    def of(self, customers: np.ndarray) -> Horizons:
        return self.sums.of(self.who.of(customers))


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


def _everything(rule: Future) -> _Asked:
    """Return what asks for all events of a rule's log."""
    return rule.log, ((), ()), rule.field, rule.horizon_days


def _own(rule: Future) -> _Asked:
    """Return what asks for the events that count for a rule."""
    return rule.log, condition_of(rule), rule.field, rule.horizon_days


def _amount(own: Horizons, everything: Horizons, rule: Future, lag: int, as_of_us: int) -> np.ndarray:
    """Return the rule's aggregate over the horizon that ended `lag - 1` horizons before as_of, as `future` does.

    Days until the next event are at most the horizon's.
    """
    k = lag - 1
    total = "counts" if rule.field is None else "sums"
    mine: np.ndarray = getattr(own, total)[:, k]
    if rule.aggregate in ("count", "sum"):
        return mine
    if rule.aggregate == "active_days":
        return own.days[:, k]
    if rule.aggregate == "mean":
        return _ratio(mine, own.known[:, k])
    if rule.aggregate == "per_day":
        return _ratio(mine, own.days[:, k])
    if rule.aggregate == "share":
        return _ratio(mine, getattr(everything, total)[:, k])
    if rule.aggregate == "growth":
        return _ratio(mine, getattr(own, total)[:, lag])
    delay = (own.first_us[:, k] - (as_of_us - lag * rule.horizon_days * US_PER_DAY)) / US_PER_DAY
    return np.where(np.isfinite(delay), delay, float(rule.horizon_days))


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
