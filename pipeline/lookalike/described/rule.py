"""The wanted people in words: `has_children=yes and (wine=yes or beer=yes)`, read into a tree and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from pipeline.errors import ConfigError, did_you_mean

Values = Mapping[str, Sequence[str]]

MAX_DEPTH = 50  # of parentheses and negations within each other
_TOKEN = re.compile(r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*')|(?P<sign>!=|==|=|\(|\)|,)|(?P<word>[^\s()=!,"']+))""")
_KEYWORDS = ("and", "or", "not", "in")


@dataclass(frozen=True)
class Is:
    """The attribute has one of the values."""

    attribute: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Rule


@dataclass(frozen=True)
class AllOf:
    """Every part holds; without parts it always does."""

    parts: tuple[Rule, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one part holds; without parts it never does."""

    parts: tuple[Rule, ...]


Rule = Is | Not | AllOf | AnyOf


def parse_rule(text: str, values: Values) -> Rule:
    """Return the tree of a rule.

    A rule compares attributes with values (`=`, `!=`, `in (a, b)`, `not in (a, b)`) and joins comparisons with
    `and`, `or`, `not` and parentheses; `not` binds closest, `or` least. Values with spaces, signs or the
    name of a keyword stand in quotes.

    Parameters
    ----------
    text
        The rule.
    values
        By attribute, all values that it can take.

    Raises
    ------
    ConfigError
        Pointing at the place: no rule by this grammar, an unknown attribute or value, or a rule that nobody or
        everybody fulfils.

    Examples
    --------
    >>> parse_rule("wine=yes and not age in (old, 'so old')", {"wine": ("no", "yes"), "age": ("old", "so old", "x")})
    AllOf(parts=(Is(attribute='wine', values=('yes',)), Not(part=Is(attribute='age', values=('old', 'so old')))))
    """
    rule = read_rule(text, values)
    refuse_decided(rule, values, text)
    return rule


def read_rule(text: str, values: Values) -> Rule:
    """Return the tree of a rule as `parse_rule` does, whether or not it decides anything."""
    return _Parser(text, values).read()


def refuse_decided(rule: Rule, values: Values, text: str) -> None:
    """Refuse a rule that nobody or everybody fulfils, whoever they are; `text` is shown in the ConfigError."""
    outcomes = possible(rule, values)
    if outcomes != {True, False}:
        whom = "everybody fulfils it" if True in outcomes else "nobody can fulfil it, its parts contradict each other"
        raise ConfigError(f"rule: {whom}:\n  {text.strip()}")


def attributes_of(rule: Rule) -> tuple[str, ...]:
    """Return the attributes that a rule asks for, each once, in the order of the rule.

    >>> attributes_of(AnyOf((Is("a", ("x",)), Not(Is("b", ("y",))), Is("a", ("z",)))))
    ('a', 'b')
    """
    if isinstance(rule, Is):
        return (rule.attribute,)
    parts = (rule.part,) if isinstance(rule, Not) else rule.parts
    return tuple(dict.fromkeys(name for part in parts for name in attributes_of(part)))


def shared_attribute(rule: AllOf | AnyOf) -> str | None:
    """Return the attribute that most parts ask for, if at least two do: such parts depend on each other."""
    asked = [name for part in rule.parts for name in attributes_of(part)]
    most = max(asked, key=asked.count, default=None)
    return most if most is not None and asked.count(most) > 1 else None


def given(rule: Rule, attribute: str, value: str) -> Rule:
    """Return what is left of a rule once an attribute's value is known.

    >>> given(AllOf((Is("a", ("x",)), Is("b", ("y",)))), "a", "x")
    Is(attribute='b', values=('y',))
    """
    always, never = AllOf(()), AnyOf(())
    if isinstance(rule, Is):
        return rule if rule.attribute != attribute else (always if value in rule.values else never)
    if isinstance(rule, Not):
        part = given(rule.part, attribute, value)
        return never if part == always else always if part == never else Not(part)
    parts = tuple(given(part, attribute, value) for part in rule.parts)
    decided, idle = (never, always) if isinstance(rule, AllOf) else (always, never)
    if decided in parts:
        return decided
    left = tuple(part for part in parts if part != idle)
    return left[0] if len(left) == 1 else type(rule)(left)


def possible(rule: Rule, values: Values) -> set[bool]:
    """Return which of true and false a rule can be, whoever is looked at."""
    if isinstance(rule, Is):
        inside = set(rule.values)
        return {value in inside for value in values[rule.attribute]}
    if isinstance(rule, Not):
        return {not outcome for outcome in possible(rule.part, values)}
    shared = shared_attribute(rule)
    if shared is not None:
        return set().union(*(possible(given(rule, shared, value), values) for value in values[shared]))
    join = all if isinstance(rule, AllOf) else any
    best = [possible(part, values) for part in rule.parts]
    return {join(True in outcomes for outcomes in best), join(False not in outcomes for outcomes in best)}


@dataclass(frozen=True)
class _Token:
    text: str
    at: int
    kind: str  # quoted, sign, word or end

    def keyword(self) -> str:
        low = self.text.lower()
        return low if self.kind == "word" and low in _KEYWORDS else ""


class _Parser:
    """Recursive descent: one method per level of binding."""

    def __init__(self, text: str, values: Values) -> None:
        self.text, self.values = text, values
        self.tokens = self._split()
        self.place = 0
        self.depth = 0

    def read(self) -> Rule:
        rule = self._any()
        token = self.tokens[self.place]
        if token.kind != "end":
            hint = "" if token.kind == "sign" else "; values with spaces stand in quotes"
            self._refuse(token.at, f"expected 'and', 'or' or the end, found {_shown(token)}{hint}")
        return rule

    def _any(self) -> Rule:
        return self._joined("or", AnyOf)

    def _joined(self, keyword: str, join: type[AllOf] | type[AnyOf]) -> Rule:
        deeper = self._negated if join is AllOf else lambda: self._joined("and", AllOf)
        parts = [deeper()]
        while self._take(keyword):
            parts.append(deeper())
        return parts[0] if len(parts) == 1 else join(tuple(parts))

    def _negated(self) -> Rule:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._refuse(self.tokens[self.place].at, f"more than {MAX_DEPTH} parentheses and negations in each other")
        if self._take("not"):
            rule: Rule = Not(self._negated())
        elif self._take("("):
            opened = self.tokens[self.place - 1]
            rule = self._any()
            if not self._take(")"):
                self._refuse(opened.at, "this parenthesis is not closed")
        else:
            rule = self._comparison()
        self.depth -= 1
        return rule

    def _comparison(self) -> Rule:
        name = self._next("an attribute")
        if name.text not in self.values:
            self._refuse(name.at, f"'{name.text}' is no attribute {did_you_mean(name.text, self.values)}")
        if self._take("=") or self._take("=="):
            return Is(name.text, (self._value(name.text),))
        if self._take("!="):
            return Not(Is(name.text, (self._value(name.text),)))
        negated = self._take("not")
        if not self._take("in"):
            found = self.tokens[self.place]
            self._refuse(found.at, f"expected =, != or in after '{name.text}', found {_shown(found)}")
        if not self._take("("):
            self._refuse(self.tokens[self.place].at, "expected ( after in, such as: in (a, b)")
        wanted = [self._value(name.text)]
        while self._take(","):
            wanted.append(self._value(name.text))
        if not self._take(")"):
            self._refuse(self.tokens[self.place].at, f"expected , or ) in the list of values of '{name.text}'")
        listed = Is(name.text, tuple(dict.fromkeys(wanted)))
        return Not(listed) if negated else listed

    def _value(self, attribute: str) -> str:
        token = self._next(f"a value of '{attribute}'")
        allowed = self.values[attribute]
        if token.text not in allowed:
            known = did_you_mean(token.text, allowed)
            self._refuse(token.at, f"'{token.text}' is no value of '{attribute}' {known}")
        return token.text

    def _next(self, what: str) -> _Token:
        token = self.tokens[self.place]
        if token.kind not in ("word", "quoted") or token.keyword():
            self._refuse(token.at, f"expected {what}, found {_shown(token)}")
        self.place += 1
        return token

    def _take(self, text: str) -> bool:
        token = self.tokens[self.place]
        taken = token.keyword() == text if text in _KEYWORDS else token.kind == "sign" and token.text == text
        self.place += taken
        return taken

    def _split(self) -> list[_Token]:
        tokens, at = [], 0
        end = len(self.text.rstrip())
        while at < end:
            found = _TOKEN.match(self.text, at)
            if found is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip())
                what = "this quote is not closed" if self.text[at] in "\"'" else f"unexpected '{self.text[at]}'"
                self._refuse(at, what)
            kind = str(found.lastgroup)
            text = found.group(kind)
            tokens.append(_Token(text[1:-1] if kind == "quoted" else text, found.start(kind), kind))
            at = found.end()
        return [*tokens, _Token("", end, "end")]

    def _refuse(self, at: int, what: str) -> NoReturn:
        text = self.text.replace("\n", " ").replace("\t", " ")
        raise ConfigError(f"rule, character {at + 1}: {what}\n  {text.rstrip()}\n  {' ' * at}^")


def _shown(token: _Token) -> str:
    return "the end" if token.kind == "end" else f"'{token.text}'"
