"""Whether two ways of making features made the same."""

from __future__ import annotations

from pathlib import Path

import duckdb

from tests.bench.ways.columns import dense_columns

TOLERANCE = 1e-9


def require_equal(ours: Path, other: Path) -> int:
    """Compare what two ways wrote; return the number of customers.

    Dense features may differ by 1e-9 of their size, or by 1e-9 where they are below 1; token counts not at all. Ours
    may be buckets, and tokens of a bucket two parts that add up.

    Raises
    ------
    SystemExit
        Naming the columns that differ, with the customer of the first difference.
    """
    with duckdb.connect() as connection:
        for name, folder in (("ours", ours), ("other", other)):
            for kind in ("dense", "tokens"):
                files = f"read_parquet({[str(file) for file in written(folder, kind)]}, hive_partitioning = false)"
                if kind == "tokens":
                    files = (
                        "(SELECT customer_id::VARCHAR AS customer_id, field::VARCHAR AS field, "
                        f"token::VARCHAR AS token, sum(count) AS count FROM {files} GROUP BY ALL)"
                    )
                connection.execute(f"CREATE VIEW {name}_{kind} AS SELECT * FROM {files}")
        customers = _one(connection, "SELECT count(*) FROM ours_dense")
        if customers != _one(connection, "SELECT count(*) FROM ours_dense JOIN other_dense USING (customer_id)"):
            raise SystemExit(f"{other}: other customers than in {ours}")
        _compare_dense(connection, other)
        unlike = _one(
            connection,
            "SELECT count(*) FROM ours_tokens o FULL JOIN other_tokens x USING (customer_id, field, token) "
            "WHERE o.count IS DISTINCT FROM x.count",
        )
        if unlike:
            raise SystemExit(f"{other}: {unlike:,} token counts differ from {ours}")
    return customers


def written(folder: Path, kind: str) -> list[Path]:
    """Return the Parquet files of `dense` or `tokens`, whichever way wrote them."""
    single = folder / f"{kind}.parquet"
    return [single] if single.exists() else sorted((folder / "snapshots").glob(f"*/{kind}/*.parquet"))


def _compare_dense(connection: duckdb.DuckDBPyConnection, other: Path) -> None:
    columns = dense_columns()
    bad = ", ".join(
        f'count(*) FILTER (WHERE (o."{c}" IS NULL) <> (x."{c}" IS NULL) OR isnan(x."{c}") OR '
        f'abs(o."{c}" - x."{c}") > {TOLERANCE} * greatest(1, abs(o."{c}")))'
        for c in columns
    )
    query = f"SELECT {bad} FROM ours_dense o JOIN other_dense x ON o.customer_id = x.customer_id"
    counts = connection.execute(query).fetchone() or ()
    found = [f"{name} of {count:,} customers" for name, count in zip(columns, counts, strict=True) if count]
    if found:
        raise SystemExit(f"{other}: these features differ: {', '.join(found)}")


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int((connection.execute(query).fetchone() or (0,))[0])
