"""The ideal customer: the shortest description that finds the best ones, checked on others, and how many fit it."""

from __future__ import annotations

import pandas as pd

from pipeline.errors import DataError
from pipeline.report import charts
from pipeline.report.blocks import Block, Paragraph, Picture, Section, Table
from pipeline.report.context import Source
from pipeline.report.naming import rule_words


def ideal(source: Source) -> Section:
    """Return the section of the ideal customer profiles.

    Raises
    ------
    DataError
        If the stage value found none, with its reasons.
    """
    words = source.words
    facts = source.manifest("value")
    path = source.outputs / "value" / "ideal_customers.csv"
    if not path.exists():
        reasons = "; ".join(str(reason) for reason in facts["missing"].values())
        raise DataError(words.say("ideal.none", reason=reasons or "–"))
    table = pd.read_csv(path)
    table = table[table["members"] >= source.settings.report.min_cell]
    blocks: list[Block] = [Paragraph(words.say("ideal.how"))]
    for goal in table["goal"].unique():
        blocks += _goal(source, table[table["goal"] == goal], str(goal))
    held = table.loc[table["holds"], "goal"].unique()  # goals are measured in different things: each for itself
    short = "; ".join(_short(source, table[table["holds"] & (table["goal"] == goal)]) for goal in held)
    return Section("ideal", words.say("ideal.title"), blocks, short)


def _short(source: Source, table: pd.DataFrame) -> str:
    """Return in a clause what finds the best customers of one goal."""
    words = source.words
    best = table.sort_values("found_lift", ascending=False).iloc[0]
    return words.say(
        "ideal.short",
        goal=words.say(f"ideal.goal.{best['goal']}"),
        rule=rule_words(words, str(best["description"])),
        lift=words.span(best["lift"], best["lift_low"], best["lift_high"], digits=2),
    )


def _goal(source: Source, table: pd.DataFrame, goal: str) -> list[Block]:
    words = source.words
    names = [rule_words(words, str(rule)) for rule in table["description"]]
    svg = charts.intervals(
        words,
        names,
        table["lift"].tolist(),
        table["lift_low"].tolist(),
        table["lift_high"].tolist(),
        words.say("ideal.axis", n=int(table["n"].iloc[0])),
        share=False,
        reference=1.0,
    )
    rows = []
    for name, (_, row) in zip(names, table.iterrows(), strict=True):
        fits = source.people(row["fits_now"], row["fits_now_low"], row["fits_now_high"])
        ends = row["fits_now_incomplete_low"], row["fits_now_incomplete_high"]
        silent = source.people(row["fits_now_incomplete"], *ends)
        found = words.span(row["recall"], row["recall_low"], row["recall_high"], share=True)
        rows.append([name, found, fits, silent, words.say("ideal.holds" if row["holds"] else "ideal.fails")])
    columns = [words.say(f"ideal.column.{name}") for name in ("rule", "found", "fits", "incomplete", "verdict")]
    note = words.say("ideal.note", n=int(table["base"].iloc[0]), incomplete=int(table["incomplete"].iloc[0]))
    return [
        Paragraph(words.say(f"ideal.goal.{goal}")),
        Picture(svg, words.say("ideal.alt"), words.say("ideal.caption")),
        Table(columns, rows, note),
    ]
