"""What the approximate indexes share: recall is measured against exact search before anyone may use them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.lookalike.index.engine import faiss, threads_for
from pipeline.lookalike.index.faiss_index import FaissIndex
from pipeline.lookalike.vectors import Floats, Rows, UnitRows

_Z = 1.644854  # of the normal distribution, one-sided 95 %
_ROUNDING = 2e-6  # of inner products that are summed in another order


class ApproximateIndex(FaissIndex):
    """Looks at a part of the vectors only; fitting turns its dial, `effort`, up until recall is reached.

    Parameters
    ----------
    min_recall
        In [0, 1]. Fitting and saving fail unless recall is at least this with 95 % confidence: the sample says
        more of the least effort that seems enough than is true of queries that come later.
    effort
        How much a search looks at; each index says in which unit. None: the least that reaches `min_recall`.
    recall_at
        k of the recall that is measured.
    sample
        Number of vectors that are used as queries when recall is measured.
    seed
        Of the sample and of what is random in building.

    Attributes
    ----------
    recall_ : float
        Share of the `recall_at` answers that are as near as the exact k-th neighbour, mean over the
        sample. An answer equally near counts (Aumüller, Bernhardsson & Faithfull 2020, ANN-Benchmarks,
        Information Systems 87, section 3.6). The query itself, which is in the index, does not count, and
        nearness is that of the vectors as given, also where the index keeps rounded ones.
    recall_low_ : float
        Lower end of its one-sided 95 % interval, from the spread between the queries of the sample.
    effort_ : int
        The effort that is spent.
    """

    def __init__(
        self,
        min_recall: float = 0.95,
        effort: int | None = None,
        recall_at: int = 100,
        sample: int = 500,
        seed: int = 0,
    ) -> None:
        self.min_recall = min_recall
        self.effort = effort
        self.recall_at = recall_at
        self.sample = sample
        self.seed = seed

    def _built(self, unit: UnitRows) -> Any:
        index = self._construct(unit)
        self._judge(index, unit)
        return index

    def _judge(self, index: Any, unit: UnitRows) -> None:
        """Set `effort_` and `recall_`; ModelError if no effort is enough."""
        rows = np.sort(np.random.default_rng(self.seed).permutation(len(unit))[: self.sample])
        k = min(self.recall_at, len(unit) - 1)
        if k < 1:
            self.effort_, self.recall_, self.recall_low_ = self.effort or 1, 1.0, 1.0
            return
        queries = unit[rows]
        kth = kth_nearest_other(unit, rows, queries, k)

        def measured(effort: int) -> float:
            self.effort_ = effort
            with threads_for(float(len(rows)) * len(unit) * unit.width):
                _, found = self._search_faiss(index, queries, k + 1, None, len(unit), everywhere=False)
            shares = recall_of(found, unit, rows, queries, kth)
            self.recall_ = float(shares.mean())
            self.recall_low_ = self.recall_ - _Z * float(shares.std()) / np.sqrt(len(shares))
            return self.recall_low_

        efforts = [self.effort] if self.effort else doubled(*self._efforts(index))
        enough, low = least_effort(measured, efforts, self.min_recall)
        if enough != self.effort_:  # the last one tried was too little
            low = measured(enough)
        if low < self.min_recall:
            raise ModelError(
                f"{self.kind} index of {len(unit)} vectors: recall@{k} is {self.recall_:.3f} with an effort of "
                f"{self.effort_} {self.unit}, at least {low:.3f} with 95 % confidence; required is "
                f"{self.min_recall:.3f}. {self._advice()}"
            )

    def _settings(self) -> dict[str, Any]:
        names = ("min_recall", "effort", "recall_at", "sample", "seed", "effort_", "recall_", "recall_low_")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any]) -> Self:
        names = ("min_recall", "effort", "recall_at", "sample", "seed")
        index = cls(**{name: settings[name] for name in names})
        index.effort_, index.recall_ = settings["effort_"], settings["recall_"]
        index.recall_low_ = settings["recall_low_"]
        return index

    unit: str  # of `effort`

    @abstractmethod
    def _construct(self, unit: UnitRows) -> Any:
        """Return a FAISS index of the vectors, not yet judged."""

    @abstractmethod
    def _efforts(self, index: Any) -> tuple[int, int]:
        """Return the least and the largest effort worth trying."""

    def _advice(self) -> str:
        return "Use the exact index (raise exact_up_to), another kind, or lower min_recall."


def doubled(least: int, most: int) -> list[int]:
    """Return `least`, twice that, and so on to `most`.

    >>> doubled(1, 10)
    [1, 2, 4, 8, 10]
    """
    return sorted({least * 2**step for step in range(most.bit_length()) if least * 2**step < most} | {most})


def least_effort(measured: Callable[[int], float], efforts: list[int], required: float) -> tuple[int, float]:
    """Return the least effort whose recall is enough, and the recall; the last one if none is.

    Efforts are tried in turn; between the first that is enough and the one before, three halvings follow.

    >>> least_effort(lambda effort: effort / 100, [1, 2, 4, 8, 16, 32, 64], 0.4)
    (40, 0.4)
    """
    below = 0
    for enough in efforts:
        recall = measured(enough)
        if recall >= required:
            break
        below = enough
    if recall < required or enough == efforts[0]:
        return enough, recall
    for _ in range(3):
        between = (below + enough) // 2
        if between == below:
            break
        value = measured(between)
        below, enough, recall = (below, between, value) if value >= required else (between, enough, recall)
    return enough, recall


def kth_nearest_other(unit: UnitRows, rows: Rows, queries: Floats, k: int) -> Floats:
    """Return the similarity, (m, 1), of the k-th nearest other vector to each of `rows`, by exact search."""
    best = np.full((len(rows), k), -2, dtype=np.float32)
    for start, block in unit.blocks():
        with threads_for(float(len(rows)) * len(block) * unit.width):
            scores, found = faiss.knn(queries, block, min(k + 1, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
        scores[found + start == rows[:, None]] = -2
        together = np.hstack([best, scores])
        best = -np.partition(-together, k - 1, axis=1)[:, :k]
    return best.min(axis=1, keepdims=True)


def recall_of(found: Rows, unit: UnitRows, rows: Rows, queries: Floats, kth: Floats) -> NDArray[np.float64]:
    """Return of each query, (m,), the share of its k answers that are as near as the k-th.

    `found` are numbers of vectors, (m, k + 1), with or without the query's own.
    """
    k = found.shape[1] - 1
    others = found != rows[:, None]
    kept = others & (np.cumsum(others, axis=1) <= k) & (found >= 0)
    near = np.empty(found.shape, dtype=np.float32)
    for i in range(len(rows)):
        near[i] = unit[np.maximum(found[i], 0)] @ queries[i]
    shares: NDArray[np.float64] = ((near >= kth - _ROUNDING) & kept).sum(axis=1) / k
    return shares
