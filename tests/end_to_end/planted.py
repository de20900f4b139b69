"""A small source whose truth is known: what customers are decides what they do, and few of them say it.

600 customers, a year of purchases in a shop and its visits to a page. Every customer has a `kind` (cat or
dog) that decides two thirds of what is bought; half of them declare it. Two fifths of the customers are loyal:
they buy throughout the year, and things of their own; the others stop at a random day. Forty "fans" buy from
a shelf of their own, which no profile mentions. Five profiles belong to nobody with an event.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

N_CUSTOMERS, N_FANS = 600, 40
START = pd.Timestamp("2024-01-01")
DAYS = 364


def truth(seed: int = 7) -> pd.DataFrame:
    """Return what each customer is, whether or not a profile says so."""
    rng = np.random.default_rng(seed)
    ids = [f"c{number:04d}" for number in range(N_CUSTOMERS)]
    return pd.DataFrame(
        {
            "customer": ids,
            "kind": rng.choice(["cat", "dog"], N_CUSTOMERS, p=[0.6, 0.4]),
            "declares": rng.random(N_CUSTOMERS) < 0.5,
            "fan": np.arange(N_CUSTOMERS) < N_FANS,
            "last_day": np.where(rng.random(N_CUSTOMERS) < 0.4, DAYS, rng.integers(60, DAYS, N_CUSTOMERS)),
        }
    )


def purchases(people: pd.DataFrame, seed: int = 8) -> pd.DataFrame:
    """Return some 30 purchases a customer, spread over the days until its last one."""
    rng = np.random.default_rng(seed)
    parts = []
    for person in people.itertuples():
        n = int(rng.integers(15, 40))
        own = [f"{person.kind} thing {number}" for number in range(12)]
        other = [f"thing {number}" for number in range(20)]
        items = np.where(rng.random(n) < 0.65, rng.choice(own, n), rng.choice(other, n))
        if person.last_day == DAYS:
            loyal = rng.choice([f"loyal thing {number}" for number in range(6)], n)
            items = np.where(rng.random(n) < 0.3, loyal, items)
        if person.fan:
            own = rng.choice([f"fan thing {number}" for number in range(6)], n)
            items = np.where(rng.random(n) < 0.3, own, items)
        seconds = rng.integers(0, person.last_day * 86_400, n)
        parts.append(
            pd.DataFrame(
                {
                    "customer": person.customer,
                    "bought_at": START + pd.to_timedelta(seconds, unit="s"),
                    "item": items,
                    "amount": np.round(rng.lognormal(2, 0.6, n), 2),
                }
            )
        )
    table = pd.concat(parts, ignore_index=True).drop_duplicates()
    table["bought_at"] = table["bought_at"].astype("datetime64[us]")
    return table


def write(folder: Path) -> pd.DataFrame:
    """Write the source's files and return the truth."""
    folder.mkdir(parents=True, exist_ok=True)
    people = truth()
    purchases(people).to_parquet(folder / "purchases.parquet", index=False)
    known = people[people["declares"]][["customer", "kind"]]
    nobody = pd.DataFrame({"customer": [f"silent{number}" for number in range(5)], "kind": "cat"})
    pd.concat([known, nobody]).to_csv(folder / "profiles.csv", index=False)
    return people


def config(source: Path, outputs: Path) -> dict[str, Any]:
    """Return the configuration of a quick run on the source."""
    return {
        "data": {
            "name": "planted",
            "root": str(source),
            "logs": {
                "purchases": {
                    "path": "purchases.parquet",
                    "id": "customer",
                    "time": "bought_at",
                    "categorical": ["item"],
                    "numeric": ["amount"],
                }
            },
            "profiles": {"path": "profiles.csv", "id": "customer"},
        },
        "attributes": {
            "kind": {"kind": "binary", "declared": {"column": "kind"}},
            "lapses": {
                "kind": "binary",
                "future": {"log": "purchases", "horizon_days": 56, "at_most": 0, "among_active_days": 56},
            },
        },
        "model": {
            "name": "logistic",
            "estimator": {"_target_": "pipeline.model.linear.SparseLogistic", "weighting": "bm25"},
            "folds": 3,
            "min_labels_per_value": 10,
        },
        "engine": {"workers": 1},
        "features": {"buckets": 3, "windows_days": [28, 91], "vector": {"dimensions": 8}},
        "evaluation": {"folds": 3, "repeats": 1, "resamples": 100},
        "lookalike": {"repeats": 2, "seed": {"file": str(source / "seed.txt")}},
        "tracking": {"folder": str(outputs / "models")},
        "outputs": str(outputs),
        "stages": ["features", "train", "score"],
    }
