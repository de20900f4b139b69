"""The certificates of a catalogue and what they let the recipe say of test customers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.catalogue import certify_catalogue
from pipeline.model.certification import gather, stated_values
from pipeline.model.multiplicity import catalogue_level
from pipeline.out_of_fold import OutOfFold, Round
from pipeline.settings import Evaluation, Model

MODEL = Model("memory", {}, certified_for="catalogue")
EVALUATION = Evaluation(resamples=100)
N = 90


class Predictor:
    def __init__(self, evidence):
        self.evidence_, self.told = evidence, None

    def certify_in_catalogue(self, level):
        self.told = level


def evidence(n_right: int):
    """Evidence for "no" and "yes": as many right answers at 0.95, and none wrong."""
    return tuple(gather(np.full(n, 0.95), np.ones(n, dtype=bool), 0.8) for n in (60, n_right))


def result(name: str, n_right: list[int], unlike: int = 0):
    """Three folds of 30 customers; all are given "yes" with 0.95. `n_right`: evidence for it, per fold."""
    y = np.arange(N) % 5 > 0
    proba = np.tile([0.05, 0.95], (1, N, 1))
    folds = np.repeat([0, 1, 2], 30)[None, :]
    strange = np.arange(N)[None, :] < unlike
    rounds = tuple(Round(0, fold, np.array([0, 1]), evidence(n)) for fold, n in enumerate(n_right))
    nobody = np.full((1, N), -1)
    found = OutOfFold(
        np.arange(N), y.astype(int), proba, proba, nobody, folds, proba > 0.5, strange, rounds, np.ones(N)
    )
    trained = SimpleNamespace(attribute=name, kind="binary", values=("no", "yes"), estimates=[], found=found)
    trained.predictor = Predictor(evidence(n_right[0]))
    return trained


@pytest.fixture
def replaceable(monkeypatch):
    """Let a simple namespace be replaced like the dataclass it stands for."""

    def changed(old, **values):
        if isinstance(old, SimpleNamespace):
            return SimpleNamespace(**vars(old) | values)
        return replace(old, **values)

    monkeypatch.setattr("pipeline.catalogue.replace", changed)


def test_each_fold_states_at_the_level_of_its_own_catalogue(replaceable) -> None:
    # 20 right: p = 0.8**20 / 0.7 = 0.016. Alone in its catalogue it passes, beside values without evidence not.
    busy, idle = result("busy", [20, 20, 20]), result("idle", [60, 0, 60])
    done, level = certify_catalogue([busy, idle], MODEL, EVALUATION, 0)
    p_values = [e.p_value for trained in (busy, idle) for e in trained.predictor.evidence_]
    assert level == pytest.approx(catalogue_level(p_values, 0.1))
    assert busy.predictor.told == idle.predictor.told == level
    harmonic = 1 + 1 / 2 + 1 / 3 + 1 / 4
    p_value = 0.8**20 / 0.7
    assert 3 / 4 * 0.1 / harmonic > p_value  # with fold 1's three values of four that pass, "yes" of busy is one
    assert (done[0].found.stated[0] == 1).all()
    assert (done[1].found.stated[0] == np.repeat([1, -1, 1], 30)).all()
    coverage = {e.value: e.estimate for e in done[1].estimates if e.metric == "coverage"}
    assert coverage["yes"] == pytest.approx(2 / 3)


def test_customers_unlike_the_others_stay_without_a_statement(replaceable) -> None:
    done, _ = certify_catalogue([result("busy", [60, 60, 60], unlike=7)], MODEL, EVALUATION, 0)
    assert done[0].found.stated[0].tolist() == [-1] * 7 + [1] * 83


def test_certificates_of_single_values_leave_what_was_stated_alone() -> None:
    one = result("busy", [60, 60, 60])
    done, level = certify_catalogue([one], replace(MODEL, certified_for="value"), EVALUATION, 0)
    assert done == [one]
    assert one.predictor.told == level > 0
    assert (stated_values(one.found.proba[0], [np.inf, 0.9]) == 1).all()
