"""Fixtures for all tests: `engine`, an open DuckDB engine, and `shop`, a tiny source on disk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.settings import Data, Join, Log, Profiles

GOODS = {"tea": "drink", "milk": "drink", "bread": "food", "soap": "household"}


@pytest.fixture
def engine() -> Iterator[DuckDBEngine]:
    """Yield an engine with one thread, closed after the test."""
    with DuckDBEngine() as opened:
        yield opened


@pytest.fixture
def shop(tmp_path: Path) -> Data:
    """Return a source of 60 customers and 10 profiles more, written below `tmp_path`; every row of it is good.

    ================ ============================================================================== ===========
    table            rows                                                                           count
    ================ ============================================================================== ===========
    orders.parquet   customer i of 1 … 60 orders i % 3 + 1 times: `client` int, `placed` local      120
                     clock time in Kyiv, one order a day from 2024-01-01, `good`, `amount`
    visits.csv       customer i of 1 … 50 visits once: `client`, `seen` in UTC, `page`              50
    goods.csv        reference table of the orders: `id`, `kind`; soap is missing                   3
    people.csv       profiles of customers 31 … 70: `client`, `age` (blank for every fourth), `city` 40
    ================ ============================================================================== ===========
    """
    folder = tmp_path / "shop"
    folder.mkdir()
    goods = list(GOODS)
    orders = [(i, n) for i in range(1, 61) for n in range(i % 3 + 1)]
    table = {
        "client": [i for i, _ in orders],
        "placed": [datetime(2024, 1, 1, i % 24, n) + timedelta(days=(i * 7 + n * 31) % 150) for i, n in orders],
        "good": [goods[(i + n) % 4] for i, n in orders],
        "amount": [round(1.5 * i + n, 2) for i, n in orders],
    }
    pq.write_table(pa.table(table), folder / "orders.parquet")
    visits = [f"{i},2024-05-{i % 28 + 1:02d}T{i % 24:02d}:30:00Z,page {i % 5}" for i in range(1, 51)]
    people = [f"{i},{'' if i % 4 == 0 else 18 + i % 50},{'Lviv' if i % 3 else 'Odesa'}" for i in range(31, 71)]
    for name, lines in {
        "visits": ["client,seen,page", *visits],
        "goods": ["id,kind", *(f"{good},{kind}" for good, kind in GOODS.items() if good != "soap")],
        "people": ["client,age,city", *people],
    }.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return Data(
        name="shop",
        root=str(folder),
        time_zone="Europe/Kyiv",
        logs={
            "orders": Log(
                path="orders.parquet",
                id="client",
                time="placed",
                join=(Join(path="goods.csv", by={"good": "id"}),),
                categorical={"good": "good", "kind": "kind"},
                numeric={"amount": "amount"},
            ),
            "visits": Log(path="visits.csv", id="client", time="seen", categorical={"page": "page"}),
        },
        profiles=Profiles(path="people.csv", id="client"),
    )
