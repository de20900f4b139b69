from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError
from pipeline.settings import Data, Log, Money, Value
from pipeline.value.money import Purse, money_of
from tests.source import csv_log, ingest, us

LINES = [
    "id,time,price,pieces",
    "a,2024-01-01T10:00:00,2.0,3",  # 6
    "a,2024-01-01T12:00:00,1.0,4",  # the same day: 10 in all
    "a,2024-01-11T12:00:00,5.0,4",  # 20
    "a,2024-01-21T12:00:00,10.0,1",  # 10
    "b,2024-01-05T09:00:00,7.0,1",  # once
    "c,2024-01-05T09:00:00,7.0,-1",  # a return of what was bought before
    "d,2024-01-05T09:00:00,,2",  # no amount
    "b,2024-02-01T00:00:00,99.0,1",  # at the cut-off, not before it
]
CUT = us(2024, 2, 1)
PEOPLE = np.array(["a", "b", "c", "d", "stranger"], dtype=object)


@pytest.fixture(params=[1, 3])
def purse(tmp_path, request):
    data = csv_log(tmp_path / "in", LINES, numeric={"price": "price", "pieces": "pieces"})
    ingest(data, tmp_path, buckets=request.param)
    with DuckDBEngine() as engine:
        yield Purse(engine, tmp_path / "events", Money("log", "price", "pieces"), "")


def test_money_is_summed_between_two_instants(purse):
    assert purse.spent(PEOPLE, us(2024, 1, 1), CUT).tolist() == [40, 7, -7, 0, 0]
    assert purse.spent(PEOPLE, us(2024, 1, 5), us(2024, 1, 11)).tolist() == [0, 7, -7, 0, 0]


def test_history_counts_days_with_money_after_the_first(purse):
    day = (datetime(2024, 2, 1) - datetime(1970, 1, 1)).days
    found = purse.history(PEOPLE, CUT, day)
    assert found.iloc[0].tolist() == [2, 20, 31, 15]  # days 1, 11 and 21; 20 and 10 after the first
    assert found.iloc[1].tolist() == [0, 0, 27, 0]
    assert found.iloc[2:].isna().all(axis=None)  # whoever never paid


def source(**fields):
    logs = {name: Log(path="-", id="-", time="-", numeric=numeric) for name, numeric in fields.items()}
    return Data("shop", logs)


def test_the_field_is_the_settings_then_the_sources_then_found_by_its_name():
    data = source(visits=["seconds"], orders=["pieces", "Revenue"])
    assert money_of(data, Value())[0] == Money("orders", "Revenue")
    said = Data("shop", data.logs, money=Money("orders", "pieces"))
    assert money_of(said, Value())[0] == Money("orders", "pieces")
    assert money_of(said, Value(field="seconds"))[0] == Money("visits", "seconds")
    assert money_of(said, Value(log="orders", field="Revenue", times="pieces"))[0].times == "pieces"


def test_a_source_without_money_says_which_fields_it_has():
    money, why = money_of(source(visits=["seconds"], calls=["minutes"]), Value())
    assert money is None
    assert "its numeric fields are visits.seconds, calls.minutes" in why
    assert "its logs have no numeric field" in money_of(source(visits=[]), Value())[1]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (Value(log="order", field="Revenue"), r"value.log: 'order' is no log of 'shop' .*Did you mean 'orders'\?"),
        (Value(log="orders", field="revenu"), r"value.field: 'revenu' is no numeric .*Did you mean 'Revenue'\?"),
        (Value(field="piece"), r"value.field: 'piece' is no numeric field of any log .*Did you mean 'pieces'\?"),
        (Value(field="pieces", times="x"), r"value.times: 'x' is no numeric field of 'orders'"),
        (Value(log="orders"), r"value.field: missing; which numeric field of 'orders' is money\?"),
    ],
)
def test_a_wrong_name_is_told_with_the_right_ones(chosen, message):
    with pytest.raises(ConfigError, match=message):
        money_of(source(orders=["pieces", "Revenue"]), chosen)


def test_what_the_source_says_is_checked_too():
    data = source(orders=["pieces"])
    with pytest.raises(ConfigError, match=r"data.money.field: 'coins' is no numeric field of 'orders'"):
        money_of(Data("shop", data.logs, money=Money("orders", "coins")), Value())
