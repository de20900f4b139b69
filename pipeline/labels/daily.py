"""Sums of a log's events by customer and day for many rules at once: the log is read once, however many rules ask.

One grouped query marks each event with the conditions that it meets, one bit for each, and sums the events of one
customer, day and set of marks. A rule's sums are then made of the days that bear its bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.columns import CUSTOMER, EVENT_DAY, EVENT_US, US_PER_DAY
from pipeline.engine import QueryEngine
from pipeline.labels.rules import meets
from pipeline.settings import Future

MARKS = 62  # conditions in one pass: bits of a signed 64-bit integer, with one to spare
_AGE, _MARKS, _NUMBER, _FIRST, _LAST = "_age", "_marks", "_number", "_first", "_last"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Condition = tuple[tuple[tuple[str, tuple[str, ...]], ...], tuple[tuple[str, float], ...]]


@dataclass(frozen=True)
class Days:
    """Events before as_of of some customers, summed by customer, day and marks: n rows, by customer and then time.

    Attributes
    ----------
    customers
        Ids of those who have events, in no order, shape (n_customers,).
    who, day, age
        Position among the customers, the day of the source's zone, and whole days before as_of, shape (n,).
    marks
        Bit k: the events meet the k-th condition, shape (n,).
    number, first_us, last_us
        How many events, and when the first and the last of them was, shape (n,).
    sums, known
        By amount: its sum, and how many events have one, shape (n,).
    conditions
        In the order of their bits.
    """

    customers: np.ndarray
    who: Ints
    day: Ints
    age: Ints
    marks: Ints
    number: Ints
    first_us: Ints
    last_us: Ints
    sums: dict[str, Floats]
    known: dict[str, Ints]
    conditions: tuple[Condition, ...]

    def meeting(self, condition: Condition) -> NDArray[np.intp] | slice:
        """Return the rows of events that meet a condition; all of them if it is none."""
        if not any(condition):
            return slice(None)
        return np.flatnonzero(self.marks & np.int64(1 << self.conditions.index(condition)))


def condition_of(rule: Future) -> Condition:
    """Return what events must meet to count for a rule."""
    where = tuple((field, tuple(tokens)) for field, tokens in rule.where.items())
    return where, tuple((field, float(bound)) for field, bound in rule.above.items())


def in_passes(rules: Sequence[Future]) -> Iterator[list[Future]]:
    """Yield rules of one log in groups that have at most `MARKS` conditions."""
    distinct: dict[Condition, list[Future]] = {}
    for rule in rules:
        distinct.setdefault(condition_of(rule), []).append(rule)
    groups = [*distinct.values()]
    for start in range(0, len(groups), MARKS):
        yield [rule for group in groups[start : start + MARKS] for rule in group]


def read_days(engine: QueryEngine, events: ir.Table, rules: Sequence[Future], as_of_us: int) -> Days:
    """Read the events before as_of once, for rules of their log that have at most `MARKS` conditions."""
    conditions = tuple(dict.fromkeys(c for c in map(condition_of, rules) if any(c)))
    amounts = [*dict.fromkeys(rule.field for rule in rules if rule.field is not None)]
    before = events.filter(events[EVENT_US] < as_of_us)
    before = before.mutate(
        **{_AGE: (as_of_us - 1 - before[EVENT_US]) // US_PER_DAY, _MARKS: _marked(before, conditions)}
    )
    sums: dict[str, ir.Value] = {
        _NUMBER: before.count(),
        _FIRST: before[EVENT_US].min(),
        _LAST: before[EVENT_US].max(),
    }
    for place, amount in enumerate(amounts):
        sums |= {f"_sum_{place}": before[amount].sum().fill_null(0.0), f"_known_{place}": before[amount].count()}
    found = engine.arrow(before.group_by(CUSTOMER, EVENT_DAY, _AGE, _MARKS).agg(**sums))
    customers, who = _encoded(found[CUSTOMER])
    days, ages = _whole(found[EVENT_DAY]), _whole(found[_AGE])
    order = _in_order(who, days, ages)
    return Days(
        customers,
        who[order],
        days[order],
        ages[order],
        _whole(found[_MARKS])[order],
        _whole(found[_NUMBER])[order],
        _whole(found[_FIRST])[order],
        _whole(found[_LAST])[order],
        {amount: found[f"_sum_{k}"].to_numpy().astype(np.float64)[order] for k, amount in enumerate(amounts)},
        {amount: _whole(found[f"_known_{k}"])[order] for k, amount in enumerate(amounts)},
        conditions,
    )


def _marked(events: ir.Table, conditions: Sequence[Condition]) -> ir.IntegerValue:
    """Return an integer for each event whose k-th bit tells whether it meets the k-th condition."""
    zero = ibis.literal(0, "int64")
    bits = [
        meets(events, dict(where), dict(above)).ifelse(ibis.literal(1 << bit, "int64"), zero)
        for bit, (where, above) in enumerate(conditions)
    ]
    return reduce(lambda one, other: one + other, bits, zero)


def _encoded(ids: pa.ChunkedArray) -> tuple[np.ndarray, Ints]:
    """Return distinct ids, and each row's position among them."""
    words = ids.combine_chunks().dictionary_encode()
    if isinstance(words, pa.ChunkedArray):  # as some versions return without rows
        words = words.combine_chunks()
    return np.array(words.dictionary.to_pylist(), dtype=object), words.indices.to_numpy().astype(np.int64)


def _whole(column: pa.ChunkedArray) -> Ints:
    return column.to_numpy().astype(np.int64, copy=False)


def _in_order(who: Ints, days: Ints, ages: Ints) -> NDArray[np.intp]:
    """Return the order of customers, of each one's days, and within a day, of time: one key, faster than three."""
    if not len(who):
        return np.empty(0, dtype=np.intp)
    n_days, n_ages = int(np.ptp(days)) + 1, int(np.ptp(ages)) + 1
    key = (who * n_days + (days - days.min())) * n_ages + (ages.max() - ages)
    return np.argsort(key, kind="stable")
