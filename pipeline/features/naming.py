"""The one rule by which features are named, so that anyone can read a name back.

Dense features are `<log>__<field>__<aggregate>__<window>`, the window `28d` or `all`; tokens are
`<log>__<field>=<token>`; components of the behaviour vector are `vector__<number>`. Features of an attribute's own
past are `<log>__past.<attribute>__<aggregate>__<window>`, and `pace.` where they are of all events of the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from pipeline.columns import HOUR, WEEKDAY
from pipeline.errors import ConfigError, did_you_mean
from pipeline.settings import Data

ALL = "all"
VECTOR = "vector"
PATTERN = "overall behaviour pattern"  # what the vector's components are called where tokens cannot be named
_COMPONENT = re.compile(rf"{VECTOR}__\d+")  # a log may be called so, too
_PAST, _PACE = "past.", "pace."  # no declared field has a dot
_OWN = re.compile(r"\w+?__(past|pace)\.")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Features that every log has, by field and aggregate: in words, and what they are about.
_ACTIVITY = {
    ("events", "count"): ("number of events", "how often"),
    ("days", "count"): ("number of days with events", "how often"),
    ("time", "recency_days"): ("days since the last event", "how recently, since when"),
    ("time", "tenure_days"): ("days since the first event", "how recently, since when"),
    ("gap", "mean_days"): ("average days from one active day to the next", "rhythm"),
    ("gap", "std_days"): ("variation of the days from one active day to the next", "rhythm"),
    ("gap", "max_days"): ("longest pause in days", "rhythm"),
    ("gap", "cv"): ("irregularity of the active days", "rhythm"),
}
_AGGREGATES = {
    "sum": "total {}",
    "mean": "average {} per event",
    "min": "smallest {} of an event",
    "max": "largest {} of an event",
    "std": "variation of {} between events",
    "distinct": "number of different values of {}",
    "entropy": "variety of {}",
    "top_share": "share of the most frequent {}",
}


def window_name(days: int | None) -> str:
    """Return `28d` for a window of 28 days, `all` for the whole history.

    >>> window_name(28), window_name(None)
    ('28d', 'all')
    """
    return ALL if days is None else f"{days}d"


def dense_name(log: str, field: str, aggregate: str, days: int | None = None) -> str:
    """Return the name of a dense feature.

    >>> dense_name("purchases", "amount", "sum", 28)
    'purchases__amount__sum__28d'
    """
    return f"{log}__{field}__{aggregate}__{window_name(days)}"


def past_name(log: str, attribute: str, aggregate: str, days: int | None = None, everything: bool = False) -> str:
    """Return the name of a feature of an attribute's own past; `everything`: of all events of the log it reads.

    >>> past_name("purchases", "buys_wine", "count", 56)
    'purchases__past.buys_wine__count__56d'
    >>> past_name("purchases", "buys_wine", "recency_days", everything=True)
    'purchases__pace.buys_wine__recency_days__all'
    """
    return dense_name(log, f"{_PACE if everything else _PAST}{attribute}", aggregate, days)


def is_past(names: Iterable[str]) -> np.ndarray:
    """Return which names are features of an attribute's own past, shape (n_features,).

    >>> is_past(["purchases__past.buys_wine__count__56d", "purchases__category=past."])
    array([ True, False])
    """
    return np.array([_OWN.match(str(name)) is not None and "=" not in str(name) for name in names], dtype=bool)


def aggregate_of(name: str) -> str:
    """Return a dense feature's aggregate; read from the end, where no field's own underscores stand.

    >>> aggregate_of("purchases__amount__sum__28d"), aggregate_of("purchases__days__count__all")
    ('sum', 'count')
    """
    return name.rsplit("__", 2)[1]


def field_name(log: str, field: str) -> str:
    """Return how a log's field is called among tokens.

    >>> field_name("purchases", "category")
    'purchases__category'
    """
    return f"{log}__{field}"


def vector_names(dimensions: int) -> list[str]:
    """Return the names of the behaviour vector's components.

    >>> vector_names(2)
    ['vector__000', 'vector__001']
    """
    return [f"{VECTOR}__{component:03d}" for component in range(dimensions)]


def readable(name: str) -> str:
    """Return a feature's name in words.

    >>> readable("purchases__category=BABY FOODS")
    'purchases: category BABY FOODS'
    >>> readable("purchases__amount__mean__28d")
    'purchases: average amount per event in the last 28 days'
    >>> readable("purchases__time__recency_days__all")
    'purchases: days since the last event'
    >>> readable("purchases__weekday__share_05__all")
    'purchases: share of events on Saturdays'
    """
    if _COMPONENT.fullmatch(name):
        return f"{PATTERN} {int(name.rpartition('__')[2])}"
    field, equals, token = name.partition("=")
    if equals:
        log, _, field = field.partition("__")
        return f"{log}: {_at(field, token) or f'{_spoken(field)} {token}'}"
    if name.count("__") < 3:
        return name  # not made by this rule
    field, aggregate, window = name.rsplit("__", 2)
    log, _, field = field.partition("__")
    days = window.removesuffix("d")
    if field.startswith(_PAST) and aggregate in ("amount_1", "amount_2"):
        about = field.removeprefix(_PAST).replace("_", " ")
        over = f"the last {days} days" if aggregate == "amount_1" else f"the {days} days before the last {days}"
        return f"{log}: what decides '{about}', counted over {over}"
    span = "" if window == ALL else f" in the last {days} days"
    return f"{log}: {_aggregate(field, aggregate)}{span}"


def subject(name: str) -> str:
    """Return what a feature is about: its log and field in words, the same for all features of a field.

    Counts of events and of active days are one subject, and so are recency and tenure.

    >>> subject("purchases__category=BABY FOODS"), subject("purchases__category__entropy__all")
    ('purchases: category', 'purchases: category')
    >>> subject("purchases__days__count__28d"), subject("vector__007")
    ('purchases: how often', 'overall behaviour pattern')
    """
    if _COMPONENT.fullmatch(name):
        return PATTERN
    field, equals, _ = name.partition("=")
    if equals:
        log, _, field = field.partition("__")
        return f"{log}: {_spoken(field)}"
    if name.count("__") < 3:
        return name  # not made by this rule
    field, aggregate, _ = name.rsplit("__", 2)
    log, _, field = field.partition("__")
    if field.startswith(_PAST):
        return f"{log}: own past of '{field.removeprefix(_PAST).replace('_', ' ')}'"
    if field.startswith(_PACE):
        return f"{log}: how often"
    return f"{log}: {_ACTIVITY.get((field, aggregate), ('', ''))[1] or _spoken(field)}"


def is_component(names: Iterable[str]) -> np.ndarray:
    """Return which names are components of the behaviour vector, shape (n_features,).

    >>> is_component(["vector__003", "vector__item=003"])
    array([ True, False])
    """
    return np.array([_COMPONENT.fullmatch(str(name)) is not None for name in names], dtype=bool)


def _aggregate(field: str, aggregate: str) -> str:
    if field.startswith((_PAST, _PACE)):
        return _own_past(field, aggregate)
    if (field, aggregate) in _ACTIVITY:
        return _ACTIVITY[field, aggregate][0]
    kind, _, token = aggregate.partition("_")
    at = _at(field, token) if kind == "share" else ""
    if at:
        return f"share of events {at}"
    if aggregate in _AGGREGATES:
        return _AGGREGATES[aggregate].format(_spoken(field))
    return f"{_spoken(field)}, {aggregate.replace('_', ' ')}"


def _own_past(field: str, aggregate: str) -> str:
    kind, _, name = field.partition(".")
    events = "events" if f"{kind}." == _PACE else f"events that count for '{name.replace('_', ' ')}'"
    return {
        "count": f"number of {events}",
        "days": f"number of days with {events}",
        "sum": f"total amount of {events}",
        "recent_days": f"number of days with {events}, older ones counting less,",
        "recency_days": f"days since the last of the {events}",
        "tenure_days": f"days since the first of the {events}",
        "gap_days": f"average days from one day with {events} to the next",
        "amount_mean": f"what decides '{name.replace('_', ' ')}', on average",
        "yes_share": f"how often '{name.replace('_', ' ')}' came true",
    }[aggregate]


def _at(field: str, token: str) -> str:
    """Return an hour or a weekday in words, or nothing: only the clock has fields of these names."""
    if field == WEEKDAY and token.isdigit() and int(token) < len(_DAYS):
        return f"on {_DAYS[int(token)]}s"
    if field == HOUR and token.isdigit():
        return f"from {int(token):02d}:00 to {int(token) + 1:02d}:00"
    return ""


def _spoken(field: str) -> str:
    return "hour of the day" if field == HOUR else field.replace("_", " ")


def visible(names: Iterable[str], hide: Iterable[str], data: Data, where: str) -> np.ndarray:
    """Return which features may be used when logs or fields are hidden.

    Parameters
    ----------
    names
        Feature names, shape (n_features,).
    hide
        Entries `<log>` or `<log>.<field>`.

    Returns
    -------
    ndarray of bool, shape (n_features,)
        The behaviour vector mixes all tokens, so hiding anything also hides the vector. Hiding a field hides what else
        is made from it, see `with_siblings`.

    Raises
    ------
    ConfigError
        If an entry names no declared log or field.
    """
    known = [*data.logs]
    for log, declared in data.logs.items():
        known += [f"{log}.{field}" for field in (*declared.categorical, *declared.numeric, "hour", "weekday")]
    names = [str(name) for name in names]
    hide = list(hide)
    for entry in hide:
        if entry not in known:
            raise ConfigError(f"{where}: '{entry}' is no log and no field {did_you_mean(entry, known)}")
    prefixes = []
    for entry in with_siblings(hide, data):
        log, _, field = entry.partition(".")
        prefixes += [f"{log}__{field}__", f"{log}__{field}="] if field else [f"{log}__"]
    if not prefixes:
        return np.ones(len(names), dtype=bool)
    blocked = tuple(prefixes)
    return np.array([not name.startswith(blocked) for name in names], dtype=bool) & ~is_component(names)


def with_siblings(hide: Iterable[str], data: Data) -> tuple[str, ...]:
    """Return the entries and the other fields that tell what they tell.

    Those are fields of the same column (levels of a code, the same tokens counted in minutes or money), and tokens that
    are counted in a hidden amount.

    Parameters
    ----------
    hide
        Entries `<log>` or `<log>.<field>`; one that is not declared has no siblings.

    Examples
    --------
    >>> from pipeline.settings import Log
    >>> calls = Log(path="-", id="-", time="-", categorical={"code": "c", "group": "c"}, first={"group": 2})
    >>> with_siblings(["calls.code"], Data("survey", {"calls": calls}))
    ('calls.code', 'calls.group')
    """
    found = []
    for entry in hide:
        found.append(entry)
        log, _, field = entry.partition(".")
        declared = data.logs.get(log)
        columns = {**declared.categorical, **declared.numeric} if declared else {}
        if declared is None or field not in columns:  # a whole log, or its clock
            continue
        same = [name for name, column in columns.items() if column == columns[field]]
        counted_in = [name for name, (amount, _) in declared.weigh.items() if amount in same]
        found += [f"{log}.{name}" for name in (*same, *counted_in)]
    return tuple(dict.fromkeys(found))
