"""How an attribute's labels are made, in words, from its declaration."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.settings import Attribute, Declared, Future

_COUNTED = {"count": "the number of such events", "active_days": "the number of days with such events"}


def in_words(attribute: Attribute) -> str:
    """Return where the values come from and what makes a customer have one of them.

    >>> in_words(Attribute("binary", declared=Declared("kids", map={"0": "no", "1": "yes", "2": "yes"})))
    "What the customers said of themselves: profile column 'kids'; no: 0; yes: 1, 2."
    >>> rule = Future("orders", 56, where={"item": ("TEA",)}, at_least=2)
    >>> in_words(Attribute("binary", future=rule))
    "What customers do in the 56 days after the features end, in log 'orders' where item is TEA: yes if the number of such events is at least 2."
    """  # noqa: E501 - the sentence is one line
    return _declared(attribute.declared) if attribute.declared is not None else _future(attribute.future)


def _declared(rule: Declared) -> str:
    told = f"What the customers said of themselves: profile column '{rule.column}'"
    if rule.map is not None:
        sources: dict[str, list[str]] = {}
        for found, value in rule.map.items():
            sources.setdefault("left out" if value is None else value, []).append(found)
        told += "".join(f"; {value}: {', '.join(found)}" for value, found in sources.items())
    if rule.bands is not None:
        told += f"; {_bands(rule.bands)}"
    return f"{told}."


def _future(rule: Future | None) -> str:
    assert rule is not None  # narrowed for the type checker: an attribute is declared or lies in the future
    conditions = [f"{field} is {' or '.join(tokens)}" for field, tokens in rule.where.items()]
    conditions += [f"{field} is above {bound:g}" for field, bound in rule.above.items()]
    chosen = f" where {' and '.join(conditions)}" if conditions and rule.aggregate != "share" else ""
    asked = ""
    if rule.among_active_days:
        asked = f" Asked only of customers with an event in the {rule.among_active_days} days before."
    if rule.among_idle_days:
        asked = f" Asked only of customers whose last event is more than {rule.among_idle_days} days old."
    return (
        f"What customers do in the {rule.horizon_days} days after the features end, in log '{rule.log}'{chosen}: "
        f"{_decision(rule, _amount(rule, conditions))}.{asked}"
    )


def _amount(rule: Future, conditions: list[str]) -> str:
    field = rule.field or ""
    what = f"the sum of {field}" if field else "the number of events"
    return {
        **_COUNTED,
        "sum": f"the sum of {field}",
        "mean": f"the average {field} per event",
        "per_day": f"the sum of {field} per active day",
        "share": f"the part of {what} where {' and '.join(conditions)}",
        "growth": f"{what}, divided by that of the {rule.horizon_days} days before,",
        "delay_days": "the number of days until the first such event",
    }[rule.aggregate]


def _decision(rule: Future, amount: str) -> str:
    if rule.bands is not None:
        return f"{amount} decides; {_bands(rule.bands)}"
    if rule.top_share is not None:
        return f"yes if {amount} is among the highest {rule.top_share:.0%}"
    if rule.at_least is not None:
        return f"yes if {amount} is at least {rule.at_least:g}"
    return f"yes if {amount} is at most {rule.at_most:g}"


def _bands(bands: Mapping[str, tuple[float | None, float | None]]) -> str:
    told = []
    for name, (low, high) in bands.items():
        parts = [f"from {low:g}"] if low is not None else []
        parts += [f"below {high:g}"] if high is not None else []
        told.append(f"{name}: {' '.join(parts) or 'any number'}")
    return "; ".join(told)
