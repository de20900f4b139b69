"""The types that settings are made of: what YAML means, and what is refused."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

STRICT = ConfigDict(extra="forbid")


def is_plain_name(name: str) -> bool:
    """Tell whether a name can be part of a feature's name and be read back from it."""
    return name.isidentifier() and "__" not in name and not name.startswith("_")


def as_columns(value: Any) -> Any:
    """Turn a list of columns into `{name: column}`; a mapping passes unchanged."""
    if not isinstance(value, list | tuple):
        return value
    for column in value:
        if isinstance(column, bool) or not isinstance(column, str | int):
            raise ValueError(
                f"a column's name is a text; found {column!r}. YAML reads a bare on, off, yes, no so: quote it"
            )
    return {str(column): str(column) for column in value}


def as_list(value: Any) -> Any:
    """Let a single entry stand for a list of one."""
    return value if value is None or isinstance(value, list | tuple) else [value]


def as_text(value: Any) -> Any:
    """Take YAML's numbers and dates where a text is meant; YAML reads a bare yes or no as a truth value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int | float | date) else value


def as_option(value: Any) -> Any:
    """Take YAML's numbers and truth values where another program's setting is meant, which is a text."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def as_number(value: Any) -> Any:
    """Refuse a truth value where a number is meant: Python counts true as 1."""
    if isinstance(value, bool):
        raise ValueError(f"a number is needed; found {str(value).lower()}")
    return value


def as_folder(value: str) -> str:
    """Refuse what is no folder's name: outputs are written into a folder that is called so."""
    if not re.fullmatch(r"\w[\w .-]*", value):
        raise ValueError(
            f"a folder is named after it: letters, digits, spaces, '_', '-' and '.', a letter or "
            f"digit first; found {value!r}"
        )
    return value


def as_place(value: str) -> str:
    """Refuse an address where a file or folder is meant: it would be made as a folder of that name."""
    scheme, colon, place = value.partition(":/")
    if not colon or not scheme.isalnum() or len(scheme) == 1:  # of one letter is a drive
        return value
    if scheme == "file":
        raise ValueError(f"a file or folder is needed; found the address {value!r}. Write /{place.lstrip('/')}")
    raise ValueError(
        f"a file or folder is needed; found the address {value!r}. Object stores are not read directly: mount the "
        "store as a folder (s3fs, gcsfuse, blobfuse2), or copy what is needed"
    )


Whole = Annotated[int, BeforeValidator(as_number)]
Real = Annotated[float, BeforeValidator(as_number)]
Name = Annotated[str, AfterValidator(as_folder)]
Place = Annotated[str, AfterValidator(as_place)]
Text = Annotated[str, BeforeValidator(as_text)]
Columns = Annotated[dict[str, str], BeforeValidator(as_columns)]
Option = Annotated[str, BeforeValidator(as_option)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(as_list)]
Share = Annotated[Real, Field(ge=0.0, le=1.0)]
OpenShare = Annotated[Real, Field(gt=0.0, lt=1.0)]


def as_plain(settings: Any) -> Any:
    """Return a settings dataclass as plain nested dictionaries, for fingerprints and run parameters."""
    return asdict(settings)
