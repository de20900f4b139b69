"""How an audience is found, judged and handed over (conf/lookalike)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipeline.settings.data import SeedRule
from pipeline.settings.types import STRICT, Name, OpenShare, Place, Real, Share, Text, Texts, Whole

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
    suppress: Place | None = None
    exclude: str | None = None
    keep: Texts = ()
    keep_as: Literal["base", "seed"] = "base"
    control_share: Annotated[Share, Field(le=0.5)] = 0.10
    organic_rate: OpenShare | None = None
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
        parts = [name for name in ("value", "cost", "response_rate") if getattr(self, name) is not None]
        if 0 < len(parts) < 3:
            raise ValueError(
                "profit needs all three: 'value' of a response and 'cost' of a contact in the same money, and "
                f"'response_rate' of customers at random who are contacted; found {', '.join(parts)}"
            )
        if self.organic_rate is not None and not self.control_share:
            raise ValueError(
                "'organic_rate' is for the comparison with a control group; with control_share=0 there is none"
            )
        return self
