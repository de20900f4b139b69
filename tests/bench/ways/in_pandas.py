"""The default features in pandas, vectorised: one frame in memory, categories instead of texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from tests.bench.events import AMOUNTS, LOG, TOKENS
from tests.bench.ways.columns import WINDOWS, dense_columns

_DAY_US = 86_400_000_000
_CLOCK = {"hour": 24, "weekday": 7}


def run(events: Path, out: Path, as_of_us: int) -> None:
    """Write `dense.parquet` and `tokens.parquet` from the canonical files below `events`."""
    table = pq.ParquetDataset(
        sorted((events / LOG).glob("*.parquet")), filters=[("event_us", "<", as_of_us)], partitioning=None
    ).read()
    texts = ["customer_id", *TOKENS]
    for name in texts:
        position = table.schema.get_field_index(name)
        table = table.set_column(position, name, table[name].dictionary_encode().unify_dictionaries())
    frame = table.to_pandas(self_destruct=True, split_blocks=True)
    del table
    tokens = token_counts(frame)
    tokens.to_parquet(out / "tokens.parquet", index=False, compression="zstd")
    dense = dense_features(frame, tokens, as_of_us)
    dense.to_parquet(out / "dense.parquet", index=False, compression="zstd")


def token_counts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return customer_id, field, token, count."""
    counted = []
    for field in (*TOKENS, *_CLOCK):
        count = frame.groupby(["customer_id", field], observed=True, sort=False).size().rename("count").reset_index()
        count = count.rename(columns={field: "token"})
        if field in _CLOCK:
            labels = [f"{token:02d}" for token in range(_CLOCK[field])]
            count["token"] = pd.Categorical.from_codes(count["token"].to_numpy(), labels)
        count["token"] = count["token"].astype("string[pyarrow]")
        count.insert(1, "field", pd.Categorical.from_codes(np.zeros(len(count), "int8"), [f"{LOG}__{field}"]))
        counted.append(count)
    found = pd.concat(counted, ignore_index=True)
    return found.astype({"field": "category"})


def dense_features(frame: pd.DataFrame, tokens: pd.DataFrame, as_of_us: int) -> pd.DataFrame:
    """Return one row per customer."""
    by_customer = frame.groupby("customer_id", observed=True, sort=False)
    instants = by_customer["event_us"].agg(["size", "max", "min"])
    found = {
        "events__count__all": instants["size"],
        "time__recency_days__all": (as_of_us - instants["max"]) / _DAY_US,
        "time__tenure_days__all": (as_of_us - instants["min"]) / _DAY_US,
    }
    amounts = by_customer[list(AMOUNTS)].agg(["sum", "mean", "min", "max", "std"])
    found |= {f"{field}__{what}__all": amounts[field, what] for field, what in amounts.columns}
    days = frame[["customer_id", "event_day"]].drop_duplicates().sort_values(["customer_id", "event_day"])
    by_days = days.groupby("customer_id", observed=True, sort=False)
    days["gap"] = by_days["event_day"].diff()
    gaps = days.groupby("customer_id", observed=True, sort=False)["gap"].agg(["size", "mean", "std", "max"])
    found |= {
        "days__count__all": gaps["size"],
        "gap__mean_days__all": gaps["mean"],
        "gap__std_days__all": gaps["std"],
        "gap__max_days__all": gaps["max"],
        "gap__cv__all": gaps["std"] / gaps["mean"],
    }
    today = as_of_us // _DAY_US
    for window in WINDOWS:
        inside = frame[frame["event_day"] >= today - window].groupby("customer_id", observed=True, sort=False)
        found[f"events__count__{window}d"] = inside.size()
        spent = inside[list(AMOUNTS)].agg(["sum", "mean"])
        found |= {f"{field}__{what}__{window}d": spent[field, what] for field, what in spent.columns}
        active = days[days["event_day"] >= today - window]
        found[f"days__count__{window}d"] = active.groupby("customer_id", observed=True, sort=False).size()
    found |= _variety(tokens) | _shares(frame)
    dense = pd.DataFrame({f"{LOG}__{name}": column for name, column in found.items()})
    zero = [name for name in dense.columns if name.rsplit("__", 2)[1] in ("count", "sum", "distinct")]
    dense[zero] = dense[zero].fillna(0.0)
    dense = dense[dense_columns()].astype("float64")
    return (
        dense.rename_axis("customer_id")
        .reset_index()
        .astype({"customer_id": "string[pyarrow]"})
        .sort_values("customer_id", ignore_index=True)
    )


def _variety(tokens: pd.DataFrame) -> dict[str, pd.Series]:
    weighed = tokens.assign(n_log=tokens["count"] * np.log(tokens["count"]))
    own = weighed.groupby(["field", "customer_id"], observed=True, sort=False)
    table = own.agg(distinct=("count", "size"), total=("count", "sum"), top=("count", "max"), n_log=("n_log", "sum"))
    table["entropy"] = (np.log(table["total"]) - table["n_log"] / table["total"]).clip(lower=0.0)
    table["top_share"] = table["top"] / table["total"]
    found = {}
    for field in (*TOKENS, *_CLOCK):
        here = table.xs(f"{LOG}__{field}")
        found |= {f"{field}__{what}__all": here[what] for what in ("distinct", "entropy", "top_share")}
    return found


def _shares(frame: pd.DataFrame) -> dict[str, pd.Series]:
    found = {}
    customers = frame["customer_id"].cat
    for field, number in _CLOCK.items():
        cell = customers.codes.to_numpy().astype("int64") * number + frame[field].to_numpy()
        counts = np.bincount(cell, minlength=len(customers.categories) * number).reshape(-1, number)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        for token in range(number):
            found[f"{field}__share_{token:02d}__all"] = pd.Series(shares[:, token], index=customers.categories)
    return found
