"""Boosted trees on dense features and on the tokens that tell the classes apart."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_selection import f_classif

from pipeline.model.blocks import Floats, Ints, Matrix, token_block
from pipeline.model.boosting import DenseBoosting
from pipeline.model.split_matrix import SplitMatrix


class TokenBoosting(DenseBoosting):
    """`DenseBoosting` that also reads the tokens of the highest one-way ANOVA F on the training customers.

    Trees on all tokens are slow and learn noise; chosen ones make trees that know single products as well as
    amounts. They read the counts themselves: on diaries, where a token's count is the time spent, that says much more
    than a weight that depends on the rest of the row. How many: an eighth of the training customers, within bounds.

    Parameters
    ----------
    least_tokens, most_tokens
        Bounds of the number of tokens.

    The others are those of `DenseBoosting`.

    Attributes
    ----------
    tokens_ : (n_chosen,) chosen columns, counted from the first token

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = np.hstack([rng.normal(size=(400, 1)), rng.integers(0, 2, (400, 3))])
    >>> TokenBoosting(n_dense=1, least_tokens=1, most_tokens=1).fit(X, X[:, 2] > 0).tokens_
    array([1])
    """

    def __init__(
        self,
        n_dense: int | None = None,
        n_estimators: int = 100,
        learning_rate: float = 0.05,
        num_leaves: int = 7,
        min_child_samples: int = 10,
        reg_lambda: float = 5.0,
        feature_fraction: float = 0.1,
        subsample: float = 0.8,
        max_bin: int = 63,
        least_tokens: int = 200,
        most_tokens: int = 1000,
        large_from: int = 10_000,
        random_state: int = 0,
    ) -> None:
        super().__init__(
            n_dense,
            n_estimators,
            learning_rate,
            num_leaves,
            min_child_samples,
            reg_lambda,
            feature_fraction,
            subsample,
            max_bin,
            large_from,
            random_state,
        )
        self.least_tokens = least_tokens
        self.most_tokens = most_tokens

    def _choose_columns(self, X: Matrix, y_index: Ints) -> None:
        tokens = self._tokens(X)
        wanted = int(np.clip(len(y_index) // 8, self.least_tokens, self.most_tokens))
        if tokens.shape[1] == 0:
            self.tokens_ = np.empty(0, dtype=np.int64)
            return
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # a token that everybody has alike has no F
            told_apart = np.nan_to_num(f_classif(_logs(tokens), y_index)[0], nan=-1.0, posinf=np.inf)
        self.tokens_ = np.sort(np.argsort(-told_apart, kind="stable")[:wanted])

    def _inputs(self, X: Matrix) -> Matrix:
        if isinstance(X, SplitMatrix) and self.n_dense == X.n_dense:
            inputs = np.empty((X.shape[0], X.n_dense + len(self.tokens_)), dtype=np.float32)
            inputs[:, : X.n_dense] = X.dense
            inputs[:, X.n_dense :] = X.tokens[:, self.tokens_].toarray()
            return inputs
        dense, chosen = self._dense(X).astype(np.float32), self._tokens(X)[:, self.tokens_].astype(np.float32)
        if not sparse.issparse(chosen):
            return np.hstack([dense, chosen])
        return sparse.csr_matrix(sparse.hstack([sparse.csr_matrix(dense), chosen]))  # LightGBM takes no sparse array

    def decision_of(self, blocks: Sequence[NDArray[np.floating]]) -> Floats:
        """Return the same of numbers as float32, which these trees have learnt from."""
        return super().decision_of([block.astype(np.float32, copy=False) for block in blocks])

    def _blocks(self, X: SplitMatrix) -> list[NDArray[Any]]:
        own = [] if X.own is None else [X.own]
        chosen = X.tokens[:, self.tokens_].astype(np.float32)
        return [*own, X.shared.single, chosen.toarray(order="F")]

    def _to_columns(self, parts: Matrix, n_features: int) -> Matrix:
        n_dense = parts.shape[1] - len(self.tokens_)
        columns = np.concatenate([np.arange(n_dense), n_dense + self.tokens_])
        shape = (parts.shape[0], n_features)
        if sparse.issparse(parts):
            entries = parts.tocoo()
            return sparse.csr_array((entries.data, (entries.row, columns[entries.col])), shape=shape)
        full = np.zeros(shape)
        full[:, columns] = parts
        return full

    def _tokens(self, X: Matrix) -> Matrix:
        return token_block(X, X.shape[1] if self.n_dense is None else self.n_dense)


def _logs(tokens: Matrix) -> Matrix:
    """Return log counts: a count's own spread would let a few heavy users decide."""
    return abs(tokens).log1p() if sparse.issparse(tokens) else np.log1p(np.abs(tokens))
