"""Shares where answering depends on the answer itself, and behaviour merely shows what the answer would have been.

`estimation.corrected_shares` holds if, given behaviour, answering does not depend on the answer. Where the well-off
keep their income to themselves, it does: of two customers who behave alike the well-off one answers less. That can
still be learnt, if what behaviour tells of the answer has no say of its own in who answers: then customers who behave
like the well-off and are silent more often than others show how much more often the well-off are silent.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from pipeline.model.blocks import Floats, Ints
from pipeline.nonresponse.estimation import Shares

_RIDGE = 1.0  # on standardised log-odds: a customer's worth of doubt
_FLOOR = 1e-6  # of a probability, before its logarithm is taken
_ITERATIONS = 300


def answer_dependent_shares(
    answered: np.ndarray, y_index: Ints, proba: Floats, context: Floats, resamples: int, seed: int
) -> Shares:
    """Return shares of all customers if the odds of silence are a factor of the answer times one of the context.

    With m_y(x) the probabilities of the answers among those who answered, the odds of silence given behaviour are

        P(silent | x) / P(answered | x) = exp(b z(x)) sum_y m_y(x) w_y,

    and a silent customer's answer has probabilities proportional to m_y(x) w_y: exponential tilting (Kim, Yu 2011,
    Journal of the American Statistical Association 106, 157-165), here with behaviour beyond the context z as a shadow
    variable (Miao, Tchetgen Tchetgen 2016, Biometrika 103, 475-482). The factors w and b are those of the highest
    likelihood of who answered, the m are calibrated first. Without a context it is the correction of a label shift.

    Intervals are percentiles of a bootstrap over customers; they hold the models that gave `proba` and `context` fixed.

    Parameters
    ----------
    answered
        Who answered, shape (n,), bool; some did, some did not.
    y_index
        Position of each one's value, shape (n,); read only where answered, where each value occurs.
    proba
        Predicted probabilities of the values, shape (n, n_values), by models that have not seen the customer's answer.
    context
        What else answering may depend on, shape (n, n_context): how much somebody does, what else he is likely to be.

    Examples
    --------
    Behaviour shows yes and no for certain; everybody who says no answered, and half of those who would say yes.

    >>> sure = np.repeat([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], 400, axis=0)
    >>> told, y = np.repeat([True, True, False], 400), np.repeat([0, 1, 1], 400)
    >>> answer_dependent_shares(told, y, sure, np.empty((1200, 0)), 20, 0).share.round(2).tolist()
    [0.33, 0.67]
    """
    spread = context.std(axis=0)
    z = (context[:, spread > 0] - context[:, spread > 0].mean(axis=0)) / spread[spread > 0]
    logs = np.log(np.maximum(proba, _FLOOR))
    once = np.ones(len(y_index))
    start = np.zeros(proba.shape[1] + z.shape[1])
    share, start = _estimate(answered, y_index, logs, z, once, start)
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(resamples):
        weight = np.bincount(rng.integers(0, len(once), len(once)), minlength=len(once)).astype(np.float64)
        drawn.append(_estimate(answered, y_index, logs, z, weight, start)[0])
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return Shares(share, low, high)


def _estimate(
    answered: np.ndarray, y_index: Ints, logs: Floats, z: Floats, weight: Floats, start: Floats
) -> tuple[Floats, Floats]:
    """Return the shares of customers that count `weight` times each, and the factors' logarithms, w first."""
    n_values = logs.shape[1]
    m = np.zeros((len(logs), n_values))
    scaling = LogisticRegression(C=1e3, max_iter=_ITERATIONS)
    scaling.fit(logs[answered], y_index[answered], sample_weight=weight[answered])
    m[:, scaling.classes_] = scaling.predict_proba(logs)
    silent = (~answered).astype(np.float64)

    def loss(factors: Floats) -> tuple[float, Floats]:
        tilt, slope = factors[:n_values], factors[n_values:]
        tilted = m * np.exp(tilt)
        total = tilted.sum(axis=1)
        log_odds = np.log(total) + z @ slope
        missed = weight * (1 / (1 + np.exp(-log_odds)) - silent)
        apart = tilt - tilt.mean()
        value = weight @ (np.logaddexp(0, log_odds) - silent * log_odds)
        value += 0.5 * _RIDGE * (slope @ slope + apart @ apart)
        gradient = [(tilted / total[:, None]).T @ missed + _RIDGE * apart, z.T @ missed + _RIDGE * slope]
        return float(value), np.concatenate(gradient)

    factors = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}).x
    tilted = m * np.exp(factors[:n_values])
    guessed = tilted / tilted.sum(axis=1, keepdims=True)
    guessed[answered] = np.eye(n_values)[y_index[answered]]
    return np.average(guessed, axis=0, weights=weight), factors


def log_odds(proba: Floats) -> Floats:
    """Return the log-odds of each value but the first against the first, shape (n, n_values - 1).

    >>> log_odds(np.array([[0.5, 0.5], [0.25, 0.75]])).round(3).tolist()
    [[0.0], [1.099]]
    """
    logs = np.log(np.maximum(proba, _FLOOR))
    return np.asarray(logs[:, 1:] - logs[:, :1])
