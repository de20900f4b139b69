"""A linear approximation of a score by features that have names, and how far it may be believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.stats import norm, rankdata, spearmanr
from sklearn.linear_model import Ridge

from pipeline.errors import DataError, ModelError
from pipeline.features.naming import subject
from pipeline.lookalike.folds import smallest_hashes
from pipeline.lookalike.population import Base
from pipeline.split import folds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_CUSTOMERS = 50
_SAMPLE = 20_000  # customers the approximation is fitted on
_DENSE_SCALE, _WIDTH = 0.3, 8.0  # of standardised dense columns beside rows of tokens of length one; cut off
_PERCENT = np.arange(101)


@dataclass(frozen=True)
class Fidelity:
    """How well the approximation ranks customers it was not fitted on.

    `rank_correlation` is Spearman's with the real score, `rank_correlation_top` that within the score's top tenth;
    `overlap` is the share of the top tenth that both agree on; of `n` customers.
    """

    rank_correlation: float
    rank_correlation_top: float
    overlap: float
    n: int

    def words(self) -> str:
        """Return what may be believed of the explanation."""
        return (
            f"Read from a linear approximation of the score, not from the score itself: on customers it was not fitted "
            f"on its rank correlation with the score is {self.rank_correlation:.2f}, {self.rank_correlation_top:.2f} "
            f"within the top tenth, of which both share {self.overlap:.0%} (n = {self.n:,})."
        )


class Surrogate:
    """Linear approximation of a score by features that have names.

    Ridge regression of the score's normal scores (van der Waerden 1952), so that differences at the top, where
    audiences are cut, count. What a feature contributes is its weight times its amount.

    Parameters
    ----------
    alpha
        Strength of the regularisation.
    random_state
        Salt of the hashes that choose at most 20,000 customers and their folds.

    Attributes
    ----------
    weights_ : (n_features,)
    mean_ : (n_features,) mean of the scaled features over the fitted customers
    subjects_, group_ : logs and fields, (n_subjects,), and the position of each feature's among them, (n_features,)
    percentiles_ : (101, n_dense) of the dense features over the fitted customers
    fidelity_ : `Fidelity`, of customers out of fold
    """

    def __init__(self, alpha: float = 1.0, random_state: int = 0) -> None:
        self.alpha = alpha
        self.random_state = random_state

    def fit(self, base: Base, scores: Floats) -> Surrogate:
        """Approximate the scores (n,) of the base.

        Raises
        ------
        DataError
            Scores that do not fit the base or are not finite, or fewer than 50 customers.
        """
        scores = np.asarray(scores, dtype=np.float64)
        if scores.shape != (len(base),) or not np.isfinite(scores).all() or len(base) < MIN_CUSTOMERS:
            raise DataError(
                f"explanation: {len(base)} customers and scores of shape {scores.shape}; at least {MIN_CUSTOMERS} "
                "customers with one finite score each are needed."
            )
        rows = np.sort(smallest_hashes(base.ids, _SAMPLE, f"surrogate:{self.random_state}"))
        self.names_, self.n_dense_ = base.names, base.n_dense
        dense = base.X[rows, : base.n_dense].toarray()
        spread = dense.std(axis=0)
        self.dense_mean_, self.dense_scale_ = dense.mean(axis=0), np.where(spread > 0, spread, 1.0)
        self.percentiles_ = np.percentile(dense, _PERCENT, axis=0) if base.n_dense else np.empty((101, 0))
        self.subjects_, group = np.unique([subject(str(name)) for name in base.names], return_inverse=True)
        self.group_: Ints = group.astype(np.int64)
        X = self._design(base.X[rows])
        target = norm.ppf(rankdata(scores[rows]) / (len(rows) + 1))
        self.fidelity_ = self._fidelity(X, target, base.ids[rows])
        self.weights_: Floats = self._ridge().fit(X, target).coef_
        self.mean_: Floats = np.asarray(X.mean(axis=0)).ravel()
        return self

    def _fidelity(self, X: sp.csr_matrix, target: Floats, ids: NDArray[np.str_]) -> Fidelity:
        fold = folds(ids, 5, f"surrogate:{self.random_state}:fold")
        said = np.zeros(len(ids))
        for f in np.unique(fold):
            said[fold == f] = self._ridge().fit(X[fold != f], target[fold != f]).predict(X[fold == f])
        n_top = max(1, len(ids) // 10)
        top = [set(np.argsort(-values, kind="stable")[:n_top].tolist()) for values in (said, target)]
        level = np.ptp(said) == 0 or np.ptp(target) == 0
        correlation = 0.0 if level else float(spearmanr(said, target).statistic)
        best = np.argsort(-target, kind="stable")[: max(3, n_top)]
        level_top = level or np.ptp(said[best]) == 0 or np.ptp(target[best]) == 0
        within = 0.0 if level_top else float(spearmanr(said[best], target[best]).statistic)
        return Fidelity(correlation, within, len(top[0] & top[1]) / n_top, len(ids))

    def _ridge(self) -> Ridge:
        return Ridge(alpha=self.alpha, solver="sparse_cg")

    def by_subject(self, pushes: sp.csr_matrix) -> Floats:
        """Return what each log and field contributes together, (n, n_subjects), from `pushes`."""
        n = len(self.group_)
        member = sp.csr_matrix((np.ones(n), (np.arange(n), self.group_)), shape=(n, len(self.subjects_)))
        return np.asarray((pushes @ member).todense())

    def pushes(self, customers: Base) -> sp.csr_matrix:
        """Return weight times amount, CSR (n, n_features), not centred: what a customer lacks contributes nothing.

        Raises
        ------
        ModelError
            Not fitted, or fitted on other columns.
        """
        if not hasattr(self, "weights_"):
            raise ModelError("Surrogate is not fitted: call fit first.")
        if not np.array_equal(customers.names, self.names_):
            raise ModelError("Surrogate was fitted on other columns than these customers have.")
        pushes = self._design(customers.X)
        pushes.sort_indices()
        pushes.data = pushes.data * self.weights_[pushes.indices]
        return pushes

    def _design(self, X: sp.csr_matrix) -> sp.csr_matrix:
        dense = (X[:, : self.n_dense_].toarray() - self.dense_mean_) / self.dense_scale_
        dense = _DENSE_SCALE * np.clip(dense, -_WIDTH, _WIDTH)
        return sp.hstack([sp.csr_matrix(dense), X[:, self.n_dense_ :]], format="csr").astype(np.float64)
