"""What interests a segment, and what it hardly meets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pipeline.campaign.lift import Floats
from pipeline.campaign.tokens import Counts
from pipeline.model.multiplicity import catalogue_level

_COMMON = 12  # told, and as many looked at by field


@dataclass(frozen=True)
class Interest:
    """A token that is a larger, or smaller, part of what a segment does than of what equally active customers do.

    Attributes
    ----------
    field
        `<log>__<field>`.
    n, share
        Customers of the segment who met it, and their share; None where it is hardly met: few people are single people.
    lift, low, high
        The part over that of equally active customers, drawn to 1; bounds that hold for the told interests of a
        segment on average.
    silent
        Why no text may name it; empty where one may.
    """

    field: str
    token: str
    n: int | None
    share: float | None
    lift: float
    low: float
    high: float
    silent: str = ""


@dataclass(frozen=True)
class Interests:
    """A segment's interests, strongest first, and the tokens it hardly meets; `tested` tokens were looked at.

    `common` are the tokens that are the largest part of what it does, whether or not others do them as much.
    """

    wanted: tuple[Interest, ...]
    unwanted: tuple[Interest, ...]
    common: tuple[Interest, ...]
    tested: int


def find_interests(
    counted: list[Counts],
    segment: str,
    size: int,
    silent: Mapping[tuple[str, str], str],
    prior: float,
    false_share: float,
    at_least: int,
) -> Interests:
    """Return the tokens whose lift no chance explains, over all fields together.

    The share of false ones among them is at most `false_share` on average, whatever the dependence between tokens
    (Benjamini, Yekutieli 2001). An interest is met by at least `at_least` customers of the segment.

    Parameters
    ----------
    counted
        One per field.
    size
        Customers of the segment.
    silent
        Why a token, by field and token, must not be named.
    """
    lifts = [counts.lifts(segment, prior) for counts in counted]
    p_values: Floats = np.concatenate([one.p_value for one in lifts]) if lifts else np.zeros(0)
    level = catalogue_level(p_values, false_share)
    wanted, unwanted = [], []
    common: list[tuple[float, Interest]] = []
    for counts, one in zip(counted, lifts, strict=True):
        low, high = one.interval(level or false_share)
        part = counts.groups[segment].part.sum(axis=0)
        most = set(np.argsort(-part, kind="stable")[:_COMMON].tolist())
        for place in sorted(most | set(np.flatnonzero(one.p_value <= level).tolist())):
            token, n = str(counts.tokens[place]), int(one.n[place])
            bounds = float(one.lift[place]), float(low[place]), float(high[place])
            reason = silent.get((counts.field, token), "")
            told = Interest(counts.field, token, n, n / size, *bounds, reason)
            clear = bool(one.p_value[place] <= level)
            if place in most and n >= at_least:
                common.append((float(part[place]), told))
            if clear and low[place] > 1 and n >= at_least:
                wanted.append(told)
            elif clear and high[place] < 1:
                unwanted.append(replace(told, n=None, share=None))
    return Interests(
        wanted=tuple(sorted(wanted, key=lambda one: (-one.low, one.field, one.token))),
        unwanted=tuple(sorted(unwanted, key=lambda one: (one.high, one.field, one.token))),
        common=tuple(one for _, one in sorted(common, key=lambda pair: (-pair[0], pair[1].token))[:_COMMON]),
        tested=int((p_values < 1).sum()),
    )
