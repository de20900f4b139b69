"""What each customer was worth and will be, in tables, pictures and sentences."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from pipeline import plots
from pipeline.value.accuracy import DEVIANCE
from pipeline.value.concentration import SHARES, Concentration
from pipeline.value.forecast import Forecast
from pipeline.value.resampling import Estimate
from pipeline.value.told import Shown, Told

_METRICS = ("mae", "rmse", "spearman", "top_decile_capture", "calibration", DEVIANCE)
_NAMES = {
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "spearman": "rank correlation",
    "top_decile_capture": "held by the top tenth",
    "calibration": "expected : came",
    DEVIANCE: "deviance",
}


def tell_concentration(told: Told, found: Concentration, span: str) -> None:
    """Add how few customers bring most of the value; `span` names the time in words."""
    rows = [{"figure": "gini", "estimate": found.gini.estimate, "low": found.gini.low, "high": found.gini.high}]
    for share, one in found.held.items():
        rows.append({"figure": f"held_by_top_{share:g}", "estimate": one.estimate, "low": one.low, "high": one.high})
    told.tables["concentration"] = pd.DataFrame(rows).assign(n=found.n)
    told.tables["concentration_curve"] = found.curve
    told.metrics |= {"gini": found.gini.estimate, "gini_low": found.gini.low, "gini_high": found.gini.high}
    told.metrics |= {f"held_by_top_{share:g}": found.held[share].estimate for share in SHARES}
    told.pictures["concentration.png"] = partial(plots.concentration, found.curve, found.gini.words("{:.3f}"), found.n)
    top = found.held[0.10]
    told.lines.append(
        f"Concentration {span}: the best tenth of {found.n:,} customers brought {_percent(top)} of {found.total:,.0f}, "
        f"the best fifth {_percent(found.held[0.20])} (10% and 20% if all were alike); Gini {found.gini.words()}. "
        f"{found.n_none:,} customers brought nothing, {found.n_negative:,} less than nothing ({found.negative:,.0f} in "
        "all, which are counted as nothing here)."
    )


def tell_forecast(told: Told, found: Forecast, days: int, came: float) -> None:
    """Add what the coming horizon is expected to bring, and how good such expectations were; `came`: the last one's."""
    told.tables["forecast_accuracy"] = found.table
    told.tables["forecast_tenths"] = found.tenths
    by_method = {name: _by_metric(part) for name, part in found.table.groupby("method", sort=False)}
    own = by_method[found.method]
    told.metrics |= {f"forecast/{name}": own[name].estimate for name in _METRICS}
    told.metrics["forecast/expected_total"] = float(found.expected.sum())
    told.pictures["forecast.png"] = partial(plots.expected_and_came, found.tenths, found.method)
    rows = []
    for name, figures in by_method.items():
        cells = [_cell(figures[metric], metric) for metric in _METRICS]
        rows.append([f"{name} (chosen)" if name == found.method else str(name), *cells])
    n, best = int(found.table["n"].iloc[0]), own["best_capture"].estimate
    told.shown.append(
        Shown(
            f"Value of the next {days} days, judged out of time on {n:,} customers of whom nothing was learnt",
            ["method", *(_NAMES[metric] for metric in _METRICS)],
            rows,
            f"95 % bootstrap intervals; a perfect order would give the top tenth {best:.0%}. 'repeats': the last "
            "horizon comes again. The method is chosen by its deviance on the other half.",
        )
    )
    factor = found.calibration[0]
    off = f"expectations were {abs(factor - 1):.0%} too {'high' if factor > 1 else 'low'} the last time"
    told.lines.append(
        f"Expected of the next {days} days: {found.expected.sum():,.0f} from {len(found.expected):,} customers (the "
        f"last {days} days brought {came:,.0f}); {off}, so much may sums be off again."
    )
    for name, why in found.skipped.items():
        told.miss(f"method {name}", why)


def _by_metric(part: pd.DataFrame) -> dict[str, Estimate]:
    ends = zip(part["estimate"], part["low"], part["high"], strict=True)
    return {str(name): Estimate(*found) for name, found in zip(part["metric"], ends, strict=True)}


def _cell(found: Estimate, metric: str) -> str:
    return found.words("{:.0f}" if metric in ("mae", "rmse") and found.estimate >= 100 else "{:.2f}")


def _percent(one: Estimate) -> str:
    return one.words("{:.0%}") if np.isfinite(one.estimate) else "–"
