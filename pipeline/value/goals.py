"""Goals that the best customers are sought for: what came of each customer, and who was best by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.columns import CUSTOMER, EVENT_US, US_PER_DAY
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, did_you_mean
from pipeline.events import read_events
from pipeline.labels.rules import matching
from pipeline.outputs import read_manifest
from pipeline.settings import Settings
from pipeline.value.moment import Horizon, Moment
from pipeline.value.money import Purse
from pipeline.value.resampling import Floats, Mask

LEAST_BEST = 20  # of the choosing half: fewer are no kind of customer


@dataclass(frozen=True)
class Goal:
    """What is wanted of a customer, and what came.

    Attributes
    ----------
    words
        What the outcome is, in words.
    outcome
        Of each customer, shape (n,): money, or 1 where it came true.
    best
        Who was best, shape (n,).
    asked
        Of whom the goal speaks, shape (n,).
    hidden
        Logs and `log.field`s that no description may use: they would say the goal again.
    """

    name: str
    words: str
    outcome: Floats
    best: Mask
    asked: Mask
    hidden: tuple[str, ...]


def happened(
    engine: DuckDBEngine,
    events: Path,
    log: str,
    where: Mapping[str, tuple[str, ...]],
    customers: np.ndarray,
    from_us: int,
    below_us: int,
) -> Mask:
    """Return who had an event of a log in [from, below) that meets the conditions, shape (n,)."""
    found: set[str] = set()
    for bucket in range(read_manifest(events)["buckets"]):
        table = read_events(engine, events, log, bucket)
        inside = table.filter((table[EVENT_US] >= from_us) & (table[EVENT_US] < below_us))
        found |= set(engine.arrow(matching(inside, where).select(CUSTOMER).distinct())[CUSTOMER].to_pylist())
    return np.isin(customers, np.array(sorted(found), dtype=object)) if found else np.zeros(len(customers), dtype=bool)


def goals(
    settings: Settings,
    engine: DuckDBEngine,
    events: Path,
    judge: Moment,
    horizon: Horizon,
    purse: Purse | None,
    first: Mask,
) -> tuple[list[Goal], dict[str, str]]:
    """Return the goals that the source can tell, and why it cannot tell the others.

    *profit*: money in the horizon, best is the `best_share` of the choosing half with the most. *retention*: of those
    active in the horizon before, who was active again. *response*: who had an event in the log of responses.
    """
    makers = {
        "profit": lambda: _profit(settings, judge, horizon, purse, first),
        "retention": lambda: _retention(settings, engine, events, judge, horizon, purse),
        "response": lambda: _response(settings, engine, events, judge, horizon),
    }
    found, missing = [], {}
    for name in settings.value.goals:
        made = makers[name]()
        if isinstance(made, str):
            missing[name] = made
            continue
        best = int((made.best & made.asked & first).sum())
        others = int((~made.best & made.asked & first).sum())
        if min(best, others) < LEAST_BEST:
            missing[name] = (
                f"{made.words}: {best:,} of {best + others:,} customers of the choosing half; at least {LEAST_BEST} on "
                "each side are needed"
            )
        else:
            found.append(made)
    return found, missing


def _profit(settings: Settings, judge: Moment, horizon: Horizon, purse: Purse | None, first: Mask) -> Goal | str:
    if purse is None or judge.ahead is None:
        return "no money is known"
    share = settings.value.best_share
    bound = float(np.quantile(judge.ahead[first], 1 - share)) if first.any() else 0.0
    best = judge.ahead > max(bound, 0.0)
    fields = [purse.money.field, *([purse.money.times] if purse.money.times else [])]
    words = f"value of {horizon.days} days, best: the top {share:.0%}"
    everybody = np.ones(len(judge.customers), dtype=bool)
    return Goal("profit", words, judge.ahead, best, everybody, tuple(f"{purse.money.log}.{f}" for f in fields))


def _retention(
    settings: Settings, engine: DuckDBEngine, events: Path, judge: Moment, horizon: Horizon, purse: Purse | None
) -> Goal:
    log = purse.money.log if purse is not None else next(iter(settings.data.logs))
    step, at = horizon.days * US_PER_DAY, judge.us
    active = happened(engine, events, log, {}, judge.customers, at - step, at)
    again = happened(engine, events, log, {}, judge.customers, at, at + step)
    words = f"active in '{log}' within {horizon.days} days, of those active in the {horizon.days} days before"
    return Goal("retention", words, again.astype(np.float64), again, active, ())


def _response(settings: Settings, engine: DuckDBEngine, events: Path, judge: Moment, horizon: Horizon) -> Goal | str:
    seed, data = settings.data.seed, settings.data
    log = settings.value.response or (seed.log if seed is not None else None)
    if log is None:
        return "no log of responses is known; name one with value.response=<log>"
    if log not in data.logs:
        raise ConfigError(f"value.response: '{log}' is no log of '{data.name}' {did_you_mean(log, data.logs)}")
    own = seed is not None and seed.log == log
    where = seed.where if own and seed is not None else {}
    hide = seed.hide if own and seed is not None else ()
    came = happened(engine, events, log, where, judge.customers, judge.us, judge.us + horizon.days * US_PER_DAY)
    everybody = np.ones(len(judge.customers), dtype=bool)
    words = f"an event in '{log}' within {horizon.days} days"
    return Goal("response", words, came.astype(np.float64), came, everybody, (log, *hide))
