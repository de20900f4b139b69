"""What customers are worth: where the money stands, and how groups and profiles are judged (conf/value)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipeline.settings.types import STRICT, OpenShare, Text, Texts, Whole

GOALS = ("profit", "retention", "response")


@dataclass(frozen=True, config=STRICT)
class Value:
    """What customers are worth, which groups bring it, and who the best customers are."""

    log: Text | None = None
    field: Text | None = None
    times: Text | None = None
    window_days: Annotated[Whole, Field(ge=1)] | None = None
    horizon_days: Annotated[Whole, Field(ge=1)] | None = None
    method: Literal["auto", "blended", "boosted", "two_part", "lifetime", "repeats"] = "auto"
    folds: Annotated[Whole, Field(ge=2)] = 3
    top_groups: Annotated[Whole, Field(ge=1)] = 3
    min_cell: Annotated[Whole, Field(ge=5)] = 20
    goals: Texts = GOALS
    response: Text | None = None
    best_share: Annotated[OpenShare, Field(le=0.5)] = 0.10
    max_conditions: Annotated[Whole, Field(ge=1, le=6)] = 3
    sample_customers: Annotated[Whole, Field(ge=1000)] = 100_000
    resamples: Annotated[Whole, Field(ge=100)] = 1000

    @model_validator(mode="after")
    def _fit_together(self) -> Value:
        unknown = [goal for goal in self.goals if goal not in GOALS]
        if unknown or not self.goals:
            raise ValueError(f"goals must be some of {', '.join(GOALS)}; found {', '.join(unknown) or 'none'}")
        if self.times is not None and self.field is None:
            raise ValueError("'times' multiplies 'field', such as pieces times the price of a piece; give 'field', too")
        return self
