"""A small random source with everything that goes wrong in logs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.settings import Data, Log, Quality

DAY_US = 86_400_000_000
AS_OF_US = 1_710_140_400_000_000  # 2024-03-11 03:00 in New York, a day after its clocks were set forward
WINDOWS = (1, 7, 30)

Rows = list[dict[str, Any]]

LOGS = {
    "buy": Log(
        path="buy.parquet",
        id="who",
        time="at",
        time_unit="us",
        categorical={"item": "item", "shop": "shop"},
        numeric={"amount": "amount", "pieces": "pieces"},
        duplicates="keep",
    ),
    "buy_more": Log(
        path="buy_more.parquet",
        id="who",
        time="at",
        time_unit="us",
        categorical={"item": "item"},
        numeric={"amount": "amount"},
        duplicates="keep",
    ),
    "visit": Log(
        path="visit.parquet",
        id="who",
        time="at",
        time_unit="us",
        has_clock=False,
        categorical={"page": "page"},
        duplicates="keep",
    ),
}
TYPES = {
    "who": pa.string(),
    "at": pa.int64(),
    "item": pa.string(),
    "shop": pa.string(),
    "page": pa.string(),
    "amount": pa.float64(),
    "pieces": pa.float64(),
}


def random_rows(seed: int) -> dict[str, Rows]:
    """Return rows by log: missing tokens, NULL and NaN amounts, ties, window edges, customers of one log only."""
    rng = np.random.default_rng(seed)
    regular = [f"c{number}" for number in range(10)] + ["B", "a", "ä", "Ω 1"]

    def row(log: str, who: str, at: int) -> dict[str, Any]:
        declared = LOGS[log]
        tokens = {
            name: [None, f"{name} 1", f"{name}=2", f"{name}__3", "%", "x*"][rng.integers(0, 6)]
            for name in declared.categorical
        }
        amounts = {
            name: [None, float("nan"), 0.1, -7.35, float(rng.normal()), 1e6][rng.integers(0, 6)]
            for name in declared.numeric
        }
        return {"who": who, "at": at, **tokens, **amounts}

    def moment() -> int:
        return AS_OF_US - int(rng.integers(-10 * DAY_US, 60 * DAY_US))

    rows: dict[str, Rows] = {
        "buy": [row("buy", str(rng.choice(regular)), moment()) for _ in range(150)],
        "buy_more": [row("buy_more", str(rng.choice(regular[:4])), moment()) for _ in range(20)],
        "visit": [row("visit", str(rng.choice(regular)), moment() // DAY_US * DAY_US) for _ in range(80)],
    }
    # A window begins at a midnight, and all but the last hours before as_of are on the other side of a 23-hour day.
    midnights = [AS_OF_US - days * DAY_US - 2 * DAY_US // 24 for days in WINDOWS]
    edges = [at + shift for at in (AS_OF_US, *midnights) for shift in (-1, 0, 1)]
    rows["buy"] += [row("buy", "edges", at) for at in edges]
    rows["buy"] += [row("buy", "ties", AS_OF_US - 5 * DAY_US) for _ in range(6)]
    rows["buy"].append({**row("buy", "bare", AS_OF_US - DAY_US), "item": None, "shop": None, "amount": None})
    rows["buy"].append(row("buy", "once", AS_OF_US - 12_345_678_901))
    rows["buy_more"].append(row("buy_more", "only more", AS_OF_US - 3 * DAY_US))
    rows["visit"] += [row("visit", "only visits", AS_OF_US - days * DAY_US) for days in (2, 2, 9)]
    rows["buy"].append(row("buy", "at as_of", AS_OF_US))
    rows["visit"].append(row("visit", "later", AS_OF_US + DAY_US))
    return rows


def write_source(folder: Path, rows: Mapping[str, Rows], logs: Mapping[str, Log] = LOGS) -> Data:
    """Write each log as a Parquet file, NaN kept apart from NULL."""
    folder.mkdir(parents=True, exist_ok=True)
    for log, own in rows.items():
        columns = {name: pa.array([row[name] for row in own], TYPES[name]) for name in own[0]}
        pq.write_table(pa.table(columns), folder / f"{log}.parquet")
    chosen = {name: logs[name] for name in rows}
    return Data("random", chosen, root=str(folder), time_zone="America/New_York", quality=Quality(1.0))


def read_back(snapshot: Path, part: str) -> pa.Table:
    """Return a part of a snapshot, all buckets together, sorted."""
    tables = [pq.read_table(file) for file in sorted((snapshot / part).glob("*.parquet"))]
    # Whether a column may be missing is written by what a bucket holds, and says nothing.
    plain = pa.schema([field.with_nullable(True) for field in tables[0].schema])
    keys = ["customer_id", "field", "token"] if part == "tokens" else ["customer_id"]
    return pa.concat_tables(table.cast(plain) for table in tables).sort_by([(key, "ascending") for key in keys])
