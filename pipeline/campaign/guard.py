"""The last wall: a finished text is searched for what no reader may be told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

Forbidden = Mapping[str, Mapping[str, tuple[str, ...]]]  # language -> topic -> words
# Cyrillic letters that look like Latin ones: a word may be written with either, or with a mixture.
_ALIKE = str.maketrans("аеіїорсухкмтнвјѕёє", "aeiiopcyxkmthbjseє")


@dataclass(frozen=True)
class Found:
    """A forbidden word that stands in a text."""

    topic: str
    word: str


def folded(text: str) -> str:
    r"""Return a text as it is compared: no case, no accents, no invisible signs, one space between words.

    >>> folded("BA\u200bBY  Food") == folded("baby food")
    True
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = "".join(sign for sign in plain if unicodedata.category(sign) not in ("Cf", "Cc") or sign.isspace())
    plain = plain.translate(_ALIKE)
    bare = "".join(sign for sign in unicodedata.normalize("NFD", plain) if not unicodedata.combining(sign))
    bare = re.sub(r"\s*[‐‑‒–—―−-]\s*", "-", bare)
    return re.sub(r"\s+", " ", bare.replace("’", "'").replace("ʼ", "'")).strip()


def topics_in(text: str, forbidden: Forbidden) -> list[Found]:
    """Return the forbidden words in a text, those of all languages; ``child*`` stands for every word that begins so.

    Letters that are spaced or dotted out (``b a b y``), and words that are hyphenated, are read as one word, too.

    >>> topics_in("For your baby!", {"en": {"family": ("bab*",)}})
    [Found(topic='family', word='bab*')]
    >>> topics_in("For your ba-by", {"en": {"family": ("bab*",)}})
    [Found(topic='family', word='bab*')]
    >>> topics_in("Kidney beans", {"en": {"family": ("kid", "kids")}})
    []
    """
    plain = folded(text)
    joined = re.sub(r"(?<!\w)(?:\w[\s.\-_*·]){2,}\w(?!\w)", lambda found: re.sub(r"[\W_]", "", found[0]), plain)
    together = re.sub(r"(?<=[^\W\d])-(?=[^\W\d])", "", plain)  # ba-by
    forms = {plain, joined, together}
    every = tuple(word for topics in forbidden.values() for words in topics.values() for word in words)
    if not any(_any_of(every).search(one) for one in forms):
        return []
    return [
        Found(topic, word)
        for topics in forbidden.values()
        for topic, words in topics.items()
        for word in words
        if any(_pattern(word).search(one) for one in forms)
    ]


def values_in(text: str, values: Iterable[str]) -> list[Found]:
    """Return names and values of sensitive attributes that stand in a text as words of their own.

    >>> values_in("Offers for 55+ households", ["55+", "has_children"])
    [Found(topic='a sensitive value', word='55+')]
    >>> values_in("Offers for households of 19 – 24", ["19-24"])
    [Found(topic='a sensitive value', word='19-24')]
    """
    plain = folded(text)
    return [
        Found("a sensitive value", value)
        for value in values
        if re.search(rf"(?<![\w+]){re.escape(folded(value))}(?![\w+])", plain)
    ]


def reasons_against(text: str, forbidden: Forbidden, values: Iterable[str]) -> str:
    """Return why a text must not be let out; empty if it may be."""
    found = [*topics_in(text, forbidden), *values_in(text, values)]
    told = dict.fromkeys(f"'{one.word}' ({one.topic})" for one in found)
    return f"it holds what no reader may be told: {', '.join(told)}" if told else ""


@lru_cache(maxsize=64)
def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return one pattern for many words: most texts hold none of them."""
    return re.compile("|".join(_expression(word) for word in words) or r"(?!)")


@lru_cache(maxsize=4096)
def _pattern(word: str) -> re.Pattern[str]:
    return re.compile(_expression(word))


def _expression(word: str) -> str:
    bare = re.escape(folded(word.removesuffix("*")))
    return rf"(?<!\w){bare}" + ("" if word.endswith("*") else r"(?!\w)")
