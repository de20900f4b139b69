"""What a corrected group share is worth where the truth is known: `python -m tests.bench.nonresponse --help`.

journey   the default source's real response: the future attributes of all households, as if only those with a
          profile had told them. One row per attribute, one draw.
survey    the time-use survey, where all have a profile: answers are hidden by a rule of what people did (and, with
          --stubborn, of the answer itself beyond what they did, which no correction can know), again and again.

Printed for each method: mean error, how often the 95 % interval holds the truth, and its mean width. Truth is the
share among the very customers that a method speaks of.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from pipeline.engine import DuckDBEngine
from pipeline.features.behaviour import read_encoder
from pipeline.features.counts import fit_encoder
from pipeline.features.matrix import FeatureMatrix, read_matrix
from pipeline.features.snapshot import snapshot_folder
from pipeline.labels.declared import declared_labels
from pipeline.labels.future import future_labels
from pipeline.model.propensity import response_propensity
from pipeline.nonresponse.estimation import Shares, corrected_shares, naive_shares
from pipeline.nonresponse.shares import LEAST_PER_VALUE, MIN_PROPENSITY, cross_fitted_values
from pipeline.nonresponse.stage import have_profile
from pipeline.outputs import read_manifest
from pipeline.run import run
from pipeline.settings import Settings
from pipeline.timeline import instants, resolve_as_of, snapshot_instants
from tests.bench.settings import settings_of

Z = 1.959964
SURVEY = ("sex", "child_in_household", "age_band", "employment")


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", choices=["journey", "survey"])
    parser.add_argument("--draws", type=int, default=50, help="how often answers are hidden (survey)")
    parser.add_argument("--first", type=int, default=0, help="number of the first draw, to go on with others (survey)")
    parser.add_argument("--customers", type=int, default=3000, help="people taken (survey)")
    parser.add_argument("--stubborn", type=float, default=0.0, help="log-odds of answering that the answer itself adds")
    parser.add_argument("--outputs", default="outputs/bench", help="where features are written")
    chosen = parser.parse_args()
    cases = journey(chosen.outputs) if chosen.source == "journey" else survey(chosen)
    table = pd.DataFrame([row for case in cases for row in case])
    for by in (["method"], ["attribute", "method"]):
        if len(by) == 1 or chosen.source == "survey":
            print(summary(table, by).to_string(), flush=True)


def summary(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return error, coverage and width by method."""
    table = table.assign(
        error=(table["share"] - table["truth"]).abs(),
        holds=np.where(
            table["low"].isna(), np.nan, (table["low"] <= table["truth"]) & (table["truth"] <= table["high"])
        ),
        width=table["high"] - table["low"],
    )
    found = table.groupby(by, sort=False)[["error", "holds", "width"]].mean()
    return found.assign(shares=table.groupby(by, sort=False).size()).round(4)


def journey(outputs: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each future attribute of the default source."""
    settings = _settings("data=complete_journey", f"outputs={outputs}")
    run(settings)
    folder = Path(outputs) / settings.data.name
    events = read_manifest(folder / "events")
    as_of_us = resolve_as_of(settings.data, events)
    first_us = min(facts["first_us"] for facts in events["logs"].values())
    future = {name: attribute for name, attribute in settings.attributes.items() if attribute.future is not None}
    matrices, propensities = {}, {}
    with DuckDBEngine() as engine:
        for name, attribute in future.items():
            at_us = instants(attribute, as_of_us).labels_us
            if at_us not in snapshot_instants({name: attribute}, as_of_us, first_us):
                continue
            snapshot = snapshot_folder(folder, at_us)
            if at_us not in matrices:
                encoder = fit_encoder(engine, snapshot, settings.features.vector, settings.seed)
                matrices[at_us] = read_matrix(engine, snapshot, encoder)
            labels = future_labels(engine, folder / "events", snapshot, name, attribute, settings.data, at_us)
            matrix, rows = matrices[at_us], np.searchsorted(matrices[at_us].customers, labels.customers)
            answered = have_profile(engine, folder, labels.customers)
            counts = np.bincount(labels.y[answered], minlength=len(labels.values))
            if counts.min() < LEAST_PER_VALUE or len(rows) < 1000:
                print(f"{name}: left out, {counts.tolist()} households with a profile by value")
                continue
            key = tuple(labels.customers)
            if key not in propensities:
                propensities[key] = response_propensity(matrix.X[rows], answered, matrix.n_dense, settings.seed)
            yield compare(name, matrix.X[rows], matrix.n_dense, answered, labels.y, propensities[key])


def survey(chosen: argparse.Namespace) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each draw and attribute of the time-use survey."""
    root = Path(os.environ["LOOKALIKE_DATA"]) / "atus"
    settings = _settings("data=atus", f"data.root={root}", "data.sample=0.1", f"outputs={chosen.outputs}")
    run(settings)
    folder = Path(chosen.outputs) / settings.data.name
    as_of_us = resolve_as_of(settings.data, read_manifest(folder / "events"))
    with DuckDBEngine() as engine:
        matrix = read_matrix(engine, snapshot_folder(folder, as_of_us), read_encoder(folder))
        known = [
            declared_labels(engine, folder / "profiles", name, settings.attributes[name], settings.data)
            for name in SURVEY
        ]
    rows = np.sort(np.random.default_rng(settings.seed).permutation(len(matrix.customers))[: chosen.customers])
    X, people = matrix.X[rows], matrix.customers[rows]
    tendency = answering(matrix, rows)
    for draw in range(chosen.first, chosen.first + chosen.draws):
        luck = np.random.default_rng([settings.seed, draw]).random(len(rows))
        behaving = luck < expit(tendency)
        shared = response_propensity(X, behaving, matrix.n_dense, draw)
        for labels in known:
            position = np.searchsorted(labels.customers, people)  # everybody in the survey has these four
            y = labels.y[position]
            answered, propensity = behaving, shared
            if chosen.stubborn:
                answered = luck < expit(tendency + chosen.stubborn * ((y == y.max()) - 0.5))
                propensity = response_propensity(X, answered, matrix.n_dense, draw)
            yield compare(labels.attribute, X, matrix.n_dense, answered, y, propensity, draw)


def answering(matrix: FeatureMatrix, rows: np.ndarray) -> np.ndarray:
    """Return planted log-odds of answering: people with a full day do, people at work do not; shape (n,)."""
    names = [str(name) for name in matrix.names]
    activities = matrix.X[rows, names.index("diary__events__count__all")].toarray().ravel()
    work = matrix.X[rows, names.index("diary__activity_2=05")].toarray().ravel() > 0
    return 0.2 + 1.0 * (activities - activities.mean()) / activities.std() - 1.5 * work


def compare(
    name: str, X: Any, n_dense: int, answered: np.ndarray, y: np.ndarray, propensity: Any, seed: int = 0
) -> list[dict[str, Any]]:
    """Return a row per method and value; of two values the second alone."""
    probability, folds = propensity
    hidden = np.where(answered, y, -1)
    n_values = int(y.max()) + 1
    proba = cross_fitted_values(X, hidden, folds, n_values, n_dense, seed)
    near = probability >= MIN_PROPENSITY
    everyone = np.bincount(y, minlength=n_values) / len(y)
    truth = np.bincount(y[near], minlength=n_values) / near.sum()
    told, p, m, values = answered[near], probability[near], proba[near], np.eye(n_values)[y[near]]
    found = {
        "counted": (everyone, naive_shares(y[answered], n_values)),
        "counted, comparable": (truth, naive_shares(y[near & answered], n_values)),
        "inverse propensity": (truth, inverse_propensity(told, values, p)),
        "post-stratified": (truth, post_stratified(told, values, p)),
        "PPI++": (truth, prediction_powered(told, values, m)),
        "EMQ": (truth, label_shift(told, values, m)),
        "doubly robust": (truth, corrected_shares(told, hidden[near], m, p)),
    }
    return [
        {
            "attribute": name,
            "method": method,
            "value": value,
            "truth": right[value],
            **{key: float(getattr(part, key)[value]) for key in ("share", "low", "high")},
        }
        for method, (right, part) in found.items()
        for value in ([1] if n_values == 2 else range(n_values))
    ]


def inverse_propensity(told: np.ndarray, values: np.ndarray, propensity: np.ndarray) -> Shares:
    """Return shares weighed by one over the propensity (Hájek 1971)."""
    weight = np.where(told, 1 / propensity, 0.0)
    share = weight @ values / weight.sum()
    error = np.sqrt((weight[:, None] ** 2 * (values - share) ** 2).sum(axis=0)) / weight.sum()
    return Shares(share, share - Z * error, share + Z * error)


def post_stratified(told: np.ndarray, values: np.ndarray, propensity: np.ndarray, n_strata: int = 10) -> Shares:
    """Return shares averaged over strata of equal size by propensity (Rosenbaum, Rubin 1984)."""
    stratum = np.searchsorted(np.quantile(propensity, np.arange(1, n_strata) / n_strata), propensity, side="right")
    share, variance, weight = np.zeros(values.shape[1]), np.zeros(values.shape[1]), 0.0
    for one in range(n_strata):
        own = values[(stratum == one) & told]
        if len(own) > 1:
            part = (stratum == one).mean()
            weight += part
            share += part * own.mean(axis=0)
            variance += part**2 * own.var(axis=0) / len(own)
    error = np.sqrt(variance) / weight
    return Shares(share / weight, share / weight - Z * error, share / weight + Z * error)


def prediction_powered(told: np.ndarray, values: np.ndarray, proba: np.ndarray) -> Shares:
    """Return PPI++ with its power tuning (Angelopoulos, Duchi, Zrnic 2023, arXiv:2311.01453): who answers is chance."""
    n, rest = told.sum(), (~told).sum()
    true, said, other = values[told], proba[told], proba[~told]
    together = ((true - true.mean(axis=0)) * (said - said.mean(axis=0))).mean(axis=0)
    power = np.clip(together / ((1 + n / rest) * proba.var(axis=0)), 0, 1)
    share = true.mean(axis=0) + power * (other.mean(axis=0) - said.mean(axis=0))
    error = np.sqrt((true - power * said).var(axis=0) / n + power**2 * other.var(axis=0) / rest)
    return Shares(share, share - Z * error, share + Z * error)


def label_shift(told: np.ndarray, values: np.ndarray, proba: np.ndarray) -> Shares:
    """Return shares by quapy's EMQ (Saerens, Latinne, Decaestecker 2002), which assumes that only the shares differ.

    It gives no interval.
    """
    nothing = np.full(values.shape[1], np.nan)
    try:
        from quapy.method.aggregative import EMQ
    except ImportError:  # the extra [bench]
        return Shares(nothing, nothing, nothing)
    counted = values[told].mean(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where it does not converge
        others, _ = EMQ.EM(counted, proba[~told])
    return Shares(told.mean() * counted + (~told).mean() * others, nothing, nothing)


def _settings(*overrides: str) -> Settings:
    return settings_of(*overrides, "stages=[features]")


if __name__ == "__main__":
    main()
