from __future__ import annotations

import importlib.util

import duckdb
import pytest

from tests.bench import events
from tests.bench.ways import in_pandas, ours, sql
from tests.bench.ways.equality import require_equal


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ways")
    world = events.sized(4_000)
    events.write_days(world, folder / "source", range(events.DAYS))
    events.write_canonical(events.purchases(folder / "source"), world.events, folder / "out", 1)
    for name, way in (("ours", ours.run), ("kept", ours.run_kept), ("sql", sql.run), ("pandas", in_pandas.run)):
        (folder / name).mkdir()
        way(folder / "out" / "events", folder / name, events.as_of())
    return folder


@pytest.mark.parametrize("way", ["kept", "sql", "pandas"])
def test_each_way_makes_the_same_features(made, way):
    assert require_equal(made / "ours", made / way) == 40


@pytest.mark.skipif(importlib.util.find_spec("polars") is None, reason="polars comes with the extra 'bench'")
def test_polars_makes_the_same_features(made):
    from tests.bench.ways import in_polars

    (made / "polars").mkdir()
    in_polars.run(made / "out" / "events", made / "polars", events.as_of())
    assert require_equal(made / "ours", made / "polars") == 40


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("dense", "* REPLACE (purchases__amount__std__all * (1 + 1e-8) AS purchases__amount__std__all)", "amount__std"),
        (
            "dense",
            "* REPLACE (if(customer_id = '0', NULL, purchases__gap__cv__all) AS purchases__gap__cv__all)",
            "gap__cv",
        ),
        ("tokens", "* REPLACE (count + (token = 'brand 0000')::INT AS count)", "token counts differ"),
    ],
)
def test_a_difference_is_found(made, tmp_path, kind, change, said):
    for name in ("dense", "tokens"):
        chosen = change if name == kind else "*"
        duckdb.sql(f"COPY (SELECT {chosen} FROM '{made}/sql/{name}.parquet') TO '{tmp_path}/{name}.parquet'")
    with pytest.raises(SystemExit, match=said):
        require_equal(made / "ours", tmp_path)


def test_customers_that_are_missing_are_found(made, tmp_path):
    for name in ("dense", "tokens"):
        where = f"SELECT * FROM '{made}/sql/{name}.parquet' WHERE customer_id <> '0'"
        duckdb.sql(f"COPY ({where}) TO '{tmp_path}/{name}.parquet'")
    with pytest.raises(SystemExit, match="other customers"):
        require_equal(made / "ours", tmp_path)
