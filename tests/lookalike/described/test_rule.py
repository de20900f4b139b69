"""Rules in words: what they mean, and how a mistake in one is pointed at."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.lookalike.described import rule as rules
from pipeline.lookalike.described.rule import AllOf, AnyOf, Is, Not, attributes_of, parse_rule, possible

VALUES = {"kids": ("no", "yes"), "wine": ("no", "yes"), "income": ("under 35K", "35-74K", "75K+"), "or": ("a", "b")}
KIDS, WINE = Is("kids", ("yes",)), Is("wine", ("yes",))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("kids=yes", KIDS),
        ("  kids == yes ", KIDS),
        ("kids=yes and wine=yes", AllOf((KIDS, WINE))),
        ("kids = yes OR not wine = yes", AnyOf((KIDS, Not(WINE)))),
        ("kids!=yes", Not(KIDS)),
        ("income in ('under 35K', 75K+)", Is("income", ("under 35K", "75K+"))),
        ("income not in (75K+, 75K+)", Not(Is("income", ("75K+",)))),
        ('income="under 35K"', Is("income", ("under 35K",))),
        ("'or'=a", Is("or", ("a",))),
        ("kids=yes or wine=yes and income=75K+", AnyOf((KIDS, AllOf((WINE, Is("income", ("75K+",))))))),
        ("(kids=yes or wine=yes) and income=75K+", AllOf((AnyOf((KIDS, WINE)), Is("income", ("75K+",))))),
        ("not (kids=yes)\nand wine=yes", AllOf((Not(KIDS), WINE))),
    ],
)
def test_a_rule_is_read_as_it_is_meant(text, tree):
    assert parse_rule(text, VALUES) == tree


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "character 1: expected an attribute, found the end"),
        ("   ", "character 1: expected an attribute, found the end"),
        ("kidz=yes", r"character 1: 'kidz' is no attribute .*Did you mean 'kids'\?"),
        ("kids=yes and whine=yes", r"character 14: 'whine' is no attribute .*Did you mean 'wine'"),
        ("kids=ja", r"character 6: 'ja' is no value of 'kids' \(allowed: no, yes\)"),
        ("income=under 35K", r"character 8: 'under' is no value of 'income' .*under 35K"),
        ("kids=yes wine=yes", "character 10: expected 'and', 'or' or the end, found 'wine'; values with spaces"),
        ("kids=yes)", r"character 9: expected 'and', 'or' or the end, found '\)'"),
        ("kids", "character 5: expected =, != or in after 'kids', found the end"),
        ("kids=", "character 6: expected a value of 'kids', found the end"),
        ("kids= and wine=yes", "character 7: expected a value of 'kids', found 'and'"),
        ("(kids=yes or wine=yes", "character 1: this parenthesis is not closed"),
        ("income in 75K+", r"character 11: expected \( after in"),
        ("income in (75K+ 35-74K)", r"character 17: expected , or \) in the list"),
        ("income in ()", r"character 12: expected a value of 'income', found '\)'"),
        ("kids='yes", "character 6: this quote is not closed"),
        ("kids=yes ! wine=yes", "character 10: unexpected '!'"),
        ("or=a", "character 1: expected an attribute, found 'or'"),
        ("not " * 60 + "kids=yes", "more than 50 parentheses and negations"),
        ("kids=yes and kids=no", "nobody can fulfil it"),
        ("kids=yes and not (kids=yes or wine=yes)", "nobody can fulfil it"),
        ("income in ('under 35K', 35-74K, 75K+)", "everybody fulfils it"),
        ("kids=yes or kids!=yes", "everybody fulfils it"),
    ],
)
def test_a_mistake_is_pointed_at(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_rule(text, VALUES)


def test_the_mark_stands_under_the_mistake():
    with pytest.raises(ConfigError) as refused:
        parse_rule("kids=yes and whine=yes", VALUES)
    _, text, mark = str(refused.value).splitlines()
    assert text[mark.index("^") :].startswith("whine")


PARTS = st.recursive(
    st.builds(
        lambda name, chosen: Is(name, tuple(chosen)),
        st.sampled_from(["kids", "wine"]),
        st.sets(st.sampled_from(["no", "yes"]), min_size=1, max_size=2).map(sorted),
    ),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=8,
)


def holds(rule, facts):
    if isinstance(rule, Is):
        return facts[rule.attribute] in rule.values
    if isinstance(rule, Not):
        return not holds(rule.part, facts)
    return (all if isinstance(rule, AllOf) else any)(holds(part, facts) for part in rule.parts)


@given(PARTS)
@settings(max_examples=200, deadline=None)
def test_what_is_possible_is_what_some_customer_has(rule):
    names = attributes_of(rule)
    worlds = [dict(zip(names, world, strict=True)) for world in product(("no", "yes"), repeat=len(names))]
    assert possible(rule, VALUES) == {holds(rule, world) for world in worlds}
    for world in worlds:
        left = rule
        for name, value in world.items():
            left = rules.given(left, name, value)
        assert left == (AllOf(()) if holds(rule, world) else AnyOf(()))
