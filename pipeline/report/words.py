"""What the report says, in the reader's language: texts from a YAML file each, numbers as the language writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, format_percent

from pipeline.errors import ConfigError, did_you_mean

TEXTS = Path(__file__).parent / "texts"
NONE = "–"


def languages() -> list[str]:
    """Return the languages that there are texts in: the names of the files."""
    return sorted(path.stem for path in TEXTS.glob("*.yaml"))


class Words:
    """Texts and numbers of one language.

    Parameters
    ----------
    language
        Name of a file in `texts/`, an ISO 639-1 code: `en`, `uk`.
    labels
        What attributes, values and groups are called in this language, by their name in the data.

    Raises
    ------
    ConfigError
        If there is no such file.
    """

    def __init__(self, language: str, labels: Mapping[str, str] | None = None) -> None:
        if language not in languages():
            raise ConfigError(f"report.languages: no texts in '{language}' {did_you_mean(language, languages())}")
        self.language = language
        self.locale = Locale.parse(language)
        self._texts = _texts(language)
        self._labels = labels or {}

    def say(self, key: str, /, **values: Any) -> str:
        """Return a text with its values put in.

        Numbers are written as the language does. A text that depends on a number `n` has a form for each of the
        language's plural categories (Unicode CLDR: one, few, many, other).
        """
        text = self._texts[key]
        if isinstance(text, dict):
            text = text[self.locale.plural_form(values["n"])]
        return str(text).format(**{name: self._written(value) for name, value in values.items()})

    def label(self, name: str) -> str:
        """Return what a name of the data, or one of the program's own, is called; else the name in plain words."""
        known = self._labels.get(name, self._texts.get(f"label.{name}"))
        return str(known) if known is not None else name.replace("_", " ")

    def number(self, value: float | None, digits: int = 0) -> str:
        """Return a number; a dash if there is none."""
        if value is None or math.isnan(value):
            return NONE
        return str(format_decimal(round(value, digits), format=_pattern(digits), locale=self.locale))

    def percent(self, share: float | None, digits: int = 0) -> str:
        """Return a share as a percentage; a dash if there is none."""
        if share is None or math.isnan(share):
            return NONE
        return str(format_percent(share, format=f"{_pattern(digits)} %", locale=self.locale))

    def span(self, mean: float, low: float, high: float, share: bool = False, digits: int = 0) -> str:
        """Return an estimate with its 95 % interval in brackets; the estimate alone where none is known."""
        write = self.percent if share else self.number
        if math.isnan(low) or math.isnan(high):
            return write(mean, digits)
        return f"{write(mean, digits)} [{write(low, digits)}; {write(high, digits)}]"

    def weekday(self, number: int) -> str:
        """Return a day of the week, 0 is Monday."""
        return str(self.locale.days["stand-alone"]["wide"][number])

    def day(self, event_us: int, zone: str) -> str:
        """Return the date of an instant, microseconds since the epoch, on the clock of `zone`."""
        moment = datetime.fromtimestamp(event_us // 1_000_000, UTC).astimezone(ZoneInfo(zone))
        return str(format_date(moment, "long", locale=self.locale))

    def _written(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return str(value)
        return self.number(value, 0 if isinstance(value, int) or float(value).is_integer() else 2)


def _pattern(digits: int) -> str:
    return "#,##0" + ("." + "0" * digits if digits else "")


@lru_cache(maxsize=8)
def _texts(language: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((TEXTS / f"{language}.yaml").read_text("utf-8"))
    return found
