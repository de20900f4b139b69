"""The value of the coming horizon: method chosen on one half of the customers, judged on the other, out of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline import console
from pipeline.errors import DataError
from pipeline.split import folds
from pipeline.value.accuracy import accuracy, deciles, deviance
from pipeline.value.lifetime import why_not
from pipeline.value.methods import BLENDED, LEAST, METHODS, PARTS
from pipeline.value.moment import Horizon, Moment
from pipeline.value.resampling import Floats, in_first_half


@dataclass(frozen=True)
class Forecast:
    """Expected value of each customer in the coming horizon, and what the expectations are worth.

    Attributes
    ----------
    method
        Which was chosen, on the half that judges nothing.
    table
        By method and metric: `estimate`, `low`, `high`, `n` on the other half, and `choice`, the deviance by which the
        method was chosen on the first.
    tenths
        Of the chosen method: what was expected and what came, by tenth of the expectation.
    expected
        By customer of the latest moment, shape (n,), in money.
    calibration
        What was expected in all of the judging half, divided by what came, and its standard error on the log scale.
    skipped
        Methods that could not be tried, with the reason.
    """

    method: str
    table: pd.DataFrame
    tenths: pd.DataFrame
    expected: Floats
    calibration: tuple[float, float]
    skipped: dict[str, str]


def forecast(
    moments: tuple[Moment, Moment, Moment], horizon: Horizon, asked: str, n_folds: int, resamples: int, seed: int
) -> Forecast:
    """Return what is expected of the coming horizon.

    What is judged learnt from the horizon before the last and from other customers: the half that chooses is
    cross-fitted, and the other half is answered by what the choosing half taught. The method of the smallest deviance
    on the choosing half is taken, learns anew from the last horizon of all customers, and answers for the coming one.

    Parameters
    ----------
    moments
        Where is learnt, judged, and asked, as `Horizon` has them.
    asked
        A method by name, or *auto*.

    Raises
    ------
    DataError
        If nothing can be learnt: hardly anybody was worth anything.
    """
    learn, judge, now = moments
    if judge.ahead is None:
        raise DataError("the last horizon is not known")
    bought = int((judge.ahead > 0).sum())
    if bought < LEAST:  # some methods would answer all the same, and nothing could judge them
        raise DataError(f"{bought} customers were worth anything in the last horizon, {LEAST} are needed")
    skipped = {"lifetime": reason} if (reason := why_not()) else {}
    if skipped and asked in ("lifetime", BLENDED):
        raise DataError(f"value.method={asked}: {skipped['lifetime']}")
    first = in_first_half(judge.customers)
    answers = _answers(learn, judge, first, horizon.days, n_folds, seed, skipped)
    if set(answers) <= {"repeats"} and asked != "repeats":
        raise DataError("; ".join(f"{name}: {why}" for name, why in skipped.items()))
    if asked != "auto" and asked not in answers:
        raise DataError(f"value.method={asked}: {skipped[asked]}")
    losses = {name: float(deviance(judge.ahead[first], crossed).mean()) for name, (crossed, _) in answers.items()}
    method = asked if asked != "auto" else min(losses, key=losses.__getitem__)
    parts = [
        accuracy(judge.ahead[~first], told, resamples, seed).assign(method=name, choice=losses[name])
        for name, (_, told) in answers.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    table = table[["method", "metric", "estimate", "low", "high", "n", "choice"]]
    everybody = np.arange(len(now.customers))
    parts_of = PARTS if method == BLENDED else (method,)
    task = (judge, now, judge.customers, everybody, horizon.days, seed)
    expected = np.mean([METHODS[part](*task) for part in parts_of], axis=0)
    told = answers[method][1]
    return Forecast(method, table, deciles(judge.ahead[~first], told), expected, _calibration(table, method), skipped)


def _answers(
    learn: Moment, judge: Moment, first: np.ndarray, days: int, n_folds: int, seed: int, skipped: dict[str, str]
) -> dict[str, tuple[Floats, Floats]]:
    """Return what each method expects of both halves; one that cannot be had is added to `skipped`."""
    answers: dict[str, tuple[Floats, Floats]] = {}
    for name in METHODS:
        if name in skipped:
            continue
        try:
            answers[name] = _both_halves(name, learn, judge, first, days, n_folds, seed)
        except DataError as error:
            skipped[name] = str(error)
    if set(PARTS) <= set(answers):
        crossed, told = (np.mean([answers[part][i] for part in PARTS], axis=0) for i in (0, 1))
        answers[BLENDED] = crossed, told
    else:
        skipped[BLENDED] = f"it is the mean of {' and '.join(PARTS)}"
    return answers


def _both_halves(
    name: str, learn: Moment, judge: Moment, first: np.ndarray, days: int, n_folds: int, seed: int
) -> tuple[Floats, Floats]:
    """Return what a method expects of the choosing half, cross-fitted, and of the other half."""
    choosing = judge.customers[first]
    part = folds(choosing, n_folds, f"value: {seed}")
    crossed = np.empty(len(choosing))
    places = np.flatnonzero(first)
    for fold in range(n_folds):
        known = choosing[part != fold]
        test = part == fold
        crossed[test] = METHODS[name](learn, judge, known, places[test], days, seed)
    told = METHODS[name](learn, judge, choosing, np.flatnonzero(~first), days, seed)
    console.say(f"value: {name} has answered")
    return crossed, told


def _calibration(table: pd.DataFrame, method: str) -> tuple[float, float]:
    found = table[(table["method"] == method) & (table["metric"] == "calibration")].iloc[0]
    if not (found["low"] > 0 and np.isfinite(found["high"])):
        return float(found["estimate"]), float("nan")
    return float(found["estimate"]), float(np.log(found["high"] / found["low"]) / (2 * 1.96))
