"""How customers are cut into segments: by activity, by rules, by behaviour (conf/segment)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from pipeline.settings.types import STRICT, OpenShare, Real, Text, Texts, Whole, as_list, is_plain_name

TAKEN = ("activity", "behaviour", "recency", "frequency", "amount")  # what rules may ask for as segment.<name>


@dataclass(frozen=True, config=STRICT)
class SegmentRule:
    """A segment of those for whom a rule holds."""

    where: Text
    certified: bool = True


@dataclass(frozen=True, config=STRICT)
class Segment:
    """How customers are cut into segments."""

    log: Text | None = None
    amount: Texts = ()
    pauses: Annotated[tuple[OpenShare, ...], BeforeValidator(as_list)] = (0.80, 0.95, 0.99)
    period_days: Annotated[Whole, Field(ge=1)] | None = None
    min_cell: Annotated[Whole, Field(ge=1)] = 20
    rules: dict[str, SegmentRule] = Field(default_factory=dict)
    max_clusters: Annotated[Whole, Field(ge=1, le=50)] = 10
    min_stability: Annotated[Real, Field(gt=0.0, le=1.0)] = 0.80
    resamples: Annotated[Whole, Field(ge=5)] = 20
    sample_customers: Annotated[Whole, Field(ge=100)] = 10_000

    @model_validator(mode="after")
    def _in_order(self) -> Segment:
        if len(self.pauses) != 3 or not self.pauses[0] < self.pauses[1] < self.pauses[2]:
            raise ValueError(
                "pauses are three rising shares of ended pauses, those from which a customer is cooling, at risk and "
                f"lapsed, such as [0.80, 0.95, 0.99]; found {list(self.pauses)}"
            )
        for name in self.rules:
            if name in TAKEN:
                raise ValueError(f"rules: '{name}' is what rules call something else ({', '.join(TAKEN)})")
            if not is_plain_name(name):
                raise ValueError(f"rules: the name '{name}' must be letters, digits and single underscores")
        return self
