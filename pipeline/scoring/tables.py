"""Answers as Arrow tables: one row per customer and attribute, and one per customer.

Words are dictionary-encoded from the start: of a million rows only their codes are ever laid out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.columns import (
    AS_OF,
    ATTRIBUTE,
    CUSTOMER,
    EXPIRES,
    LIKELIEST,
    MODEL_VERSION,
    PROBABILITIES,
    PROBABILITY,
    REASON,
    SET,
    STATE,
    US_PER_DAY,
    VALUE,
)
from pipeline.scoring.answers import REASONS, STATES, Answers
from pipeline.scoring.champions import Champion

_WORDS = pa.dictionary(pa.int32(), pa.string())
_INSTANT = pa.timestamp("us", "UTC")

PREDICTIONS = pa.schema(
    {
        CUSTOMER: _WORDS,
        ATTRIBUTE: _WORDS,
        VALUE: _WORDS,
        LIKELIEST: _WORDS,
        PROBABILITY: pa.float64(),
        PROBABILITIES: pa.list_(pa.float32()),
        SET: _WORDS,
        STATE: _WORDS,
        REASON: _WORDS,
        MODEL_VERSION: _WORDS,
        EXPIRES: _INSTANT,
        AS_OF: _INSTANT,
    }
)


def portraits_schema(attributes: Sequence[str]) -> pa.Schema:
    """Return the columns of portraits: value, state and probability of each attribute."""
    columns: dict[str, pa.DataType] = {CUSTOMER: pa.string(), AS_OF: _INSTANT}
    for name in attributes:
        columns |= {name: _WORDS, f"{name}__{STATE}": _WORDS, f"{name}__{PROBABILITY}": pa.float64()}
    return pa.schema(columns)


def predictions_table(
    customers: np.ndarray, champions: Sequence[Champion], said: Sequence[Answers], as_of_us: int
) -> pa.Table:
    """Return one row per customer and attribute, sorted by customer and attribute.

    Parameters
    ----------
    customers
        Ids, sorted, shape (n,).
    champions, said
        Of each attribute, in the same order.
    """
    order = sorted(range(len(said)), key=lambda place: said[place].attribute)
    said, champions = [said[place] for place in order], [champions[place] for place in order]
    n, width = len(customers), len(said)
    if not n * width:
        return PREDICTIONS.empty_table()
    everyone = np.repeat(np.arange(n, dtype=np.int32), width)
    own = np.tile(np.arange(width, dtype=np.int32), n)
    modelled = [_declared_or(found, place) for place, found in enumerate(said)]
    expires = np.array([as_of_us + champion.declaration.expires_days * US_PER_DAY for champion in champions])
    columns = {
        CUSTOMER: _words(everyone, customers.tolist()),
        ATTRIBUTE: _words(own, [found.attribute for found in said]),
        VALUE: _laid_out([(found.value, found.names) for found in said]),
        LIKELIEST: _laid_out([(found.likeliest, found.names) for found in said]),
        PROBABILITY: pa.array(_by_customer([found.probability for found in said]), from_pandas=True),
        PROBABILITIES: _lists([found.proba for found in said]),
        SET: _laid_out([(found.chosen, found.sets) for found in said]),
        STATE: _words(_by_customer([found.state for found in said]), STATES),
        REASON: _words(_by_customer([found.reason for found in said]), REASONS),
        MODEL_VERSION: _words(_by_customer(modelled), [found.version for found in said]),
        EXPIRES: pa.array(np.tile(expires, n)).cast(_INSTANT),
        AS_OF: pa.array(np.full(n * width, as_of_us)).cast(_INSTANT),
    }
    return pa.table(columns, schema=PREDICTIONS)


def portraits_table(customers: np.ndarray, said: Sequence[Answers], as_of_us: int) -> pa.Table:
    """Return one row per customer: value, state and probability of each attribute, in the order given."""
    columns = [
        pa.array(customers.tolist(), pa.string()),
        pa.array(np.full(len(customers), as_of_us, dtype=np.int64)).cast(_INSTANT),
    ]
    for found in said:
        columns += [
            _words(found.value, found.names),
            _words(found.state, STATES),
            pa.array(found.probability, from_pandas=True),
        ]
    return pa.table(columns, schema=portraits_schema([found.attribute for found in said]))


def _declared_or(found: Answers, place: int) -> NDArray[np.int32]:
    """Return which model's version stands in each row: none where a customer told, or where there is no model."""
    told = found.state == STATES.index("declared")
    return np.where(told, -1, place if found.version else -1).astype(np.int32)


def _by_customer(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return columns of n customers interleaved: all of the first customer, then all of the second."""
    return np.stack(columns, axis=1).ravel()


def _words(codes: np.ndarray, words: Sequence[str]) -> pa.DictionaryArray:
    """Return words by their codes, null where a code is negative."""
    indices = pa.array(codes.astype(np.int32, copy=False), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(words), pa.string()))


def _laid_out(columns: Sequence[tuple[np.ndarray, Sequence[str]]]) -> pa.DictionaryArray:
    """Return the words of all attributes interleaved, of one vocabulary."""
    vocabulary: dict[str, int] = {}
    parts = []
    for codes, words in columns:
        places = np.array([vocabulary.setdefault(word, len(vocabulary)) for word in words] + [-1], dtype=np.int32)
        parts.append(places[codes])  # the code -1 takes the last place
    return _words(_by_customer(parts), [*vocabulary])


def _lists(parts: Sequence[NDArray[np.float32]]) -> pa.ListArray:
    """Return rows (n, n_values) of all attributes interleaved as lists; null for a row of NaN."""
    known = [np.asarray(~np.isnan(part).any(axis=1) & (part.shape[1] > 0)) for part in parts]
    lengths = _by_customer([here * part.shape[1] for here, part in zip(known, parts, strict=True)])
    kept = np.hstack([np.repeat(here[:, None], part.shape[1], axis=1) for here, part in zip(known, parts, strict=True)])
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    unknown = pa.array(~_by_customer(known))
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.hstack(parts)[kept]), mask=unknown)
