"""One rule: who is in its segment, how many truly are, and in which order rules that name each other are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.lookalike.described.expected import Expected, expected_members
from pipeline.lookalike.described.likelihood import Described, described_by
from pipeline.lookalike.described.probability import Known, probability
from pipeline.lookalike.described.rule import Rule, attributes_of, read_rule, refuse_decided
from pipeline.segment.rules.facts import Facts
from pipeline.segment.rules.vocabulary import Vocabulary, split_tokens
from pipeline.settings import SegmentRule


@dataclass(frozen=True)
class Evaluated:
    """A rule as it turned out.

    Attributes
    ----------
    members
        Those for whom the rule holds by what is stated, shape (n,).
    score
        Probability that it truly holds, shape (n,); NaN where what is known does not decide.
    expected
        How many of those it can be decided for fulfil the rule; None if it can be for nobody.
    attributes
        The attributes that it asks for.
    """

    name: str
    declared: SegmentRule
    members: NDArray[np.bool_]
    score: NDArray[np.float64]
    expected: Expected | None
    attributes: tuple[str, ...]


def in_order(rules: Mapping[str, SegmentRule], vocabulary: Vocabulary) -> tuple[dict[str, Rule], dict[str, str]]:
    """Return the rules, those that others name first, and by name why others cannot be read.

    A rule that names one which cannot be read, or which names it in turn, cannot be read either.
    """
    read: dict[str, Rule] = {}
    wrong: dict[str, str] = {}
    for name, declared in rules.items():
        try:
            read[name] = read_rule(declared.where, vocabulary)
        except ConfigError as error:
            wrong[name] = str(error)
    ordered: dict[str, Rule] = {}
    while read:
        ready = [name for name, rule in read.items() if not _asked(rule, rules) - set(ordered)]
        for name in ready:
            ordered[name] = read.pop(name)
        if not ready:
            break
    for name, rule in read.items():
        broken = sorted(_asked(rule, rules) & set(wrong))
        why = (
            f"it asks for the rule '{broken[0]}', which cannot be had"
            if broken
            else "rules ask for each other in a circle"
        )
        wrong[name] = f"{why}: {', '.join(sorted(_asked(rule, rules)))}"
    return ordered, wrong


def _asked(rule: Rule, rules: Mapping[str, SegmentRule]) -> set[str]:
    return {name.removeprefix("segment.") for name in attributes_of(rule) if name.startswith("segment.")} & set(rules)


@dataclass(frozen=True)
class Asked:
    """A rule whose tokens are yes-or-no questions: of `attributes` probabilities are known, the others are `facts`."""

    questions: Rule
    attributes: tuple[str, ...]
    facts: Mapping[str, Known]


def ask(rule: Rule, facts: Facts, vocabulary: Vocabulary, done: Mapping[str, Evaluated]) -> Asked:
    """Return what a rule asks for, and the facts among it; `done` are the rules that it may name."""
    questions = split_tokens(rule, vocabulary)
    asked = attributes_of(questions)
    attributes = tuple(one for one in asked if one in facts.attributes)
    certain = {one: _fact(one, rule, facts, done) for one in asked if one not in attributes}
    return Asked(questions, attributes, certain)


def evaluate_rule(
    name: str,
    rule: Rule,
    declared: SegmentRule,
    facts: Facts,
    vocabulary: Vocabulary,
    done: Mapping[str, Evaluated],
) -> Evaluated:
    """Return who is in a rule's segment and how many truly are.

    Parameters
    ----------
    done
        The rules that it may name.

    Raises
    ------
    ConfigError
        Nobody or everybody fulfils it, whoever they are.

    Notes
    -----
    By stated values alone a rule holds, does not hold, or is open (Kleene's three values): members are those for whom
    it holds. The true number is expected from calibrated probabilities, attributes being independent given behaviour;
    its interval holds chance and, where test customers can tell, how far the probabilities are off. See
    `described.expected`. Facts (tokens, segments, other rules) are certain.
    """
    asked = ask(rule, facts, vocabulary, done)
    questions, attributes, certain = asked.questions, asked.attributes, dict(asked.facts)
    values = {one: known.values for one, known in certain.items()} | {one: facts.attributes[one] for one in attributes}
    refuse_decided(questions, values, declared.where)
    stated = facts.stated(attributes, declared.certified) | certain
    members = np.nan_to_num(probability(questions, stated)) == 1
    found = described_by(questions, facts.ids, facts.of_attributes(attributes) | certain, values)
    found = _open_only(found, attributes)
    decided = np.flatnonzero(found.rankable)
    judged = facts.judged(attributes, certain) if attributes else None
    expected = expected_members(decided, found, judged) if len(decided) else None
    return Evaluated(name, declared, members, found.score, expected, attributes)


def _open_only(found: Described, attributes: tuple[str, ...]) -> Described:
    """Return the description with declarations of attributes alone: facts are known of everybody."""
    everybody = np.ones(len(found.ids), dtype=bool)
    return replace(
        found, declared={one: own if one in attributes else everybody for one, own in found.declared.items()}
    )


def _fact(question: str, rule: Rule, facts: Facts, done: Mapping[str, Evaluated]):  # type: ignore[no-untyped-def]
    name = question.removeprefix("segment.")
    if question.startswith("segment.") and name in done:
        return facts.of_members(done[name].members)
    field, equals, token = question.partition("=")
    return facts.of_token(field, token) if equals else facts.of_segment(question)
