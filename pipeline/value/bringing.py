"""Which groups bring the value, in a table, a picture and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from pipeline import plots
from pipeline.lookalike.described.probability import Known
from pipeline.plots.text import plain
from pipeline.settings import Settings
from pipeline.value.forecast import Forecast
from pipeline.value.locomotives import Ahead, locomotives, remaining_value
from pipeline.value.membership import SEGMENT, Groups, Portrayed, attribute_groups, is_about_how_much
from pipeline.value.moment import Horizon, Moment
from pipeline.value.money import Purse
from pipeline.value.resampling import Estimate, in_first_half
from pipeline.value.told import Shown, Told

_SHOWN, _DRAWN = 6, 20
_FIGURES = ("lift", "lift_low", "lift_high", "on_top", "first_place", "value_share", "excess")
_CIRCULAR = " Segments are made from the very days that the value is of: read it as what they are, not as a forecast."


def tell_locomotives(
    told: Told,
    settings: Settings,
    purse: Purse,
    moments: tuple[Moment, Moment],
    horizon: Horizon,
    known: Portrayed,
    segments: tuple[Groups, Groups],
    ahead: Forecast | None,
) -> None:
    """Add the groups that bring more than their size.

    Parameters
    ----------
    moments
        Where groups are judged, and now.
    segments
        Groups of the customers of both, from the stage segments; empty ones where there are none.
    """
    judge, now = moments
    if judge.ahead is None or judge.lately is None:
        return
    before, today = (_attributes(settings, purse, part) for part in (known.before, known.now))
    groups = attribute_groups(before, settings.attributes, len(judge.customers)).beside(segments[0])
    if not groups.names:
        told.miss("locomotives", _why_none(settings, known))
        return
    expected = None
    if ahead is not None:
        later = attribute_groups(today, settings.attributes, len(now.customers)).beside(segments[1])
        remains = remaining_value(judge.lately, judge.ahead)
        factor, spread = ahead.calibration
        error = float(np.hypot(np.log(factor), np.nan_to_num(spread))) if factor > 0 else float("nan")
        expected = Ahead(later, ahead.expected, remains, error)
    chosen, first = settings.value, in_first_half(judge.customers)
    table = locomotives(
        groups, judge.ahead, first, expected, chosen.top_groups, chosen.min_cell, chosen.resamples, settings.seed
    )
    hidden = len(groups.names) - len(table)
    if not len(table):
        told.miss("locomotives", f"no group has {chosen.min_cell} customers in both halves (value.min_cell)")
        return
    told.tables["locomotives"] = table
    _show(told, table, horizon, int((~first).sum()), hidden, chosen.min_cell)


def _attributes(settings: Settings, purse: Purse, known: dict[str, Known]) -> dict[str, Known]:
    """Return the attributes that say more than how much is bought."""
    money = purse.money
    fields = [money.field, *([money.times] if money.times else [])]
    return {
        name: one
        for name, one in known.items()
        if not is_about_how_much(settings.attributes[name], [money.log], fields)
    }


def _why_none(settings: Settings, known: Portrayed) -> str:
    if not settings.attributes:
        return "the source has no attributes, and the stage segments has not been run"
    reasons = dict.fromkeys(known.skipped.values())
    listed = "; ".join(list(reasons)[:3]) or "what is left says only how much is bought"
    return f"no attribute can group the customers ({listed}), and the stage segments has not been run"


def _show(told: Told, table: pd.DataFrame, horizon: Horizon, n: int, hidden: int, min_cell: int) -> None:
    told.metrics["locomotive/groups"] = float(len(table))
    by_kind = {str(kind): part for kind, part in table.groupby("kind", sort=False)}
    for kind, part in by_kind.items():
        best = part.to_dict("records")[0]
        told.metrics |= {f"locomotive/{kind}/{name}": float(best[name]) for name in _FIGURES}
        told.pictures[f"locomotives_{kind}.png"] = partial(plots.locomotives, part.head(_DRAWN), n)
        told.lines.append(
            f"Locomotive by {kind}: {best['group']}: {best['members']:,.0f} of {n:,} customers brought "
            f"{_of(best, 'value_share', '{:.0%}')} of the value, {_of(best, 'lift', '{:.2f}')} times the average each, "
            f"on the half that did not choose it; it is the first in {best['first_place']:.0%} of the choosing half's "
            "resamples." + (_CIRCULAR if kind == SEGMENT else "")
        )
    rows = [
        [
            plain(row["group"], 32),
            f"{row['members']:,.0f}",
            _of(row, "value_share", "{:.0%}"),
            _of(row, "lift", "{:.2f}"),
            f"{row['on_top']:.0%}",
            _amount(row["now_value"]),
            f"{_amount(row['loss'])} [{_amount(row['loss_low'])}, {_amount(row['loss_high'])}]",
        ]
        for part in by_kind.values()
        for row in part.head(_SHOWN).to_dict("records")
    ]
    note = f"{hidden} groups of fewer than {min_cell} customers in a half are not shown. " if hidden else ""
    told.shown.append(
        Shown(
            f"Locomotives: value of the last {horizon.days} days by group, on {n:,} customers who did not choose them",
            ["group", "customers", "share of value", "times average", "on top", "to come", "lost if it lapsed"],
            rows,
            f"{note}Order: what a group brought beyond its size on the other half; on top: share of that half's "
            "resamples in which it is among the first. Groups overlap. 95 % intervals.",
        )
    )


def _of(row: Mapping[Any, Any], name: str, pattern: str) -> str:
    return Estimate(row[name], row[f"{name}_low"], row[f"{name}_high"]).words(pattern)


def _amount(value: float) -> str:
    """Return an amount with as few digits as its size allows.

    >>> _amount(1234567.0), _amount(45678.0), _amount(321.0)
    ('1.23M', '45.7K', '321')
    """
    if not np.isfinite(value):
        return "–"
    for unit, sign in ((1e6, "M"), (1e3, "K")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{sign}" if abs(value) < 1000 * unit else f"{value / unit:,.0f}{sign}"
    return f"{value:.0f}"
