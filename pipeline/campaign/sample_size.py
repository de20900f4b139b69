"""How many customers a test of two messages needs."""

from __future__ import annotations

import math

from scipy.stats import norm


def per_arm(rate: float, effect: float, arms: int = 2, level: float = 0.05, power: float = 0.8) -> int:
    """Return the customers per arm at which a relative rise of `effect` over `rate` is detected.

    n = (z(1 - level / 2k) sqrt(2 p (1 - p)) + z(power) sqrt(p1 (1 - p1) + p2 (1 - p2)))² / (p1 - p2)², p the mean
    of both rates (Fleiss, Levin, Paik 2003, Statistical Methods for Rates and Proportions, 3rd edition, section 4.2,
    two-sided, without continuity correction); k = arms (arms - 1) / 2 pairs share the level (Bonferroni).

    Parameters
    ----------
    rate
        Response rate of the weaker message, in (0, 1).
    effect
        Relative rise, above 0: 0.2 for a fifth more. A rate above 1 is cut to 1.

    Examples
    --------
    >>> per_arm(0.05, 0.2)  # from 5 % to 6 %
    8158
    """
    better = min(1.0, rate * (1 + effect))
    mean = (rate + better) / 2
    z = norm.ppf(1 - level / (arms * (arms - 1)))
    spread = z * math.sqrt(2 * mean * (1 - mean))
    spread += norm.ppf(power) * math.sqrt(rate * (1 - rate) + better * (1 - better))
    return math.ceil((spread / (better - rate)) ** 2)
