"""Segments: at which stage customers are, who moved since, and rule segments with their true size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.errors import DataError
from pipeline.outputs import MANIFEST, read_manifest
from pipeline.report import charts
from pipeline.report.blocks import Block, Paragraph, Picture, Section, Table
from pipeline.report.context import Source


def segments(source: Source) -> Section:
    """Return the section; a family that has not been made is left out, and this is said."""
    words = source.words
    folder = source.outputs / "segments"
    facts = source.manifest("segments/activity")
    sizes = pd.read_csv(folder / "activity" / "sizes.csv")
    if sizes.empty:
        raise DataError(words.say("segments.nobody", n=source.settings.segment.min_cell))
    sizes = sizes[~sizes["n"].map(source.is_small)]
    blocks: list[Block] = []
    if facts.get("rhythm"):
        blocks.append(Paragraph(words.say("segments.how", days=words.number(facts["rhythm"]["usual_days"], 1))))
    blocks += [_sizes(source, sizes), *_movement(source, folder / "activity")]
    blocks += [Paragraph(words.say("segments.missing", reason=reason), "note") for reason in facts["missing"]]
    blocks += _rules(source, folder / "rules")
    top = sizes.sort_values("amount_share", ascending=False).iloc[0] if "amount_share" in sizes else None
    short = words.say("segments.short", n=len(sizes))
    if top is not None and pd.notna(top["amount_share"]):
        short = words.say(
            "segments.short_money",
            name=words.label(str(top["segment"])),
            share=words.percent(float(top["share"])),
            money=words.percent(float(top["amount_share"])),
        )
    return Section("segments", words.say("segments.title"), blocks, short)


def _sizes(source: Source, table: pd.DataFrame) -> Picture:
    words = source.words
    svg = charts.intervals(
        words,
        [words.label(str(name)) for name in table["segment"]],
        table["share"].tolist(),
        table["low"].tolist(),
        table["high"].tolist(),
        words.say("segments.axis", n=int(table["base"].iloc[0])),
    )
    meaning = "; ".join(
        words.say(f"segments.meaning.{str(name).replace(' ', '_').replace('-', '_')}") for name in table["segment"]
    )
    return Picture(svg, words.say("segments.alt"), meaning)


def _movement(source: Source, folder: Path) -> list[Block]:
    """Return who went from where to where; nothing where the history is too short."""
    words, path = source.words, folder / "movement.csv"
    if not path.exists():
        return []
    table = pd.read_csv(path)
    shares = table.pivot(index="was", columns="is", values="share").fillna(0.0)
    counts = table.pivot(index="was", columns="is", values="n").fillna(0)
    names = [name for name in table["was"].unique() if name in shares.index]
    others = [name for name in [*names, *table["is"].unique()] if name in shares.columns]
    columns = list(dict.fromkeys(others))
    cells, n = shares.loc[names, columns].to_numpy(), counts.loc[names, columns].to_numpy()
    svg = charts.heat(
        words,
        [words.label(str(name)) for name in names],
        [words.label(str(name)) for name in columns],
        cells,
        np.asarray((n > 0) & (n < source.settings.report.min_cell)),
    )
    period = read_manifest(folder).get("period_days", 0)
    return [Picture(svg, words.say("segments.flow_alt"), words.say("segments.flow", days=period))]


def _rules(source: Source, folder: Path) -> list[Block]:
    words = source.words
    if not (folder / MANIFEST).is_file():
        return []
    source.manifest("segments/rules")
    table = pd.read_csv(folder / "sizes.csv")
    rows = []
    for row in table.to_dict("records"):
        expected = row.get("expected", np.nan)
        truly = source.people(expected, row.get("expected_low", np.nan), row.get("expected_high", np.nan))
        members = row["members"]
        shown = words.say("segments.few") if pd.isna(members) else source.count(members)
        rows.append([words.label(str(row["segment"])), str(row["where"]), shown, truly])
    columns = [words.say(f"segments.column.{name}") for name in ("name", "rule", "members", "truly")]
    return [
        Table(columns, rows, words.say("segments.rules_note"), left=(0, 1)),
        *(
            Paragraph(words.say("segments.missing", reason=reason), "note")
            for reason in read_manifest(folder)["missing"]
        ),
    ]
