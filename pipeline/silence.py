"""Whom a declared attribute's predictor will answer for: customers who did not tell, and how they differ.

What is certified on customers with a profile is a promise about their like. It is redeemed on customers without one,
the only ones for whom a declared attribute is inferred; so who answers is learnt here, and certification weighs by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from joblib import delayed

from pipeline.model.propensity import learn_answering
from pipeline.outputs import write_file
from pipeline.parallel import side_by_side
from pipeline.predictor import Task, load_visible
from pipeline.settings import Settings


def tell_who_answers(settings: Settings, tasks: Sequence[Task], workers: int, folder: Path) -> list[Task]:
    """Return the tasks, those of declared attributes with the file of an `Answering` where there is one.

    Attributes that the same customers told, and that see the same features, share one. No answer is read but whether
    there is one, so that test customers may take part, as they do in the behaviour vectors.
    """
    if settings.model.certified_among != "silent":
        return list(tasks)
    keys: dict[str, tuple[Path, bytes, bytes]] = {}
    jobs: dict[tuple[Path, bytes, bytes], Any] = {}
    for task in tasks:
        if settings.attributes[task.attribute].declared is None:
            continue  # the future is known of everybody
        columns = task.columns[str(task.features)]
        key = (task.features, columns.tobytes(), joblib.hash(task.labels.customers).encode())
        keys[task.attribute] = key
        if key not in jobs:
            target = folder / f"answering-{len(jobs)}.joblib"
            jobs[key] = delayed(_learn)(task.features, columns, task.labels.customers, settings.seed, target)
    files: dict[tuple[Path, bytes, bytes], Path | None] = dict(
        zip(jobs, side_by_side(jobs.values(), workers), strict=True)
    )
    # None: next to nobody is silent, so there is nobody to weigh for; with few who told nothing would be learnt at all.
    return [replace(task, answering=files[keys[task.attribute]] if task.attribute in keys else None) for task in tasks]


def _learn(features: Path, columns: np.ndarray, customers: np.ndarray, seed: int, path: Path) -> Path | None:
    """Write who answers, and return the file; None where it cannot be told."""
    matrix = load_visible(features, columns)
    answered = np.isin(matrix.customers.astype(str), customers.astype(str))
    found = learn_answering(matrix.X, answered, matrix.n_dense, seed, drawn=read_drawn(features))
    if found is None:
        return None
    write_file(path, lambda place: joblib.dump(found, place))
    return path


def drawn_file(features: Path) -> Path:
    """Return where it stands which customers of a matrix were drawn from the base at random."""
    return features.with_suffix(".drawn.npy")


def read_drawn(features: Path) -> np.ndarray | None:
    """Return who was drawn at random, shape (n_customers,); None where the matrix has everybody."""
    path = drawn_file(features)
    return np.load(path) if path.exists() else None
