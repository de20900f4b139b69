"""The scoring stage: portraits of all customers, bucket by bucket, with the champion models."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from joblib import delayed

from pipeline import console, schemas
from pipeline.columns import (
    AS_OF,
    ATTRIBUTE,
    CUSTOMER,
    DECLARED,
    EXPIRES,
    INFERRED,
    LIKELIEST,
    MODEL_VERSION,
    PROBABILITY,
    REASON,
    SET,
    STATE,
    US_PER_DAY,
    VALUE,
    WITHHELD,
)
from pipeline.engine import DuckDBEngine, run_tasks, task_engine
from pipeline.errors import ModelError
from pipeline.events import bucket_file, read_events
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.matrix import FeatureMatrix, read_matrix
from pipeline.features.snapshot import snapshot_folder
from pipeline.labels.declared import declared_labels
from pipeline.labels.future import population
from pipeline.labels.known import Labels
from pipeline.labels.past import PastReader, own_features
from pipeline.model.certification import stated_values
from pipeline.model.certified import CertifiedClassifier
from pipeline.model.sets import sets_of
from pipeline.outputs import (
    MANIFEST,
    code_fingerprint,
    fingerprint,
    is_current,
    load_once,
    read_manifest,
    whole,
    write_file,
)
from pipeline.profiles import read_customers
from pipeline.promotion import question
from pipeline.settings import Attribute, Future, Settings, as_plain
from pipeline.timeline import resolve_as_of
from pipeline.tracking import Tracker

NO_EVENTS, NO_MODEL, OUTSIDE = "no events", "no model", "outside the attribute's population"
NOT_CERTIFIED, UNSURE = "value not certifiable", "not sure enough"
UNREACHED = "hardly anybody like this customer told the value"
TOO_FEW, TOO_CLOSE, UNLIKE = "too few events", "two answers too close", "unlike the training customers"
FEW_EVENTS = 5  # before as_of, in all logs
CLOSE = 0.10  # between the probabilities of the two likeliest values


@dataclass(frozen=True)
class Champion:
    """What answers for one attribute; `predictor` is None where nothing could be learnt."""

    attribute: str
    declaration: Attribute
    values: tuple[str, ...]
    version: str
    encoder: str
    contract: str
    hide: tuple[str, ...]
    prior: tuple[float, ...]
    predictor: CertifiedClassifier | None


@dataclass(frozen=True)
class Ensemble:
    """All champions and the encoders that their features need."""

    champions: tuple[Champion, ...]
    encoders: dict[str, BehaviourEncoder]


def load_champions(settings: Settings, tracker: Tracker) -> Ensemble:
    """Return the champions of all attributes; an attribute without one is answered by its profile alone.

    Raises
    ------
    ModelError
        If a registered model cannot be loaded, or was trained for another question than is now declared.
    """
    champions, encoders = [], {}
    for name, declaration in settings.attributes.items():
        found = tracker.champion(name)
        if found is None:
            champions.append(Champion(name, declaration, (), "", "", "", (), (), None))
            continue
        facts = found.facts
        if facts.get("question") != question(declaration, settings.model):
            raise ModelError(
                f"{found.label}: refuses to score: attributes.{name}, or what the model promises of it (min_precision, "
                "confidence, certified_for, novelty_level, set_coverage), has changed since it was trained, or it was "
                "registered by an earlier version of this program. Train again (stages=[features,train]), or take the "
                "change back."
            )
        encoder_name, encoder_version = facts["encoder"]
        key = f"{encoder_name}/{encoder_version}"
        if key not in encoders:
            encoders[key] = tracker.load_version(encoder_name, encoder_version)
        champions.append(
            Champion(
                name,
                declaration,
                tuple(facts["values"]),
                found.label,
                key,
                facts["contract"],
                tuple(facts["hide"]),
                tuple(facts["prior"]),
                tracker.load(found),
            )
        )
    return Ensemble(tuple(champions), encoders)


def score(settings: Settings, outputs: Path, tracker: Tracker, workers: int) -> dict[str, Any]:
    """Write `predictions` and `portraits` of all customers; return the manifest.

    Raises
    ------
    ModelError
        If a champion cannot be loaded or expects other features than the snapshot has.
    DataError
        If features have not been made yet.
    """
    events = read_manifest(outputs / "events")
    as_of_us = resolve_as_of(settings.data, events)
    snapshot = snapshot_folder(outputs, as_of_us)
    versions = {name: _label(tracker, name) for name in settings.attributes}
    if set(versions.values()) == {NO_MODEL} and _was_trained(outputs):
        raise ModelError(
            f"score: no champion of any attribute of '{settings.data.name}' in {tracker.uri}, although this source has "
            "been trained. Is it the right store (tracking.uri, MLFLOW_TRACKING_URI)? Otherwise train again."
        )
    asked = [question(attribute, settings.model) for attribute in settings.attributes.values()]
    expected = fingerprint(
        read_manifest(snapshot)["fingerprint"],
        read_manifest(outputs / "profiles")["fingerprint"],
        versions,
        tracker.uri,
        asked,
        as_plain(settings)["attributes"],
        code_fingerprint(),
    )
    folder = outputs / "scores"
    if is_current(folder, expected):
        console.say("score: nothing has changed since the last scoring")
        return read_manifest(folder)
    facts: dict[str, Any] = {
        "as_of_us": as_of_us,
        "buckets": events["buckets"],
        "versions": versions,
        "data": settings.data.name,
    }
    with whole(folder, expected, facts) as partial:
        shared = partial / ".champions.joblib"
        ensemble = load_champions(settings, tracker)
        write_file(shared, lambda path: joblib.dump(ensemble, path))
        jobs = [
            delayed(score_bucket)(settings, outputs, shared, snapshot, partial, b, workers)
            for b in range(events["buckets"])
        ]
        states: Counter[tuple[str, str, str]] = Counter()
        with console.progress("score", events["buckets"]) as step:
            for bucket, counted in enumerate(run_tasks(jobs, settings.engine, workers, partial)):
                states.update(counted)
                step(f"bucket {bucket}")
        shared.unlink()
        facts["states"] = {"/".join(key).rstrip("/"): n for key, n in sorted(states.items())}
    _report(settings, states, folder)
    return facts


def score_bucket(
    settings: Settings, outputs: Path, shared: Path, snapshot: Path, folder: Path, bucket: int, workers: int
) -> Counter[tuple[str, str, str]]:
    """Write one bucket's predictions and portraits unless they stand already; count states by attribute."""
    target = bucket_file(folder / "predictions", bucket)
    portraits = bucket_file(folder / "portraits", bucket)
    if not (target.exists() and portraits.exists()):
        ensemble: Ensemble = load_once(shared)
        with task_engine(settings.engine, workers) as engine:
            table = predict_bucket(engine, settings, outputs, snapshot, ensemble, bucket)
            write_file(target, lambda path: pq.write_table(_arrow(table), path))
            schemas.check(schemas.predictions(), engine.parquet(target), target)
            wide = _wide(
                table,
                list(settings.attributes),
                _everyone(engine, outputs, bucket),
                read_manifest(snapshot)["as_of_us"],
            )
        write_file(portraits, lambda path: pq.write_table(_arrow(wide), path))
    found = pq.read_table(target, columns=[ATTRIBUTE, STATE, VALUE]).to_pandas()
    values = found[VALUE].where(found[STATE] == INFERRED, "")
    return Counter(zip(found[ATTRIBUTE], found[STATE], values, strict=True))


def predict_bucket(
    engine: DuckDBEngine, settings: Settings, outputs: Path, snapshot: Path, ensemble: Ensemble, bucket: int
) -> pd.DataFrame:
    """Return one row per customer and attribute of a bucket, sorted by customer; instants in microseconds.

    Declared values are never overwritten. `probability` is that of the likeliest value, which is also given
    where nothing is stated.
    """
    customers = _everyone(engine, outputs, bucket)
    as_of_us = read_manifest(snapshot)["as_of_us"]
    matrices = {key: read_matrix(engine, snapshot, encoder, [bucket]) for key, encoder in ensemble.encoders.items()}
    reader = PastReader(engine, outputs / "events", settings.data, as_of_us, [bucket])
    parts = []
    for champion in ensemble.champions:
        inside = _population(engine, outputs / "events", champion.declaration.future, customers, as_of_us, bucket)
        part = _inferred(champion, matrices.get(champion.encoder), customers, inside, reader)
        if champion.declaration.declared is not None and settings.data.profiles is not None:
            known = declared_labels(
                engine,
                outputs / "profiles",
                champion.attribute,
                champion.declaration,
                settings.data,
                [bucket],
            )
            _declare(part, known, np.searchsorted(customers, known.customers))
        part[EXPIRES] = as_of_us + champion.declaration.expires_days * US_PER_DAY
        parts.append(part)
    columns = [CUSTOMER, ATTRIBUTE, VALUE, LIKELIEST, PROBABILITY, SET, STATE, REASON, MODEL_VERSION]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*columns, EXPIRES])
    table[AS_OF] = as_of_us
    return table.sort_values([CUSTOMER, ATTRIBUTE], ignore_index=True)


def _declare(part: pd.DataFrame, known: Labels, at: np.ndarray) -> None:
    """Put what customers said of themselves into their rows, in place."""
    told = {VALUE: np.array(known.values, dtype=object)[known.y], STATE: DECLARED, PROBABILITY: 1.0}
    for column, cells in {**told, LIKELIEST: told[VALUE], REASON: None, MODEL_VERSION: None}.items():
        filled = part[column].to_numpy(copy=True)
        filled[at] = cells
        part[column] = filled


def _population(
    engine: DuckDBEngine, events: Path, rule: Future | None, customers: np.ndarray, as_of_us: int, bucket: int
) -> np.ndarray:
    """Return for which customers an attribute is asked at all, shape (n_customers,)."""
    if rule is None or not (rule.among_active_days or rule.among_idle_days or rule.aggregate == "growth"):
        return np.ones(len(customers), dtype=bool)
    everyone = engine.memory(pa.table({CUSTOMER: pa.array(customers.tolist(), pa.string())}))
    asked = population(everyone, read_events(engine, events, rule.log, bucket), rule, as_of_us)
    return np.isin(customers, np.array(engine.arrow(asked)[CUSTOMER].to_pylist(), dtype=object))


def _everyone(engine: DuckDBEngine, outputs: Path, bucket: int) -> np.ndarray:
    """Return all customers of a bucket, with or without events, sorted."""
    known = engine.arrow(read_customers(engine, outputs / "profiles", bucket).select(CUSTOMER))
    return np.sort(np.array(known[CUSTOMER].to_pylist(), dtype=object))


def _inferred(
    champion: Champion, matrix: FeatureMatrix | None, customers: np.ndarray, inside: np.ndarray, reader: PastReader
) -> pd.DataFrame:
    """Return what a champion says of each customer; nothing of those outside the attribute's population."""
    n = len(customers)
    part = pd.DataFrame({CUSTOMER: customers, ATTRIBUTE: champion.attribute}, dtype=object)
    empty = pd.Series([None] * n, dtype=object)
    part[VALUE], part[LIKELIEST], part[PROBABILITY] = empty, empty, np.full(n, np.nan)
    part[STATE], part[REASON], part[MODEL_VERSION], part[SET] = WITHHELD, NO_MODEL, empty, empty
    if champion.predictor is None or matrix is None:
        return part
    events = matrix.n_events
    matrix = allowed(champion, matrix, reader)
    sets = np.full(n, None, dtype=object)
    proba = np.tile(champion.prior, (n, 1))
    stated = np.full(n, -1)
    reason = np.full(n, NO_EVENTS, dtype=object)
    if len(matrix.customers):
        at = np.searchsorted(customers, matrix.customers)
        here = champion.predictor.predict_proba(matrix.X)
        strange = champion.predictor.unlike(matrix.X)
        unreached = champion.predictor.out_of_reach(matrix.X)
        nothing = strange | unreached
        said = np.where(nothing, -1, stated_values(here, champion.predictor.thresholds_))
        best = here.argmax(axis=1)
        certified = np.isfinite(champion.predictor.thresholds_)[best]
        proba[at] = 0.0
        proba[np.ix_(at, champion.predictor.classes_)] = here
        stated[at] = np.where(said >= 0, champion.predictor.classes_[said], -1)
        ranked = np.sort(here, axis=1)
        close = ranked[:, -1] - ranked[:, -2] < CLOSE
        reasons = {
            NOT_CERTIFIED: ~certified,
            UNLIKE: strange,
            UNREACHED: unreached,
            TOO_FEW: events < FEW_EVENTS,
            TOO_CLOSE: close,
        }
        why = np.select([*reasons.values()], [*reasons], UNSURE).astype(object)
        why[said >= 0] = None
        reason[at] = why
        sets[at] = _sets(champion, proba[at])
        sets[at[nothing]] = None  # nothing is ruled out for them
        outside = at[~inside[at]]
        stated[outside], reason[outside], sets[outside] = -1, OUTSIDE, None
    names = np.array(champion.values, dtype=object)
    part[LIKELIEST] = names[proba.argmax(axis=1)]
    value = names[stated]
    value[stated < 0] = None
    part[VALUE] = value
    part[PROBABILITY] = proba.max(axis=1)
    part[STATE] = np.where(stated >= 0, INFERRED, WITHHELD)
    part[REASON], part[MODEL_VERSION], part[SET] = reason, champion.version, sets
    return part


def _sets(champion: Champion, proba: np.ndarray) -> np.ndarray:
    """Return each customer's prediction set in words, shape (n,); None for two values, and without a cut."""
    told = np.full(len(proba), None, dtype=object)
    cut = getattr(champion.predictor, "set_cut_", None)  # versions registered before there were sets have none
    if len(champion.values) > 2 and cut is not None:
        inside = sets_of(proba, cut, champion.declaration.kind == "ordinal")
        told[:] = [" | ".join(np.array(champion.values, dtype=object)[row]) for row in inside]
    return told


def allowed(champion: Champion, matrix: FeatureMatrix, reader: PastReader) -> FeatureMatrix:
    """Return the columns that a champion learnt from, its attribute's own past among them.

    Raises
    ------
    ModelError
        If the snapshot has other features than those it was trained for.
    """
    matrix = own_features(matrix, reader, champion.attribute, champion.declaration, champion.hide)
    if matrix.contract != champion.contract:
        raise ModelError(
            f"{champion.version}: refuses to score: it was trained for other features (contract "
            f"{champion.contract}) than this snapshot has (contract {matrix.contract}, {len(matrix.names):,} "
            "features). The source's fields or windows have changed since: train again (stages=[features,train])."
        )
    return matrix


def _wide(table: pd.DataFrame, attributes: list[str], customers: np.ndarray, as_of_us: int) -> pd.DataFrame:
    """Return one row per customer: value, state and probability of each attribute."""
    wide = pd.DataFrame({CUSTOMER: customers, AS_OF: as_of_us})
    for name in attributes:
        own = table[table[ATTRIBUTE] == name].set_index(CUSTOMER).loc[wide[CUSTOMER]]
        wide[name] = own[VALUE].to_numpy()
        wide[f"{name}__{STATE}"] = own[STATE].to_numpy()
        wide[f"{name}__{PROBABILITY}"] = own[PROBABILITY].to_numpy()
    return wide


def _arrow(frame: pd.DataFrame) -> pa.Table:
    """Return a table with texts, probabilities and UTC timestamps."""
    arrays = {}
    for name in frame.columns:
        if name in (AS_OF, EXPIRES):
            arrays[name] = pa.array(frame[name].to_numpy(dtype=np.int64)).cast(pa.timestamp("us", "UTC"))
        elif name.endswith(PROBABILITY):
            arrays[name] = pa.array(frame[name].to_numpy(dtype=np.float64), from_pandas=True)
        else:
            arrays[name] = pa.array(frame[name].to_numpy(dtype=object), pa.string(), from_pandas=True)
    return pa.table(arrays)


def _label(tracker: Tracker, name: str) -> str:
    champion = tracker.champion(name)
    return f"{champion.label} of run {champion.run_id}" if champion else NO_MODEL


def _was_trained(outputs: Path) -> bool:
    return (outputs / "training" / MANIFEST).exists() and bool(read_manifest(outputs / "training")["attributes"])


def _report(settings: Settings, states: Counter[tuple[str, str, str]], folder: Path) -> None:
    rows = []
    for name in settings.attributes:
        own = {key[1:]: n for key, n in states.items() if key[0] == name}
        everyone = max(1, sum(own.values()))
        said = [f"{value} {n:,}" for (state, value), n in sorted(own.items()) if state == INFERRED]
        declared, withheld = (own.get((state, ""), 0) for state in (DECLARED, WITHHELD))
        shares = [f"{n:,} ({n / everyone:.0%})" for n in (declared, everyone - declared - withheld, withheld)]
        rows.append([name, *shares, ", ".join(said)])
    columns = ["attribute", DECLARED, INFERRED, WITHHELD, "what was inferred"]
    console.table("Portraits: customers by state", columns, rows, f"Written to {folder}.", left=(0, 4))
