"""By how much one run is better than another on the same test customers, and which differences are no luck."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from pipeline import metrics
from pipeline.evaluation import resampled_weights
from pipeline.judged import Judged
from pipeline.metrics import Floats

LEAST_COMMON = 30
MEAN = "mean"


@dataclass(frozen=True)
class Difference:
    """New minus old, with the 95 % percentile interval of the paired bootstrap over customers.

    `p` is two-sided, of the difference over its bootstrap standard error (normal approximation: percentiles of 1,000
    resamples cannot be small enough for 52 attributes). NaN where the bootstrap shows no spread.
    """

    estimate: float
    low: float
    high: float
    p: float
    n: int


def not_comparable(new: Judged, old: Judged) -> str | None:
    """Return why two runs cannot be compared pairwise on an attribute, or None if they can.

    The repeats that both have must share customers, answers and folds; a run with more repeats is cut to the others'.
    """
    if new.proba.shape[2] != old.proba.shape[2]:
        return f"other values ({new.proba.shape[2]}, not {old.proba.shape[2]})"
    common = int(np.isin(new.customers, old.customers).sum())
    if common < max(len(new.customers), len(old.customers)):
        return f"other test customers ({len(new.customers):,} and {len(old.customers):,}, {common:,} in common)"
    wrong = int((new.y != old.y).sum())
    if wrong:
        return f"other labels (of {wrong:,} of {len(new.y):,} test customers)"
    repeats = min(len(new.folds), len(old.folds))
    if (new.folds[:repeats] != old.folds[:repeats]).any():
        return f"other test folds ({new.folds.max() + 1} and {old.folds.max() + 1})"
    if len(new.y) < LEAST_COMMON:
        return f"only {len(new.y)} test customers, {LEAST_COMMON} needed"
    return None


def differences(
    pairs: Mapping[str, tuple[Judged, Judged]],
    metric: str,
    n_resamples: int = 1000,
    seed: int = 0,
    in_mean: Collection[str] | None = None,
) -> dict[str, Difference]:
    """Return the paired difference of each attribute, new minus old, and of their mean under the name `mean`.

    Customers are drawn once for all attributes and both runs, so that the interval of the mean contains what attributes
    of the same customers have in common.

    Parameters
    ----------
    pairs
        (new, old) by attribute; each pair passes `not_comparable`.
    in_mean
        Attributes that the mean is taken over; None: all.

    Examples
    --------
    >>> y, folds, none = np.arange(40) % 2, np.zeros((1, 40), int), np.full((1, 40), -1)
    >>> ids = np.array([f"{i:02}" for i in range(40)], object)
    >>> knows, guesses = (np.eye(2)[y] * 0.5 + 0.25)[None], np.full((1, 40, 2), 0.5)
    >>> pair = Judged(ids, y, knows, none, folds), Judged(ids, y, guesses, none, folds)
    >>> round(differences({"likes": pair}, "log_loss")["mean"].estimate, 4)  # ln 0.5 - ln 0.75
    -0.4055
    """
    if not pairs:
        return {}
    everybody = np.unique(np.concatenate([new.customers for new, _ in pairs.values()]).astype(str))
    places = {name: np.searchsorted(everybody, new.customers.astype(str)) for name, (new, _) in pairs.items()}
    cut = {name: _same_repeats(*pair) for name, pair in pairs.items()}
    point = {name: float(new.score(metric) - old.score(metric)) for name, (new, old) in cut.items()}
    drawn: dict[str, list[Floats]] = {name: [] for name in pairs}
    for weights in resampled_weights(len(everybody), n_resamples, seed):
        for name, (new, old) in cut.items():
            own = weights[:, places[name]]
            drawn[name].append(np.atleast_1d(new.score(metric, own) - old.score(metric, own)))
    resampled = {name: np.concatenate(parts) for name, parts in drawn.items()}
    found = {name: _difference(point[name], resampled[name], len(new.y)) for name, (new, _) in cut.items()}
    among = [name for name in pairs if in_mean is None or name in in_mean]
    if among:
        mean = np.asarray(metrics.mean_defined([resampled[name] for name in among]))
        found[MEAN] = _difference(float(metrics.mean_defined([point[name] for name in among])), mean, len(everybody))
    return found


def holm(p_values: Sequence[float] | Floats) -> Floats:
    """Return p-values corrected for their number: those up to a level are rejected with that family-wise error.

    Holm 1979, Scandinavian Journal of Statistics 6, 65-70. NaN becomes 1, and counts as a test that was made.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.nan_to_num(np.asarray(p_values, dtype=np.float64), nan=1.0)
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return corrected


def _same_repeats(new: Judged, old: Judged) -> tuple[Judged, Judged]:
    repeats = min(len(new.proba), len(old.proba))
    return new.first(repeats), old.first(repeats)


def _difference(point: float, resampled: Floats, n: int) -> Difference:
    defined = resampled[~np.isnan(resampled)]
    if not len(defined):
        return Difference(point, float("nan"), float("nan"), float("nan"), n)
    low, high = np.percentile(defined, [2.5, 97.5])
    spread = float(defined.std(ddof=1)) if len(defined) > 1 else 0.0
    p = float(2 * norm.sf(abs(point) / spread)) if spread > 0 else float("nan")
    return Difference(point, float(low), float(high), p, n)
