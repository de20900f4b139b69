"""The messages of a segment: every template of every language, filled, measured and searched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.campaign.guard import Forbidden, reasons_against
from pipeline.campaign.language import Language, languages_of, read_language
from pipeline.campaign.reader import Facts
from pipeline.campaign.template import MessageTemplate, read_template
from pipeline.errors import ConfigError
from pipeline.settings import Campaign


@dataclass(frozen=True)
class Message:
    """One variant for one segment; `parts` is empty where it was refused, for the reason `refused`."""

    segment: str
    language: str
    channel: str
    approach: str
    template: str
    parts: Mapping[str, str]
    refused: str = ""


@dataclass(frozen=True)
class Library:
    """Languages and their templates; `broken` says what could not be read, by template."""

    languages: Mapping[str, Language]
    templates: Mapping[str, tuple[MessageTemplate, ...]]
    broken: Mapping[str, str]

    @property
    def forbidden(self) -> Forbidden:
        """Return the forbidden words of all languages."""
        return {code: language.forbidden for code, language in self.languages.items()}


def read_library(campaign: Campaign) -> Library:
    """Return all languages with the templates that can be used; a broken template leaves the others alone.

    Words are read of every language that there is, because a text may be written with another's.

    Raises
    ------
    ConfigError
        If a language is missing or its words cannot be read.
    """
    everything = languages_of(campaign.templates, ())
    chosen = languages_of(campaign.templates, campaign.languages)
    languages = {code: read_language(code, folders) for code, folders in everything.items()}
    templates: dict[str, tuple[MessageTemplate, ...]] = {}
    broken: dict[str, str] = {}
    for code, folders in chosen.items():
        files = {path.name: path for folder in folders for path in sorted(folder.glob("*.j2"))}
        read = []
        for name, path in sorted(files.items()):
            try:
                read.append(read_template(path, languages[code]))
            except ConfigError as error:
                broken[f"{code}/{name}"] = str(error)
        templates[code] = tuple(read)
    return Library(languages, templates, broken)


def messages_for(segment: str, facts: Mapping[str, Facts], library: Library, values: Iterable[str]) -> list[Message]:
    """Return every variant for a segment, those refused with their reason.

    Parameters
    ----------
    facts
        By language.
    values
        Names and values of sensitive attributes.
    """
    told = tuple(values)
    return [
        _message(segment, code, template, facts[code], library.forbidden, told)
        for code, templates in library.templates.items()
        for template in templates
    ]


def _message(
    segment: str, code: str, template: MessageTemplate, facts: Facts, forbidden: Forbidden, values: tuple[str, ...]
) -> Message:
    head = template.head
    origin = (segment, code, head.channel, head.approach, template.name)
    try:
        parts = template.render(facts)
    except ConfigError as error:
        return Message(*origin, {}, str(error))
    against = reasons_against("\n".join(parts.values()), forbidden, values)
    if against:
        return Message(*origin, {}, f"template {template.name}: {against}")
    return Message(*origin, parts)
