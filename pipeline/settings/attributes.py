"""Attributes: what is to be known of a customer, and where its label comes from (conf/attributes)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipeline.settings.types import STRICT, OpenShare, Real, Text, Texts, Whole

Bound = tuple[Real | None, Real | None]


@dataclass(frozen=True, config=STRICT)
class Declared:
    """A label read from a profile column."""

    column: str
    map: dict[Text, Text | None] | None = None
    bands: dict[Text, Bound] | None = None

    @model_validator(mode="after")
    def _one_cut(self) -> Declared:
        if self.map is not None and self.bands is not None:
            raise ValueError("give 'map' (for texts) or 'bands' (for numbers), not both")
        _check_bands(self.bands)
        return self


@dataclass(frozen=True, config=STRICT)
class Future:
    """A label computed from what happens in the horizon after as_of."""

    log: str
    horizon_days: Annotated[Whole, Field(ge=1)]
    where: dict[str, Texts] = Field(default_factory=dict)
    aggregate: Literal["count", "active_days", "sum", "mean", "per_day", "share", "growth", "delay_days"] = "count"
    field: str | None = None
    at_least: Real | None = None
    at_most: Real | None = None
    top_share: OpenShare | None = None
    bands: dict[Text, Bound] | None = None
    among_active_days: Annotated[Whole, Field(ge=1)] | None = None
    among_idle_days: Annotated[Whole, Field(ge=1)] | None = None
    above: dict[str, Real] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_answer(self) -> Future:
        ways = [name for name in ("at_least", "at_most", "top_share", "bands") if getattr(self, name) is not None]
        if len(ways) != 1:
            raise ValueError(
                f"exactly one of at_least, at_most, top_share, bands decides the value; found {ways or 'none'}"
            )
        if self.field is None and self.aggregate in ("sum", "mean", "per_day"):
            raise ValueError(f"'{self.aggregate}' needs a numeric 'field'")
        if self.field is not None and self.aggregate in ("count", "active_days", "delay_days"):
            raise ValueError(f"'{self.aggregate}' counts events or days and takes no 'field'")
        if self.aggregate == "share" and not (self.where or self.above):
            raise ValueError("'share' needs a condition, 'where' or 'above': the share of what?")
        if self.among_active_days is not None and self.among_idle_days is not None:
            raise ValueError("give 'among_active_days' or 'among_idle_days', not both")
        _check_bands(self.bands)
        return self


def _check_bands(bands: Mapping[str, Bound] | None) -> None:
    if bands is None:
        return
    if not bands:
        raise ValueError("'bands' is empty: write {name: [from, below]} for each")
    infinity = float("inf")
    edges = [
        (-infinity if low is None else low, infinity if high is None else high, name)
        for name, (low, high) in bands.items()
    ]
    for low, high, name in edges:
        if not low < high:
            raise ValueError(f"band '{name}' is empty: from {low} up to, but not including, {high}")
    ordered = sorted(edges)
    for (_, high, name), (low, _, following) in pairwise(ordered):
        if low < high:
            raise ValueError(f"bands '{name}' and '{following}' overlap between {low} and {high}")


@dataclass(frozen=True, config=STRICT)
class Attribute:
    """One thing to know about a customer."""

    kind: Literal["binary", "nominal", "ordinal"]
    declared: Declared | None = None
    future: Future | None = None
    values: Texts | None = None
    hide: Texts = ()
    min_precision: OpenShare | None = None
    expires_days: Annotated[Whole, Field(ge=1)] = 91
    sensitive: bool = False
    not_for: Texts = ()

    @model_validator(mode="after")
    def _one_origin(self) -> Attribute:
        if (self.declared is None) == (self.future is None):
            raise ValueError("give either 'declared' (from the profile) or 'future' (from events after as_of)")
        order = self.declared and (self.declared.map or self.declared.bands)
        future_bands = self.future and self.future.bands
        if self.kind == "ordinal" and not (self.values or order or future_bands):
            raise ValueError("an ordinal attribute needs its order: 'values', or a 'map' or 'bands' from low to high")
        return self
