"""Why a customer is in an audience: its three strongest reasons, in words."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.features.naming import readable
from pipeline.lookalike.explanation.surrogate import Surrogate
from pipeline.lookalike.population import Base

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

N_REASONS = 3
_CHUNK = 10_000


def reasons(surrogate: Surrogate, base: Base) -> NDArray[np.object_]:
    """Return each customer's three strongest reasons in words, (n,), joined by semicolons.

    A reason is a log and field whose features together push the customer's score up, told by the feature that
    pushes most. It depends on the customer's own row alone.

    Raises
    ------
    ModelError
        Fitted on other columns.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = sp.csr_matrix((rng.random((300, 2)) < 0.5).astype(float))
    >>> names = np.array(["shop__item=WINE", "shop__colour=RED"])
    >>> base = Base(np.array([f"c{i}" for i in range(300)]), X, np.zeros((300, 1), dtype=np.float32), names)
    >>> surrogate = Surrogate().fit(base, X[:, 0].toarray().ravel() + 0.01 * rng.random(300))
    >>> reasons(surrogate, base)[int(X[:, 0].argmax())].split("; ")[0]
    'shop: item WINE'
    """
    words = _Words(surrogate)
    told = np.full(len(base), "", dtype=object)
    for start in range(0, len(base), _CHUNK):
        chunk = base.rows(np.arange(start, min(start + _CHUNK, len(base))))
        rows, columns = _strongest(surrogate, surrogate.pushes(chunk))
        amounts = np.asarray(chunk.X[rows, columns]).ravel()
        parts: list[list[str]] = [[] for _ in range(len(chunk))]
        for row, column, amount in zip(rows.tolist(), columns.tolist(), amounts.tolist(), strict=True):
            parts[row].append(words.of(column, amount))
        told[start : start + len(parts)] = ["; ".join(part) for part in parts]
    return told


def _strongest(surrogate: Surrogate, pushes: sp.csr_matrix) -> tuple[Ints, Ints]:
    """Return rows and columns of at most three reasons per row, by row and falling strength of the subject."""
    total = surrogate.by_subject(pushes)
    row = np.repeat(np.arange(pushes.shape[0]), np.diff(pushes.indptr))
    group = surrogate.group_[pushes.indices]
    ranked = np.argsort(-total, axis=1, kind="stable")[:, :N_REASONS]
    found = [_largest(pushes.data, row, group == asked[row]) for asked in ranked.T]
    at = np.concatenate(found)
    at = at[total[row[at], group[at]] > 0]
    at = at[np.argsort(row[at], kind="stable")]  # of one row, the stronger subject comes first
    return row[at], pushes.indices[at].astype(np.int64)


def _largest(data: Floats, row: Ints, mask: Mask) -> Ints:
    """Return, for each row with masked entries, the place of its largest one; of equal ones the first."""
    own = np.flatnonzero(mask)
    starts = np.flatnonzero(np.diff(row[own], prepend=-1))
    if not len(starts):
        return own
    top = np.maximum.reduceat(data[own], starts)
    at = own[data[own] == np.repeat(top, np.diff(starts, append=len(own)))]
    return at[np.diff(row[at], prepend=-1) != 0]


class _Words:
    """Features in words, each looked up once."""

    def __init__(self, surrogate: Surrogate) -> None:
        self.surrogate = surrogate
        self.known: dict[int, str] = {}

    def of(self, column: int, amount: float) -> str:
        told = self.known.setdefault(column, readable(str(self.surrogate.names_[column])))
        if column >= self.surrogate.n_dense_:
            return told
        below = int(np.searchsorted(self.surrogate.percentiles_[:, column], amount, side="left"))
        percent = min(max(below, 1), 99)
        if self.surrogate.weights_[column] > 0:
            return f"{told} (more than {percent} % of the customers)"
        return f"{told} (less than {100 - percent} % of the customers)"
