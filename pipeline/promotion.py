"""Which registered version scores: the champion moves only to what is better by more than noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline import metrics
from pipeline.columns import CUSTOMER, US_PER_DAY
from pipeline.evaluation import paired_bootstrap
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.matrix import FeatureMatrix
from pipeline.outputs import fingerprint
from pipeline.paired import LEAST_COMMON
from pipeline.predictor import Trained
from pipeline.settings import Attribute, Model, as_plain
from pipeline.tracking import CHALLENGER, CHAMPION, Registered, Tracker

_NOT_ASKED = ("expires_days", "sensitive", "not_for")  # say how an answer may be used, not what is asked


@dataclass(frozen=True)
class Decision:
    """The role of a new version and why."""

    role: str
    reason: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None


def decide(new: pd.DataFrame, old: pd.DataFrame | None, why_incomparable: str | None, seed: int) -> Decision:
    """Compare two versions by the log-loss of test customers common to both.

    Parameters
    ----------
    new, old
        Columns customer_id and log_loss; each loss is of a customer whom no step of the version's recipe saw.
        `old` is None where there is no champion.
    why_incomparable
        Set where the two losses cannot be compared although a champion exists.

    Returns
    -------
    Decision
        champion if there is none yet, or if the 95 % paired bootstrap interval of the mean difference in
        log-loss, new minus old, lies below zero.
    """
    if old is None and why_incomparable is None:
        return Decision(CHAMPION, "the first version")
    if why_incomparable is not None or old is None:
        return Decision(CHALLENGER, f"not compared with the champion: {why_incomparable}")
    both = new.merge(old, on=CUSTOMER, suffixes=("_new", "_old"))
    if {"y_new", "y_old"} <= set(both.columns):
        both = both[both["y_new"] == both["y_old"]]  # a profile may have been corrected since
    if len(both) < LEAST_COMMON:
        return Decision(
            CHALLENGER, f"only {len(both)} test customers in common with the champion, {LEAST_COMMON} needed"
        )
    difference, low, high = paired_bootstrap(both["log_loss_new"].to_numpy(), both["log_loss_old"].to_numpy(), seed)
    told = f"log-loss {difference:+.4f} [{low:+.4f}, {high:+.4f}] against the champion on {len(both):,} test customers"
    if high < 0:
        return Decision(CHAMPION, f"better by more than noise: {told}", difference, low, high)
    return Decision(CHALLENGER, f"not better by more than noise: {told}", difference, low, high)


def question(attribute: Attribute, model: Model) -> str:
    """Return a fingerprint of what an attribute asks and promises.

    Its declaration, precision and confidence, what and among whom these are certified, for whom nothing is stated, and
    how often a prediction set holds the true value.
    """
    declared = {key: value for key, value in as_plain(attribute).items() if key not in _NOT_ASKED}
    promised = (model.confidence, model.certified_for, model.novelty_level, model.set_coverage)
    among = None if attribute.declared is None else model.certified_among  # the future is known of everybody
    return fingerprint(declared, attribute.min_precision or model.min_precision, *promised, among)


def superseded(old: Registered, new: Trained, asked: str) -> str | None:
    """Return why a champion can no longer answer, whatever its quality, or None if it can."""
    if old.facts.get("question") != asked:
        return "the champion answers another question: the attribute's declaration or promise has changed"
    if old.facts.get("aggregates") != new.aggregates:
        return "the champion reads other features: the source's fields or windows have changed"
    return None


def old_losses(
    tracker: Tracker,
    old: Registered,
    new: Trained,
    labels_us: int,
    features: Callable[[BehaviourEncoder], FeatureMatrix],
) -> tuple[pd.DataFrame | None, str | None]:
    """Return a champion's losses on a new training's test customers, or why there are none to compare.

    Declared labels, and future ones of the same horizon: the losses that the champion's own training recorded for
    test customers. A later horizon: the champion predicts it, provided that it learnt from no day of it.

    Parameters
    ----------
    labels_us
        Where the new training's labels begin.
    features
        Reads what the attribute's predictors read at that instant, with the vectors of an encoder.
    """
    horizon_us = old.facts["horizon_days"] * US_PER_DAY
    if horizon_us == 0 or old.facts["labels_us"] == labels_us:
        recorded = tracker.read_table(old.run_id, "out_of_fold")
        return recorded, None if recorded is not None else "the losses of its test customers are gone"
    overlap_us = old.facts["labels_us"] + horizon_us - labels_us
    if overlap_us > 0:
        return None, f"it has learnt from {overlap_us / US_PER_DAY:.0f} of the days that would judge it"
    encoder = tracker.load_version(*old.facts["encoder"])
    matrix = features(encoder)
    truth = new.losses.set_index(CUSTOMER)["y"]
    known = np.isin(matrix.customers, truth.index.to_numpy())
    y = truth.loc[matrix.customers[known]].to_numpy(dtype=np.int64)
    proba = tracker.load(old).predict_proba(matrix.X[known])
    return pd.DataFrame({CUSTOMER: matrix.customers[known], "log_loss": metrics.log_loss_rows(y, proba)}), None
