"""One row of the table of markets: what may be told of a segment's people and of what they are worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.market.census import Poststratified
from pipeline.market.money import Measured, Money, money, response_of
from pipeline.market.sizing import Market
from pipeline.market.worth import Brought, Values, brought
from pipeline.settings import Settings
from pipeline.settings.market import Worth

SILENT, MONEY_SILENT = "if_silent_differ", "money_if_silent_differ"


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
    row: dict[str, Any] = {"segment": found.name, "where": found.where, "how": found.how, "base": size.n_base}
    row |= {"told": size.n_told, "told_inside": _hidden(size.n_inside, chosen.min_cell)}
    row |= {"stated_besides": _hidden(size.n_stated, chosen.min_cell)}
    few_told = few or 0 < size.n_inside < chosen.min_cell  # the hidden count could be worked out from these
    row |= {"comparable": size.n_comparable}
    row |= _ends("naive", None if few_told else size.naive) | _ends("people", None if few else size.people)
    row |= _ends(SILENT, None if few else size.if_silent_differ)
    row |= {"at_least": np.nan if few_told else size.bounds[0], "at_most": np.nan if few else size.bounds[1]}
    row["why_not"] = f"fewer than {chosen.min_cell} people" if few else size.reason
    if size.people is not None and not few:
        row |= _money(settings, found) if values is None else _brought(brought(found, values, settings.seed))
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
