"""What speaks most for one customer's likeliest value, in words."""

from __future__ import annotations

import numpy as np

from pipeline.explanation.components import to_tokens
from pipeline.features.matrix import FeatureMatrix
from pipeline.features.naming import is_component, readable, subject
from pipeline.model.blocks import Floats
from pipeline.model.certified import CertifiedClassifier

N_REASONS = 3


def strongest(predictor: CertifiedClassifier, matrix: FeatureMatrix, likeliest: np.ndarray) -> list[str]:
    """Return each customer's three strongest reasons, joined by semicolons; empty where nothing speaks for the value.

    A reason is a log and field (`naming.subject`) whose features together push the value, told by the feature of it
    that pushes most, so that three reasons are three different ones; an aggregate is told with its amount, a token that
    the customer lacks as *none*.

    Parameters
    ----------
    matrix
        The customers.
    likeliest
        Position among the predictor's classes of the value that is to be explained, shape (n_customers,).
    """
    subjects, group = np.unique([subject(str(name)) for name in matrix.names], return_inverse=True)
    unnamed = is_component(matrix.names)
    told = [""] * len(likeliest)
    for position in np.unique(likeliest):
        rows = np.flatnonzero(likeliest == position)
        own = matrix.rows(rows)
        pushes = to_tokens(predictor.contributions(own.X, int(position)), own)
        for place, row in enumerate(rows):
            inside = slice(pushes.indptr[place], pushes.indptr[place + 1])
            columns, amounts = pushes.indices[inside], pushes.data[inside]
            named = ~unnamed[columns]
            chosen = _distinct(columns[named], amounts[named], group, len(subjects))
            told[row] = "; ".join(_words(matrix, int(row), int(column)) for column in chosen)
    return told


def _distinct(columns: np.ndarray, amounts: Floats, group: np.ndarray, n_groups: int) -> list[int]:
    """Return the columns that push most in each of the groups that together push most."""
    total = np.bincount(group[columns], amounts, minlength=n_groups)
    chosen = []
    for best in np.argsort(-total, kind="stable")[:N_REASONS]:
        own = group[columns] == best
        if total[best] > 0:
            chosen.append(int(columns[own][np.argmax(amounts[own])]))
    return chosen


def _words(matrix: FeatureMatrix, row: int, column: int) -> str:
    words = readable(str(matrix.names[column]))
    amount = matrix.X[row, column]
    if column >= matrix.n_dense:
        return words if amount else f"{words} (none)"  # trees learn from what is missing, too
    return f"{words} ({_number(amount)})" if np.isfinite(amount) else f"{words} (unknown)"


def _number(amount: float) -> str:
    """Return an amount with three digits, or as many as it has before its point.

    >>> _number(1234.5678), _number(2.0), _number(0.012345)
    ('1,235', '2', '0.0123')
    """
    return f"{amount:,.0f}" if abs(amount) >= 100 else f"{amount:.3g}"
