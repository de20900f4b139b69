"""What is known of a segment by whoever writes to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.campaign.guard import topics_in
from pipeline.campaign.hours import Timing
from pipeline.campaign.interests import Interest, Interests
from pipeline.campaign.language import Language
from pipeline.campaign.manner import Manner
from pipeline.campaign.price import PriceSense
from pipeline.campaign.reader import Facts
from pipeline.settings import Campaign

_UNWANTED = 5  # told


@dataclass(frozen=True)
class Brief:
    """A segment's brief: what interests it, when it acts, how it looks at prices, how to write, what to avoid."""

    segment: str
    kind: str
    customers: int
    base: int
    note: str
    interests: Interests
    timing: Timing
    price: PriceSense
    manner: Manner
    avoid: tuple[str, ...]


def what_to_avoid(interests: Interests, timing: Timing, sensitive: list[str]) -> tuple[str, ...]:
    """Return what whoever writes should leave out, in words; no number of customers, no sensitive value."""
    told = ["Anything about family, health, age or means of the reader, even where the data hint at it."]
    if sensitive:
        told.append(f"What is inferred of: {', '.join(name.replace('_', ' ') for name in sensitive)}.")
    silent = [one for one in interests.wanted if one.silent]
    if silent:
        told.append(
            f"{len(silent)} interests that would tell a private matter or have no word; the table says which and why."
        )
    if interests.unwanted:
        names = ", ".join(one.token for one in interests.unwanted[:_UNWANTED] if not one.silent)
        if names:
            told.append(f"What the segment hardly meets: {names}.")
    if timing.idle_hours:
        told.append(f"Hours at which nobody is there: {', '.join(f'{at}:00' for at in timing.idle_hours)}.")
    return tuple(told)


def facts_for(brief: Brief, language: Language, campaign: Campaign) -> Facts:
    """Return what a template of one language is told of a segment.

    Where fewer interests stand out than may be named, what the segment does most comes after them.

    An interest is named if it may be, if the language has a word for it, if this word is itself no forbidden one, and
    if enough of the segment has it.
    """
    names: list[str] = []
    for one in (*brief.interests.wanted, *brief.interests.common):
        word = word_for(one, language, campaign)
        if word is not None and word not in names:
            names.append(word)
    weekday = brief.timing.weekday
    offer = campaign.offer.get(language.code)
    named = tuple(names[: campaign.named])
    return Facts(
        sender=campaign.sender,
        offer=offer,
        offer_days=campaign.offer_days if offer else None,
        interests=named,
        interest=named[0] if named else None,
        on_weekday=language.weekdays[weekday.at] if weekday is not None and weekday.low > 1 else None,
        tone=brief.manner.tone,
        saves=brief.price.level == "high",
    )


def word_for(interest: Interest, language: Language, campaign: Campaign) -> str | None:
    """Return how an interest is called in a language, or None if it must not, or cannot, be named."""
    if interest.silent or (interest.share or 0.0) < campaign.min_share:
        return None
    field = interest.field.replace("__", ".", 1)
    word = campaign.source.words.get(field, {}).get(interest.token, {}).get(language.code)
    if word is None and field in campaign.source.quoted:
        word = language.quoted(interest.token)
    return None if word is None or topics_in(word, {language.code: language.forbidden}) else word


def silence(
    tokens: list[tuple[str, str]],
    forbidden: Mapping[str, Mapping[str, tuple[str, ...]]],
    campaign: Campaign,
) -> dict[tuple[str, str], str]:
    """Return why tokens must not be named for what they say: forbidden words of any language, or the source's list."""
    found = {}
    own = {
        name.replace(".", "__", 1): {"list": {"unnamed": patterns}}
        for name, patterns in campaign.source.unnamed.items()
    }
    for field, token in tokens:
        topics = topics_in(token, forbidden)
        if topics:
            found[field, token] = f"its name speaks of {topics[0].topic} ({topics[0].word})"
        elif topics_in(token, own.get(field, {})):
            found[field, token] = "the source lists it among tokens that are not to be named"
    return found
