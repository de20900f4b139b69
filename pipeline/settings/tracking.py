"""Where runs and registered models are kept (conf/tracking)."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from pipeline.settings.types import STRICT, Place


@dataclass(frozen=True, config=STRICT)
class Tracking:
    """Where runs and registered models are kept."""

    uri: str | None = None
    folder: Place = "models"
    experiment: str | None = None
