"""What is known of each customer: facts for tokens and segments, probabilities for attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.columns import ATTRIBUTE, CUSTOMER, FIELD, LIKELIEST, PROBABILITY, SEGMENT, STATE, TOKEN, VALUE, WITHHELD
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError
from pipeline.events import bucket_file
from pipeline.features.naming import field_name
from pipeline.features.tokens import read_tokens
from pipeline.judged import Judged
from pipeline.lookalike.context import read_portraits
from pipeline.lookalike.described.probability import Known, known_of
from pipeline.lookalike.wanted import attribute_values, judged_customers, read_predictions
from pipeline.outputs import MANIFEST, read_manifest
from pipeline.profiles import read_customers
from pipeline.segment.activity.lifecycle import STAGES
from pipeline.segment.cells import OTHER
from pipeline.segment.family import Place
from pipeline.segment.rules.vocabulary import NONE, YES_NO, Vocabulary
from pipeline.settings.segment import TAKEN

_SCORES = TAKEN[2:]
_ALWAYS = {"activity": (*STAGES, OTHER), **dict.fromkeys(_SCORES, ("1", "2", "3", "4", "5"))}  # also if nobody is


class Facts:
    """Everything that rules may ask for, of all customers of the base, read when it is asked for."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._context = place.lookalike("rules")
        self.ids = np.sort(_everyone(place.engine, place))
        self._segments = self._read_segments()

    @cached_property
    def attributes(self) -> dict[str, tuple[str, ...]]:
        """All values by attribute; empty where there are no portraits as of this instant."""
        portraits = read_portraits(self._context)
        return {} if portraits is None else attribute_values(self._context, portraits)

    def vocabulary(self, rules: Sequence[str]) -> Vocabulary:
        """Return what may be asked for; rules by their names."""
        known: dict[str, Sequence[str]] = dict(self.attributes)
        known |= {name: values for name, (values, _) in self._segments.items()}
        known |= {f"segment.{name}": YES_NO for name in rules}
        logs = self._place.settings.data.logs
        fields = [f"{log}.{field}" for log, declared in logs.items() for field in (*declared.categorical, "weekday")]
        return Vocabulary(known, fields, self._tokens)

    def unknown_attribute(self, text: str) -> str | None:
        """Return an attribute of the settings that a rule's text names although there are no portraits."""
        names = [name for name in self._place.settings.attributes if name not in self.attributes]
        return next((name for name in names if name in text), None)

    def of_segment(self, name: str) -> Known:
        """Return which of a family's segments, or which score, each customer has."""
        values, labels = self._segments[name]
        return _certain(values, labels)

    def of_members(self, members: NDArray[np.bool_]) -> Known:
        """Return who is a member of another rule's segment, given as a mask of shape (n,)."""
        return _certain(YES_NO, np.where(members, "yes", "no").astype(object))

    def of_token(self, field: str, token: str) -> Known:
        """Return who has met a token, or one that begins as `token` does if it ends in *, before as_of."""
        table = self._token_table(field)
        begin = token.removesuffix("*")
        exact = begin == token or token in self._tokens(field)
        same = table[TOKEN] == token if exact else table[TOKEN].startswith(begin)
        found = self._place.engine.arrow(table.filter(same).select(CUSTOMER).distinct())[CUSTOMER].to_pylist()
        return self.of_members(np.isin(self.ids, np.array(found, dtype=np.str_)))

    def of_attributes(self, names: Sequence[str]) -> dict[str, Known]:
        """Return the probabilities of attributes' values."""
        wanted = {name: self.attributes[name] for name in names}
        return known_of(self._predictions(names), self.ids, wanted) if names else {}

    def stated(self, names: Sequence[str], certified: bool) -> dict[str, Known]:
        """Return attributes' values as facts: those that are declared or certified, or else the likeliest ones too."""
        if not names:
            return {}
        predictions = self._predictions(names)
        found = {}
        for name in names:
            own = predictions[predictions[ATTRIBUTE] == name].set_index(CUSTOMER).reindex(self.ids)
            told = own[VALUE].where(own[STATE] != WITHHELD)
            if not certified:
                told = told.where(told.notna(), own[LIKELIEST].where(own[PROBABILITY].notna()))
            found[name] = _certain(self.attributes[name], told.to_numpy(dtype=object))
        return found

    def declared(self, names: Sequence[str]) -> dict[str, Known]:
        """Return what customers said themselves, NaN where they did not."""
        return {
            name: replace(known, proba=np.where(known.declared[:, None], known.proba, np.nan))
            for name, known in self.of_attributes(names).items()
        }

    def judged(self, attributes: Sequence[str], certain: Mapping[str, Known]) -> dict[str, Judged]:
        """Return customers whose true values are known: of attributes the test customers, of facts everybody."""
        found = dict(judged_customers(self._context, tuple(attributes)))
        nowhere = np.zeros((1, len(self.ids)), dtype=np.int64)
        for name, known in certain.items():
            y = known.proba.argmax(axis=1)
            found[name] = Judged(self.ids.astype(object), y, known.proba[None], y[None], nowhere)
        return found

    def _predictions(self, names: Sequence[str]) -> pd.DataFrame:
        frame = read_predictions(self._context, tuple(names))
        frame[CUSTOMER] = frame[CUSTOMER].astype(str)
        return frame

    def _token_table(self, field: str):  # type: ignore[no-untyped-def]
        log, _, name = field.partition(".")
        table = read_tokens(self._place.engine, self._place.snapshot, range(self._place.buckets))
        return table.filter(table[FIELD] == field_name(log, name))

    def _tokens(self, field: str) -> list[str]:
        table = self._token_table(field).select(TOKEN).distinct().order_by(TOKEN)
        return [str(token) for token in self._place.engine.arrow(table)[TOKEN].to_pylist()]

    def _read_segments(self) -> dict[str, tuple[tuple[str, ...], NDArray[np.object_]]]:
        """Return values and each customer's one, by name, of the families that stand."""
        found = {}
        for family in ("activity", "behaviour"):
            folder = self._place.folder(family)
            if not (folder / MANIFEST).is_file():
                continue
            files = [bucket_file(folder, bucket) for bucket in range(read_manifest(folder)["buckets"])]
            table = self._place.engine.parquet(files)
            columns = [SEGMENT, *(name for name in _SCORES if name in table.columns)]
            frame = self._place.engine.arrow(table.select(CUSTOMER, *columns)).to_pandas()
            frame = frame.set_index(frame[CUSTOMER].astype(str)).reindex(self.ids)
            for column in columns:
                own = frame[column]
                if own.isna().all():
                    continue
                labels = np.array([_label(value) for value in own], dtype=object)
                name = family if column == SEGMENT else column
                allowed = _ALWAYS.get(name, ()) or tuple(sorted({*labels.tolist()} - {NONE}))
                found[f"segment.{name}"] = ((*allowed, NONE), labels)
        return found


def _label(value: Any) -> str:
    """Return a segment or a score as a rule writes it."""
    if pd.isna(value):
        return NONE
    return str(int(value)) if isinstance(value, int | float) else str(value)


def _certain(values: Sequence[str], labels: NDArray[np.object_]) -> Known:
    """Return values as facts; NaN for those whose label is none of them."""
    at = pd.Index(values).get_indexer(pd.Index(labels))
    proba = np.eye(len(values))[at]
    proba[at < 0] = np.nan
    return Known(tuple(values), proba, np.zeros(len(labels), dtype=bool), at >= 0)


def _everyone(engine: DuckDBEngine, place: Place) -> NDArray[np.str_]:
    found: list[str] = []
    for bucket in range(place.buckets):
        known = read_customers(engine, place.outputs / "profiles", bucket).select(CUSTOMER)
        found += engine.arrow(known)[CUSTOMER].to_pylist()
    if not found:
        raise ConfigError(f"{place.outputs / 'profiles'}: no customer at all")
    return np.array(found, dtype=np.str_)
