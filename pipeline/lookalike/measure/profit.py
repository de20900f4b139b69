"""What an audience of each size earns where the value of a response and the cost of a contact are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.errors import ConfigError
from pipeline.lookalike.measure.reach import ReachCurve, draw_of, recall_at

_RESAMPLES = 500


@dataclass(frozen=True)
class Profit:
    """Profit by audience size and the size of the highest, in the unit of `value` and `cost`.

    `table` has `size`, `value_per_contact` (before its cost) and `profit` of the whole audience, each with `_low` and
    `_high`, the ends of the interval of the reach curve. `best_size` is 0 where no size earns anything; its 95 %
    interval is that of resampled members. `best_profit` is the profit there; as the largest of several estimates it is
    somewhat flattering, its interval is not.
    """

    table: pd.DataFrame
    best_size: int
    best_low: int
    best_high: int
    best_profit: float


def profit(curve: ReachCurve, value: float, cost: float, response_rate: float, random_state: int = 0) -> Profit:
    """Return what audiences earn, if customers respond in proportion to their likeness to the seed.

    An audience of size m with lift L yields m * (value * response_rate * L - cost).

    Parameters
    ----------
    curve
        Of the ranking; its lift is taken as that of the response, which holds where the seed is a sample of those who
        respond.
    value, cost
        Of one response, above 0, and of one contact, at least 0, in the same money.
    response_rate
        Of random available customers, in (0, 1].
    random_state
        Of the bootstrap over members.

    Raises
    ------
    ConfigError
        A number out of its range, or a response rate that the lift of the curve raises above 1.

    Notes
    -----
    Earnings are gross: those who would have responded without contact are counted, too.
    """
    if not (value > 0 and cost >= 0 and 0 < response_rate <= 1):
        raise ConfigError(
            f"profit: value={value}, cost={cost}, response_rate={response_rate}; value must be above 0, cost at least "
            "0 and the response rate in (0, 1]."
        )
    most = 1 / float(curve.table["lift"].max())
    if response_rate > most:
        raise ConfigError(
            f"profit: response_rate={response_rate:g} cannot be that of customers at random: the first members are "
            f"{1 / most:.1f} times as likely to be like the seed, and would respond more than once. At most {most:.2g} "
            "fits."
        )
    sizes = curve.table["size"].to_numpy()
    worth = value * response_rate
    columns = {"size": sizes}
    for end in ("", "_low", "_high"):
        lift = curve.table[f"lift{end}"].to_numpy()
        columns |= {f"value_per_contact{end}": worth * lift, f"profit{end}": sizes * (worth * lift - cost)}
    best, most = _best(curve, sizes, worth, cost, None)
    rng = np.random.default_rng(random_state)
    drawn = [_best(curve, sizes, worth, cost, draw_of(curve.n_seed, rng))[0] for _ in range(_RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Profit(pd.DataFrame(columns), best, min(int(low), best), max(int(np.ceil(high)), best), most)


def _best(
    curve: ReachCurve, sizes: np.ndarray, worth: float, cost: float, weights: np.ndarray | None
) -> tuple[int, float]:
    """Return the size of the highest profit and that profit, (0, 0) if none is above 0."""
    earned = worth * curve.n_available * recall_at(curve.standing, sizes, weights) - cost * sizes
    best = int(np.argmax(earned))
    return (int(sizes[best]), float(earned[best])) if earned[best] > 0 else (0, 0.0)
