"""How good the models are, in plain words: what is stated, of whom, and how often it is right."""

from __future__ import annotations

from typing import Any

from pipeline.report.blocks import Block, Fact, Facts, Paragraph, Section, Table
from pipeline.report.context import Source
from pipeline.report.words import Words

_SHOWN = 10  # attributes in the table; the rest is counted


def quality(source: Source) -> Section:
    """Return the section of the last training."""
    words = source.words
    training = source.manifest("training", of_any_day=True)
    attributes, kept = training["attributes"], training["promise"]
    required = source.settings.model.min_precision
    stating = [name for name, fact in attributes.items() if _stated(fact)]
    facts = [
        Fact(words.number(len(attributes)), words.say("quality.learnt", n=len(attributes))),
        Fact(
            words.number(len(stating)), words.say("quality.stating", n=len(stating), required=words.percent(required))
        ),
        Fact(
            f"{words.number(kept['kept'])} / {words.number(kept['measured'])}",
            words.say("quality.kept"),
            words.say("quality.kept_note"),
        ),
    ]
    blocks: list[Block] = [Paragraph(words.say("quality.how", required=words.percent(required))), Facts(facts)]
    ranked = sorted(stating, key=lambda name: -attributes[name]["auc"][0])
    rows = [_row(source, name, attributes[name]) for name in ranked[:_SHOWN]]
    columns = [words.say(f"quality.column.{name}") for name in ("attribute", "n", "pairs", "stated")]
    silent = len(attributes) - len(ranked[:_SHOWN])
    if rows:
        blocks.append(Table(columns, rows, words.say("quality.note", n=silent), left=(0, 3)))
    blocks += [
        Paragraph(words.say("quality.not_learnt", name=words.label(name), reason=reason), "note")
        for name, reason in training["ineligible"].items()
    ]
    short = words.say("quality.short", n=len(stating), all=len(attributes), required=words.percent(required))
    return Section("quality", words.say("quality.title"), blocks, short)


def _stated(fact: dict[str, Any]) -> dict[str, Any]:
    return {value: own for value, own in fact["values"].items() if own["threshold"] is not None}


def _row(source: Source, name: str, fact: dict[str, Any]) -> list[str]:
    words = source.words
    told = []
    for value, own in _stated(fact).items():
        right = own.get("promised", own)
        said = {
            "value": words.label(value),
            "share": words.percent(own["coverage"]),
            "prior": words.percent(own["share"]),
            "n": right["n_stated"],
        }
        if source.is_small(right["n_stated"]):
            told.append(words.say("quality.stated_few", **said))
        else:
            told.append(words.say("quality.stated", right=words.percent(right["precision"]), **said))
    return [words.label(name), words.number(fact["n"]), _pairs(words, fact), "; ".join(told)]


def _pairs(words: Words, fact: dict[str, Any]) -> str:
    area, low, high = fact["auc"]
    return words.span(area, low, high, share=True)
