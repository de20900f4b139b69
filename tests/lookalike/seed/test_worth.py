"""What members of a seed are worth: columns of files, sums over events, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError, SchemaError
from pipeline.events import write_events
from pipeline.lookalike.seed.worth import worth_of_members
from pipeline.settings import Data, Log, Quality, SeedRule

AS_OF_US = 1_000_000
MEMBERS = np.array(["a", "b", "c"])


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as engine:
        yield engine


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, engine: DuckDBEngine) -> Path:
    folder = tmp_path_factory.mktemp("worth")
    events = [
        ("a", 1, "wine", 10.0),
        ("a", 2, "wine", 20.0),
        ("a", 3, "beer", 500.0),
        ("a", AS_OF_US, "wine", 900.0),
        ("b", 4, "wine", 60.0),
        ("c", 5, "wine", None),
    ]
    columns = dict(zip(("who", "at", "shelf", "paid"), zip(*events, strict=True), strict=True))
    pq.write_table(pa.table(columns), folder / "buys.parquet")
    write_events(source(folder), 2, folder / "events", folder / "quarantine", engine)
    return folder


def source(folder: Path, seed: SeedRule | None = None) -> Data:
    log = Log(path="buys.parquet", id="who", time="at", time_unit="us", categorical=["shelf"], numeric=["paid"])
    return Data("shop", {"buys": log}, root=str(folder), quality=Quality(1.0), seed=seed)


def weights(engine: DuckDBEngine, rule: SeedRule, folder: Path) -> np.ndarray | None:
    return worth_of_members(engine, rule, source(folder), folder, AS_OF_US, MEMBERS)


def file(folder: Path, text: str) -> SeedRule:
    (folder / "seed.csv").write_text(text)
    return SeedRule(file=str(folder / "seed.csv"), value="paid")


def test_without_a_value_all_members_are_alike(engine: DuckDBEngine, shop: Path) -> None:
    assert weights(engine, SeedRule(log="buys"), shop) is None


def test_matching_events_before_as_of_are_added_up_and_scaled_to_a_mean_of_one(
    engine: DuckDBEngine, shop: Path
) -> None:
    rule = SeedRule(log="buys", where={"shelf": ("wine",)}, value="paid")
    np.testing.assert_allclose(weights(engine, rule, shop), [1.0, 2.0, 0.0])


def test_entries_of_a_file_are_added_up_by_customer(engine: DuckDBEngine, shop: Path, tmp_path: Path) -> None:
    rule = file(tmp_path, "customer_id,paid\nb,1\n a ,2\nb,3\nx,1000\nc,0\n")
    np.testing.assert_allclose(weights(engine, rule, shop), [1.0, 2.0, 0.0])


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("customer_id,pai\na,1\n", SchemaError, r"seed\.value: .* no column 'paid' .* Did you mean 'pai'\?"),
        ("customer,paid\na,1\n", SchemaError, "no column 'customer_id'"),
        ("customer_id,paid\na,1\nb,much\n", DataError, "1 of 2 entries .* no number .*'much' of customer 'b'"),
        ("customer_id,paid\na,1\nb,-3\n", DataError, "'b' is worth -3; a value is 0 or more"),
        ("customer_id,paid\na,0\n", DataError, "all 3 members are worth nothing"),
    ],
)
def test_values_that_cannot_weigh_are_refused(
    text: str, error: type[Exception], message: str, engine: DuckDBEngine, shop: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        weights(engine, file(tmp_path, text), shop)


def test_an_unknown_field_is_told_with_the_closest_one(engine: DuckDBEngine, shop: Path) -> None:
    with pytest.raises(ConfigError, match=r"'pid' is no numeric field of 'buys' .* Did you mean 'paid'\?"):
        weights(engine, SeedRule(log="buys", value="pid"), shop)


def test_portraits_have_no_value() -> None:
    with pytest.raises(ValueError, match="'value' is a column of the seed's file"):
        SeedRule(portraits={"age": ("old",)}, value="paid")
