"""The look-alike stage: from a seed or a rule to an audience, with what is known of its worth."""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import console
from pipeline.engine import DuckDBEngine
from pipeline.errors import PipelineError
from pipeline.features.snapshot import snapshot_folder
from pipeline.lookalike.context import Context
from pipeline.lookalike.handover import Handover
from pipeline.lookalike.members.export import write_export
from pipeline.lookalike.seeded import from_seed
from pipeline.lookalike.wanted import from_rule
from pipeline.outputs import (
    MANIFEST,
    file_facts,
    fingerprint,
    is_current,
    read_manifest,
    whole,
    write_file,
)
from pipeline.program import code_fingerprint
from pipeline.settings import SeedRule, Settings, as_plain
from pipeline.summary import DESCRIPTION
from pipeline.timeline import as_of_name, resolve_as_of
from pipeline.tracking import Tracker, metric_name

_SHOWN = (("auc", 1.0), ("lift", 0.01), ("lift", 0.05), ("lift", 0.1), ("recall", 0.1))


def lookalike(settings: Settings, outputs: Path, tracker: Tracker, workers: int = 1) -> dict[str, Any] | None:
    """Write the configured audience and what to expect of it; return the manifest.

    Raises
    ------
    ConfigError, DataError
        See `seeded.from_seed` and `wanted.from_rule`.
    """
    chosen = settings.lookalike
    rule = None if chosen.wanted else chosen.seed or settings.data.seed
    if rule is None and not chosen.wanted:
        console.warn(
            "lookalike: no audience: there is no seed. Give one, for example lookalike.seed.file=ids.csv or "
            "'lookalike.seed={log: <log>, where: {<field>: [<token>]}}', or the wanted people by their attributes: "
            "'lookalike.wanted=\"<attribute>=<value> and <attribute>=<value>\"'"
        )
        return None
    as_of_us = resolve_as_of(settings.data, read_manifest(outputs / "events"))
    snapshot = snapshot_folder(outputs, as_of_us)
    folder = outputs / "audiences" / chosen.name
    expected = _expected(settings, outputs, snapshot, rule)
    if is_current(folder, expected):
        console.say(f"lookalike: nothing has changed since {folder} was written")
        kept = read_manifest(folder)
        _warn_expired(kept)
        return kept
    facts: dict[str, Any] = {}
    with (
        DuckDBEngine(1, settings.engine.memory_limit_gb, settings.engine.spill) as engine,
        whole(folder, expected, facts) as unfinished,
    ):
        context = Context(settings, engine, tracker, outputs, snapshot, as_of_us, unfinished, workers)
        try:
            done = from_rule(context) if rule is None else from_seed(context, rule)
        except PipelineError:  # a refused request leaves nothing behind
            shutil.rmtree(unfinished)
            raise
        facts |= done.facts
        _write(done, engine, unfinished)
        _track(settings, tracker, unfinished, expected, done)
    _report(done, folder)
    _warn_expired(facts)
    return facts


def _expected(settings: Settings, outputs: Path, snapshot: Path, rule: SeedRule | None) -> str:
    chosen = settings.lookalike
    paths = [rule.file if rule is not None else None, chosen.suppress, chosen.exclude]
    files = [file_facts(Path(path)) for path in paths if path is not None and Path(path).exists()]
    scores = outputs / "scores"
    return fingerprint(
        read_manifest(snapshot)["fingerprint"],
        as_plain(chosen),
        None if rule is None else as_plain(rule),
        as_plain(settings.features.vector),
        settings.seed,
        files,
        read_manifest(scores)["fingerprint"] if (scores / MANIFEST).is_file() else None,
        [name for name, attribute in settings.attributes.items() if attribute.sensitive],
        code_fingerprint(),
    )


def _write(done: Handover, engine: DuckDBEngine, folder: Path) -> None:
    write_export(folder, done.export, engine)
    for name, table in done.tables.items():
        write_file(folder / f"{name}.csv", partial(table.to_csv, index=False))
    (folder / "pictures").mkdir(exist_ok=True)
    for name, draw in done.pictures.items():
        draw(folder / "pictures" / name)


def _track(settings: Settings, tracker: Tracker, folder: Path, expected: str, done: Handover) -> None:
    tags = {
        "stage": "lookalike",
        "level": "audience",
        "source": settings.data.name,
        "audience": settings.lookalike.name,
        "method": str(done.facts["method"]),
        "seed_hash": str(done.facts["seed_hash"]),
        "as_of": as_of_name(done.facts["as_of_us"]),
        DESCRIPTION: "\n\n".join(done.lines)[:5000],
    }
    with tracker.run(f"lookalike {settings.lookalike.name} {expected[:6]}", expected, tags) as run_id:
        plain = as_plain(settings.lookalike)
        tracker.log(
            run_id,
            params={
                **{name: value for name, value in plain.items() if value not in (None, ())},
                "method": tags["method"],
            },
            metrics={metric_name(name): value for name, value in done.metrics.items()},
            tables=done.tables,
            texts={"audience.md": "\n\n".join(done.lines) + "\n"},
            folder=folder / "pictures",
        )


def _report(done: Handover, folder: Path) -> None:
    hidden = done.tables.get("hidden_seeds")
    if hidden is not None and len(hidden):
        console.table(
            f"Half of the seed hidden, {hidden['n_repeats'].iloc[0]} times: {hidden['n_hidden'].iloc[0]:,} members "
            f"to be found among {hidden['n_ranked'].iloc[0]:,} customers",
            ["ranking", "AUC", "lift, top 1 %", "lift, top 5 %", "lift, top 10 %", "recall, top 10 %"],
            [_row(str(name), own) for name, own in hidden.groupby("method", sort=False)],
            "chosen: the method that the kept half of the seed chose for itself. 95 % intervals.",
        )
    for line in done.lines:
        console.say(line)
    console.say(
        f"lookalike: {len(done.export.members):,} members are in {folder / 'members.csv'}"
        + (f", {len(done.export.control):,} held back in {folder / 'control.csv'}" if done.facts["control"] else "")
    )


def _warn_expired(facts: dict[str, Any]) -> None:
    if facts["expires_us"] <= time.time() * 1_000_000:
        console.warn(
            f"lookalike: this audience has expired on {facts['expires'][:10]}: what it rests on is older than "
            "lookalike.expires_days allows. Contact nobody by it; bring newer events."
        )


def _row(name: str, own: pd.DataFrame) -> list[str]:
    cells = []
    for metric, share in _SHOWN:
        found = own[(own["metric"] == metric) & (own["share"] == share)].iloc[0]
        cells.append(f"{found['mean']:.2f} [{found['low']:.2f}, {found['high']:.2f}]")
    return [str(name).replace("_", " "), *cells]
