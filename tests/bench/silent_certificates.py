"""What certificates are worth among those who did not answer: `python -m tests.bench.silent_certificates --help`.

The time-use survey, where all have a profile: answers are hidden by a rule of what people did, as in
`tests.bench.nonresponse survey`. Predictors are then fitted on those who still answered and certified for people like
these ("labelled") or for the others ("silent"). Printed: how often a certified value is right among the people who did
not answer and to whom it is stated, how many certified values kept the required precision there, and for how many of
the silent a value is stated.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from pipeline.engine import DuckDBEngine
from pipeline.features.behaviour import read_encoder
from pipeline.features.matrix import read_matrix
from pipeline.features.snapshot import snapshot_folder
from pipeline.labels.declared import declared_labels
from pipeline.model.build import build_predictor
from pipeline.model.propensity import REACH, learn_answering
from pipeline.outputs import read_manifest
from pipeline.run import run
from pipeline.timeline import resolve_as_of
from tests.bench.nonresponse import _settings, answering

ATTRIBUTES = ("sex", "child_in_household", "home_ownership", "employment")


def main() -> None:
    """Measure and print two tables: by attribute and value, and of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--draws", type=int, default=3, help="how often answers are hidden")
    parser.add_argument("--first", type=int, default=0, help="number of the first draw, to go on with others")
    parser.add_argument("--customers", type=int, default=8000, help="people taken")
    parser.add_argument("--model", default="logistic")
    parser.add_argument("--outputs", default="outputs/bench", help="where features are written")
    table = pd.DataFrame(list(measure(parser.parse_args())))
    required = table["right"] >= table["required"]
    table["kept"] = np.where(table["right"].isna(), np.nan, required)
    table["certified"] = table["right"].notna()
    figures = ["certified", "right", "right_labelled", "kept", "stated", "n_certifying"]
    for by in (["attribute", "value", "among"], ["among"]):
        print(table.groupby(by, sort=False)[figures].mean().round(3).to_string(), flush=True)
    counts = table.dropna(subset="kept").groupby("among", sort=False)["kept"].agg(["sum", "size"])
    print(counts.rename(columns={"sum": "kept", "size": "certified values"}).to_string())


def measure(chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row per draw, attribute, value and way of certification."""
    root = Path(os.environ["LOOKALIKE_DATA"]) / "atus"
    settings = _settings(
        "data=atus", f"data.root={root}", "data.sample=0.1", f"model={chosen.model}", f"outputs={chosen.outputs}"
    )
    run(settings)
    folder = Path(chosen.outputs) / settings.data.name
    as_of_us = resolve_as_of(settings.data, read_manifest(folder / "events"))
    with DuckDBEngine() as engine:
        matrix = read_matrix(engine, snapshot_folder(folder, as_of_us), read_encoder(folder))
        known = [
            declared_labels(engine, folder / "profiles", name, settings.attributes[name], settings.data)
            for name in ATTRIBUTES
        ]
    rows = np.sort(np.random.default_rng(settings.seed).permutation(len(matrix.customers))[: chosen.customers])
    X, people = matrix.X[rows], matrix.customers[rows]
    tendency = answering(matrix, rows)
    for draw in range(chosen.first, chosen.first + chosen.draws):
        told = np.random.default_rng([settings.seed, draw]).random(len(rows)) < expit(tendency)
        found = learn_answering(X, told, matrix.n_dense, draw)
        for labels in known:
            at = np.minimum(np.searchsorted(labels.customers, people), len(labels.customers) - 1)
            has = labels.customers[at] == people
            y = labels.y[at]
            fit = told & has
            predictor = build_predictor(replace(settings.model), None, matrix.n_dense, draw, matrix.n_vector)
            for among in ("labelled", "silent"):
                if among == "silent":
                    options = {"answering": found.model, "least_propensity": REACH}
                    predictor.fit(X[fit], y[fit], found.silent_weight[fit], **options)
                else:
                    predictor.fit(X[fit], y[fit])
                said = predictor.stated(X)
                clean = predictor.clean_like_.sum()
                for value, certificate in enumerate(predictor.certificates_):
                    here = (said == value) & ~told & has
                    yield {
                        "attribute": labels.attribute,
                        "value": labels.values[value],
                        "among": among,
                        "required": predictor.min_precision,
                        "right": (y[here] == value).mean() if certificate.certified and here.any() else np.nan,
                        "right_labelled": _precision(predictor, value, certificate.threshold),
                        "stated": here.sum() / (~told & has).sum(),
                        "n_certifying": int(clean),
                    }


def _precision(predictor: Any, value: int, threshold: float | None) -> float:
    """Return how often a value is right among all who answered, by models that had not seen them."""
    proba = predictor.clean_proba_
    said = (proba.argmax(axis=1) == value) & (proba[:, value] >= (np.inf if threshold is None else threshold))
    return float((predictor.clean_y_[said] == value).mean()) if said.any() else float("nan")


if __name__ == "__main__":
    main()
