import pytest

from pipeline.errors import ConfigError
from pipeline.lookalike.described.rule import AllOf, AnyOf, Is, Not, read_rule
from pipeline.segment.rules.evaluation import in_order
from pipeline.segment.rules.vocabulary import Vocabulary, split_tokens
from pipeline.settings import SegmentRule

TOKENS = {"buy.good": ("TEA", "TEA POT", "MILK")}


def vocabulary(*rules):
    known = {"age": ("young", "old"), "segment.activity": ("loyal", "new")}
    known |= {f"segment.{name}": ("no", "yes") for name in rules}
    return Vocabulary(known, ["buy.good"], TOKENS.__getitem__)


def rules(**where):
    return {name: SegmentRule(text) for name, text in where.items()}


def test_tokens_exclude_nothing_and_each_is_a_question():
    rule = read_rule("buy.good=TEA and buy.good in (MILK, 'TEA*') and age=old", vocabulary())
    tea, milk = Is("buy.good=TEA", ("yes",)), Is("buy.good=MILK", ("yes",))
    assert split_tokens(rule, vocabulary()) == AllOf(
        (tea, AnyOf((milk, Is("buy.good=TEA*", ("yes",)))), Is("age", ("old",)))
    )
    assert split_tokens(read_rule("buy.good!=TEA", vocabulary()), vocabulary()) == Not(tea)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("age=yung", r"'yung' is no value of 'age' \(allowed: young, old\)\. Did you mean 'young'"),
        ("buy.good=MLIK", r"'MLIK' is no value of 'buy\.good'.*Did you mean 'MILK'"),
        ("buy.good='COFFEE*'", r"'COFFEE\*' is no value of 'buy\.good'"),
        (
            "buy.goods=TEA",
            r"'buy\.goods' is no attribute \(allowed: age, segment\.activity, buy\.good\)\.",
        ),
        ("segment.activity=loyl", "Did you mean 'loyal'"),
    ],
)
def test_unknown_words_are_told_with_the_closest(text, told):
    with pytest.raises(ConfigError, match=told):
        read_rule(text, vocabulary())


def test_rules_that_others_name_come_first():
    declared = rules(c="segment.b=yes or age=old", b="segment.a=no", a="age=young")
    ordered, wrong = in_order(declared, vocabulary(*declared))
    assert list(ordered) == ["a", "b", "c"]
    assert wrong == {}


def test_a_circle_and_what_hangs_on_a_wrong_rule_are_told_and_the_others_stay():
    declared = rules(a="segment.b=yes", b="segment.a=yes", bad="age=x", hangs="segment.bad=yes", good="age=old")
    ordered, wrong = in_order(declared, vocabulary(*declared))
    assert list(ordered) == ["good"]
    assert "in a circle: b" in wrong["a"]
    assert "'x' is no value of 'age'" in wrong["bad"]
    assert "it asks for the rule 'bad', which cannot be had" in wrong["hangs"]
