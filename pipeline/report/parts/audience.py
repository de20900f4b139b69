"""Look-alikes: how many more of the wanted people a larger audience reaches."""

from __future__ import annotations

import pandas as pd

from pipeline.report import charts
from pipeline.report.blocks import Block, Fact, Facts, Paragraph, Picture, Section
from pipeline.report.context import Source


def audience(source: Source) -> Section:
    """Return the section of the configured audience."""
    words, name = source.words, source.settings.lookalike.name
    facts = source.manifest(f"audiences/{name}")
    folder = source.outputs / "audiences" / name
    members = facts["members"]
    told = [Fact(source.count(members), words.say("audience.members", n=members))]
    if facts.get("control"):
        held = facts["control"]["held_back"]
        if not source.is_small(held):
            told.append(Fact(words.number(held), words.say("audience.held_back"), words.say("audience.held_back_note")))
    blocks: list[Block] = [Facts(told)]
    curve = folder / "reach_curve.csv"
    if not curve.exists():
        blocks.append(Paragraph(words.say("audience.no_curve"), "missing"))
        return Section("audience", words.say("audience.title"), blocks, words.say("audience.short", n=members))
    table = pd.read_csv(curve)
    blocks += [_curve(source, table, members), Paragraph(words.say("audience.caution"), "note")]
    return Section("audience", words.say("audience.title"), blocks, words.say("audience.short", n=members))


def _curve(source: Source, table: pd.DataFrame, members: int) -> Picture:
    words = source.words
    n = int(table["size"].max())
    svg = charts.curve(
        words,
        (table["size"] / n).tolist(),
        table["recall"].tolist(),
        table["recall_low"].tolist(),
        table["recall_high"].tolist(),
        (words.say("audience.axis_size", n=n), words.say("audience.axis_recall")),
        diagonal=True,
    )
    row = table.iloc[int((table["size"] - members).abs().to_numpy().argmin())]
    caption = words.say(
        "audience.caption",
        share=words.percent(float(row["size"]) / n),
        recall=words.span(row["recall"], row["recall_low"], row["recall_high"], share=True),
    )
    return Picture(svg, words.say("audience.alt"), caption)
