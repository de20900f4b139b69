"""What rules may ask for: attributes, tokens of the logs' fields, segments; each with its values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from pipeline.lookalike.described.rule import AllOf, AnyOf, Is, Not, Rule

YES_NO = ("no", "yes")
NONE = "none"  # the value of those who are in no segment of a family


class Tokens(tuple[str, ...]):
    """Tokens of a field; one that ends in * stands for all that begin so.

    >>> "CHRISTMAS*" in Tokens(("CHRISTMAS TREE", "TEA")), "COFFEE*" in Tokens(("TEA",))
    (True, False)
    """

    def __contains__(self, text: object) -> bool:
        """Tell whether a token is among them, or begins as asked for."""
        if super().__contains__(text):
            return True
        begin = str(text)
        return begin.endswith("*") and any(token.startswith(begin[:-1]) for token in self)


class Vocabulary(Mapping[str, Sequence[str]]):
    """All values by name; those of a field are read when it is asked for.

    Parameters
    ----------
    known
        Values of attributes, segments and rules.
    fields
        Fields of the logs, `<log>.<field>`.
    read_tokens
        Returns a field's tokens.
    """

    def __init__(
        self,
        known: Mapping[str, Sequence[str]],
        fields: Sequence[str],
        read_tokens: Callable[[str], Sequence[str]],
    ) -> None:
        self._known = dict(known)
        self._fields = tuple(name for name in fields if name not in self._known)
        self._read_tokens = read_tokens

    def is_field(self, name: str) -> bool:
        """Tell whether a name is a field of a log, of which a customer may have several tokens."""
        return name in self._fields

    def __getitem__(self, name: str) -> Sequence[str]:
        """Return all values of a name."""
        if name not in self._known:
            if name not in self._fields:
                raise KeyError(name)
            self._known[name] = Tokens(self._read_tokens(name))
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*(name for name in self._known if name not in self._fields), *self._fields])

    def __len__(self) -> int:
        return len(list(iter(self)))


def met(field: str, token: str) -> str:
    """Return the name of the question whether a customer has met a token: its values are no and yes.

    >>> met("purchases.category", "TEA")
    'purchases.category=TEA'
    """
    return f"{field}={token}"


def split_tokens(rule: Rule, vocabulary: Vocabulary) -> Rule:
    """Return the rule with one question of yes or no for each token.

    An attribute has one value, but a customer may have met several tokens of a field, and they exclude nothing.

    >>> fields = Vocabulary({}, ["buy.good"], lambda field: ("tea", "milk"))
    >>> split_tokens(Not(Is("buy.good", ("tea",))), fields)
    Not(part=Is(attribute='buy.good=tea', values=('yes',)))
    """
    if isinstance(rule, Is):
        if not vocabulary.is_field(rule.attribute):
            return rule
        asked = tuple(Is(met(rule.attribute, token), YES_NO[1:]) for token in rule.values)
        return asked[0] if len(asked) == 1 else AnyOf(asked)
    if isinstance(rule, Not):
        return Not(split_tokens(rule.part, vocabulary))
    parts = tuple(split_tokens(part, vocabulary) for part in rule.parts)
    return AllOf(parts) if isinstance(rule, AllOf) else AnyOf(parts)
