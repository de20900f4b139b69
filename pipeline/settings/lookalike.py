"""How an audience is found, judged and handed over (conf/lookalike)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipeline.settings.data import SeedRule
from pipeline.settings.types import STRICT, Name, OpenShare, Real, Share, Text, Texts, Whole

REACHES = ("narrow", "balanced", "broad")


@dataclass(frozen=True, config=STRICT)
class Lookalike:
    """How an audience is found, judged and handed over."""

    name: Name = "default"
    seed: SeedRule | None = None
    wanted: Text | None = None
    size: Annotated[Whole, Field(ge=1)] | None = None
    share: OpenShare | None = None
    reach: Literal["narrow", "balanced", "broad"] | None = None
    min_seed: Annotated[Whole, Field(ge=10)] = 20
    min_audience: Annotated[Whole, Field(ge=1)] = 20
    suppress: str | None = None
    exclude: str | None = None
    keep: Texts = ()
    keep_as: Literal["base", "seed"] = "base"
    control_share: Annotated[Share, Field(lt=1.0)] = 0.10
    response_rate: OpenShare | None = None
    value: Annotated[Real, Field(gt=0)] | None = None
    cost: Annotated[Real, Field(gt=0)] | None = None
    purpose: Text = "marketing"
    expires_days: Annotated[Whole, Field(ge=1)] = 91
    method: Literal["auto", "blended", "nearest", "clusters", "classifier", "reranked"] = "auto"
    repeats: Annotated[Whole, Field(ge=2)] = 5
    nearest: Annotated[Whole, Field(ge=1)] = 10
    index: Literal["auto", "exact", "inverted", "graph", "quantised"] = "auto"
    exact_up_to: Annotated[Whole, Field(ge=1)] = 200_000
    min_recall: OpenShare = 0.95

    @model_validator(mode="after")
    def _one_of_each(self) -> Lookalike:
        if self.seed is not None and self.wanted is not None:
            raise ValueError("give 'seed' (whom to resemble) or 'wanted' (a rule over attributes), not both")
        dials = [name for name in ("size", "share", "reach") if getattr(self, name) is not None]
        if len(dials) > 1:
            raise ValueError(f"size, share and reach each say how large the audience is; give one, found {dials}")
        if (self.value is None) != (self.cost is None):
            raise ValueError("profit needs both: 'value' of a response and 'cost' of a contact, in the same currency")
        if self.value is not None and self.response_rate is None:
            raise ValueError("profit needs 'response_rate' too: the share of customers at random who would respond")
        return self
