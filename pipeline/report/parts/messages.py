"""What to say to each segment: when it acts, what interests it, and the texts."""

from __future__ import annotations

import json
from typing import Any

from pipeline.report.blocks import Block, Paragraph, Section, Table
from pipeline.report.context import Source

_SHOWN = 6  # segments
_NAMED = 3  # interests


def messages(source: Source) -> Section:
    """Return the section of the stage messages."""
    words = source.words
    source.manifest("messages")
    told = json.loads((source.outputs / "messages" / "messages.json").read_text("utf-8"))
    segments = sorted(told["segments"], key=lambda one: -one["brief"]["customers"])[:_SHOWN]
    blocks: list[Block] = [Paragraph(words.say("messages.how"))]
    rows = [_brief(source, one) for one in segments]
    columns = [words.say(f"messages.column.{name}") for name in ("segment", "n", "when", "interests", "approach")]
    blocks.append(Table(columns, rows, words.say("messages.note"), left=(0, 2, 3, 4)))
    for one in segments:
        blocks += _texts(source, one)
    if told["n_segments"] > len(segments):
        blocks.append(Paragraph(words.say("messages.more", n=told["n_segments"] - len(segments)), "note"))
    blocks += [
        Paragraph(words.say("messages.broken", name=name, reason=reason), "missing")
        for name, reason in told["broken"].items()
    ]
    return Section(
        "messages", words.say("messages.title"), blocks, words.say("messages.short", n=int(told["n_segments"]))
    )


def _brief(source: Source, one: dict[str, Any]) -> list[str]:
    words, brief = source.words, one["brief"]
    timing = brief["timing"]
    when = []
    if timing.get("weekday"):
        when.append(words.weekday(int(timing["weekday"]["at"])))
    if timing.get("hour"):
        when.append(words.say("messages.hour", hour=f"{timing['hour']['at']:02d}:00"))
    liked = [item for item in brief["interests"]["wanted"] if not item["silent"]][:_NAMED]
    interests = "; ".join(
        words.say(
            "messages.interest",
            token=item["token"].lower(),
            lift=words.span(item["lift"], item["low"], item["high"], digits=1),
            n=words.number(item["n"]),
        )
        for item in liked
    )
    choice = one["choice"]
    approach = words.label(choice["approach"]) if choice.get("approach") else ""
    hypothesis = words.say("messages.hypothesis")
    return [
        words.label(brief["segment"]),
        words.number(brief["customers"]),
        ", ".join(when) or "–",
        interests or "–",
        approach or hypothesis,
    ]


def _texts(source: Source, one: dict[str, Any]) -> list[Block]:
    """Return the e-mail that was chosen, or the first hypothesis, in the reader's language."""
    words = source.words
    written = [
        text
        for text in one["messages"]
        if text["language"] == words.language and text["channel"] == "email" and not text["refused"]
    ]
    chosen = [text for text in written if text["status"] == "chosen"] or written[:1]
    found: list[Block] = []
    for text in chosen[:1]:
        parts = {"subject": "", "action": "", **text["parts"]}
        status = words.say("messages.chosen" if text["status"] == "chosen" else "messages.hypothesis")
        found.append(
            Paragraph(words.say("messages.text", segment=words.label(one["brief"]["segment"]), status=status, **parts))
        )
    return found
