"""How large a market is and what it is worth (conf/market)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipeline.settings.types import STRICT, Real, Text, Texts, Whole


@dataclass(frozen=True, config=STRICT)
class Response:
    """Who responded of those who were asked, or the share itself."""

    responders: Annotated[Whole, Field(ge=0)] | None = None
    contacted: Annotated[Whole, Field(ge=1)] | None = None
    rate: Annotated[Real, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Response:
        counted = (self.responders, self.contacted)
        if (self.rate is None) == (None in counted) or (self.rate is not None and counted != (None, None)):
            raise ValueError("give either 'responders' and 'contacted', counted in a test, or 'rate', a share")
        if self.responders is not None and self.contacted is not None and self.responders > self.contacted:
            raise ValueError(f"more responded ({self.responders}) than were contacted ({self.contacted})")
        return self


@dataclass(frozen=True, config=STRICT)
class Worth:
    """What one response is worth, in money; with `low` and `high`, its 95 % interval."""

    mean: Annotated[Real, Field(gt=0)]
    low: Annotated[Real, Field(ge=0)] | None = None
    high: Annotated[Real, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Worth:
        if (self.low is None) != (self.high is None):
            raise ValueError("give both ends of the interval, 'low' and 'high', or neither")
        if self.low is not None and self.high is not None and not self.low <= self.mean <= self.high:
            raise ValueError(f"'mean' lies between 'low' and 'high'; found {self.low}, {self.mean}, {self.high}")
        return self


@dataclass(frozen=True, config=STRICT)
class Population:
    """People beyond the base, whose shares are known from elsewhere."""

    name: Text
    source: Text
    size: Annotated[Whole, Field(ge=1)]
    margins: Mapping[str, Mapping[str, Annotated[Real, Field(ge=0, le=1)]]] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> Population:
        for name, shares in self.margins.items():
            if abs(sum(shares.values()) - 1) > 0.005:
                raise ValueError(f"margins.{name}: shares sum to 1; found {sum(shares.values()):g}")
        return self


@dataclass(frozen=True, config=STRICT)
class Market:
    """Whose market is sized, what it is worth, and what it says beyond the base."""

    segments: Texts = ()
    response: Response | None = None
    worth: Worth | Literal["value"] | None = None
    population: Population | None = None
    silent_odds: Annotated[Real, Field(ge=1.0, le=100.0)] = 3.0
    max_customers: Annotated[Whole, Field(ge=1000)] = 50_000
    min_cell: Annotated[Whole, Field(ge=5)] = 20

    @model_validator(mode="after")
    def _one_meaning(self) -> Market:
        if self.worth == "value" and self.response is not None:
            raise ValueError(
                "'response' is the share of those asked who respond, and worth=value what people bring whether they "
                "are asked or not: leave 'response' out, or give 'worth' as what one response brings"
            )
        return self
