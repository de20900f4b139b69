"""What the report looks like (conf/report)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from pipeline.settings.types import STRICT, Text, Whole, as_list


@dataclass(frozen=True, config=STRICT)
class Report:
    """Languages, the smallest group that is shown, and what names of the data are called."""

    languages: Annotated[tuple[str, ...], BeforeValidator(as_list), Field(min_length=1)] = ("en", "uk")
    min_cell: Annotated[Whole, Field(ge=5)] = 20
    labels: Mapping[str, Mapping[str, Text]] = Field(default_factory=dict)
