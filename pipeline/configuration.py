"""From the composed configuration to `Settings`, with every mistake told by its full name."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Union

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import ConfigError, did_you_mean
from pipeline.settings import Model, Settings


def parse_settings(config: Mapping[str, Any]) -> Settings:
    """Merge a plain nested mapping into `Settings`.

    Raises
    ------
    ConfigError
        Naming each unknown key with the closest allowed one, each wrong type and each value out of range.
    """
    try:
        return TypeAdapter(Settings).validate_python(dict(config))
    except ValidationError as error:
        lines = [_explain(dict(item)) for item in error.errors(include_url=False)]
        raise ConfigError("\n".join(["the configuration cannot be used:", *lines])) from None


def parse_model(plain: Mapping[str, Any]) -> Model:
    """Return a model's settings from what `as_plain` made of them."""
    return TypeAdapter(Model).validate_python(dict(plain))


def _explain(item: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "unexpected_keyword_argument":
        owner = _type_at(Settings, item["loc"][:-1])
        allowed = [field.name for field in fields(owner)] if owner is not None else []
        return f"  {where}: unknown key {did_you_mean(str(item['loc'][-1]), allowed)}"
    if item["type"] in ("missing", "missing_argument"):
        return f"  {where}: this key is required"
    message = str(item["msg"]).removeprefix("Value error, ")
    found = item.get("input")
    shown = (
        "" if isinstance(found, dict) or is_dataclass(found) or item["type"] == "value_error" else f"; found {found!r}"
    )
    return f"  {where}: {message}{shown}" if where else f"  {message}{shown}"


def _type_at(hint: Any, location: tuple[Any, ...]) -> Any:
    """Follow a validation error's location through the type hints; None unless it ends in a dataclass."""
    for part in location:
        hint = _bare(hint)
        if is_dataclass(hint):
            hint = typing.get_type_hints(hint).get(str(part))
        else:
            arguments = typing.get_args(hint)
            hint = arguments[-1 if typing.get_origin(hint) is dict else 0] if arguments else None
    hint = _bare(hint)
    return hint if is_dataclass(hint) else None


def _bare(hint: Any) -> Any:
    """Return X for `X | None`."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        return next(argument for argument in typing.get_args(hint) if argument is not types.NoneType)
    return hint
