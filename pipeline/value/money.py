"""Money per customer: which numeric field of which log it is, and its sum over any time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from pipeline.columns import CUSTOMER, EVENT_DAY, EVENT_US
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, did_you_mean
from pipeline.events import read_events
from pipeline.outputs import read_manifest
from pipeline.settings import Data, Money, Value

# Names that mean money in any source; other fields have to be declared.
NAMES = ("amount", "money", "revenue", "sales", "spend", "spent", "total", "turnover")
HISTORY = ("frequency", "recency", "T", "monetary_value")
_AMOUNT, _DAYS = "_amount", "_days"


@dataclass(frozen=True)
class Purse:
    """Reads the money of a source's customers.

    Attributes
    ----------
    money
        Where it stands.
    said
        How that is known, in words.
    """

    engine: DuckDBEngine
    events: Path
    money: Money
    said: str

    def spent(self, customers: np.ndarray, from_us: int, below_us: int) -> np.ndarray:
        """Return the sum of each customer's money in [from, below), shape (n,); 0 without an event.

        An event without an amount counts nothing.
        """
        parts = []
        for bucket in self._buckets():
            inside = self._events(bucket, from_us, below_us)
            parts.append(inside.group_by(CUSTOMER).agg(**{_AMOUNT: inside[_AMOUNT].sum()}))
        found = pd.concat([self.engine.arrow(part).to_pandas() for part in parts], ignore_index=True)
        return found.set_index(CUSTOMER)[_AMOUNT].reindex(customers).fillna(0.0).to_numpy(dtype=np.float64)

    def history(self, customers: np.ndarray, before_us: int, as_of_day: int) -> pd.DataFrame:
        """Return what models of repeated purchases know of each customer: one row each, in order.

        A purchase is a day with a positive sum. `frequency` counts those after the first, `recency` the days between
        first and last, `T` those since the first, `monetary_value` is the mean sum of the repeated ones (0 where there
        are none): Fader, Hardie, Lee 2005, Marketing Science 24, 275-284. NaN for customers without a purchase.
        """
        parts = []
        for bucket in self._buckets():
            inside = self._events(bucket, None, before_us)
            daily = inside.group_by(CUSTOMER, EVENT_DAY).agg(**{_AMOUNT: inside[_AMOUNT].sum()})
            daily = daily.filter(daily[_AMOUNT] > 0.0)
            day = daily[EVENT_DAY]
            parts.append(
                daily.group_by(CUSTOMER).agg(
                    first=day.min(),
                    last=day.max(),
                    total=daily[_AMOUNT].sum(),
                    at_first=daily[_AMOUNT].argmin(day),
                    **{_DAYS: daily.count()},
                )
            )
        found = pd.concat([self.engine.arrow(part).to_pandas() for part in parts], ignore_index=True)
        found = found.set_index(CUSTOMER).reindex(customers).astype(np.float64)
        frequency = found[_DAYS] - 1
        repeated = (found["total"] - found["at_first"]) / frequency.where(frequency > 0)
        columns = (frequency, found["last"] - found["first"], as_of_day - found["first"], repeated)
        table = pd.DataFrame(dict(zip(HISTORY, columns, strict=True)))
        table["monetary_value"] = table["monetary_value"].where(frequency != 0, 0.0)
        return table.reset_index(drop=True)

    def _buckets(self) -> range:
        return range(read_manifest(self.events)["buckets"])

    def _events(self, bucket: int, from_us: int | None, below_us: int) -> ir.Table:
        log = read_events(self.engine, self.events, self.money.log, bucket)
        inside = log.filter(log[EVENT_US] < below_us)
        inside = inside if from_us is None else inside.filter(inside[EVENT_US] >= from_us)
        amount = inside[self.money.field]
        amount = amount if self.money.times is None else amount * inside[self.money.times]
        return inside.select(CUSTOMER, EVENT_DAY, **{_AMOUNT: amount.fill_null(0.0)})


def money_of(data: Data, chosen: Value) -> tuple[Money | None, str]:
    """Return where a source's money stands, and how that is known; None, and why, if nothing says so.

    Raises
    ------
    ConfigError
        If the settings name a log or a field that is not declared.

    Examples
    --------
    >>> from pipeline.settings import Log
    >>> calls = Log(path="-", id="-", time="-", numeric={"seconds": "s", "Amount": "a"})
    >>> money_of(Data("operator", {"calls": calls}), Value())[0]
    Money(log='calls', field='Amount', times=None)
    """
    if chosen.field is not None or chosen.log is not None:
        return _checked(_chosen(data, chosen), data, "value"), "as value.log and value.field say"
    if data.money is not None:
        return _checked(data.money, data, "data.money"), "as data.money says"
    for name, log in data.logs.items():
        for field in log.numeric:
            if field.casefold() in NAMES:
                return Money(name, field), "by its name; say otherwise with value.log and value.field"
    numeric = [f"{name}.{field}" for name, log in data.logs.items() for field in log.numeric]
    fields = f"its numeric fields are {', '.join(numeric)}" if numeric else "its logs have no numeric field"
    return None, (
        f"no field of '{data.name}' is known to be money: {fields}. Name one with value.log=<log> value.field=<field>, "
        "or write 'money: {log: <log>, field: <field>}' into its file in conf/data."
    )


def _chosen(data: Data, chosen: Value) -> Money:
    if chosen.field is None:
        raise ConfigError(f"value.field: missing; which numeric field of '{chosen.log}' is money?")
    if chosen.log is not None:
        return Money(chosen.log, chosen.field, chosen.times)
    having = [name for name, log in data.logs.items() if chosen.field in log.numeric]
    if not having:
        known = dict.fromkeys(field for log in data.logs.values() for field in log.numeric)
        raise ConfigError(
            f"value.field: '{chosen.field}' is no numeric field of any log {did_you_mean(chosen.field, known)}"
        )
    return Money(having[0], chosen.field, chosen.times)


def _checked(money: Money, data: Data, where: str) -> Money:
    if money.log not in data.logs:
        raise ConfigError(f"{where}.log: '{money.log}' is no log of '{data.name}' {did_you_mean(money.log, data.logs)}")
    known = data.logs[money.log].numeric
    for key, field in (("field", money.field), ("times", money.times)):
        if field is not None and field not in known:
            raise ConfigError(
                f"{where}.{key}: '{field}' is no numeric field of '{money.log}' {did_you_mean(field, known)}"
            )
    return money
