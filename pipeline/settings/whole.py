"""All settings of a run together."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipeline.columns import AS_OF, CUSTOMER
from pipeline.errors import did_you_mean
from pipeline.settings.attributes import Attribute
from pipeline.settings.campaign import Campaign
from pipeline.settings.data import Data
from pipeline.settings.features import Engine, Features
from pipeline.settings.lookalike import Lookalike
from pipeline.settings.market import Market
from pipeline.settings.model import Compare, Evaluation, Model, Sweep
from pipeline.settings.report import Report
from pipeline.settings.segment import Segment
from pipeline.settings.tracking import Tracking
from pipeline.settings.types import STRICT, Place, Text, Texts, Whole, is_plain_name
from pipeline.settings.value import Value

DEFAULT_STAGES = ("features", "train", "score", "shares", "lookalike")
STAGES = (*DEFAULT_STAGES, "segments", "value", "market", "messages", "report", "portrait", "compare", "sweep")


@dataclass(frozen=True, config=STRICT)
class Settings:
    """Everything a run needs to know."""

    data: Data
    model: Model
    stages: Texts = DEFAULT_STAGES
    attributes: dict[str, Attribute] = Field(default_factory=dict)
    engine: Engine = Field(default_factory=Engine)
    features: Features = Field(default_factory=Features)
    evaluation: Evaluation = Field(default_factory=Evaluation)
    lookalike: Lookalike = Field(default_factory=Lookalike)
    campaign: Campaign = Field(default_factory=Campaign)
    segment: Segment = Field(default_factory=Segment)
    market: Market = Field(default_factory=Market)
    report: Report = Field(default_factory=Report)
    tracking: Tracking = Field(default_factory=Tracking)
    compare: Compare = Field(default_factory=Compare)
    sweep: Sweep = Field(default_factory=Sweep)
    value: Value = Field(default_factory=Value)
    outputs: Place = "outputs"
    seed: Annotated[Whole, Field(ge=0)] = 0
    customer: Text | None = None

    @model_validator(mode="after")
    def _known_stages(self) -> Settings:
        if not self.stages:
            raise ValueError(f"stages: none given; write stages=[{','.join(DEFAULT_STAGES)}] or some of them")
        for stage in self.stages:
            if stage not in STAGES:
                raise ValueError(f"stages: '{stage}' does not exist {did_you_mean(stage, STAGES)}")
        for name in self.attributes:
            if name.casefold() in (CUSTOMER, AS_OF, "mean"):
                raise ValueError(
                    f"attributes: '{name}' is a column of portraits or a row of tables; choose another name"
                )
            if not is_plain_name(name):
                raise ValueError(f"attributes: the name '{name}' must be letters, digits and single underscores")
        return self
