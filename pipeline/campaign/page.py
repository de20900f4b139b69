"""Briefs and messages as one self-contained HTML page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def page(source: str, as_of: str, told: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> str:
    """Return the page; `told` is one mapping per segment, see `stage`."""
    environment = Environment(
        loader=PackageLoader("pipeline.campaign", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "number": number}
    return environment.get_template("page.html.j2").render(source=source, as_of=as_of, told=told, facts=facts)


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share as a percentage; a dash if there is none.

    >>> percent(0.1234, 1), percent(None)
    ('12.3 %', '–')
    """
    return "–" if share is None or math.isnan(share) else f"{100 * share:.{digits}f} %"


def number(value: float | None, digits: int = 2) -> str:
    """Return a number; a dash if there is none.

    >>> number(1.234), number(float("nan"))
    ('1.23', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}"
