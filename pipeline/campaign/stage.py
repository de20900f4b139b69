"""The messages stage: from segments to briefs and texts that have been searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import console
from pipeline.campaign.brief import Brief, facts_for, word_for
from pipeline.campaign.choice import Choice, choose
from pipeline.campaign.compose import Ground, brief_of, read_ground
from pipeline.campaign.language import languages_of
from pipeline.campaign.page import page
from pipeline.campaign.response import Later
from pipeline.campaign.segments import Segment, facts_of_segments, read_segments
from pipeline.campaign.sensitive import sensitive_values
from pipeline.campaign.variants import Library, Message, messages_for, read_library
from pipeline.engine import DuckDBEngine
from pipeline.features.snapshot import snapshot_folder
from pipeline.lookalike.members.spreadsheet import spreadsheet_safe
from pipeline.outputs import (
    MANIFEST,
    fingerprint,
    is_current,
    read_manifest,
    whole,
    write_file,
    write_json,
)
from pipeline.program import code_fingerprint
from pipeline.settings import Settings, as_plain
from pipeline.summary import DESCRIPTION
from pipeline.timeline import as_of_name, resolve_as_of
from pipeline.tracking import Tracker

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Written:
    """What was made for one segment."""

    brief: Brief
    choice: Choice
    messages: tuple[Message, ...]
    words: tuple[str, ...]  # how each interest is called, by language, for people to read

    def plain(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return {
            "brief": asdict(self.brief),
            "choice": asdict(self.choice),
            "words": self.words,
            "messages": [
                asdict(one) | {"status": "refused" if one.refused else self.choice.status(one.approach)}
                for one in self.messages
            ],
        }


def messages(settings: Settings, outputs: Path, tracker: Tracker) -> dict[str, Any]:
    """Write a brief and messages for each segment; return the manifest.

    Raises
    ------
    ConfigError
        If an audience, a language, or a field of campaign.source does not exist.
    DataError
        If features have not been made yet, or there is no segment of at least `campaign.min_cell` customers.
    """
    as_of_us = resolve_as_of(settings.data, read_manifest(outputs / "events"))
    snapshot = snapshot_folder(outputs, as_of_us)
    library = read_library(settings.campaign)
    expected = _expected(settings, outputs, snapshot)
    folder = outputs / "messages"
    if is_current(folder, expected):
        console.say(f"messages: nothing has changed since {folder} was written")
        return read_manifest(folder)
    with DuckDBEngine(1, settings.engine.memory_limit_gb, settings.engine.spill) as engine:
        segments = read_segments(settings.campaign, engine, outputs)
        ground = read_ground(settings, engine, outputs, snapshot, as_of_us, segments, library.forbidden)
    written = [_write_to(segment, ground, library, settings) for segment in ground.segments]
    facts: dict[str, Any] = {
        "as_of_us": as_of_us,
        "data": settings.data.name,
        "n_segments": len(written),
        "hidden": len(segments) - len(ground.segments),
        "languages": list(library.templates),
        "broken": dict(library.broken),
        "refused": sum(bool(one.refused) for each in written for one in each.messages),
    }
    table = message_table(written)
    with whole(folder, expected, facts) as partial:
        _write(settings, partial, written, table, facts, ground.later, as_of_us)
        _track(settings, tracker, expected, written, table, facts, ground.later)
    _report(settings, written, library, facts, ground, folder)
    return facts


def message_table(written: list[Written]) -> pd.DataFrame:
    """Return one row per message: segment, language, channel, approach, status, parts, reason of a refusal."""
    columns = [
        "segment",
        "language",
        "channel",
        "approach",
        "template",
        "status",
        "subject",
        "body",
        "action",
        "refused",
    ]
    rows = [
        {**one, **{part: one["parts"].get(part, "") for part in ("subject", "body", "action")}}
        for each in written
        for one in each.plain()["messages"]
    ]
    return pd.DataFrame(rows, columns=columns)


def _expected(settings: Settings, outputs: Path, snapshot: Path) -> str:
    own = languages_of(settings.campaign.templates, ())
    files = [
        path for folders in own.values() for folder in folders for path in sorted(folder.iterdir()) if path.is_file()
    ]
    manifests = [folder for folder in (outputs / "scores", outputs / "profiles") if (folder / MANIFEST).is_file()]
    return fingerprint(
        read_manifest(snapshot)["fingerprint"],
        [read_manifest(folder)["fingerprint"] for folder in manifests],
        facts_of_segments(settings.campaign, outputs),
        as_plain(settings.campaign),
        as_plain(settings)["attributes"],
        [[path.name, path.read_text("utf-8", errors="replace")] for path in files],
        settings.seed,
        code_fingerprint(),
    )


def _write_to(segment: Segment, ground: Ground, library: Library, settings: Settings) -> Written:
    campaign = settings.campaign
    brief = brief_of(segment, ground, settings)
    facts = {code: facts_for(brief, library.languages[code], campaign) for code in library.templates}
    texts = messages_for(segment.name, facts, library, sensitive_values(settings))
    approaches = [template.head.approach for templates in library.templates.values() for template in templates]
    choice = choose(ground.told, segment.customers, approaches, campaign, ground.later, settings.seed)
    words = []
    for one in brief.interests.wanted[: campaign.listed]:
        called = {code: word_for(one, library.languages[code], campaign) for code in library.templates}
        words.append(", ".join(f"{code}: {word}" for code, word in called.items() if word) or "no word for it")
    return Written(brief, choice, tuple(texts), tuple(words))


def _write(
    settings: Settings,
    folder: Path,
    written: list[Written],
    table: pd.DataFrame,
    facts: Mapping[str, Any],
    found_later: Later | None,
    as_of_us: int,
) -> None:
    campaign = settings.campaign
    told = [one.plain() for one in written]
    shown = {
        **facts,
        "min_cell": campaign.min_cell,
        "listed": campaign.listed,
        "false_share": campaign.false_share,
        "effect": campaign.effect,
        "later": None if found_later is None else asdict(found_later),
        "weekdays": _DAYS,
    }
    text = page(settings.data.name, as_of_name(as_of_us), told, shown)
    write_json(folder / "messages.json", {"segments": _finite(told), "later": _finite(shown["later"]), **facts})
    write_file(folder / "messages.csv", lambda path: spreadsheet_safe(table).to_csv(path, index=False))
    write_file(folder / "messages.html", lambda path: path.write_text(text, "utf-8"))


def _track(
    settings: Settings,
    tracker: Tracker,
    expected: str,
    written: list[Written],
    table: pd.DataFrame,
    facts: Mapping[str, Any],
    found_later: Later | None,
) -> None:
    tags = {"stage": "messages", "source": settings.data.name, "as_of": as_of_name(facts["as_of_us"])}
    lines = [f"{one.brief.segment}: {one.choice.approach or 'hypothesis A/B'}; {one.choice.why}" for one in written]
    tags[DESCRIPTION] = "\n\n".join(lines)[:5000]
    measured = {"segments": float(facts["n_segments"]), "messages": float((table["refused"] == "").sum())}
    measured |= {
        "refused": float(facts["refused"]),
        "chosen": float(sum(one.choice.approach is not None for one in written)),
    }
    if found_later is not None:
        measured |= {"later/log_loss": found_later.log_loss, "later/baseline": found_later.baseline}
        measured |= {"later/gain": found_later.gain}
    plain = {key: value for key, value in as_plain(settings.campaign).items() if key not in ("source", "sensitive")}
    params = {key: value for key, value in plain.items() if value not in (None, (), {})}
    with tracker.run(f"messages {expected[:6]}", expected, tags) as run_id:
        tracker.log(run_id, params, measured, {"messages": table})


def _report(
    settings: Settings, written: list[Written], library: Library, facts: Mapping[str, Any], ground: Ground, folder: Path
) -> None:
    for reason in library.broken.values():
        console.warn(f"messages: {reason}")
    first = next(iter(library.templates))
    rows = []
    for one in written:
        brief, refused = one.brief, sum(bool(message.refused) for message in one.messages)
        told = facts_for(brief, library.languages[first], settings.campaign).interests
        hour, day = brief.timing.hour, brief.timing.weekday
        when = " ".join([*([_DAYS[day.at][:3]] if day else []), *([f"{hour.at}:00"] if hour else [])])
        written_n = len(one.messages) - refused
        texts = f"{written_n}" + (f" ({refused} refused)" if refused else "")
        choice = one.choice.approach or "hypothesis A/B"
        cells = [", ".join(told) or "–", when or "–", brief.price.level or "–", brief.manner.tone, texts, choice]
        rows.append([brief.segment, f"{brief.customers:,}", *cells])
    least = settings.campaign.min_cell
    note = f"Interests as named in '{first}'. Hidden segments of fewer than {least} customers: {facts['hidden']}."
    columns = ["segment", "customers", "interests", "when", "prices", "tone", "texts", "message"]
    console.table("Messages", columns, rows, note, left=(0, 2))
    reasons = dict.fromkeys(m.refused for one in written for m in one.messages if m.refused)
    for reason in list(reasons)[:5]:
        console.warn(f"messages: refused: {reason}")
    if ground.later is not None:
        seen = ground.later
        console.say(
            f"Responses: {seen.n:,} later contacts of {seen.customers:,} customers, log-loss {seen.log_loss:.4f} "
            f"against {seen.baseline:.4f} of one rate for everybody, better by {seen.gain:.4f} "
            f"[{seen.low:.4f}, {seen.high:.4f}]"
        )
    console.say(f"messages: {folder / 'messages.html'}, messages.csv and messages.json beside it")


def _finite(value: Any) -> Any:
    """Return what JSON can hold: NaN and infinity are null."""
    if isinstance(value, dict):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value
