"""Languages: a folder each, with its words in `language.yaml` and its templates beside it."""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError, field_validator
from pydantic.dataclasses import dataclass

from pipeline.errors import ConfigError, did_you_mean
from pipeline.settings.types import STRICT, Text

SHIPPED = Path(__file__).parent / "templates"
WORDS = "language.yaml"
_PLURAL = re.compile(r"\s*nplurals\s*=\s*(\d+)\s*;\s*plural\s*=\s*(.+?)\s*;?\s*")


@dataclass(frozen=True, config=STRICT)
class Language:
    """What texts of one language need besides templates.

    Attributes
    ----------
    code
        The folder's name, such as ``uk``.
    name
        Of the language, in itself.
    plural
        Which form a number takes, as in the header ``Plural-Forms`` of gettext.
    and_
        Stands between the last two of a list, with its spaces.
    quote
        A foreign name in quotes: ``“{}”``.
    weekdays
        From Monday on, as they stand in a sentence: ``on Monday``.
    forbidden
        By topic, words that no text of any language may hold; ``child*`` for all that begin so.
    """

    code: str
    name: Text
    plural: str
    and_: str
    quote: str
    weekdays: Annotated[tuple[Text, ...], Field(min_length=7, max_length=7)]
    forbidden: dict[Text, tuple[Text, ...]]

    @field_validator("plural")
    @classmethod
    def _readable_plural(cls, rule: str) -> str:
        _plural_rule(rule)
        return rule

    @field_validator("quote")
    @classmethod
    def _holds_a_place(cls, quote: str) -> str:
        if quote.count("{}") != 1:
            raise ValueError("write quotes around one {}, such as “{}”")
        return quote

    def plural_form(self, number: int, forms: Sequence[str]) -> str:
        """Return the form of a noun that goes with a number.

        Raises
        ------
        ValueError
            If there are more or fewer forms than the language has.
        """
        count, rule = _plural_rule(self.plural)
        if len(forms) != count:
            raise ValueError(
                f"plural: {count} forms are needed in '{self.code}', found {len(forms)}: {', '.join(forms)}"
            )
        return forms[rule(abs(int(number)))]

    def listed(self, words: Sequence[str]) -> str:
        """Return words as a list in a sentence: a, b and c; with a comma more where a word holds an "and" itself."""
        *first, last = list(words) or [""]
        comma = "," if any(self.and_ in word for word in words) else ""
        return f"{', '.join(first)}{comma}{self.and_}{last}" if first else last

    def quoted(self, token: str) -> str:
        """Return a token as a quoted name; one in capitals is written with capital first letters."""
        name = " ".join(token.split())
        if name.isupper():
            name = re.sub(r"[^\W\d_]+('[^\W\d_]+)?", lambda word: word[0].capitalize(), name)
        return self.quote.format(name)


def languages_of(own: str | None, wanted: Sequence[str]) -> dict[str, list[Path]]:
    """Return the folders of each language, the shipped one first; a folder of one's own adds to it.

    Raises
    ------
    ConfigError
        If the own folder does not exist, or a wanted language has no folder.
    """
    roots = [SHIPPED, *([Path(own)] if own is not None else [])]
    if not roots[-1].is_dir():
        raise ConfigError(f"campaign.templates: there is no folder {own}; give one that holds a folder per language")
    there = sorted({path.parent.name for root in roots for path in root.glob(f"*/{WORDS}")})
    for code in wanted:
        if code not in there:
            raise ConfigError(
                f"campaign.languages: there is no language '{code}' {did_you_mean(code, there)} A language is a folder "
                f"'{code}' with {WORDS} and templates in campaign.templates."
            )
    chosen = list(dict.fromkeys(wanted)) or there
    return {code: [root / code for root in roots if (root / code).is_dir()] for code in chosen}


def read_language(code: str, folders: Sequence[Path]) -> Language:
    """Return a language's words; of two folders the last one that has them.

    Raises
    ------
    ConfigError
        Naming the file and each key that is missing, unknown or of the wrong kind.
    """
    path = [folder / WORDS for folder in folders if (folder / WORDS).is_file()][-1]
    plain = _yaml(path)
    try:
        return TypeAdapter(Language).validate_python({"code": code, **plain})
    except ValidationError as error:
        keys = [field.name for field in fields(Language)]
        lines = []
        for item in error.errors(include_url=False):
            where = ".".join(str(part) for part in item["loc"])
            unknown = item["type"] == "unexpected_keyword_argument"
            lines.append(f"{where}: {'unknown key ' + did_you_mean(where, keys) if unknown else item['msg']}")
        raise ConfigError(f"{path}: {'; '.join(lines)}") from None


def _yaml(path: Path) -> dict[str, Any]:
    try:
        plain = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(plain, dict):
        raise ConfigError(f"{path}: keys and values are needed, such as 'name: English'")
    return {str(key): value for key, value in plain.items()}


def _plural_rule(rule: str) -> tuple[int, Callable[[int], int]]:
    found = _PLURAL.fullmatch(rule)
    try:
        if found is None:
            raise ValueError("no 'nplurals=…; plural=…'")
        return int(found[1]), gettext.c2py(found[2])
    except ValueError as error:
        raise ValueError(
            f"plural: '{rule}' is no rule ({error}); write it like 'nplurals=2; plural=(n != 1);', as gettext does"
        ) from None
