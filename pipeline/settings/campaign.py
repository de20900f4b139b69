"""To whom messages are written, and what they may be made from (conf/campaign)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipeline.settings.types import STRICT, OpenShare, Place, Real, Share, Text, Texts, Whole

TONES = ("welcoming", "familiar", "returning", "neutral")
Tone = Literal["welcoming", "familiar", "returning", "neutral"]
# Names, and parts of names between underscores, of attributes whose value no message may give away.
SENSITIVE = (
    "age",
    "baby",
    "beer",
    "child",
    "children",
    "cigarettes",
    "cosmetics",
    "dating",
    "diapers",
    "disability",
    "divorced",
    "education",
    "employment",
    "ethnicity",
    "family",
    "gender",
    "health",
    "home_region",
    "home_ownership",
    "household",
    "income",
    "kids",
    "liquor",
    "marital",
    "married",
    "medicine",
    "occupation",
    "parent",
    "pregnancy",
    "pregnant",
    "religion",
    "sex",
    "student",
    "toys",
    "under",
    "vitamins",
    "wine",
    "work_region",
    "worker",
)


@dataclass(frozen=True, config=STRICT)
class Price:
    """Which numeric fields of a log tell how much customers look at prices.

    Either `paid` with `saved` (amounts; the share saved is read), or `price` (of a piece).
    """

    log: str
    paid: str | None = None
    saved: Texts = ()
    price: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Price:
        if (self.price is None) == (not self.saved):
            raise ValueError("give either 'saved' with 'paid' (amounts), or 'price' (of a piece)")
        if (self.paid is None) == bool(self.saved):
            raise ValueError("'paid' and 'saved' go together: of what was the share saved?")
        return self


@dataclass(frozen=True, config=STRICT)
class Response:
    """Which log says who was addressed, which who responded, and by which approach."""

    contacts: str
    responses: str
    by: str
    offer: str
    days: Annotated[Whole, Field(ge=1)] = 60
    approach: dict[Text, Text] = Field(default_factory=dict)


@dataclass(frozen=True, config=STRICT)
class CampaignSource:
    """What messages need to know of one source: its words, its prices, its responses."""

    words: dict[str, dict[Text, dict[str, Text]]] = Field(default_factory=dict)
    quoted: Texts = ()
    unnamed: dict[str, Texts] = Field(default_factory=dict)
    price: Price | None = None
    response: Response | None = None
    clock: str | None = None


@dataclass(frozen=True, config=STRICT)
class Campaign:
    """To whom messages are written, in which languages, and what they may say."""

    audiences: Texts = ()
    families: Texts = ()
    files: dict[Text, Place] = Field(default_factory=dict)
    languages: Texts = ()
    templates: Place | None = None
    sender: Text | None = None
    offer: dict[Text, Text] = Field(default_factory=dict)
    offer_days: Annotated[Whole, Field(ge=1)] = 7
    tone: dict[Text, Tone] = Field(default_factory=dict)
    newcomer_days: Annotated[Whole, Field(ge=1)] = 56
    lapsed_days: Annotated[Whole, Field(ge=1)] = 56
    contact_hours: tuple[Annotated[Whole, Field(ge=0, le=23)], Annotated[Whole, Field(ge=1, le=24)]] = (9, 20)
    min_cell: Annotated[Whole, Field(ge=2)] = 20
    listed: Annotated[Whole, Field(ge=1)] = 8
    named: Annotated[Whole, Field(ge=1)] = 3
    min_share: Share = 0.1
    prior_customers: Annotated[Real, Field(gt=0)] = 5.0
    false_share: OpenShare = 0.1
    sensitive: Texts = SENSITIVE
    tells_from: Annotated[Real, Field(gt=1)] = 1.2
    prior_contacts: Annotated[Real, Field(gt=0)] = 50.0
    sure: Annotated[Real, Field(gt=0.5, lt=1)] = 0.975
    response_rate: OpenShare | None = None
    effect: Annotated[Real, Field(gt=0)] = 0.2
    source: CampaignSource = Field(default_factory=CampaignSource)

    @model_validator(mode="after")
    def _usable(self) -> Campaign:
        first, after = self.contact_hours
        if first >= after:
            raise ValueError(f"contact_hours: from {first} up to, but not including, {after}: no hour is left")
        return self
