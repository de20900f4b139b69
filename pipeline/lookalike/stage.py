"""The look-alike stage: from a seed to an audience, with what the method is worth on hidden seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import console, plots
from pipeline.columns import CUSTOMER, DECLARED, STATE
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError
from pipeline.features.snapshot import snapshot_folder
from pipeline.lookalike.audience import SeedMatch, match_seed, select_audience
from pipeline.lookalike.design import read_base
from pipeline.lookalike.evaluation import HoldOutRow, hold_out_evaluation
from pipeline.lookalike.index import build_index
from pipeline.lookalike.population import Base
from pipeline.lookalike.ranking import MIN_SEED, SeedRanker
from pipeline.lookalike.seeds import hidden_by, read_ids, seed_ids
from pipeline.outputs import (
    code_fingerprint,
    file_facts,
    fingerprint,
    is_current,
    read_manifest,
    whole,
    write_file,
)
from pipeline.settings import SeedRule, Settings, as_plain
from pipeline.timeline import as_of_name, resolve_as_of
from pipeline.tracking import Tracker


def lookalike(settings: Settings, outputs: Path, tracker: Tracker) -> dict[str, Any] | None:
    """Write the audience of the configured seed and what to expect of it; return the manifest.

    Raises
    ------
    ConfigError, DataError
        If the seed names nobody, everybody, or what does not exist.
    """
    rule = settings.lookalike.seed or settings.data.seed
    if rule is None:
        console.warn(
            "lookalike: no audience: there is no seed. Give one, for example lookalike.seed.file=ids.csv or "
            "'lookalike.seed={log: <log>, where: {<field>: [<token>]}}'"
        )
        return None
    as_of_us = resolve_as_of(settings.data, read_manifest(outputs / "events"))
    snapshot = snapshot_folder(outputs, as_of_us)
    folder = outputs / "audiences" / settings.lookalike.name
    expected = _expected(settings, outputs, snapshot, rule)
    if is_current(folder, expected):
        console.say(f"lookalike: nothing has changed since {folder} was written")
        return read_manifest(folder)
    facts: dict[str, Any] = {
        "as_of_us": as_of_us,
        "data": settings.data.name,
        "name": settings.lookalike.name,
    }
    with (
        DuckDBEngine(1, settings.engine.memory_limit_gb, settings.engine.spill) as engine,
        whole(folder, expected, facts) as partial,
    ):
        given = seed_ids(engine, rule, settings.data, outputs, as_of_us)
        hidden = hidden_by(rule)
        if rule.where:
            console.warn(
                f"lookalike: of {rule.log} only {', '.join(rule.where)} is hidden from the features; if other fields "
                "name the same events (a product besides its category), hide them too: seed.hide=[<log>.<field>]"
            )
        base = read_base(engine, snapshot, settings.data, settings.features.vector, hidden, settings.seed)
        match = match_seed(given, base.ids)
        facts |= {"seed": _seed_facts(match, given, len(base)), "hidden": list(hidden)}
        _say_seed(match)
        table, rows = _find(settings, rule, outputs, base, match, partial, facts)
        _write(table, rows, partial)
        _track(settings, tracker, partial, expected, facts, rows)
    _report(settings, facts, rows, folder)
    return facts


def _expected(settings: Settings, outputs: Path, snapshot: Path, rule: SeedRule) -> str:
    files = [
        file_facts(Path(p)) for p in (rule.file, settings.lookalike.suppress) if p is not None and Path(p).exists()
    ]
    scores = read_manifest(outputs / "scores")["fingerprint"] if rule.portraits is not None else None
    used = as_plain(settings.lookalike), as_plain(rule), as_plain(settings.features.vector), settings.seed
    return fingerprint(read_manifest(snapshot)["fingerprint"], used, files, scores, code_fingerprint())


def _find(
    settings: Settings,
    rule: SeedRule,
    outputs: Path,
    base: Base,
    match: SeedMatch,
    partial: Path,
    facts: dict[str, Any],
) -> tuple[pd.DataFrame, list[HoldOutRow]]:
    """Return the audience and the figures of hidden seeds."""
    chosen = settings.lookalike
    X, n_dense, ids, vectors = base.X, base.n_dense, base.ids, base.vectors
    seed = match.mask(len(ids))
    if len(match.positions) < MIN_SEED:
        raise ConfigError(
            f"lookalike.seed: {len(match.positions)} of its ids are customers with events; at least "
            f"{MIN_SEED} are needed"
        )
    suppressed = read_ids(Path(chosen.suppress), "lookalike.suppress") if chosen.suppress else []
    free = len(ids) - int((seed | np.isin(ids, np.array(suppressed, dtype=str))).sum())
    size = chosen.size or max(1, round(chosen.share * free))
    index = build_index(vectors, ids, chosen.exact_up_to, chosen.min_recall, settings.seed)
    index.save(partial / "index.faiss")
    facts["index"] = {
        "kind": type(index).__name__,
        "recall": getattr(index, "recall_", 1.0),
        "customers": len(ids),
    }
    ranker = SeedRanker(k=chosen.nearest, random_state=settings.seed).fit(X, vectors, seed, ids, n_dense)
    candidates = np.arange(len(ids))
    if len(ids) > chosen.exact_up_to:
        near, _ = index.search(vectors[seed], min(len(ids), max(100, 20 * size // max(1, seed.sum()))))
        found = np.flatnonzero(np.isin(ids, near) & ~seed & ~np.isin(ids, np.array(suppressed, dtype=str)))
        candidates = found if len(found) >= size else candidates
    scores = np.zeros(len(ids))
    scores[candidates] = ranker.score(X[candidates], vectors[candidates], ids[candidates])
    table = select_audience(ids, scores, ids[seed], suppressed, size)
    facts |= {"size": size, "available": free, "suppressed": len(suppressed), "candidates": len(candidates)}
    if rule.portraits is not None and _inferred_members(outputs, rule, ids[seed]):
        console.warn(
            "lookalike: no figures: members of the seed were inferred from the very features that would find them "
            "again; give a seed of declared members or of ids to have the method measured"
        )
        return table, []
    if len(match.positions) < 2 * MIN_SEED:
        console.warn(f"lookalike: a seed of {len(match.positions)} is too small to hide half of it: no figures")
        return table, []
    rows = hold_out_evaluation(
        X,
        vectors,
        seed,
        ids,
        n_dense,
        SeedRanker(k=chosen.nearest, random_state=settings.seed),
        chosen.repeats,
        settings.seed,
    )
    return table, rows


def _inferred_members(outputs: Path, rule: SeedRule, members: np.ndarray) -> bool:
    """Tell whether a seed made from portraits holds members whose value was inferred, not declared."""
    states = [f"{attribute}__{STATE}" for attribute in rule.portraits or {}]
    frame = pd.concat(
        pd.read_parquet(path, columns=[CUSTOMER, *states])
        for path in sorted((outputs / "scores" / "portraits").glob("*.parquet"))
    )
    own = frame[frame[CUSTOMER].isin(members)]
    return bool((own[states] != DECLARED).any(axis=None))


def _write(table: pd.DataFrame, rows: list[HoldOutRow], partial: Path) -> None:
    write_file(
        partial / "audience.parquet",
        lambda path: pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path),
    )
    write_file(partial / "audience.csv", lambda path: table.to_csv(path, index=False))
    evaluation = pd.DataFrame([row.__dict__ for row in rows])
    write_file(partial / "hidden_seeds.csv", lambda path: evaluation.to_csv(path, index=False))
    if rows:
        (partial / "pictures").mkdir(exist_ok=True)
        plots.lookalike(_curves(rows), partial / "pictures" / "recall_of_hidden_seeds.png")


def _curves(rows: list[HoldOutRow]) -> list[dict[str, Any]]:
    curves = []
    for method in dict.fromkeys(row.method for row in rows):
        own = sorted(
            (row for row in rows if row.method == method and row.metric == "recall"),
            key=lambda row: row.share,
        )
        curves.append(
            {
                "method": method.replace("_", " "),
                "share": np.array([r.share for r in own]),
                "recall": np.array([r.mean for r in own]),
                "low": np.array([r.low for r in own]),
                "high": np.array([r.high for r in own]),
            }
        )
    return curves


def _seed_facts(match: SeedMatch, given: list[str], n_base: int) -> dict[str, Any]:
    return {
        "hash": fingerprint(sorted(set(given))),
        "given": match.n_given,
        "matched": len(match.positions),
        "base": n_base,
        "duplicates": match.n_duplicates,
        "unknown": match.n_unknown,
        "unknown_examples": list(match.unknown_examples),
    }


def _say_seed(match: SeedMatch) -> None:
    if match.n_unknown or match.n_duplicates:
        examples = ", such as " + ", ".join(match.unknown_examples) if match.n_unknown else ""
        console.warn(
            f"lookalike: of {match.n_given:,} ids in the seed {match.n_duplicates:,} are repeated and "
            f"{match.n_unknown:,} are no customers with events{examples}"
        )


def _track(
    settings: Settings,
    tracker: Tracker,
    folder: Path,
    expected: str,
    facts: dict[str, Any],
    rows: list[HoldOutRow],
) -> None:
    tags = {"stage": "lookalike", "source": settings.data.name, "seed_hash": facts["seed"]["hash"]}
    with tracker.run(f"lookalike {settings.lookalike.name} {expected[:6]}", expected, tags) as run_id:
        measured: dict[str, float] = {}
        for row in rows:
            name = f"{row.method}/{row.metric}" + ("" if row.metric == "auc" else f"_at_{round(row.share * 100)}")
            measured |= {name: row.mean, f"{name}_low": row.low, f"{name}_high": row.high}
        params = {
            **as_plain(settings.lookalike),
            **{f"seed_{k}": v for k, v in facts["seed"].items()},
            "size": facts["size"],
            "hidden": facts["hidden"],
            "as_of": as_of_name(facts["as_of_us"]),
            "index": facts["index"]["kind"],
            "index_recall": facts["index"]["recall"],
        }
        tracker.log(
            run_id,
            params=params,
            metrics=measured,
            tables={"hidden_seeds": pd.DataFrame([r.__dict__ for r in rows])},
            folder=folder / "pictures",
        )


def _report(settings: Settings, facts: dict[str, Any], rows: list[HoldOutRow], folder: Path) -> None:
    by_method: dict[str, dict[str, HoldOutRow]] = {}
    for row in rows:
        by_method.setdefault(row.method, {})[f"{row.metric}@{row.share:g}"] = row
    shown = [
        [
            method.replace("_", " "),
            *(
                f"{found[key].mean:.2f} [{found[key].low:.2f}, {found[key].high:.2f}]"
                for key in ("auc@1", "lift@0.01", "lift@0.05", "lift@0.1", "recall@0.1")
            ),
        ]
        for method, found in by_method.items()
    ]
    if shown:
        console.table(
            f"Look-alikes of {facts['seed']['matched']:,} customers: half of the seed hidden, "
            f"{settings.lookalike.repeats} times",
            ["ranking", "AUC", "lift, top 1 %", "lift, top 5 %", "lift, top 10 %", "recall, top 10 %"],
            shown,
        )
    console.say(
        f"lookalike: {facts['size']:,} of {facts['available']:,} available customers are in {folder / 'audience.csv'}"
    )
