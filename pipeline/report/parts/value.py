"""Where the money comes from: how concentrated it is, and which groups bring it."""

from __future__ import annotations

import pandas as pd

from pipeline.report import charts
from pipeline.report.blocks import Block, Fact, Facts, Paragraph, Picture, Section, Table
from pipeline.report.context import Source
from pipeline.report.naming import group_name

_SHOWN = 8  # groups of one kind


def value(source: Source) -> Section:
    """Return the section of the stage value."""
    words = source.words
    facts = source.manifest("value")
    folder = source.outputs / "value"
    blocks: list[Block] = []
    short = ""
    if (folder / "concentration.csv").exists():
        figures = pd.read_csv(folder / "concentration.csv").set_index("figure").to_dict("index")
        top = figures["held_by_top_0.1"]
        told = words.span(top["estimate"], top["low"], top["high"], share=True)
        gini = figures["gini"]
        blocks.append(
            Facts(
                [
                    Fact(told, words.say("value.top_tenth"), words.say("value.n", n=int(top["n"]))),
                    Fact(
                        words.span(gini["estimate"], gini["low"], gini["high"], digits=2),
                        words.say("value.gini"),
                        words.say("value.gini_note"),
                    ),
                ]
            )
        )
        blocks.append(_concentration(source, pd.read_csv(folder / "concentration_curve.csv"), int(top["n"])))
        short = words.say("value.short", share=words.percent(top["estimate"]))
    if (folder / "locomotives.csv").exists():
        groups = pd.read_csv(folder / "locomotives.csv")
        blocks.append(Paragraph(words.say("value.how", days=facts["horizon_days"])))
        for kind in groups["kind"].unique():
            blocks += _groups(source, groups[groups["kind"] == kind], str(kind))
    blocks += [
        Paragraph(words.say("value.missing", reason=f"{name}: {reason}"), "note")
        for name, reason in facts["missing"].items()
    ]
    return Section("value", words.say("value.title"), blocks, short)


def _concentration(source: Source, table: pd.DataFrame, n: int) -> Picture:
    words = source.words
    svg = charts.curve(
        words,
        table["customers"].tolist(),
        table["value"].tolist(),
        table["low"].tolist(),
        table["high"].tolist(),
        (words.say("value.axis_customers", n=n), words.say("value.axis_value")),
        diagonal=True,
    )
    return Picture(svg, words.say("value.curve_alt"), words.say("value.curve"))


def _groups(source: Source, table: pd.DataFrame, kind: str) -> list[Block]:
    """Return the groups that bring more than their share of customers, the greatest excess first."""
    words = source.words
    table = table[(table["members"] >= source.settings.report.min_cell) & (table["found_excess"] > 0)]
    table = table.sort_values("rank").head(_SHOWN)
    if table.empty:
        return []
    names = [group_name(words, str(name)) for name in table["group"]]
    svg = charts.intervals(
        words,
        names,
        table["lift"].tolist(),
        table["lift_low"].tolist(),
        table["lift_high"].tolist(),
        words.say("value.axis_lift"),
        share=False,
        reference=1.0,
    )
    rows = [
        [
            name,
            words.number(row["members"]),
            words.span(row["value_share"], row["value_share_low"], row["value_share_high"], share=True),
            words.percent(row["on_top"]),
            words.span(row["loss"], row["loss_low"], row["loss_high"]),
        ]
        for name, (_, row) in zip(names, table.iterrows(), strict=True)
    ]
    columns = [words.say(f"value.column.{name}") for name in ("group", "n", "share", "on_top", "loss")]
    heading = words.say(f"value.kind.{kind}") if kind in ("profile", "behaviour", "segment") else words.label(kind)
    caution = [Paragraph(words.say("value.circular"))] if kind == "segment" else []
    return [
        Paragraph(heading),
        *caution,
        Picture(svg, words.say("value.groups_alt"), words.say("value.groups")),
        Table(columns, rows, words.say("value.note")),
    ]
