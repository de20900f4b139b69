"""Where queries run and what a snapshot holds (conf/engine, conf/features)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from pipeline.settings.types import STRICT, Option, Place, Real, Whole, as_list

# What the program sets itself, since its results depend on it.
_SET_HERE = (
    "spark.app.name",
    "spark.master",
    "spark.sql.ansi.enabled",
    "spark.sql.caseSensitive",
    "spark.sql.session.timeZone",
    "spark.submit.deployMode",
)
_ONLY_SPARK = ("master", "executor_memory", "executor_cores", "options")


@dataclass(frozen=True, config=STRICT)
class Engine:
    """Where queries run and how much of the machine they may take."""

    name: Literal["duckdb", "spark"] = "duckdb"
    workers: Annotated[Whole, Field(ge=0)] = 0
    memory_limit_gb: Annotated[Real, Field(gt=0)] = 2.0
    spill: Place | None = None
    master: str | None = None
    executor_memory: Annotated[str, Field(pattern=r"^[0-9]+[mg]$")] | None = None
    executor_cores: Annotated[Whole, Field(ge=1)] | None = None
    options: dict[str, Option] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits(self) -> Engine:
        if self.name != "spark":
            for key in _ONLY_SPARK:
                if getattr(self, key):
                    raise ValueError(f"{key}: only engine=spark has this key; this engine is '{self.name}'")
        elif not self.master:
            raise ValueError("master: this key is required, for example spark://127.0.0.1:7077 or local[*]")
        for key in self.options:
            if not key.startswith("spark."):
                raise ValueError(f"options: '{key}' is none of Spark's settings: their names begin with 'spark.'")
            if key in _SET_HERE:
                raise ValueError(f"options: '{key}' is set by this program and cannot be changed")
        return self


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
