"""What a segment's people are expected to bring in the time to come, from the stage value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.columns import CUSTOMER
from pipeline.damage import read_rows
from pipeline.errors import DataError
from pipeline.market.money import Measured, Z
from pipeline.market.sizing import EXPECTED, Market
from pipeline.model.blocks import Floats
from pipeline.outputs import MANIFEST, read_manifest
from pipeline.timeline import as_of_name
from pipeline.value.stage import EXPECTED as VALUE


@dataclass(frozen=True)
class Values:
    """What customers are expected to bring in the coming horizon: ids, sorted, and money, shape (n,) each."""

    ids: NDArray[np.str_]
    each: Floats

    def of(self, ids: NDArray[np.str_]) -> Floats:
        """Return the values of customers, shape of `ids`; NaN where nothing is expected of one."""
        at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[at] == ids, self.each[at], np.nan)


@dataclass(frozen=True)
class Brought:
    """What a segment's people bring together.

    Attributes
    ----------
    total
        With the 95 % interval of the estimate of who they are; the model of value is taken as it stands.
    if_silent_differ
        The same; its interval holds also what `MarketSize.silent` would bring. None where `total` is of the expected.
    each
        The mean of one of them, with its interval; None if too few are known for one.
    """

    total: Measured
    if_silent_differ: Measured | None
    each: Measured | None


def expected_values(outputs: Path, snapshot: Path) -> Values:
    """Return what each customer is expected to bring in the coming horizon; customers without it are left out.

    Raises
    ------
    DataError
        If the stage value has not been run on this snapshot, or could expect nothing.
    """
    folder = outputs / "value"
    if not (folder / MANIFEST).is_file():
        raise DataError(
            f"market.worth=value: {folder} holds no values; run the stage value first (stages=[value,market])"
        )
    made = read_manifest(folder)
    if made.get("snapshot") != read_manifest(snapshot)["fingerprint"]:
        raise DataError(
            f"market.worth=value: {folder} holds values of another snapshot than {snapshot.name} as it stands (they "
            f"are as of {as_of_name(made['as_of_us'])}); run the stage value again"
        )
    files = sorted((folder / "customers").glob("*.parquet"))
    parts = [read_rows(file, [CUSTOMER, VALUE]).drop_null() for file in files]
    table = pa.concat_tables(parts) if parts else pa.table({CUSTOMER: [], VALUE: []})
    ids, each = np.array(table[CUSTOMER].to_pylist(), dtype=np.str_), table[VALUE].to_numpy().astype(np.float64)
    order = np.argsort(ids)
    known = order[~np.isnan(each[order])]
    if not len(known):
        raise DataError(f"market.worth=value: {folder} expects nothing of anybody; its manifest says why ('missing')")
    return Values(ids[known], each[known])


def brought(found: Market, values: Values, least: int) -> Brought | None:
    """Return what a segment's people are expected to bring; None if the values of fewer than `least` are known.

    Where each customer's being inside is estimated (`MarketSize.outcomes`), money is the sum of that times its value:
    who is likelier inside may be worth more. Where the people are expected from probabilities alone, these weigh the
    mean, which is multiplied by the people as if the two were independent.
    """
    size, value = found.size, values.of(found.ids)
    if size.people is None:
        return None
    if found.how == EXPECTED:
        each = None if found.proba is None else mean_value(found.proba, value, least)
        return None if each is None else Brought(product(size.people, each), None, each)
    if size.outcomes is None or size.silent is None:
        return None
    each = mean_value(size.outcomes, value, least)
    if each is None:
        return None
    every = [
        _within(
            total_value(outcomes, np.where(np.isnan(value), each.mean, value), found.scale, people.is_certain),
            found,
            value,
        )
        for outcomes, people in [(size.outcomes, size.people), *((one.outcomes, one.people) for one in size.silent)]
    ]
    total = every[0]
    wide = Measured(total.mean, min(one.low for one in every), max(one.high for one in every))
    return Brought(total, wide, each)


def product(people: Measured, each: Measured) -> Measured:
    """Return people times what each brings, independent of each other, with its 95 % interval.

    The variance is Goodman's (1960, doi:10.1080/01621459.1960.10483369).

    >>> found = product(Measured(10.0, 8.0, 12.0), Measured.certain(-2.0))
    >>> round(found.low, 6), found.mean, round(found.high, 6)
    (-24.0, -20.0, -16.0)
    """
    mean = people.mean * each.mean
    spread = np.hypot(people.mean * each.error, each.mean * people.error)
    half = Z * float(np.hypot(spread, people.error * each.error))
    return Measured(mean, mean - half, mean + half)


def _within(total: Measured, found: Market, value: Floats) -> Measured:
    """Return the money no lower than what those known to be inside bring, and no higher than all who may be.

    Where somebody takes more than he brings neither is a limit.
    """
    if found.known is None or (value < 0).any():
        return total
    each = np.nan_to_num(value)
    least, most = (float(each[mask].sum()) * found.scale for mask in (found.known == 1, found.known != 0))
    if np.isnan(value).any():
        least, most = 0.0, np.inf
    return Measured(*(float(np.clip(end, least, most)) for end in (total.mean, total.low, total.high)))


def total_value(outcomes: Floats, value: Floats, scale: float, is_certain: bool) -> Measured:
    """Return the sum of outcomes times values, with the 95 % interval of the influence function.

    Each customer's outcome is its influence on the people, and times its value that on the money, which depends on
    behaviour alone.

    Parameters
    ----------
    outcomes
        What each customer stands for, shape (n,); NaN where there is no estimate.
    value
        Of each, shape (n,).
    scale
        Customers of the base per customer given.
    is_certain
        All of them are known to be inside or outside.
    """
    each = (outcomes * value)[~np.isnan(outcomes)]
    half = 0.0 if is_certain else Z * float(np.sqrt(((each - each.mean()) ** 2).sum()))
    total = float(each.sum())
    return Measured(total * scale, (total - half) * scale, (total + half) * scale)


def mean_value(outcomes: Floats, value: Floats, least: int = 1) -> Measured | None:
    """Return the mean value of a segment's people, with its 95 % interval; None if they are fewer than `least`.

    A ratio of sums over customers, of outcome times value and of outcomes, with the variance of its linearisation
    (Cochran 1977, Sampling Techniques, 3rd edition, section 6.3). The values themselves are taken as they stand: their
    own error is in the tables of the stage value.

    Parameters
    ----------
    outcomes
        Being in the segment, shape (n,): 0 or 1 where known, else an estimate; NaN where there is none.
    value
        Of each, shape (n,); customers with NaN are left out.
    """
    known = ~np.isnan(value) & ~np.isnan(outcomes)
    inside, value = outcomes[known], value[known]
    total = float(inside.sum())
    if total < max(1, least):
        return None
    mean = float(inside @ value) / total
    half = Z * float(np.sqrt(((inside * (value - mean)) ** 2).sum())) / total
    return Measured(mean, mean - half, mean + half)
