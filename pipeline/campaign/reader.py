"""All that a template is given: nothing of a person, no attribute."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Facts:
    """The facts of a segment in one language, as texts may tell them.

    Attributes
    ----------
    sender, offer
        As configured; None where there is none.
    offer_days
        For how many days the offer holds; None without an offer.
    interests
        Names of interests, the strongest first; may be empty.
    interest
        The first of them; None if there is none.
    on_weekday
        The busiest weekday as it stands in a sentence, such as "on Saturday"; None where none stands out.
    tone
        welcoming, familiar, returning or neutral.
    saves
        Whether the segment looks at prices more than the rest.
    """

    sender: str | None
    offer: str | None
    offer_days: int | None
    interests: tuple[str, ...]
    interest: str | None
    on_weekday: str | None
    tone: str
    saves: bool


NAMES = tuple(field.name for field in fields(Facts))
