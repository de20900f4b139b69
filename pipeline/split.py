"""Who is a test customer: decided by a fixed hash of the id, the same on every engine and machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


def hash32(text: str) -> int:
    """Return the first 32 bits of the text's MD5, in 0 … 2**32 - 1; engines compute the same number.

    >>> hash32("a")
    214005177
    """
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16)


def folds(customers: Iterable[str], n_folds: int, salt: str) -> np.ndarray:
    """Return each customer's fold, shape (n_customers,), in 0 … n_folds - 1.

    A customer's fold depends on its id and the salt alone: it stays when others come or go.

    >>> folds(["a", "b"], 5, "repeat 0").tolist() == folds(["b", "a"], 5, "repeat 0")[::-1].tolist()
    True
    """
    return np.array([hash32(f"{salt}:{customer}") % n_folds for customer in customers], dtype=np.int64)
