"""Overlap of all segments: who is in two at once, against what independence would give."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import scipy.sparse as sp

from pipeline import plots
from pipeline.columns import CUSTOMER, FAMILY, SEGMENT
from pipeline.errors import DataError
from pipeline.outputs import read_manifest
from pipeline.plots import wilson
from pipeline.segment.family import Family, Place, empty_rows
from pipeline.segment.membership import read_segments

COLUMNS = ("segment", "other", "n", "n_segment", "n_other", "share", "low", "high", "baseline", "lift")
_SHOWN = 24  # segments of the picture


def overlap(place: Place) -> Family | None:
    """Return how much of each segment lies in each other one; None if there are no segments."""
    try:
        found = place.engine.arrow(read_segments(place.engine, place.outputs)).to_pandas()
    except DataError:
        return None
    n = int(read_manifest(place.outputs / "profiles")["customers"])
    table = overlaps(found[CUSTOMER], found[FAMILY] + ": " + found[SEGMENT], n, place.chosen.min_cell)
    apart = table[table["n"].notna() & (table["segment"] < table["other"])]
    apart = apart[apart["segment"].str.partition(":")[0] != apart["other"].str.partition(":")[0]]
    strongest = apart.sort_values(["lift", "segment", "other"], ascending=[False, True, True]).head(3)
    lines = [
        f"Overlap: {row['share']:.0%} [{row['low']:.0%}, {row['high']:.0%}] of '{row['segment']}' are in "
        f"'{row['other']}', {row['lift']:.1f} times as many as of all customers."
        for _, row in strongest.iterrows()
    ]
    return Family(
        rows=empty_rows(),
        tables={"overlap": table},
        pictures={"overlap.png": partial(plots.overlap_matrix, table, limit=_SHOWN)},
        metrics={"segments": float(table["segment"].nunique()), "base": float(n)},
        lines=tuple(lines),
    )


def overlaps(customers: pd.Series, segments: pd.Series, n_base: int, min_cell: int) -> pd.DataFrame:
    """Return one row per ordered pair of segments.

    Parameters
    ----------
    customers, segments
        One entry per membership.
    n_base
        Customers in all.
    min_cell
        What would tell of fewer customers, those in both or those in the one alone, has no figures; segments of fewer
        are left out.

    Returns
    -------
    DataFrame
        `n` are in both; `share` of `segment`'s members are in `other`, with its 95 % Wilson interval; `baseline` is the
        share of the base that is in `other`, and `lift` the share over it.
    """
    column, found = pd.factorize(segments, sort=True)
    row, everybody = pd.factorize(customers)
    names = [str(name) for name in found]
    ones = np.ones(len(row), dtype=np.int64)
    member = sp.csr_matrix((ones, (row, column)), shape=(len(everybody), len(names)))
    both = (member.T @ member).toarray()
    sizes = np.diag(both)
    shown = np.flatnonzero(sizes >= min_cell)
    rows = []
    for i in shown:
        for j in shown[shown != i]:
            n, alone = int(both[i, j]), int(sizes[i] - both[i, j])
            baseline = sizes[j] / n_base
            told = (names[i], names[j], n, sizes[i], sizes[j])
            if 0 < n < min_cell or 0 < alone < min_cell or 0 < sizes[j] - n < min_cell:
                rows.append((*told[:2], np.nan, *told[3:], *[np.nan] * 3, baseline, np.nan))
                continue
            low, high = wilson(np.array(n), np.array(sizes[i]))
            share = n / sizes[i]
            rows.append((*told, share, float(low), float(high), baseline, share / baseline))
    return pd.DataFrame(rows, columns=list(COLUMNS))
