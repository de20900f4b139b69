"""The default features in polars: lazy, one plan for each table, the streaming engine."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.bench.events import AMOUNTS, LOG, TOKENS
from tests.bench.ways.columns import WINDOWS, dense_columns

_DAY_US = 86_400_000_000
_CLOCK = {"hour": 24, "weekday": 7}


def run(events: Path, out: Path, as_of_us: int) -> None:
    """Write `dense.parquet` and `tokens.parquet` from the canonical files below `events`."""
    frame = pl.scan_parquet(events / LOG / "*.parquet", hive_partitioning=False).filter(pl.col("event_us") < as_of_us)
    tokens = token_counts(frame).collect(engine="streaming")
    tokens.write_parquet(out / "tokens.parquet")
    dense = dense_features(frame, tokens.lazy(), as_of_us).collect(engine="streaming")
    dense.write_parquet(out / "dense.parquet")


def token_counts(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return customer_id, field, token, count."""
    counted = []
    for field in (*TOKENS, *_CLOCK):
        token = pl.col(field).cast(pl.String).str.zfill(2) if field in _CLOCK else pl.col(field)
        groups = frame.filter(pl.col(field).is_not_null()).group_by("customer_id", field)
        counted.append(
            groups.agg(pl.len().cast(pl.Int64).alias("count")).select(
                "customer_id", pl.lit(f"{LOG}__{field}").alias("field"), token.alias("token"), "count"
            )
        )
    return pl.concat(counted)


def dense_features(frame: pl.LazyFrame, tokens: pl.LazyFrame, as_of_us: int) -> pl.LazyFrame:
    """Return one row per customer, sorted."""
    today = as_of_us // _DAY_US
    days = frame.select("customer_id", "event_day").unique().sort("customer_id", "event_day")
    days = days.with_columns(gap=pl.col("event_day").diff().over("customer_id").cast(pl.Float64))
    table = frame.group_by("customer_id").agg(**_activity(as_of_us, today))
    for block in (
        days.group_by("customer_id").agg(**_rhythm(today)),
        _variety(tokens),
        tokens.filter(pl.col("field").is_in([f"{LOG}__{field}" for field in _CLOCK]))
        .group_by("customer_id")
        .agg(**_shares()),
    ):
        table = table.join(block, on="customer_id", how="left")
    columns = [pl.col(name).cast(pl.Float64) for name in dense_columns()]
    filled = [
        c.fill_null(0.0) if c.meta.output_name().rsplit("__", 2)[1] in ("count", "sum", "distinct") else c
        for c in columns
    ]
    return table.select("customer_id", *filled).sort("customer_id")


def _activity(as_of_us: int, today: int) -> dict[str, pl.Expr]:
    time = pl.col("event_us")
    found = {
        "events__count__all": pl.len(),
        "time__recency_days__all": (as_of_us - time.max()) / _DAY_US,
        "time__tenure_days__all": (as_of_us - time.min()) / _DAY_US,
    }
    for field in AMOUNTS:
        amount = pl.col(field)
        found |= {f"{field}__{what}__all": getattr(amount, what)() for what in ("sum", "mean", "min", "max", "std")}
    for window in WINDOWS:
        inside = pl.col("event_day") >= today - window
        found[f"events__count__{window}d"] = inside.sum()
        for field in AMOUNTS:
            found[f"{field}__sum__{window}d"] = pl.col(field).filter(inside).sum()
            found[f"{field}__mean__{window}d"] = pl.col(field).filter(inside).mean()
    return _named(found)


def _rhythm(today: int) -> dict[str, pl.Expr]:
    gap = pl.col("gap")
    found = {
        "days__count__all": pl.len(),
        "gap__mean_days__all": gap.mean(),
        "gap__std_days__all": gap.std(),
        "gap__max_days__all": gap.max(),
        "gap__cv__all": gap.std() / gap.mean(),
        **{f"days__count__{window}d": (pl.col("event_day") >= today - window).sum() for window in WINDOWS},
    }
    return _named(found)


def _variety(tokens: pl.LazyFrame) -> pl.LazyFrame:
    n = pl.col("count").cast(pl.Float64)
    own = tokens.group_by("customer_id", "field").agg(
        distinct=pl.len(), total=n.sum(), top=n.max(), n_log=(n * n.log()).sum()
    )
    own = own.with_columns(
        entropy=(pl.col("total").log() - pl.col("n_log") / pl.col("total")).clip(lower_bound=0.0),
        top_share=pl.col("top") / pl.col("total"),
    )
    found = {
        f"{field}__{what}__all": pl.col(what).filter(pl.col("field") == f"{LOG}__{field}").first()
        for field in (*TOKENS, *_CLOCK)
        for what in ("distinct", "entropy", "top_share")
    }
    return own.group_by("customer_id").agg(**_named(found))


def _shares() -> dict[str, pl.Expr]:
    found = {}
    for field, number in _CLOCK.items():
        here = pl.col("field") == f"{LOG}__{field}"
        for token in range(number):
            part = pl.col("count").filter(here & (pl.col("token") == f"{token:02d}")).sum()
            found[f"{field}__share_{token:02d}__all"] = part / pl.col("count").filter(here).sum()
    return _named(found)


def _named(found: dict[str, pl.Expr]) -> dict[str, pl.Expr]:
    return {f"{LOG}__{name}": expression for name, expression in found.items()}
