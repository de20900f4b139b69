"""BG/NBD and Gamma-Gamma: value expected from the rhythm and the size of past purchases alone.

Fader, Hardie, Lee 2005 (Marketing Science 24, 275-284): customers buy as a Poisson process until, after some purchase,
they leave; rates and chances of leaving differ from customer to customer. Fader, Hardie 2013 (The Gamma-Gamma model of
monetary value): purchases vary around a mean of the customer's own, which does not depend on how often it buys.
The library is PyMC-Marketing, an extra; parameters are the mode of the posterior under its weak default priors.
"""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
import pandas as pd

from pipeline.errors import DataError
from pipeline.value.money import HISTORY
from pipeline.value.resampling import Floats

LEAST = 50  # customers with repeated purchases: fewer do not carry the parameters
_LIBRARY = "pymc_marketing"
_MOST = 20_000  # customers the parameters are fitted on: seven numbers need no more


def why_not() -> str:
    """Return why these models cannot be had here, or nothing."""
    if importlib.util.find_spec(_LIBRARY) is None:
        return "needs PyMC-Marketing, which is not installed: pip install 'lookalike[clv]'"
    return ""


def expected_by_lifetime(known: pd.DataFrame, asked: pd.DataFrame, days: int) -> Floats:
    """Return the money expected of each asked customer in so many days, shape (n_asked,); 0 of those who never bought.

    Parameters
    ----------
    known, asked
        Histories as `money.Purse.history` tells them, of those who are learnt from and those who are asked for.

    Raises
    ------
    DataError
        If the library is missing, or fewer than 50 known customers bought more than once.
    """
    if reason := why_not():
        raise DataError(reason)
    usable = known.dropna()
    if len(usable) > _MOST:
        usable = usable.iloc[np.linspace(0, len(usable) - 1, _MOST).astype(int)]
    repeated = usable[usable["frequency"] > 0]
    if len(repeated) < LEAST:
        raise DataError(f"{len(repeated)} customers bought more than once, {LEAST} are needed")
    answer = np.zeros(len(asked))
    bought = asked.notna().all(axis=1).to_numpy()
    if not bought.any():
        return answer
    with warnings.catch_warnings():  # of libraries about their own plans
        warnings.simplefilter("ignore")
        from pymc_marketing.clv import BetaGeoModel, GammaGammaModel

        purchases = BetaGeoModel(data=_rows(usable)[["customer_id", "frequency", "recency", "T"]])
        purchases.fit(method="map", progressbar=False)
        amounts = GammaGammaModel(data=_rows(repeated)[["customer_id", "frequency", "monetary_value"]])
        amounts.fit(method="map", progressbar=False)
        rows = _rows(asked[bought])
        number = np.asarray(purchases.expected_purchases(data=rows, future_t=days)).reshape(-1)
        size = np.asarray(amounts.expected_customer_spend(data=rows)).reshape(-1)
    answer[bought] = number * size
    if not np.isfinite(answer).all():
        raise DataError("the parameters that were found give no finite expectation")
    return np.maximum(answer, 0.0)


def _rows(history: pd.DataFrame) -> pd.DataFrame:
    return history[list(HISTORY)].reset_index(drop=True).assign(customer_id=np.arange(len(history)))
