"""Which customers a training reads, where there are more than are needed: a fixed random sample by a hash of the id."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.columns import CUSTOMER
from pipeline.engine import DuckDBEngine
from pipeline.features.matrix import read_dense
from pipeline.labels.lots import LOT, Lottery, ids_of, with_lots
from pipeline.outputs import read_manifest


def draw(engine: DuckDBEngine, snapshot: Path, at_most: int) -> np.ndarray:
    """Return the ids of a random sample of a snapshot's customers, sorted; of all where there are no more.

    Who is drawn is decided in the database, bucket by bucket: no more than a bucket's ids are held beside the sample's.

    Parameters
    ----------
    at_most
        Customers that are drawn, those of the lowest lots.
    """
    lottery = Lottery(at_most)
    for bucket in range(read_manifest(snapshot)["buckets"]):
        lots = with_lots(engine, read_dense(engine, snapshot, [bucket]).select(CUSTOMER))
        if lottery.bound is not None:
            lots = lots.filter(lots[LOT] <= lottery.bound)
        lottery.add(engine.arrow(lots.order_by([LOT, CUSTOMER]).limit(at_most)))
    return ids_of(lottery.drawn())
