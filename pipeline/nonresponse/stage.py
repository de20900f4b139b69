"""The shares stage: who has a profile, and what the whole base would have said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed

from pipeline import console, plots
from pipeline.columns import ATTRIBUTE, CUSTOMER, VALUE
from pipeline.engine import DuckDBEngine
from pipeline.features.behaviour import read_encoder
from pipeline.features.counts import only_of
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.matrix import FeatureMatrix, read_matrix
from pipeline.features.naming import visible
from pipeline.features.snapshot import snapshot_folder
from pipeline.labels.declared import declared_labels
from pipeline.labels.known import Labels
from pipeline.model.propensity import Propensity, response_propensity, too_few
from pipeline.nonresponse.response import Response, describe_response
from pipeline.nonresponse.selection import answer_dependent_shares, log_odds
from pipeline.nonresponse.shares import MIN_PROPENSITY, AttributeShares, attribute_shares
from pipeline.outputs import fingerprint, is_current, read_manifest, whole, write_file
from pipeline.parallel import side_by_side
from pipeline.profiles import HAS_PROFILE, read_customers
from pipeline.program import code_fingerprint
from pipeline.settings import Settings, as_plain
from pipeline.timeline import as_of_name, resolve_as_of
from pipeline.tracking import Tracker
from pipeline.training_sample import draw

_RESAMPLES = 100  # of the bootstrap behind shares that depend on the answer
_NOTE = (
    "Counted: shares among those who answered. Corrected: of all comparable customers, those whose like answer in at "
    f"least {MIN_PROPENSITY:.0%} of cases; right if, given behaviour, answering does not depend on the answer. If the "
    "answer decides: of all customers; right if answering depends on the answer, and behaviour merely shows it. Whole "
    "base: what can be said of it from the corrected shares, whatever those not comparable are."
)


def shares(settings: Settings, outputs: Path, tracker: Tracker, workers: int) -> dict[str, Any] | None:
    """Write who answers and the corrected shares of each declared attribute; return the manifest.

    Future attributes need no correction: their value is known for everybody.

    Raises
    ------
    ConfigError, DataError
        If an attribute is declared wrongly, or features have not been made yet.
    """
    asked = {name: attribute for name, attribute in settings.attributes.items() if attribute.declared is not None}
    if settings.data.profiles is None or not asked:
        console.say("shares: no declared attribute, so there is nothing to correct")
        return None
    as_of_us = resolve_as_of(settings.data, read_manifest(outputs / "events"))
    snapshot = snapshot_folder(outputs, as_of_us)
    expected = _expected(settings, outputs, snapshot, asked, tracker)
    folder = outputs / "shares"
    if is_current(folder, expected):
        console.say(f"shares: nothing has changed since {folder} was written")
        return read_manifest(folder)
    facts: dict[str, Any] = {"as_of_us": as_of_us, "data": settings.data.name}
    with whole(folder, expected, facts) as partial:
        with DuckDBEngine(1, settings.engine.memory_limit_gb, settings.engine.spill) as engine:
            matrix = _matrix(engine, snapshot, read_encoder(outputs), settings.model.max_customers)
            has_profile = have_profile(engine, outputs, matrix.customers)
            profiles = outputs / "profiles"
            labels = [
                declared_labels(engine, profiles, name, attribute, settings.data, only=matrix.customers)
                for name, attribute in asked.items()
            ]
        answers = _positions(matrix, labels)
        known = [has_profile, *(y_index >= 0 for _, y_index in answers.values())]
        propensities = _propensities(settings, matrix, known, workers)
        response = _response(settings, matrix, has_profile, propensities[has_profile.tobytes()])
        found = _estimate(settings, matrix, answers, propensities, workers)
        found = _if_answers_decide(settings, matrix, answers, found, workers)
        table = share_table(found)
        _write(table, response, partial)
        _track(settings, tracker, partial, expected, facts, table, response)
    _report(response, found, folder)
    return facts


def _expected(settings: Settings, outputs: Path, snapshot: Path, asked: Iterable[str], tracker: Tracker) -> str:
    """Return the fingerprint of all that the shares are made from."""
    plain = as_plain(settings)
    return fingerprint(
        read_manifest(outputs / "behaviour")["fingerprint"],
        read_manifest(snapshot)["fingerprint"],
        read_manifest(outputs / "profiles")["fingerprint"],
        {name: plain["attributes"][name] for name in asked},
        plain["evaluation"]["resamples"],
        settings.model.max_customers,
        settings.seed,
        tracker.uri,
        code_fingerprint(),
    )


def _matrix(engine: DuckDBEngine, snapshot: Path, encoder: BehaviourEncoder, at_most: int) -> FeatureMatrix:
    """Return the features of all customers, or of a random sample of them, which is said."""
    n = read_manifest(snapshot)["customers"]
    if n <= at_most:
        return read_matrix(engine, snapshot, encoder)
    console.say(f"shares: estimated from {at_most:,} of {n:,} customers, drawn by hash of the id (model.max_customers)")
    return read_matrix(engine, snapshot, encoder, only=draw(engine, snapshot, at_most))


def share_table(found: list[AttributeShares]) -> pd.DataFrame:
    """Return one row per value: counts, shares with intervals, and what can be said of the whole base."""
    rows = []
    for one in found:
        lowest, highest = one.bounds
        for position, value in enumerate(one.values):
            row = {ATTRIBUTE: one.attribute, VALUE: value, "base": one.n_base, "answered": one.n_answered}
            row |= {"comparable": one.n_comparable, "effective_answers": one.n_effective}
            parts = ("counted", one.naive), ("corrected", one.corrected), ("if_answer_decides", one.if_answer_decides)
            for name, part in parts:
                ends = ("share", ""), ("low", "_low"), ("high", "_high")
                row |= {name + end: float(getattr(part, key)[position]) if part else np.nan for key, end in ends}
            rows.append(
                row | {"base_low": lowest[position], "base_high": highest[position], "why_not_corrected": one.reason}
            )
    return pd.DataFrame(rows, columns=None if rows else [ATTRIBUTE, VALUE])


def have_profile(engine: DuckDBEngine, outputs: Path, customers: np.ndarray) -> np.ndarray:
    """Tell which of some customers have a profile, whatever is blank in it."""
    found: list[str] = []
    for bucket in range(read_manifest(outputs / "profiles")["buckets"]):
        known = read_customers(engine, outputs / "profiles", bucket)
        known = only_of(engine, known.filter(known[HAS_PROFILE]).select(CUSTOMER), customers)
        found += engine.arrow(known)[CUSTOMER].to_pylist()
    return pd.Index(customers, dtype=object).isin(found)


def _response(
    settings: Settings, matrix: FeatureMatrix, has_profile: np.ndarray, propensity: Propensity
) -> Response | None:
    """Return how customers with a profile differ; None, and said why, if they cannot be told from the others."""
    if propensity is None:
        console.say(f"shares: who has a profile cannot be learnt: {too_few(has_profile)}")
        return None
    rest = (matrix.n_dense, settings.seed, settings.evaluation.resamples, propensity)
    return describe_response(matrix.X, matrix.names, has_profile, *rest)


def _propensities(
    settings: Settings, matrix: FeatureMatrix, answered: list[np.ndarray], workers: int
) -> dict[bytes, Propensity]:
    """Return the propensity of each set of customers who answered; attributes that share one share its models."""
    different = {one.tobytes(): one for one in answered}
    task = (matrix.n_dense, settings.seed)
    jobs = [delayed(response_propensity)(matrix.X, one, *task) for one in different.values()]
    return dict(zip(different, side_by_side(jobs, workers), strict=True))


def _estimate(
    settings: Settings,
    matrix: FeatureMatrix,
    answers: dict[str, tuple[tuple[str, ...], np.ndarray]],
    propensities: dict[bytes, Propensity],
    workers: int,
) -> list[AttributeShares]:
    jobs = []
    for name, (values, y_index) in answers.items():
        hide = settings.attributes[name].hide
        columns = visible(matrix.names, hide, settings.data, f"attributes.{name}.hide")
        seen = matrix if columns.all() else matrix.select(columns)
        propensity = propensities[(y_index >= 0).tobytes()]
        task = (name, values, seen.X, y_index, seen.n_dense, settings.seed, propensity)
        jobs.append(delayed(attribute_shares)(*task))
    found = []
    with console.progress("shares", len(jobs)) as step:
        for one in side_by_side(jobs, workers):
            step(one.attribute)
            found.append(one)
    return found


def _if_answers_decide(
    settings: Settings,
    matrix: FeatureMatrix,
    answers: dict[str, tuple[tuple[str, ...], np.ndarray]],
    found: list[AttributeShares],
    workers: int,
) -> list[AttributeShares]:
    """Return the shares, with what they would be if answering depended on the answer itself.

    The context is how much a customer does, and what the other attributes are likely to be; those of the same profile
    column say the same, and are left out.
    """
    amount = np.log1p(matrix.n_events)[:, None]
    likely = {one.attribute: log_odds(one.proba) for one in found if one.proba is not None}
    columns = {name: rule.column for name, a in settings.attributes.items() if (rule := a.declared) is not None}
    jobs = []
    for name, proba in ((one.attribute, one.proba) for one in found if one.proba is not None):
        others = [odds for other, odds in likely.items() if columns[other] != columns[name]]
        y_index = answers[name][1]
        task = (y_index >= 0, y_index, proba, np.hstack([amount, amount**2, *others]), _RESAMPLES, settings.seed)
        jobs.append(delayed(answer_dependent_shares)(*task))
    estimated = dict(zip(likely, side_by_side(jobs, workers), strict=True))
    return [replace(one, if_answer_decides=estimated.get(one.attribute), proba=None) for one in found]


def _positions(matrix: FeatureMatrix, labels: list[Labels]) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Return values and each customer's position among them, -1 where unknown, by attribute that anybody answered."""
    answers = {}
    for known in labels:
        if not len(known.y):
            console.warn(f"shares: '{known.attribute}' is left out: nobody has answered")
            continue
        y_index = np.full(len(matrix.customers), -1)
        y_index[np.searchsorted(matrix.customers, known.customers)] = known.y
        answers[known.attribute] = (known.values, y_index)
    return answers


def _write(table: pd.DataFrame, response: Response | None, partial: Path) -> None:
    write_file(partial / "group_shares.csv", lambda path: table.to_csv(path, index=False))
    if response is not None:
        write_file(partial / "who_answers.csv", lambda path: response.features.to_csv(path, index=False))
    (partial / "pictures").mkdir(exist_ok=True)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.itertuples(index=False, name=None)]
    plots.group_shares(rows, partial / "pictures" / "group_shares.png")


def _track(
    settings: Settings,
    tracker: Tracker,
    partial: Path,
    expected: str,
    facts: dict[str, Any],
    table: pd.DataFrame,
    response: Response | None,
) -> None:
    tags = {"stage": "shares", "source": settings.data.name, "as_of": as_of_name(facts["as_of_us"])}
    measured = {"attributes": float(len(set(table[ATTRIBUTE])))}
    tables = {"group_shares": table}
    if response is not None:
        facts["response"] = {"auc": response.auc, "low": response.low, "high": response.high}
        facts["response"] |= {"answered": response.n_answered, "base": response.n_base}
        measured |= {f"response_{name}": float(value) for name, value in facts["response"].items()}
        tables["who_answers"] = response.features
    with tracker.run(f"shares {expected[:6]}", expected, tags) as run_id:
        params = {"min_propensity": MIN_PROPENSITY, "seed": settings.seed}
        tracker.log(run_id, params, measured, tables, folder=partial / "pictures")


def _report_response(response: Response) -> None:
    rows = [
        [str(row["feature"]), f"{row['answered']:#.3g}", f"{row['silent']:#.3g}", f"{row['weight']:.2f}"]
        for _, row in response.features.iterrows()
    ]
    console.table(
        f"Who has a profile: {response.n_answered:,} of {response.n_base:,} customers; AUC {response.auc:.3f} "
        f"[{response.low:.3f}, {response.high:.3f}] (0.5 if it were chance)",
        ["what tells most", "mean with a profile", "without", "weight (log-odds)"],
        rows,
    )


def _report(response: Response | None, found: list[AttributeShares], folder: Path) -> None:
    if response is not None:
        _report_response(response)
    rows = []
    for one in found:
        lowest, highest = one.bounds
        for i, value in enumerate(one.values):
            naive, fixed, decides = one.naive, one.corrected, one.if_answer_decides
            rows.append(
                [
                    one.attribute if i == 0 else "",
                    value,
                    f"{one.n_answered:,}" if i == 0 else "",
                    _percent(naive.share[i], naive.low[i], naive.high[i]),
                    f"{one.n_comparable:,} of {one.n_base:,}" if i == 0 else "",
                    _percent(fixed.share[i], fixed.low[i], fixed.high[i]) if fixed else "–",
                    _percent(decides.share[i], decides.low[i], decides.high[i]) if decides else "–",
                    f"{lowest[i]:.0%} to {highest[i]:.0%}",
                ]
            )
    columns = ["attribute", "value", "answered", "counted [95 %]", "comparable", "corrected [95 %]"]
    columns += ["if the answer decides", "whole base"]
    console.table("Group shares", columns, rows, f"{_NOTE} Written to {folder}.", left=(0, 1))
    for one in found:
        if one.reason:
            console.say(f"shares: '{one.attribute}': {one.reason}")


def _percent(share: float, low: float, high: float) -> str:
    return f"{share:.0%} [{low:.0%}, {high:.0%}]"
