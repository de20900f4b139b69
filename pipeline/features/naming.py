"""The one rule by which features are named, so that anyone can read a name back.

Dense features are `<log>__<field>__<aggregate>__<window>`, the window `28d` or `all`; tokens are
`<log>__<field>=<token>`; components of the behaviour vector are `vector__<number>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from pipeline.errors import ConfigError, did_you_mean
from pipeline.settings import Data

ALL = "all"
VECTOR = "vector"
_COMPONENT = re.compile(rf"{VECTOR}__\d+")


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


def is_component(name: str) -> bool:
    """Tell whether a feature is a component of the behaviour vector.

    >>> is_component("vector__012"), is_component("vector__events__count__all")  # a log may be called so, too
    (True, False)
    """
    return _COMPONENT.fullmatch(name) is not None


def readable(name: str) -> str:
    """Return a feature's name in words.

    >>> readable("purchases__category=BABY FOODS")
    'purchases: category BABY FOODS'
    >>> readable("purchases__amount__sum__28d")
    'purchases: amount, sum over 28 days'
    >>> readable("purchases__gap__mean_days__all")
    'purchases: gap, mean days'
    """
    if is_component(name):
        return f"behaviour pattern {int(name.rpartition('__')[2])}"
    field, equals, token = name.partition("=")
    if equals:
        log, _, field = field.partition("__")
        return f"{log}: {field} {token}"
    field, aggregate, window = name.rsplit("__", 2)
    log, _, field = field.partition("__")
    span = "" if window == ALL else f" over {window.removesuffix('d')} days"
    return f"{log}: {field}, {aggregate.replace('_', ' ')}{span}"


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
    return np.array([not (name.startswith(blocked) or is_component(name)) for name in names], dtype=bool)


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
    >>> buy = Log(path="-", id="-", time="-", categorical={"code": "c", "group": "c"}, first={"group": 2})
    >>> with_siblings(["buy.code"], Data("shop", {"buy": buy}))
    ('buy.code', 'buy.group')
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
