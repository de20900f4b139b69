"""How often the interval of a market's size holds the truth: `python -m tests.bench.market --help`.

Planted customers: what they do decides two attributes and, the active tell more, who tells which (each of the two may
be left blank alone). With --by-answer telling depends on the answers themselves as well: profiles are missing not at
random whatever is known of behaviour. The segment is `family=yes and wine=yes`. Printed: how often the 95 % interval
of the corrected number, the one that allows for silent customers who differ from those like them (--silent-odds), and
that of the count scaled to the base hold the true number of people, with mean error and width.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.special import expit

from pipeline.lookalike.described.probability import Known
from pipeline.lookalike.described.rule import parse_rule
from pipeline.market.size import market_size, told_of
from pipeline.settings import Market
from tests.nonresponse.conftest import N_DENSE, plant

VALUES = {"family": ("no", "yes"), "wine": ("no", "yes")}
RULE = parse_rule("family=yes and wine=yes", VALUES)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="how many bases are planted")
    parser.add_argument("--customers", type=int, default=900, help="customers of each")
    parser.add_argument("--by-answer", type=float, default=0.0, help="log-odds of telling that the answer itself adds")
    parser.add_argument("--silent-odds", type=float, default=Market().silent_odds, help="as market.silent_odds")
    chosen = parser.parse_args()
    asked = chosen.customers, chosen.by_answer, chosen.silent_odds
    rows = np.array([one(seed, *asked) for seed in range(chosen.runs)])
    truth = rows[:, -1]
    print(f"{chosen.runs} bases of {chosen.customers} customers, {truth.mean():.0f} people in the segment")
    for place, name in enumerate(("corrected", "if the silent differ", "counted")):
        low, mean, high = rows[:, 3 * place : 3 * place + 3].T
        held = ((low <= truth) & (truth <= high)).mean()
        error = (mean - truth).mean()
        print(f"{name}: holds {held:.1%}, mean error {error:+.1f} people, mean width {(high - low).mean():.0f}")


def one(seed: int, n: int, by_answer: float, silent_odds: float) -> list[float]:
    """Return low, mean and high: corrected, with the wider interval, counted; then the truth."""
    world = plant(seed, n=n, by_answer=by_answer)
    rng = np.random.default_rng(10_000 + seed)
    activity = world.X[:, :4].toarray().mean(axis=1)
    wine = rng.random(n) < expit(0.8 * activity + 0.4 * world.y - 0.2)
    tells_wine = rng.random(n) < expit(1.0 * activity + 0.3 + by_answer * (wine - 0.5))
    known = {"family": _known(world.y, world.answered), "wine": _known(wine, tells_wine)}
    found = market_size(told_of(RULE, known, {}), np.zeros(n, dtype=bool), world.X, N_DENSE, seed, silent_odds)
    assert found.people is not None
    assert found.if_silent_differ is not None
    parts = [
        end for part in (found.people, found.if_silent_differ, found.naive) for end in (part.low, part.mean, part.high)
    ]
    return [*parts, float(((world.y == 1) & wine).sum())]


def _known(y: np.ndarray, told: np.ndarray) -> Known:
    proba = np.where(told[:, None], np.eye(2)[y.astype(int)], np.nan)
    return Known(("no", "yes"), proba, np.zeros(len(y), dtype=bool), told)


if __name__ == "__main__":
    main()
