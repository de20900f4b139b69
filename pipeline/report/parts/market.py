"""The market's potential: how many people a segment truly has, and what they are worth."""

from __future__ import annotations

import pandas as pd

from pipeline.report import charts
from pipeline.report.blocks import Block, Paragraph, Picture, Section, Table
from pipeline.report.context import Source


def market(source: Source) -> Section:
    """Return the section of the stage market."""
    words = source.words
    facts = source.manifest("market")
    table = pd.read_csv(source.outputs / "market" / "market.csv")
    known = table[table["people"].notna() & ~table["people"].map(source.is_small)].reset_index(drop=True)
    blocks: list[Block] = [Paragraph(words.say("market.how"))]
    if len(known):
        svg = charts.intervals(
            words,
            [words.label(str(name)) for name in known["segment"]],
            known["people"].tolist(),
            known["people_low"].tolist(),
            known["people_high"].tolist(),
            words.say("market.axis", n=facts["customers"]),
            share=False,
        )
        blocks.append(Picture(svg, words.say("market.alt"), words.say("market.caption")))
    blocks.append(_table(source, table))
    blocks += _assumed(source, table)
    blocks += [
        Paragraph(words.say("market.missing", name=name, reason=reason), "note")
        for name, reason in facts["missing"].items()
    ]
    short = ""
    if len(known):
        first = known.sort_values("people", ascending=False).iloc[0]
        short = words.say(
            "market.short", name=words.label(str(first["segment"])), people=_people(source, first, "people")
        )
    return Section("market", words.say("market.title"), blocks, short)


def _table(source: Source, table: pd.DataFrame) -> Table:
    words = source.words
    wanted = [
        "people",
        "if_silent_differ",
        "range",
        *(name for name in ("money", "money_if_silent_differ", "population_people") if name in table.columns),
    ]
    rows = []
    for _, row in table.iterrows():
        cells = [
            words.label(str(row["segment"])),
            source.count(row["told_inside"]),
            source.count(row["stated_besides"]),
        ]
        for name in wanted:
            if name == "range":
                cells.append(_range(source, row["at_least"], row["at_most"]))
            elif name.endswith("if_silent_differ") and row[f"{name}_low"] < row[f"{name}_high"]:
                cells.append(_range(source, row[f"{name}_low"], row[f"{name}_high"]))
            else:
                cells.append(_people(source, row, name))
        rows.append(cells)
    columns = ["segment", "told", "stated", *wanted]
    odds = source.settings.market.silent_odds
    note = words.say("market.note", odds=words.number(odds, 0 if odds == int(odds) else 1))
    return Table([words.say(f"market.column.{name}") for name in columns], rows, note)


def _range(source: Source, low: float, high: float) -> str:
    words = source.words
    return words.say("market.range", low=words.number(low), high=words.number(high))


def _people(source: Source, row: pd.Series, name: str) -> str:
    return source.people(row[name], row[f"{name}_low"], row[f"{name}_high"])


def _assumed(source: Source, table: pd.DataFrame) -> list[Block]:
    """Return what money and the population rest on."""
    words, chosen = source.words, source.settings.market
    told = []
    if "money" in table.columns:
        told.append(words.say("market.expected_money" if chosen.worth == "value" else "market.money"))
        if chosen.response is None and chosen.worth != "value":
            told.append(words.say("market.no_response"))
        elif chosen.response is not None and chosen.response.rate is not None:
            told.append(words.say("market.assumed_response", rate=words.percent(chosen.response.rate, 1)))
    if "population_people" in table.columns and chosen.population is not None:
        population = chosen.population
        margins = ", ".join(words.label(name) for name in population.margins)
        said = {"name": population.name, "source": population.source, "size": words.number(population.size)}
        told.append(words.say("market.population", margins=margins, **said))
    return [Paragraph(" ".join(told), "note")] if told else []
