"""What one customer of a segment is worth in the time to come, from the stage value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.columns import CUSTOMER
from pipeline.errors import DataError
from pipeline.market.money import Measured, Z
from pipeline.market.sizing import Market, Read
from pipeline.model.blocks import Floats
from pipeline.outputs import MANIFEST, read_manifest
from pipeline.segment.rules.facts import Facts
from pipeline.settings.market import Worth
from pipeline.timeline import as_of_name
from pipeline.value.stage import EXPECTED


def expected_values(outputs: Path, as_of_us: int) -> dict[str, float]:
    """Return what each customer is expected to bring in the coming horizon, by id; customers without it are left out.

    Raises
    ------
    DataError
        If the stage value has not been run at this instant, or could expect nothing.
    """
    folder = outputs / "value"
    if not (folder / MANIFEST).is_file():
        raise DataError(
            f"market.worth=value: {folder} holds no values; run the stage value first (stages=[value,market])"
        )
    made = read_manifest(folder)["as_of_us"]
    if made != as_of_us:
        raise DataError(
            f"market.worth=value: {folder} holds values as of {as_of_name(made)}, not {as_of_name(as_of_us)}; run the "
            "stage value again"
        )
    files = sorted((folder / "customers").glob("*.parquet"))
    found: dict[str, float] = {}
    for file in files:
        table = pq.read_table(file, columns=[CUSTOMER, EXPECTED])
        value = table[EXPECTED].to_numpy().astype(np.float64)
        known = ~np.isnan(value)
        found |= dict(
            zip(np.array(table[CUSTOMER].to_pylist(), dtype=object)[known], value[known].tolist(), strict=True)
        )
    if not found:
        raise DataError(f"market.worth=value: {folder} expects nothing of anybody; its manifest says why ('missing')")
    return found


def worth_of(
    found: Market, read: Read, facts: Facts, values: dict[str, float], asked: Worth | str | None
) -> Measured | None:
    """Return what a response of a segment is worth, as given or expected; None if no money is told.

    Where no customer's being inside can be estimated, it is what those are expected to bring who are known to be.
    """
    if asked is None:
        return None
    if isinstance(asked, Worth):
        return Measured(asked.mean, *(asked.mean if end is None else end for end in (asked.low, asked.high)))
    if found.size.outcomes is not None:
        return mean_value(found.size.outcomes, found.ids, values)
    return mean_value(read.evaluated[found.name].members.astype(np.float64), facts.ids, values)


def mean_value(outcomes: Floats, ids: NDArray[np.str_], values: dict[str, float]) -> Measured | None:
    """Return the mean value of a segment's people, with its 95 % interval; None if there is nobody.

    A ratio of sums over customers, of outcome times value and of outcomes, with the variance of its linearisation
    (Cochran 1977, Sampling Techniques, 3rd edition, section 6.3). The values themselves are taken as they stand: their
    own error is in the tables of the stage value.

    Parameters
    ----------
    outcomes
        Being in the segment, shape (n,): 0 or 1 where known, else an estimate; NaN where there is none.
    values
        By id; customers without a value are left out.
    """
    value = np.array([values.get(str(one), np.nan) for one in ids])
    known = ~np.isnan(value) & ~np.isnan(outcomes)
    inside, value = outcomes[known], value[known]
    total = float(inside.sum())
    if total <= 0:
        return None
    mean = float(inside @ value) / total
    half = Z * float(np.sqrt(((inside * (value - mean)) ** 2).sum())) / total
    return Measured(mean, max(0.0, mean - half), mean + half)
