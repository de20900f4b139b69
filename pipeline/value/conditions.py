"""What a description may say of a customer: values of attributes, and amounts of fields that can be read aloud."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipeline.features.naming import ALL, aggregate_of, readable
from pipeline.lookalike.described.probability import Known
from pipeline.settings import Data
from pipeline.value.resampling import Floats, Mask

ATTRIBUTES, FIELDS = "attributes", "fields"
_SPOKEN = ("count", "sum", "mean", "recency_days", "tenure_days")
_GROWING = (
    "count",
    "sum",
)  # of the whole history they grow with it: what is much at one instant is little at a later one
_AT_LEAST, _AT_MOST = (0.5, 0.75, 0.9), (0.25, 0.5)
_BARE = re.compile(r"""[^\s()=!,"']+""")
_KEYWORDS = ("and", "or", "not", "in")


@dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes
    ----------
    by
        *attributes* or *fields*.
    about
        The attribute, or log and field: a description asks for each once.
    words
        As it is read; of an attribute also as `lookalike.wanted` understands it.
    before, now
        Probability that it holds for the customers where descriptions are judged, and now; 0 where nothing is known.
    known
        Of whom it is known, or inferred, whether it holds, where descriptions are judged.
    """

    by: str
    about: str
    words: str
    before: Floats
    now: Floats
    known: Mask

    def of(self, rows: Mask) -> Condition:
        """Return the condition for some of the customers where descriptions are judged."""
        return replace(self, before=self.before[rows], known=self.known[rows])


def attribute_conditions(before: Mapping[str, Known], now: Mapping[str, Known]) -> list[Condition]:
    """Return a condition per value of each attribute."""
    found = []
    for name, one in before.items():
        for value in one.values:
            chance, later = one.of((value,)), now[name].of((value,))
            words, known = f"{name}={quoted(value)}", ~np.isnan(chance)
            found.append(Condition(ATTRIBUTES, name, words, np.nan_to_num(chance), np.nan_to_num(later), known))
    return found


def field_conditions(before: pd.DataFrame, now: pd.DataFrame, data: Data, hidden: Iterable[str]) -> list[Condition]:
    """Return conditions on dense features: at least, or at most, what some share of the customers reach.

    Features of hidden logs and fields, sums over the whole history, and those that cannot be read aloud, such as
    deviations, are left out.

    Parameters
    ----------
    before, now
        Features of the customers where descriptions are judged, and now.
    hidden
        Logs and `log.field`s.
    """
    blocked = _prefixes(hidden)
    found = []
    for name in map(str, before.columns):
        growing = name.endswith(f"__{ALL}") and aggregate_of(name) in _GROWING
        if name.startswith(blocked) or aggregate_of(name) not in _SPOKEN or growing:
            continue
        column, later = (frame[name].to_numpy(dtype=np.float64) for frame in (before, now))
        known = column[~np.isnan(column)]
        if not len(known) or known.min() == known.max():
            continue
        about, words = name.rsplit("__", 1)[0], readable(name)
        for share in _AT_LEAST:
            bound = _round(float(np.quantile(known, share)))
            if bound > known.min():
                found.append(_field(about, f"{words} ≥ {bound:,g}", column >= bound, later >= bound))
        for share in _AT_MOST:
            bound = _round(float(np.quantile(known, share)))
            if bound < known.max():
                found.append(_field(about, f"{words} ≤ {bound:,g}", column <= bound, later <= bound))
    unique = {condition.words: condition for condition in found}
    return list(unique.values())


def quoted(value: str) -> str:
    """Return a value as the language of `lookalike.wanted` writes it.

    >>> quoted("yes"), quoted("under 35K"), quoted("not")
    ('yes', '"under 35K"', '"not"')
    """
    if _BARE.fullmatch(value) and value.lower() not in _KEYWORDS:
        return value
    return f"'{value}'" if '"' in value else f'"{value}"'


def _field(about: str, words: str, before: np.ndarray, now: np.ndarray) -> Condition:
    everybody = np.ones(len(before), dtype=bool)
    return Condition(FIELDS, about, words, before.astype(np.float64), now.astype(np.float64), everybody)


def _prefixes(hidden: Iterable[str]) -> tuple[str, ...]:
    parts = [entry.partition(".") for entry in hidden]
    return tuple(f"{log}__{field}__" if field else f"{log}__" for log, _, field in parts)


def _round(bound: float) -> float:
    """Return a bound with two significant digits: one that can be said.

    >>> _round(0.12345), _round(1234.0)
    (0.12, 1200.0)
    """
    return float(f"{bound:.2g}")
