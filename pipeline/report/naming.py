"""What groups and rules of the data are called in a reader's language."""

from __future__ import annotations

from pipeline.report.words import Words


def group_name(words: Words, group: str) -> str:
    """Return `attribute=value` in words.

    >>> group_name(Words("en"), "has_children=yes")
    'has children: yes'
    """
    family, colon, segment = group.partition(": ")
    if colon:
        return f"{words.label(family)}: {rule_words(words, segment)}"
    name, equals, value = group.partition("=")
    return f"{words.label(name)}: {words.label(value)}" if equals else words.label(name)


def rule_words(words: Words, rule: str) -> str:
    """Return a conjunction of `attribute=value` in words; any other rule as it stands.

    >>> rule_words(Words("en"), "buys_fruit=yes and buys_cheese=yes")
    'buys fruit: yes, buys cheese: yes'
    """
    parts = rule.split(" and ")
    if len(parts) == 1 and "=" not in rule:
        return words.label(rule)
    if all(part.count("=") == 1 and not set("()<>!'\"").intersection(part) for part in parts):
        return ", ".join(group_name(words, part) for part in parts)
    return rule
