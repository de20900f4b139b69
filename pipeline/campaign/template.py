"""Templates of messages: a head that says what they are, and blocks that are filled in a sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import yaml
from jinja2 import StrictUndefined, Template, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError
from pydantic import Field, TypeAdapter, ValidationError, field_validator
from pydantic.dataclasses import dataclass as checked

from pipeline.campaign.language import Language
from pipeline.campaign.reader import NAMES, Facts
from pipeline.errors import ConfigError, did_you_mean
from pipeline.settings.types import STRICT, Text, Whole

PARTS = ("subject", "body", "action")
_FILTERS = ("first", "last", "length", "lower", "trim", "upper")


@checked(frozen=True, config=STRICT)
class Head:
    """What a template is: its approach, its channel, and the most characters of each part."""

    approach: Text
    channel: Literal["email", "sms"]
    limits: dict[Literal["subject", "body", "action"], Annotated[Whole, Field(ge=1)]]

    @field_validator("limits")
    @classmethod
    def _whole_message(cls, limits: dict[str, int]) -> dict[str, int]:
        if not {"body", "action"} <= set(limits):
            raise ValueError("a message has at least 'body' and 'action', each with its most characters")
        return limits


@dataclass(frozen=True)
class MessageTemplate:
    """A template that was read; `name` is `<language>/<file>`."""

    name: str
    head: Head
    compiled: Template

    def render(self, facts: Facts) -> dict[str, str]:
        """Return the text of each part, white space brought together; paragraphs of the body stay.

        Raises
        ------
        ConfigError
            If the template asks for what it is not given, a fact is missing, or a part is too long.
        """
        told = {name: getattr(facts, name) for name in NAMES}
        parts = {}
        for part, most in self.head.limits.items():
            try:
                context = self.compiled.new_context(told)
                text = _tidy("".join(self.compiled.blocks[part](context)))
            except SecurityError as error:
                raise ConfigError(f"template {self.name}, {part}: not allowed in a template: {error}") from None
            except Exception as error:  # what a template does can raise anything
                raise ConfigError(f"template {self.name}, {part}: {_reason(error)}") from None
            if not text:
                raise ConfigError(f"template {self.name}, {part}: it is empty for this segment")
            if len(text) > most:
                raise ConfigError(f"template {self.name}, {part}: {len(text)} characters, {most} are allowed: “{text}”")
            parts[str(part)] = text
        return parts


def read_template(path: Path, language: Language) -> MessageTemplate:
    """Return a template.

    Raises
    ------
    ConfigError
        Naming the template and what is wrong with its head, its blocks, or a variable, with what may be used.
    """
    name = f"{language.code}/{path.name}"
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"template {name}: cannot be read: {error}") from None
    head, body = _split(text, name)
    environment = _environment(language)
    try:
        tree = environment.parse(body)
        compiled = environment.from_string(body)
    except TemplateSyntaxError as error:
        raise ConfigError(
            f"template {name}, line {_line(text, body, error.lineno)}: {_syntax(error, environment)}"
        ) from None
    for variable in sorted(meta.find_undeclared_variables(tree)):
        if variable not in NAMES:
            raise ConfigError(f"template {name}: there is no variable '{variable}' {did_you_mean(variable, NAMES)}")
    for part in head.limits:
        if part not in compiled.blocks:
            known = did_you_mean(part, compiled.blocks)
            raise ConfigError(f"template {name}: the block '{part}' is missing; found {known}")
    return MessageTemplate(name, head, compiled)


class _Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox that multiplies nothing: a template could fill the memory with it."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> NoReturn:
        raise SecurityError(f"the operator {operator}")


def _environment(language: Language) -> _Sandbox:
    environment = _Sandbox(undefined=StrictUndefined, finalize=_known)
    environment.globals.clear()
    kept = {name: environment.filters[name] for name in _FILTERS}
    environment.filters.clear()
    environment.filters |= kept
    environment.filters["plural"] = lambda number, *forms: language.plural_form(number, forms)
    environment.filters["listed"] = language.listed
    environment.filters["capital"] = lambda text: text[:1].upper() + text[1:]
    return environment


def _known(value: Any) -> Any:
    if value is None:
        raise ValueError("a fact is not known of this segment; write {% if … %} around it")
    return value


def _split(text: str, name: str) -> tuple[Head, str]:
    """Return head and body of a template that begins with a head between two lines of three dashes."""
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    marks = [place for place, line in enumerate(lines) if line.strip() == "---"][:2]
    if len(marks) < 2 or marks[0] != 0:
        raise ConfigError(
            f"template {name}: it must begin with a head between two lines '---': approach, channel, limits"
        )
    try:
        plain: Mapping[str, Any] = yaml.safe_load("".join(lines[1 : marks[1]])) or {}
        head = TypeAdapter(Head).validate_python(plain)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"template {name}: its head is not readable as YAML: {' '.join(str(error).split())}"
        ) from None
    except ValidationError as error:
        told = [
            f"{'.'.join(str(part) for part in item['loc']) or 'head'}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_url=False)
        ]
        raise ConfigError(f"template {name}: its head: {'; '.join(told)}") from None
    return head, "".join(lines[marks[1] + 1 :])


def _syntax(error: TemplateSyntaxError, environment: _Sandbox) -> str:
    message = str(error.message)
    if message.startswith("No filter named"):
        wrong = message.partition("'")[2].partition("'")[0]
        return f"there is no filter '{wrong}' {did_you_mean(wrong, sorted(environment.filters))}"
    return message


def _line(text: str, body: str, line: int) -> int:
    return text.count("\n") - body.count("\n") + line


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _tidy(text: str) -> str:
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    return "\n\n".join(part for part in paragraphs if part)
