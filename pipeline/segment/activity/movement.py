"""Movement between segments from one instant to the next: how many went where, against what chance would do."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.plots import wilson
from pipeline.segment.cells import OTHER, counted, merged_counts

ABSENT = "not there yet"
COLUMNS = ("was", "is", "n", "n_was", "share", "low", "high", "baseline")


def transitions(
    was: NDArray[np.object_], now: NDArray[np.object_], order: tuple[str, ...], min_cell: int
) -> pd.DataFrame:
    """Return one row per pair of segments that customers were in and are in.

    Parameters
    ----------
    was, now
        Each customer's segment at both instants, shape (n,); None or NaN in `was` for those who were not there yet.
    order
        Segments in the order of the rows.
    min_cell
        Pairs of fewer customers are merged; where even these are fewer, they are left out, also of `n_was`.

    Returns
    -------
    DataFrame
        `share` of those who were in `was`, with a 95 % Wilson interval; `baseline`: the share of all customers of the
        table who are in `is` now, which the share would be if where one was did not matter.
    """
    begin = np.array([ABSENT if pd.isna(name) else name for name in was], dtype=object)
    shown = merged_counts(counted(begin), min_cell, leave_out=True)
    begin = np.array([name if name in shown else OTHER for name in begin], dtype=object)
    everywhere = pd.Series(now).value_counts(normalize=True)
    rows = []
    for name in [name for name in (*order, OTHER, ABSENT) if name in shown]:
        own = counted(now[begin == name])
        cells = merged_counts({key: own[key] for key in (*order, OTHER) if key in own}, min_cell, leave_out=True)
        n_was = sum(cells.values())
        for target, n in cells.items():
            low, high = wilson(np.array(n), np.array(n_was))
            among = [key for key in everywhere.index if (key if key in cells else OTHER) == target]
            baseline = float(everywhere[among].sum())
            rows.append((name, target, n, n_was, n / n_was, float(low), float(high), baseline))
    return pd.DataFrame(rows, columns=list(COLUMNS))
