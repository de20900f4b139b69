"""How far an estimate moves if silent customers differ from those who answered and behave alike.

`estimation.corrected_shares` takes them for alike. Nothing in the data can prove it, and only behaviour that has no say
of its own in who answers could show how far it is from true (`selection`). What can be said of any base is how the
estimate moves with the difference that one allows for.
"""

from __future__ import annotations

import numpy as np

from pipeline.model.blocks import Floats


def tilted_outcomes(answered: np.ndarray, yes: np.ndarray, proba: Floats, propensity: Floats, odds: float) -> Floats:
    """Return what each customer stands for if the silent have other odds of *yes* than those who answered.

    Of customers x who behave alike, let yes have the probability m(x) among those who answered, and `odds` times its
    odds among the silent (exponential tilting: Scharfstein, Rotnitzky, Robins 1999, doi:10.1080/01621459.1999.10473862;
    Franks, D'Amour, Feller 2020, doi:10.1080/01621459.2019.1604369), which is tau(x) = odds m / c, c = odds m + 1 - m.
    A customer who answered y stands for

        y + (w - 1) odds^y (y - tau) / c,

    with w one over the probability of answering, scaled to a mean of 1 over all, a silent one for tau(x). The mean over
    customers is the share of yes, with the first-order error of m corrected, and each one's distance from it the
    influence on it. With odds of 1 these are the outcomes of `estimation.pseudo_outcomes`. It grows with the odds.

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
