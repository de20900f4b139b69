"""The certificates of a whole catalogue: at which level each value is certified is known when all are trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.model.certification import Evidence, stated_values
from pipeline.model.multiplicity import catalogue_level
from pipeline.out_of_fold import OutOfFold, Round
from pipeline.predictor import Trained, estimate
from pipeline.settings import Evaluation, Model


def certify_catalogue(
    results: Sequence[Trained], model: Model, evaluation: Evaluation, seed: int
) -> tuple[list[Trained], float]:
    """Tell each predictor the level of its catalogue; return the results and the level.

    Where the certificates are to hold for the catalogue (`model.certified_for`), they and what was stated to test
    customers are made anew: in each run of the recipe at the level of the catalogue of that run, which no test
    customer of it has touched. Attributes with fewer repeats take part in a later repeat by their last one.
    """
    level = _level([result.predictor.evidence_ for result in results], model)
    for result in results:
        result.predictor.certify_in_catalogue(level)
    if model.certified_for != "catalogue":
        return list(results), level
    return [_restated(result, results, model, evaluation, seed) for result in results], level


def _restated(result: Trained, results: Sequence[Trained], model: Model, evaluation: Evaluation, seed: int) -> Trained:
    """Return a result whose statements to test customers follow from its catalogue's levels."""
    found = result.found
    stated = np.full_like(found.stated, -1)
    for ran in found.rounds:
        together = [_same_round(other.found, ran).evidence for other in results]
        level = _level(together, model)
        thresholds = [certificate.threshold for certificate in (own.certificate(level) for own in ran.evidence)]
        test = found.folds[ran.repeat] == ran.fold
        said = stated_values(
            found.proba[ran.repeat][np.ix_(test, ran.classes)],
            np.array([np.inf if threshold is None else threshold for threshold in thresholds]),
        )
        silent = (said < 0) | found.unlike[ran.repeat, test]
        stated[ran.repeat, test] = np.where(silent, -1, ran.classes[said])
    found = replace(found, stated=stated)
    return replace(result, found=found, estimates=estimate(found, result.kind, result.values, evaluation, seed))


def _same_round(found: OutOfFold, ran: Round) -> Round:
    """Return the run of another attribute that left the same customers out, or the closest to it."""

    def distance(other: Round) -> tuple[int, int]:
        return abs(other.repeat - ran.repeat), abs(other.fold - ran.fold)

    return min(found.rounds, key=distance)


def _level(evidence: Sequence[Sequence[Evidence]], model: Model) -> float:
    return catalogue_level([own.p_value for values in evidence for own in values], 1 - model.confidence)
