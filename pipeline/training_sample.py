"""Which customers a training reads, where there are more than are needed: a fixed random sample by a hash of the id."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import ibis
import numpy as np
from numpy.typing import NDArray

from pipeline.columns import CUSTOMER
from pipeline.engine import DuckDBEngine
from pipeline.features.matrix import read_dense
from pipeline.labels.known import Labels


@dataclass(frozen=True)
class Drawing:
    """The customers of a snapshot in the order in which they are drawn.

    Attributes
    ----------
    customers
        Ids, shape (n,), sorted.
    lot
        Salted portable hash of each id, shape (n,): the lowest are drawn first. It has nothing to do with the hash that
        decides who is a test customer.
    """

    customers: NDArray[np.object_]
    lot: NDArray[np.int64]

    def first(self, at_most: int) -> NDArray[np.object_]:
        """Return the customers drawn first, sorted: a random sample of all.

        Examples
        --------
        >>> Drawing(np.array(["a", "b", "c"], object), np.array([7, 1, 3])).first(2).tolist()
        ['b', 'c']
        """
        if len(self.customers) <= at_most:
            return self.customers
        return self.customers[np.sort(np.argsort(self.lot, kind="stable")[:at_most])]

    def of(self, labels: Labels, at_most: int) -> Labels:
        """Return the labels of those drawn first among the customers who have one: a random sample of these."""
        if len(labels.y) <= at_most:
            return labels
        lot = self.lot[np.searchsorted(self.customers, labels.customers)]
        kept = np.sort(np.argsort(lot, kind="stable")[:at_most])
        return replace(labels, customers=labels.customers[kept], y=labels.y[kept], sampled_from=len(labels.y))


def draw(engine: DuckDBEngine, snapshot: Path) -> Drawing:
    """Return a snapshot's customers, those with an event before its as_of, with their lots."""
    known = read_dense(engine, snapshot).select(CUSTOMER)
    lots = known.mutate(_lot=engine.hash32(ibis.literal("train:") + known[CUSTOMER]))
    found = engine.arrow(lots.order_by(CUSTOMER))
    customers = np.array(found[CUSTOMER].to_pylist(), dtype=object)
    order = np.argsort(customers, kind="stable")
    return Drawing(customers[order], found["_lot"].to_numpy().astype(np.int64)[order])
