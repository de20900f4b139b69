"""Ways to expect a customer's value in a horizon, all of one form: learn at one moment, answer at a later one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier, LGBMRegressor

from pipeline.errors import DataError
from pipeline.value.lifetime import expected_by_lifetime
from pipeline.value.moment import Moment
from pipeline.value.resampling import Floats

# learn, at, known, asked, days, seed -> expected value of the asked, shape (n_asked,), at least 0.
# `known`: ids whose past at either moment, and whose value after `learn`, may be looked at.
# `asked`: positions in `at` of those whose value is expected.
Method = Callable[[Moment, Moment, np.ndarray, np.ndarray, int, int], Floats]

LEAST = 50  # customers with value: of fewer nothing is learnt
_TREES: dict[str, Any] = {
    "n_estimators": 150,
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_child_samples": 20,
    "reg_lambda": 5.0,
    "colsample_bytree": 0.3,
    "subsample": 0.8,
    "subsample_freq": 1,
    "max_bin": 63,
    "deterministic": True,
    "force_col_wise": True,
    "n_jobs": 1,
    "verbose": -1,
}


def boosted(learn: Moment, at: Moment, known: np.ndarray, asked: np.ndarray, days: int, seed: int) -> Floats:
    """Expect by boosted trees with a Tweedie loss (Jørgensen 1987, JRSS B 49): nothing, or an amount.

    The trees correct a first guess from past money by factors, so that they also answer for those who spend more than
    anybody they learnt from. Returns of more than was bought count as nothing when learning.
    """
    X, y, start = _learnable(learn, known, days)
    model = LGBMRegressor(objective="tweedie", tweedie_variance_power=1.5, random_state=seed, **_TREES)
    model.fit(X, y, init_score=np.log(start))
    return _corrected(model, at, asked, days)


def two_part(learn: Moment, at: Moment, known: np.ndarray, asked: np.ndarray, days: int, seed: int) -> Floats:
    """Expect the probability of any value times the amount if there is some (Duan et al. 1983, doi:10.2307/1391852)."""
    X, y, start = _learnable(learn, known, days)
    some = y > 0
    model = LGBMRegressor(objective="gamma", random_state=seed, **_TREES)
    amount = _corrected(model.fit(X[some], y[some], init_score=np.log(start[some])), at, asked, days)
    if some.all():
        return amount
    chances: Any = LGBMClassifier(random_state=seed, **_TREES).fit(X, some).predict_proba(_features(at)[asked])
    return np.asarray(chances[:, 1] * amount, dtype=np.float64)


def repeats(learn: Moment, at: Moment, known: np.ndarray, asked: np.ndarray, days: int, seed: int) -> Floats:
    """Expect the last horizon to come again: the baseline."""
    if at.lately is None:
        raise DataError("repeats: there is no money")
    return np.maximum(at.lately[asked], 0.0)


def lifetime(learn: Moment, at: Moment, known: np.ndarray, asked: np.ndarray, days: int, seed: int) -> Floats:
    """Expect by BG/NBD and Gamma-Gamma, from the rhythm and size of past purchases alone; learns at `at`."""
    if at.history is None:
        raise DataError("lifetime: there is no money")
    return expected_by_lifetime(at.history[np.isin(at.customers, known)], at.history.iloc[asked], days)


METHODS: dict[str, Method] = {"boosted": boosted, "two_part": two_part, "lifetime": lifetime, "repeats": repeats}
BLENDED, PARTS = "blended", ("two_part", "lifetime")  # the mean of two that know different things: features, and rhythm


def _learnable(learn: Moment, known: np.ndarray, days: int) -> tuple[Floats, Floats, Floats]:
    """Return features, values and first guesses of those who may be learnt from."""
    if learn.ahead is None:
        raise DataError("what is learnt from must be known: the horizon lies ahead")
    rows = np.isin(learn.customers, known)
    y = np.maximum(learn.ahead[rows], 0.0)
    if (y > 0).sum() < LEAST:
        raise DataError(f"{int((y > 0).sum())} customers were worth anything in the horizon, {LEAST} are needed")
    return _features(learn)[rows], y, _first_guess(learn, days)[rows]


def _features(moment: Moment) -> Floats:
    """Return the dense features and what past purchases say, shape (n, n_features)."""
    if moment.history is None or moment.lately is None:
        raise DataError("there is no money")
    parts = (moment.features.to_numpy(np.float64), moment.history.to_numpy(np.float64), moment.lately[:, None])
    return np.hstack(parts)


def _first_guess(moment: Moment, days: int) -> Floats:
    """Return a positive amount for each customer, shape (n,): between the last horizon, the long run, and everybody's.

    The long run is the mean of repeated purchases at their rate since the first; a tenth of everybody's mean keeps the
    logarithm finite.
    """
    if moment.history is None or moment.lately is None:
        raise DataError("there is no money")
    lately = np.maximum(moment.lately, 0.0)
    told = moment.history
    per_day = told["frequency"] * told["monetary_value"] / told["T"].clip(lower=float(days))
    usual = per_day.fillna(0.0).to_numpy(dtype=np.float64) * days
    typical = max(float(lately.mean()), float(usual.mean()), 1e-6)
    return np.asarray(0.45 * lately + 0.45 * usual + 0.1 * typical)


def _corrected(model: LGBMRegressor, at: Moment, asked: np.ndarray, days: int) -> Floats:
    """Return the first guesses times the factors that the trees give them."""
    raw = np.asarray(model.predict(_features(at)[asked], raw_score=True), dtype=np.float64)
    return np.asarray(_first_guess(at, days)[asked] * np.exp(raw))
