"""What every index does; `tests/lookalike/index/test_contract.py` is the contract in full."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from pipeline.lookalike.vectors import Floats, Ids


@runtime_checkable
class VectorIndex(Protocol):
    """Nearest neighbours by cosine similarity, in [-1, 1], among the vectors of customers."""

    kind: str

    def fit(self, vectors: Floats, ids: Ids, snapshot: str | None = None) -> Self:
        """Forget what was there and hold `vectors` (n, d), known as `ids` (n,)."""

    def search(self, queries: Floats, k: int, exclude: Collection[str] | None = None) -> tuple[Ids, Floats]:
        """Return ids and cosine similarities, both (m, k), of the `k` nearest of each query, best first."""

    def erase(self, ids: Collection[str]) -> int:
        """Forget these customers for good; return how many of them were held."""

    def save(self, path: Path | str) -> None:
        """Write the index to one file, whole or not at all."""

    @classmethod
    def load(cls, path: Path | str, expect: str | None = None) -> Self:
        """Read an index that `save` wrote, of the snapshot `expect` if one is named."""
