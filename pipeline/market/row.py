"""One row of the table of markets: what may be told of a segment's people and of what they are worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.market.census import Poststratified
from pipeline.market.money import Measured, Money, money, response_of
from pipeline.market.sizing import Market
from pipeline.market.worth import Brought, Values, brought
from pipeline.settings import Settings
from pipeline.settings.market import Worth

SILENT, MONEY_SILENT = "if_silent_differ", "money_if_silent_differ"


@dataclass(frozen=True)
class _Told:
    """How many told, and how many of them are inside, of which too small a number must not follow from others."""

    n_base: int
    n_told: int
    n_inside: int
    least: int

    @property
    def is_small(self) -> bool:
        """Tell whether so few of those who told are inside, or are not, that neither number is told."""
        return any(0 < n < self.least for n in (self.n_inside, self.n_told - self.n_inside, self.n_told))

    def rough(self, figure: Measured | None) -> Measured | None:
        """Return a number of people whose ends do not give away how many told that they are inside.

        No interval begins below those who are known to be inside, or ends above those who may be; where it begins or
        ends there and a number is small, it is drawn out to where it would be if the number were the smallest or the
        largest that is not told.
        """
        if figure is None or not self.is_small:
            return figure
        most = self.n_base - self.n_told + self.n_inside
        low, high = figure.low, figure.high
        if low <= self.n_inside + 1:
            low = 0.0 if self.n_inside < self.least else max(0.0, float(self.n_told - self.least))
        if high >= most - 1:
            inside = self.least if self.n_inside < self.least else self.n_told
            high = float(min(self.n_base, self.n_base - self.n_told + inside))
        return Measured(figure.mean, min(low, figure.low), max(high, figure.high))


def market_row(
    settings: Settings, found: Market, beyond: Poststratified | None, values: Values | None
) -> dict[str, Any]:
    """Return a segment's row, without what would tell of fewer than `market.min_cell` customers.

    Parameters
    ----------
    beyond
        Its share of a population, where one is declared.
    values
        What customers are expected to bring, where that is asked for.
    """
    chosen, size = settings.market, found.size
    few = size.people is not None and size.people.mean < chosen.min_cell
    told = _Told(size.n_base, size.n_told, size.n_inside, chosen.min_cell)
    row: dict[str, Any] = {"segment": found.name, "where": found.where, "how": found.how, "base": size.n_base}
    row |= {"told": _hidden(size.n_told, chosen.min_cell)}
    row |= {"told_inside": np.nan if told.is_small else float(size.n_inside)}
    row |= {"stated_besides": _hidden(size.n_stated, chosen.min_cell)}
    row |= {"comparable": _hidden(size.n_comparable, chosen.min_cell)}
    row |= _ends("naive", None if few or told.is_small else size.naive)
    row |= _ends("people", None if few else told.rough(size.people))
    row |= _ends(SILENT, None if few else told.rough(size.if_silent_differ))
    bounds = told.rough(Measured(float("nan"), *size.bounds))
    row |= {"at_least": np.nan, "at_most": np.nan}
    if bounds is not None and not few:
        row |= {"at_least": bounds.low, "at_most": bounds.high}
    row["why_not"] = size.reason
    if few:
        row["why_not"] = f"fewer than {chosen.min_cell} people"
    elif size.reason and told.is_small:
        row["why_not"] = "of those who told too few are inside, or too few are not, for a correction"
    if size.people is not None and not few:
        row |= _money(settings, found) if values is None else _brought(brought(found, values, chosen.min_cell))
    if beyond is not None and chosen.population is not None and not few:
        total = chosen.population.size
        people = Measured(beyond.share.mean * total, beyond.share.low * total, beyond.share.high * total)
        row |= {"population": chosen.population.name} | _ends("population_share", beyond.share)
        row |= _ends("population_people", people) | {"base_share": beyond.base_share}
        row |= {"effective": beyond.n_effective}
        if isinstance(chosen.worth, Worth):
            row |= _times(settings, people, chosen.worth, "population_")[0]
    return row


def _money(settings: Settings, found: Market) -> dict[str, float]:
    """Return people times response times worth, and the same of the people if the silent differ."""
    worth, size = settings.market.worth, found.size
    if not isinstance(worth, Worth) or size.people is None:
        return {}
    row, total = _times(settings, size.people, worth, "")
    if size.silent is None:
        return row
    every = [total, *(_times(settings, one.people, worth, "")[1] for one in size.silent)]
    wide = Measured(total.mean, min(one.low for one in every), max(one.high for one in every))
    return row | _ends(MONEY_SILENT, wide)


def _times(settings: Settings, people: Measured, worth: Worth, prefix: str) -> tuple[dict[str, float], Measured]:
    each = Measured(worth.mean, *(worth.mean if end is None else end for end in (worth.low, worth.high)))
    found: Money = money(people, _response(settings), each, settings.seed)
    parts = {f"{prefix}due_to_{name}": share for name, share in found.due_to.items()}
    return _ends(f"{prefix}money", found.total) | _ends(f"{prefix}worth", each) | parts, found.total


def _brought(found: Brought | None) -> dict[str, float]:
    """Return what a segment's people are expected to bring."""
    if found is None:
        return {}
    return _ends("money", found.total) | _ends(MONEY_SILENT, found.if_silent_differ) | _ends("worth", found.each)


def _response(settings: Settings) -> tuple[float, float] | float:
    response = settings.market.response
    if response is None:
        return 1.0
    if response.rate is not None:
        return float(response.rate)
    return response_of(response.responders or 0, response.contacted or 1)


def _ends(name: str, figure: Measured | None) -> dict[str, float]:
    if figure is None:
        return {name: np.nan, f"{name}_low": np.nan, f"{name}_high": np.nan}
    return {name: figure.mean, f"{name}_low": figure.low, f"{name}_high": figure.high}


def _hidden(n: int, least: int) -> float:
    return float("nan") if 0 < n < least else float(n)
