"""Who is drawn where not all customers are wanted: those of the lowest lots, whatever else is known of them.

A lot is a salted portable hash of the id: a sample is random, the same on every engine, and grows by adding. It has
nothing to do with the hash that decides who is a test customer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.columns import CUSTOMER
from pipeline.engine import QueryEngine

LOT = "_lot"


def with_lots(engine: QueryEngine, customers: ir.Table) -> ir.Table:
    """Return a table of customers with the lot of each, in 0 … 2**32 - 1."""
    return customers.mutate(**{LOT: engine.hash32(ibis.literal("train:") + customers[CUSTOMER])})


@dataclass
class Lottery:
    """Keeps the customers of the lowest lots among those that come in parts; of equal lots the first ids.

    Attributes
    ----------
    at_most
        Customers that are kept. No more than these and one part are held.
    n
        Customers that have come.
    bound
        Lot above which nobody is drawn any more; None as long as all who came are.

    Examples
    --------
    >>> lottery = Lottery(2)
    >>> for ids, lots in (["c", "a"], [7, 3]), (["b"], [5]):
    ...     lottery.add(pa.table({"customer_id": ids, "_lot": lots}))
    >>> lottery.drawn()["customer_id"].to_pylist(), lottery.n, lottery.bound
    (['a', 'b'], 3, 5)
    """

    at_most: int
    n: int = field(default=0, init=False)
    bound: int | None = field(default=None, init=False)
    _parts: list[pa.Table] = field(default_factory=list, init=False, repr=False)

    def add(self, part: pa.Table) -> None:
        """Take part of the customers: a table with their ids and lots, and what else is wanted of them."""
        self.n += len(part)
        self._parts.append(part if self.bound is None else part.filter(pc.field(LOT) <= self.bound))
        if sum(map(len, self._parts)) > self.at_most:
            ordered = self._all().sort_by([(LOT, "ascending"), (CUSTOMER, "ascending")])
            self._parts = [ordered.slice(0, self.at_most).combine_chunks()]
            self.bound = int(self._parts[0][LOT][-1].as_py())

    def _all(self) -> pa.Table:
        return pa.concat_tables(self._parts, promote_options="default")

    def drawn(self) -> pa.Table:
        """Return the rows of those drawn, sorted by id."""
        return self._all().sort_by(CUSTOMER)

    @property
    def sampled_from(self) -> int | None:
        """Return how many customers these were drawn from; None if they are all."""
        return self.n if self.n > self.at_most else None


def ids_of(table: pa.Table) -> np.ndarray:
    """Return a table's customers, shape (n_rows,), as Python's texts."""
    return np.array(table[CUSTOMER].to_pylist(), dtype=object)
