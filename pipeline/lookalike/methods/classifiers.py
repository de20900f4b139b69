"""Two cross-fitted classifiers that tell a seed from the base: one reads tokens, the other behaviour vectors."""

from __future__ import annotations

from typing import Self

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from pipeline.errors import ModelError
from pipeline.lookalike.folds import draw_folds
from pipeline.lookalike.methods.contract import MIN_SEED, checked_seed, checked_weights
from pipeline.lookalike.population import Base, Floats, Mask
from pipeline.lookalike.vectors import unit_vectors

_DENSE_SCALE = 0.3  # of standardised dense columns beside TF-IDF rows of length one
_WIDTH = 8.0  # standard deviations after which a dense value says no more
_CHUNK = 50_000


class SeedClassifiers:
    """Log-odds of the seed by tokens and by vectors, each customer's by models that did not see it.

    The base is unlabelled, not negative: the customers looked for are in it. Classifiers are therefore
    cross-fitted, and no customer is scored by one that was trained on it (Elkan & Noto 2008, Learning
    classifiers from only positive and unlabeled data, KDD: such a classifier ranks as the true one does;
    Mordelet & Vert 2014, Pattern Recognition Letters 37: score out of bag).

    Parameters
    ----------
    C
        Inverse regularisation of the token classifier; the one on vectors takes a tenth of it.
    base_sample
        At most so many customers of the base train.
    n_folds
        Pairs of classifiers that are cross-fitted, from 2 to 10.
    random_state
        Salt of the hashes that give folds and samples.

    Attributes
    ----------
    base_odds_
        Log-odds of the sampled base, out of fold, shape (n_sampled, 2).
    seed_odds_
        Log-odds of the seed, out of fold, shape (n_seeds, 2), in the order of their ids.
    """

    def __init__(self, C: float = 1.0, base_sample: int = 50_000, n_folds: int = 5, random_state: int = 0) -> None:
        self.C = C
        self.base_sample = base_sample
        self.n_folds = n_folds
        self.random_state = random_state

    def fit(self, base: Base, seed: Mask, weights: Floats | None = None) -> Self:
        """Learn what tells the seed from the base; see `contract.Ranker.fit`."""
        self._check_parameters()
        mask = checked_seed(base, seed)
        worth = np.ones(len(base))
        worth[mask] = checked_weights(weights, int(mask.sum()))
        rows, self.folds_ = draw_folds(base.ids, mask, self.base_sample, self.n_folds, f"lookalike:{self.random_state}")
        trained, y, worth = base.rows(rows), mask[rows], worth[rows]
        self.n_dense_, self.shape_ = base.n_dense, (base.X.shape[1], base.vectors.shape[1])
        dense = trained.X[:, : base.n_dense].toarray()
        self.mean_, spread = dense.mean(axis=0), dense.std(axis=0)
        self.scale_ = np.where(spread > 0, spread, 1.0)
        sparse, compact = self._designs(trained)
        fold = self.folds_.fold_of_trained
        self.models_ = []
        for f in range(self.n_folds):
            tokens = LogisticRegression(
                C=self.C, class_weight="balanced", solver="liblinear", dual=True, max_iter=1000, random_state=0
            )
            plain = LogisticRegression(C=self.C / 10, max_iter=1000)
            others = fold != f
            self.models_.append(
                (
                    tokens.fit(sparse[others], y[others], worth[others]),
                    plain.fit(compact[others], y[others], worth[others]),
                )
            )
        self.rows_, odds = rows, self.log_odds(trained)
        self.base_odds_, self.seed_odds_ = odds[~y], odds[y]
        self.base_rows_ = rows[~y]
        return self

    def log_odds(self, base: Base) -> Floats:
        """Return log-odds of the seed by tokens and by vectors, (n, 2), each row out of fold.

        Raises
        ------
        ModelError
            Not fitted, or fitted on other columns.
        """
        if not hasattr(self, "models_"):
            raise ModelError("look-alike ranking is not fitted: call fit first.")
        found = (base.X.shape[1], base.vectors.shape[1])
        if found != self.shape_ or base.n_dense != self.n_dense_:
            raise ModelError(
                f"look-alike ranking was fitted on {self.shape_[0]} columns ({self.n_dense_} dense) and vectors of "
                f"{self.shape_[1]}, found {found[0]} ({base.n_dense} dense) and {found[1]}. Use the snapshot "
                "definition it was fitted on."
            )
        odds = np.empty((len(base), 2))
        for start in range(0, len(base), _CHUNK):
            part = base.rows(np.arange(start, min(start + _CHUNK, len(base))))
            sparse, compact = self._designs(part)
            fold = self.folds_.of(part.ids)
            for f, (tokens, plain) in enumerate(self.models_):
                rows = np.flatnonzero(fold == f)
                if len(rows):
                    odds[start + rows, 0] = tokens.decision_function(sparse[rows])
                    odds[start + rows, 1] = plain.decision_function(compact[rows])
        return odds

    def _designs(self, base: Base) -> tuple[sp.csr_matrix, Floats]:
        """Return what the token and the vector classifier read: the dense columns go to both."""
        dense = (base.X[:, : self.n_dense_].toarray() - self.mean_) / self.scale_
        dense = np.clip(dense, -_WIDTH, _WIDTH)
        sparse = sp.hstack([sp.csr_matrix(_DENSE_SCALE * dense), base.X[:, self.n_dense_ :]], format="csr")
        unit = unit_vectors(base.vectors, "vectors")
        # The length of sqrt(d) gives vector entries a variance of about one, as the dense columns have.
        return sparse, np.hstack([dense, unit * np.sqrt(unit.shape[1])])

    def _check_parameters(self) -> None:
        check_parameters(
            C=(self.C, self.C > 0, "above 0"),
            base_sample=(self.base_sample, self.base_sample >= MIN_SEED, f"at least {MIN_SEED}"),
            n_folds=(self.n_folds, 2 <= self.n_folds <= MIN_SEED, f"from 2 to {MIN_SEED}"),
        )


def check_parameters(**wanted: tuple[float, bool, str]) -> None:
    """Raise ModelError for the first wrong parameter, each given as (value, whether it is right, what is allowed)."""
    for name, (value, right, allowed) in wanted.items():
        if not right:
            raise ModelError(f"look-alike ranking: {name}={value}; it must be {allowed}.")
