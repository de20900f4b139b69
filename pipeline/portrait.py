"""One customer's portrait on the screen: values, how sure, and the strongest reasons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import console
from pipeline.columns import (
    ATTRIBUTE,
    CUSTOMER,
    DECLARED,
    EXPIRES,
    LIKELIEST,
    PROBABILITY,
    REASON,
    SET,
    STATE,
    VALUE,
    WITHHELD,
)
from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError
from pipeline.events import bucket_file
from pipeline.explanation.reasons import strongest
from pipeline.features.matrix import FeatureMatrix, read_matrix
from pipeline.features.snapshot import snapshot_folder
from pipeline.labels.past import PastReader
from pipeline.outputs import read_manifest
from pipeline.score import Champion, allowed, load_champions
from pipeline.settings import Settings
from pipeline.split import hash32
from pipeline.tracking import Tracker


def print_portrait(settings: Settings, outputs: Path, tracker: Tracker) -> pd.DataFrame:
    """Print and return the portrait of `settings.customer`.

    Raises
    ------
    DataError
        If the customer is not known, or nothing has been scored yet.
    """
    customer = settings.customer or ""
    scores = read_manifest(outputs / "scores")
    bucket = hash32(customer) % scores["buckets"]
    with DuckDBEngine(1, settings.engine.memory_limit_gb, settings.engine.spill) as engine:
        predictions = engine.parquet(bucket_file(outputs / "scores" / "predictions", bucket))
        own = engine.arrow(predictions.filter(predictions[CUSTOMER] == customer)).to_pandas()
        if own.empty:
            known = engine.arrow(predictions.select(CUSTOMER).distinct().order_by(CUSTOMER).limit(3))[
                CUSTOMER
            ].to_pylist()
            raise DataError(
                f"customer={customer}: no such customer in {outputs / 'scores'}; ids there look like "
                f"{', '.join(known) or 'nothing'}"
            )
        reasons = _reasons(engine, settings, outputs, tracker, scores["as_of_us"], customer, bucket)
    own["reasons"] = [
        reasons.get(name, "") if state != DECLARED else ""
        for name, state in zip(own[ATTRIBUTE], own[STATE], strict=True)
    ]
    order = {name: place for place, name in enumerate(settings.attributes)}
    own = own.sort_values(ATTRIBUTE, key=lambda names: names.map(order), ignore_index=True)
    _show(customer, own, settings.model.set_coverage)
    return own


def _reasons(
    engine: DuckDBEngine,
    settings: Settings,
    outputs: Path,
    tracker: Tracker,
    as_of_us: int,
    customer: str,
    bucket: int,
) -> dict[str, str]:
    """Return by attribute what speaks most for its likeliest value."""
    ensemble = load_champions(settings, tracker)
    snapshot = snapshot_folder(outputs, as_of_us)
    matrices = {key: read_matrix(engine, snapshot, encoder, [bucket]) for key, encoder in ensemble.encoders.items()}
    reader = PastReader(engine, outputs / "events", settings.data, as_of_us, [bucket])
    told = {}
    for champion in ensemble.champions:
        matrix = matrices.get(champion.encoder)
        if champion.predictor is None or matrix is None or customer not in matrix.customers:
            continue
        told[champion.attribute] = _strongest(champion, allowed(champion, matrix, reader), customer)
    return told


def _strongest(champion: Champion, matrix: FeatureMatrix, customer: str) -> str:
    """Return what pushes the likeliest value most, in words."""
    predictor = champion.predictor
    assert predictor is not None  # narrowed for the type checker; the caller has asked
    own = matrix.rows(np.flatnonzero(matrix.customers == customer))
    return strongest(predictor, own, predictor.predict_proba(own.X).argmax(axis=1))[0]


def _show(customer: str, own: pd.DataFrame, set_coverage: float) -> None:
    rows = []
    for row in own.to_dict("records"):
        probability = "" if row[STATE] == DECLARED or pd.isna(row[PROBABILITY]) else f"{row[PROBABILITY]:.0%}"
        likeliest = "" if pd.isna(row[LIKELIEST]) else str(row[LIKELIEST])
        if isinstance(row.get(SET), str) and row[STATE] == WITHHELD:
            likeliest = str(row[SET])
        value = (
            f"({likeliest})"
            if row[STATE] == WITHHELD and likeliest
            else ("" if pd.isna(row[VALUE]) else str(row[VALUE]))
        )
        state = f"{row[STATE]}: {row[REASON]}" if row[STATE] == WITHHELD else str(row[STATE])
        rows.append([row[ATTRIBUTE], value, probability, state, row["reasons"]])
    expires = own[EXPIRES].min()
    console.table(
        f"Customer {customer}",
        ["attribute", "value", "probability", "state", "what speaks most for it"],
        rows,
        "In brackets, where no value is stated: the likeliest, or all values that cannot be ruled out (the true one is "
        f"among them for {set_coverage:.0%} of the customers). First value expires {expires:%Y-%m-%d}.",
        left=(0, 1, 3, 4),
    )
