"""What a champion says of some customers: the value or why there is none, how probable each value is, and the set."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.columns import DECLARED, INFERRED, WITHHELD
from pipeline.model.certification import stated_values
from pipeline.model.certified import CertifiedClassifier
from pipeline.model.sets import sets_of
from pipeline.model.split_matrix import SplitMatrix
from pipeline.scoring.champions import Champion
from pipeline.scoring.reading import Chunk, Shared, Told

NO_EVENTS, NO_MODEL, OUTSIDE = "no events", "no model", "outside the attribute's population"
NOT_CERTIFIED, UNSURE = "value not certifiable", "not sure enough"
UNREACHED = "hardly anybody like this customer told the value"
TOO_FEW, TOO_CLOSE, UNLIKE = "too few events", "two answers too close", "unlike the training customers"
FEW_EVENTS = 5  # before as_of, in all logs
CLOSE = 0.10  # between the probabilities of the two likeliest values

STATES = (DECLARED, INFERRED, WITHHELD)
REASONS = (NO_EVENTS, NO_MODEL, OUTSIDE, NOT_CERTIFIED, UNSURE, UNREACHED, TOO_FEW, TOO_CLOSE, UNLIKE)

_DECLARED, _INFERRED, _WITHHELD = range(3)
_WHY = {reason: code for code, reason in enumerate(REASONS)}

Codes = NDArray[np.int32]


@dataclass
class Answers:
    """One attribute of n customers, words as codes; -1 stands for none.

    Attributes
    ----------
    attribute, version
        Which attribute, and which champion answers; an empty version if there is none.
    names
        The attribute's values in their order; behind them, those that only a profile says.
    n_values
        How many of the names are the attribute's values.
    value, likeliest
        Positions among the names, shape (n,).
    probability
        Of the likeliest value, shape (n,); NaN where nothing is known.
    proba
        Of each value, shape (n, n_values) float32; rows of NaN where nothing is known.
    state, reason
        Positions among `STATES` and `REASONS`, shape (n,).
    chosen, sets
        Positions among the texts of prediction sets, shape (n,), and these texts.
    """

    attribute: str
    version: str
    names: tuple[str, ...]
    n_values: int
    value: Codes
    likeliest: Codes
    probability: NDArray[np.float64]
    proba: NDArray[np.float32]
    state: Codes
    reason: Codes
    chosen: Codes
    sets: list[str] = field(default_factory=list)

    def declare(self, told: Told) -> None:
        """Put what customers said of themselves into their rows: it is never overwritten by what is inferred."""
        self.names += tuple(value for value in told.values if value not in self.names)
        place = np.array([self.names.index(value) for value in told.values], dtype=np.int32)
        codes = place[told.codes]
        self.value[told.rows], self.likeliest[told.rows] = codes, codes
        self.probability[told.rows], self.state[told.rows], self.reason[told.rows] = 1.0, _DECLARED, -1
        ordered = codes < self.n_values
        self.proba[told.rows] = np.nan  # a value that the model does not know has no place in the order
        self.proba[told.rows[ordered]] = 0.0
        self.proba[told.rows[ordered], codes[ordered]] = 1.0


def answers(champion: Champion, chunk: Chunk) -> Answers:
    """Return what is said of one attribute of all customers of a chunk.

    The probability of the likeliest value is also given where nothing is stated; of customers without events it is the
    share in training.
    """
    found = _inferred(champion, chunk)
    told = chunk.bucket.told.get(champion.attribute)
    if told is not None:
        found.declare(told.within(chunk.start, chunk.stop))
    return found


def _inferred(champion: Champion, chunk: Chunk) -> Answers:
    n = len(chunk.customers)
    predictor = champion.predictor
    values = champion.values or champion.declaration.values or ()
    found = Answers(
        champion.attribute,
        champion.version,
        tuple(values),
        len(values),
        value=np.full(n, -1, dtype=np.int32),
        likeliest=np.full(n, -1, dtype=np.int32),
        probability=np.full(n, np.nan),
        proba=np.full((n, len(values)), np.nan, dtype=np.float32),
        state=np.full(n, _WITHHELD, dtype=np.int32),
        reason=np.full(n, _WHY[NO_MODEL if predictor is None else NO_EVENTS], dtype=np.int32),
        chosen=np.full(n, -1, dtype=np.int32),
    )
    if predictor is None:
        return found
    shared = chunk.shared(champion)
    proba = np.tile(np.asarray(champion.prior, dtype=np.float64), (n, 1))
    if len(shared.at):
        _say(found, champion, predictor, proba, shared, chunk)
    found.likeliest = proba.argmax(axis=1).astype(np.int32)
    found.probability = proba.max(axis=1)
    found.proba = proba.astype(np.float32)
    return found


def _say(
    found: Answers,
    champion: Champion,
    predictor: CertifiedClassifier,
    proba: NDArray[np.float64],
    shared: Shared,
    chunk: Chunk,
) -> None:
    """Fill in, in place, what the predictor says of the customers with events; `proba` too."""
    at, X = shared.at, chunk.matrix(champion)
    here = predictor.predict_proba(X)
    strange = predictor.unlike(X)
    unreached = _unreached(predictor, X, shared)
    nothing = strange | unreached
    said = np.where(nothing, -1, stated_values(here, predictor.thresholds_))
    classes = np.asarray(predictor.classes_)
    proba[at] = 0.0
    proba[np.ix_(at, classes)] = here
    highest = np.partition(here, here.shape[1] - 2, axis=1)
    reasons = {
        NOT_CERTIFIED: ~np.isfinite(predictor.thresholds_)[here.argmax(axis=1)],
        UNLIKE: strange,
        UNREACHED: unreached,
        TOO_FEW: shared.n_events < FEW_EVENTS,
        TOO_CLOSE: highest[:, -1] - highest[:, -2] < CLOSE,
    }
    why = np.select([*reasons.values()], [_WHY[reason] for reason in reasons], _WHY[UNSURE])
    found.reason[at] = np.where(said >= 0, -1, why)
    found.value[at] = np.where(said >= 0, classes[said], -1)
    found.state[at] = np.where(said >= 0, _INFERRED, _WITHHELD)
    sets, told = _sets(champion, proba[at])
    found.chosen[at] = np.where(nothing, -1, told)  # nothing is ruled out for them
    found.sets = sets
    everybody = chunk.bucket.asked.get(champion.attribute)
    if everybody is not None:
        outside = at[~everybody[chunk.start : chunk.stop][at]]
        found.value[outside], found.state[outside], found.reason[outside] = -1, _WITHHELD, _WHY[OUTSIDE]
        found.chosen[outside] = -1


def _unreached(predictor: CertifiedClassifier, X: SplitMatrix, shared: Shared) -> NDArray[np.bool_]:
    """Return whose like next to never have labels; the model of it is asked once for all that share it."""
    model = predictor.answering_
    if model is None or X.n_past:
        return predictor.out_of_reach(X)
    if id(model) not in shared.answering:
        shared.answering[id(model)] = predictor.answering_probability(X)
    return shared.answering[id(model)] < predictor.least_propensity_


def _sets(champion: Champion, proba: NDArray[np.float64]) -> tuple[list[str], Codes]:
    """Return the texts of prediction sets, and each customer's; none for two values, and without a cut."""
    cut = getattr(champion.predictor, "set_cut_", None)  # versions registered before there were sets have none
    if len(champion.values) <= 2 or cut is None:
        return [], np.full(len(proba), -1, dtype=np.int32)
    inside = sets_of(proba, cut, champion.declaration.kind == "ordinal")
    rows, told = np.unique(inside, axis=0, return_inverse=True)
    names = np.array(champion.values, dtype=object)
    return [" | ".join(names[row]) for row in rows], told.ravel().astype(np.int32)
