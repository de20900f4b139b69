"""How an audience is found and judged (conf/lookalike)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.settings.data import SeedRule
from pipeline.settings.types import STRICT, Name, OpenShare, Whole


@dataclass(frozen=True, config=STRICT)
class Lookalike:
    """How an audience is found and judged."""

    name: Name = "default"
    seed: SeedRule | None = None
    suppress: str | None = None
    size: Annotated[Whole, Field(ge=1)] | None = None
    share: OpenShare = 0.10
    nearest: Annotated[Whole, Field(ge=1)] = 10
    exact_up_to: Annotated[Whole, Field(ge=1)] = 200_000
    min_recall: OpenShare = 0.95
    repeats: Annotated[Whole, Field(ge=2)] = 5
