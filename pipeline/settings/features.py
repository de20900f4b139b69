"""Where queries run and what a snapshot holds (conf/engine, conf/features)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from pipeline.settings.types import STRICT, Real, Whole, as_list


@dataclass(frozen=True, config=STRICT)
class Engine:
    """Where queries run and how much of the machine they may take."""

    name: Literal["duckdb"] = "duckdb"
    workers: Annotated[Whole, Field(ge=0)] = 0
    memory_limit_gb: Annotated[Real, Field(gt=0)] = 2.0
    spill: str | None = None


@dataclass(frozen=True, config=STRICT)
class Vector:
    """The behaviour encoder: vocabulary, TF-IDF and truncated SVD."""

    dimensions: Annotated[Whole, Field(ge=2)] = 64
    min_customers: Annotated[Whole, Field(ge=1)] = 5
    max_tokens: Annotated[Whole, Field(ge=2)] = 200_000
    sample_customers: Annotated[Whole, Field(ge=2)] = 100_000


@dataclass(frozen=True, config=STRICT)
class Features:
    """What a snapshot holds."""

    windows_days: Annotated[tuple[Whole, ...], BeforeValidator(as_list)] = (7, 28, 91, 182)
    buckets: Annotated[Whole, Field(ge=1, le=65536)] | None = None
    vector: Vector = Field(default_factory=Vector)
    late_days: Annotated[Whole, Field(ge=0)] = 3
    settled_days: Annotated[Whole, Field(ge=0)] = 28

    @model_validator(mode="after")
    def _windows(self) -> Features:
        if any(days < 1 for days in self.windows_days) or len(set(self.windows_days)) != len(self.windows_days):
            raise ValueError(f"windows_days must be different whole numbers of days from 1; found {self.windows_days}")
        return self
