"""How far an estimate moves if silent customers differ from those who answered and behave alike.

`estimation.corrected_shares` takes them for alike. Nothing in the data can prove it, and only behaviour that has no say
of its own in who answers could show how far it is from true (`selection`). What can be said of any base is how the
estimate moves with the difference that one allows for.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from pipeline.model.blocks import Floats

_EDGE = 1e-6  # probabilities are kept this far from 0 and 1


def recalibrated(answered: np.ndarray, yes: np.ndarray, proba: Floats, propensity: Floats) -> Floats:
    """Return probabilities of yes whose log-odds are a + b times those given, as fits those who answered.

    Platt's calibration (1999, with his targets: no probability is nearer to 0 or 1 than the answers can show), each
    answer weighed by (1 - e) / e as the silent are met, of whom it is to be right.
    Predictions that are drawn to the mean, as those of cautious models are, would hide how far apart customers are.

    Parameters as in `tilted_outcomes`; who did not answer takes no part, its probability is changed likewise.

    Examples
    --------
    Two in ten and eight in ten say yes where four and six were predicted.

    >>> proba, yes = np.repeat([0.4, 0.6], 500), np.repeat([1, 0, 1, 0], [100, 400, 400, 100]) == 1
    >>> recalibrated(np.ones(1000, dtype=bool), yes, proba, np.full(1000, 0.5)).round(2)[[0, -1]].tolist()
    [0.2, 0.8]
    """
    at = logit(np.clip(proba, _EDGE, 1 - _EDGE))
    weight = 1 / propensity[answered] - 1
    if at.min() == at.max() or not weight.any():
        return proba
    n, n_yes = int(answered.sum()), int(yes[answered].sum())
    target = np.where(yes[answered], (n_yes + 1) / (n_yes + 2), 1 / (n - n_yes + 2))
    both = np.repeat([1, 0], n), np.concatenate([weight * target, weight * (1 - target)])
    fitted = LogisticRegression(C=np.inf).fit(np.tile(at[answered, None], (2, 1)), *both)
    if fitted.coef_[0, 0] <= 0:  # they tell nobody from anybody
        return np.full_like(proba, np.average(target, weights=weight))
    return np.asarray(expit(fitted.decision_function(at[:, None])), dtype=np.float64)


def tilted_outcomes(answered: np.ndarray, yes: np.ndarray, proba: Floats, propensity: Floats, odds: float) -> Floats:
    """Return what each customer stands for if the silent have other odds of *yes* than those who answered.

    Of customers x who behave alike, let yes have the probability m(x) among those who answered, and `odds` times its
    odds among the silent (exponential tilting: Scharfstein, Rotnitzky, Robins 1999, doi:10.1080/01621459.1999.10473862;
    Franks, D'Amour, Feller 2020, doi:10.1080/01621459.2019.1604369), which is tau(x) = odds m / c, c = odds m + 1 - m.
    A customer who answered y stands for

        y + (w - 1) odds^y (y - tau) / c,

    with w one over the probability of answering, scaled to a mean of 1 over all, a silent one for tau(x). The mean over
    customers is the share of yes, with the first-order error of m corrected, and each one's distance from it the
    influence on it. With odds of 1 these are the outcomes of `estimation.pseudo_outcomes`, and the share is right if
    either model is. With other odds it is so only if m is: with right propensities what m misses is corrected up to its
    square, with wrong ones not even that. Hence m is to be calibrated (`recalibrated`). The share grows with the odds.

    Parameters
    ----------
    answered, yes
        Who answered, and who of them said yes, shape (n,), bool; `yes` is read only where answered.
    proba, propensity
        m and e, shape (n,), by models that have not seen the customer; e above 0.
    odds
        Of yes among the silent over those among customers like them who answered, above 0.

    Examples
    --------
    Half of those who answered say yes; if the silent half has three times their odds, three in four of it would.

    >>> told, half = np.array([True, True, False, False]), np.full(4, 0.5)
    >>> float(tilted_outcomes(told, np.array([True, False, False, False]), half, half, 3.0).mean())
    0.625
    """
    c = odds * proba + 1 - proba
    tau = odds * proba / c
    y = yes.astype(np.float64)
    weight = np.where(answered, 1 / propensity, 0.0)
    weight *= len(weight) / weight.sum()
    return np.asarray(np.where(answered, y + (weight - 1) * np.where(yes, odds, 1.0) * (y - tau) / c, tau))
