"""The settings of a run of conf/ with overrides, as the command line would compose them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline.configuration import parse_settings
from pipeline.settings import Settings

CONF = Path(__file__).resolve().parents[2] / "conf"


def composed(*overrides: str) -> dict[str, Any]:
    """Return the whole configuration as plain dictionaries.

    Raises
    ------
    HydraException
        If an override cannot be read, or names what conf/ does not have.
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        plain: Any = OmegaConf.to_container(compose("config", list(overrides)), resolve=True)
    return {key: value for key, value in plain.items() if key != "hydra"}


def settings_of(*overrides: str) -> Settings:
    """Return the settings.

    Raises
    ------
    HydraException
        See `composed`.
    ConfigError
        If a key is unknown, or a value of a wrong type or out of range.
    """
    return parse_settings(composed(*overrides))
