"""From components of the behaviour vector, which say nothing to a reader, back to the tokens they are made of."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from pipeline.features.matrix import FeatureMatrix
from pipeline.features.naming import is_component
from pipeline.model.blocks import Floats, Matrix

_CELLS = 4_000_000  # rows x tokens doubles that are held at a time


def to_tokens(pushes: Matrix, matrix: FeatureMatrix) -> sp.csr_array:
    """Return contributions in which those of vector components are handed on to the customers' tokens.

    A component is a sum over a customer's tokens, weight x loading. What it contributes goes to those tokens that pull
    it to where it is, above or below zero, in proportion to their pull (layer-wise relevance propagation with
    alpha = 1, beta = 0: Bach et al. 2015, doi:10.1371/journal.pone.0130140). Row sums stay the same; shares cannot
    blow up where pulls cancel each other out, as plain proportions would.

    Parameters
    ----------
    pushes
        Contributions of the features to one score, shape (n_customers, n_features).
    matrix
        The same customers and features.

    Returns
    -------
    CSR, shape (n_customers, n_features)
        A customer without tokens keeps the components' contributions; so does everybody where `matrix.loadings`
        is None.
    """
    pushes = sp.csr_array(pushes)
    at = np.flatnonzero(is_component(matrix.names[: matrix.n_dense]))
    if matrix.loadings is None or not len(at):
        return pushes
    up, down = np.maximum(matrix.loadings, 0.0), np.maximum(-matrix.loadings, 0.0)
    tokens = sp.csr_array(matrix.X[:, matrix.n_dense :])
    tokens = tokens if matrix.weights is None else sp.csr_array(matrix.weights.transform(tokens))
    rows = max(1, _CELLS // max(1, tokens.shape[1]))
    parts = [
        _rows_to_tokens(pushes[start : start + rows], tokens[start : start + rows], at, up, down)
        for start in range(0, pushes.shape[0], rows)
    ]
    return sp.csr_array(sp.vstack(parts, format="csr")) if parts else pushes


def _rows_to_tokens(
    pushes: sp.csr_array, tokens: sp.csr_array, at: np.ndarray, up: Floats, down: Floats
) -> sp.csr_array:
    pull_up, pull_down = tokens @ up.T, tokens @ down.T  # (n, dimensions)
    above = pull_up >= pull_down
    pull = np.where(above, pull_up, pull_down)
    amount = pushes[:, at].toarray()
    per_pull = np.divide(amount, pull, out=np.zeros_like(amount), where=pull > 0)
    spread = np.where(above, per_pull, 0.0) @ up + np.where(above, 0.0, per_pull) @ down
    by_token = sp.csr_array(tokens.multiply(spread))
    kept = np.ones(pushes.shape[1])
    kept[at] = 0.0
    left = np.zeros((pushes.shape[0], pushes.shape[1] - tokens.shape[1]))
    left[:, at] = np.where(pull > 0, 0.0, amount)
    handed_on = sp.hstack([sp.csr_array(left), by_token], format="csr")
    return sp.csr_array(pushes.multiply(kept) + handed_on)
