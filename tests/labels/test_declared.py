"""Labels from profile columns: mapped, cut into bands, or as they stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError, LeakageError
from pipeline.labels.declared import declared_labels
from pipeline.labels.known import Labels
from pipeline.settings import Attribute, Data, Declared, Future, Join, Log, Profiles

LOG = Log(path="log.parquet", id="who", time="at", categorical=["item"])
DATA = Data("shop", {"log": LOG}, root="data", profiles=Profiles(path="profiles.parquet", id="who"))
Read = Callable[..., Labels]


@pytest.fixture
def read(engine: DuckDBEngine, write_profiles: Callable[..., Path]) -> Read:
    """Return a function that writes cells as the column *found* and reads the labels; c00 holds the last cell."""

    def read(cells: list | pa.Array, attribute: Attribute | None = None, data: Data = DATA, **options) -> Labels:
        attribute = attribute or Attribute("nominal", Declared("found"))
        return declared_labels(engine, write_profiles(cells), "age", attribute, data, **options)

    return read


def told(labels: Labels) -> dict[str, str]:
    return {who: labels.values[y] for who, y in zip(labels.customers, labels.y, strict=True)}


def test_customers_are_sorted_and_missing_or_blank_cells_give_no_label(read: Read) -> None:
    labels = read(["b", None, "", "  ", "a", " b "])
    assert labels.customers.tolist() == ["c00", "c01", "c05"]
    assert told(labels) == {"c00": "b", "c01": "a", "c05": "b"}
    assert labels.values == ("a", "b")


def test_a_map_gives_values_their_order_and_null_leaves_cells_out(read: Read) -> None:
    rule = Declared("found", map={"65+": "old", "x": None, "25-34": "young", "19-24": "young", "0-18": "child"})
    labels = read(["19-24", "65+", "x", "25-34", None], Attribute("ordinal", rule))
    assert labels.values == ("old", "young")  # in the map's order; nobody is a child
    assert told(labels) == {"c04": "young", "c03": "old", "c01": "young"}


def test_a_map_to_null_of_all_cells_leaves_no_label(read: Read) -> None:
    labels = read(["x", "x"], Attribute("nominal", Declared("found", map={"x": None})))
    assert (len(labels.y), labels.values) == (0, ())
    assert labels.ineligible(2) == "no label: 2 customers of each value needed, none found"


def test_a_value_that_the_map_does_not_name_is_told(read: Read) -> None:
    rule = Attribute("nominal", Declared("found", map={"Owner": "owner", "Renter": "renter"}))
    with pytest.raises(
        DataError,
        match=r"attributes\.age\.declared\.map: 2 profiles hold 'Ownr', which the map does not name "
        r"\(allowed: Owner, Renter\)\. Did you mean 'Owner'\? Map it to null to leave it out\.",
    ):
        read(["Owner", "Ownr", "Ownr", "Renter"], rule)
    with pytest.raises(DataError, match="3 profiles hold 'Ownr' and other values, which the map does not name"):
        read(["Ownr", "Ownr", "Tenant"], rule)


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([3, None, 12]),
        pa.array([3.0, None, 12.0]),
        pa.array([3.0, float("nan"), 12.0]),
        pa.array([3.0, None, 12.0], pa.float32()),
        pa.array([Decimal("3.00"), None, Decimal("12.00")]),
        pa.array(["3", None, " 12"]),
        pa.array([3, None, 12], pa.int8()),
    ],
    ids=lambda cells: str(cells.type),
)
def test_whole_numbers_are_the_same_value_in_any_type(cells: pa.Array, read: Read) -> None:
    rule = Attribute("nominal", Declared("found", map={"3": "few", "12": "many"}))
    assert told(read(cells, rule)) == {"c02": "few", "c00": "many"}


def test_large_whole_numbers_beside_missing_ones_keep_their_last_digit(read: Read) -> None:
    large = 2**53 + 1
    assert read(pa.array([large, None, large, None, 1])).values == ("1", str(large))


def test_truth_values_are_yes_and_no(read: Read) -> None:
    labels = read(pa.array([True, None, False, None]), Attribute("binary", Declared("found")))
    assert labels.values == ("no", "yes")
    assert told(labels) == {"c03": "yes", "c01": "no"}


BANDS = {"child": (None, 18.0), "young": (18.0, 30.0), "old": (30.0, None)}


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.string(), pa.decimal128(12, 2)], ids=str)
def test_bands_hold_their_lower_edge_and_not_their_upper_one(kind: pa.DataType, read: Read) -> None:
    cells = pa.array([17, 18, None, 29, 30, -5]).cast(pa.int32()).cast(kind)
    labels = read(cells, Attribute("ordinal", Declared("found", bands=BANDS)))
    assert labels.values == ("child", "young", "old")
    assert told(labels) == {"c05": "child", "c04": "young", "c02": "young", "c01": "old", "c00": "child"}


def test_values_set_the_order_of_bands(read: Read) -> None:
    bands = {"old": (30.0, None), "young": (None, 30.0)}
    labels = read([20, 40, 30], Attribute("binary", Declared("found", bands=bands), values=("young", "old")))
    assert labels.values == ("young", "old")
    assert told(labels) == {"c02": "young", "c01": "old", "c00": "old"}
    with pytest.raises(ConfigError, match=r"attributes\.age: 'values' are young, aged, but the rule gives old, young"):
        read([20], Attribute("binary", Declared("found", bands=bands), values=("young", "aged")))


def test_bands_need_numbers_and_must_hold_all_of_them(read: Read) -> None:
    with pytest.raises(
        DataError, match=r"attributes\.age\.declared\.bands: bands need numbers, but the column holds 'old'; use 'map'"
    ):
        read(["12", "old", ""], Attribute("ordinal", Declared("found", bands=BANDS)))
    with pytest.raises(DataError, match=r"declared\.bands: 1 values lie in no band, such as 99"):
        read([12, 99], Attribute("ordinal", Declared("found", bands={"child": (0.0, 18.0)})))


def test_declared_values_set_the_order_and_refuse_others(read: Read) -> None:
    ordinal = Attribute("ordinal", Declared("found"), values=("low", "middle", "high"))
    assert read(["high", "low"], ordinal).values == ("low", "middle", "high")
    assert read(["high", "low"], ordinal).y.tolist() == [0, 2]
    with pytest.raises(DataError, match=r"'hgh' is none of the attribute's values .* Did you mean 'high'\?"):
        read(["hgh", "low"], ordinal)


def test_a_binary_attribute_with_three_values_is_refused(read: Read) -> None:
    with pytest.raises(
        ConfigError, match=r"attributes\.age\.kind: a binary attribute has two values, found 3: a, b, c"
    ):
        read(["a", "b", "c"], Attribute("binary", Declared("found")))


def test_some_buckets_give_the_labels_of_their_customers(read: Read) -> None:
    cells = ["a", "b", "a", "b"]
    assert told(read(cells, buckets=[0])) == {"c03": "a", "c01": "a"}
    assert told(read(cells)) == {"c03": "a", "c02": "b", "c01": "a", "c00": "b"}


def test_labels_of_some_customers_have_the_values_and_the_faults_of_all(read: Read) -> None:
    cells = ["b", "rare", "a", None, "b", " "]
    some = np.array(["c05", "c02", "c01", "c00", "nobody"], dtype=object)
    everybody, found = read(cells), read(cells, only=some)
    assert found.values == everybody.values == ("a", "b", "rare")
    assert (
        told(found)
        == {who: value for who, value in told(everybody).items() if who in some}
        == {"c01": "b"} | {"c05": "b"}
    )
    assert found.customers.tolist() == ["c01", "c05"]
    rule = Attribute("nominal", Declared("found", map={"a": "a", "b": "b"}))
    with pytest.raises(DataError, match="2 profiles hold 'rare', which the map does not name"):
        read(["b", "rare", "a", "rare"], rule, only=np.array(["c00"], dtype=object))
    bands = Attribute("ordinal", Declared("found", bands={"child": (0.0, 18.0)}))
    with pytest.raises(DataError, match=r"declared\.bands: 2 values lie in no band, such as 99"):
        read([12, 99, 99, 12], bands, only=np.array(["c00"], dtype=object))


def test_a_column_that_does_not_exist_is_refused(read: Read) -> None:
    with pytest.raises(
        ConfigError,
        match=r"attributes\.age\.declared\.column: 'fond' is no column of the profiles \(allowed: found\)\. "
        r"Did you mean 'found'\?",
    ):
        read(["a"] * 2, Attribute("nominal", Declared("fond")))
    with pytest.raises(ConfigError, match="'customer_id' is no column of the profiles"):
        read(["a"] * 2, Attribute("nominal", Declared("customer_id")))


def test_a_source_without_profiles_and_an_attribute_that_is_not_declared_are_refused(read: Read) -> None:
    with pytest.raises(ConfigError, match=r"attributes\.age\.declared: the source 'shop' has no profile table"):
        read(["a"], data=replace(DATA, profiles=None))
    with pytest.raises(ConfigError, match=r"attributes\.age\.declared: this attribute is not declared"):
        read(["a"], Attribute("binary", future=Future("log", 7, at_least=1)))


def leaking(path: str, data: Data = DATA, **fields) -> Data:
    joined = replace(LOG, join=(Join(path=path, by={"who": "who"}),), **fields)
    return replace(data, logs={"log": joined})


@pytest.mark.parametrize("path", ["profiles.parquet", "./profiles.parquet", "../data/profiles.parquet", "{cwd}/data"])
def test_a_field_read_from_the_profile_s_own_column_is_refused(path: str, read: Read) -> None:
    data = leaking(path.format(cwd=Path.cwd()), categorical={"age": "found"})
    with pytest.raises(
        LeakageError,
        match=r"attributes\.age\.declared: the label is read from column 'found' of profiles\.parquet, and field "
        r"'log\.age' is a feature read from the same column; remove the field from data\.logs\.log",
    ):
        read(["a", "b"], data=data)


def test_a_numeric_field_leaks_as_well_also_from_a_table_of_a_database(read: Read) -> None:
    with pytest.raises(LeakageError, match=r"field 'log\.years' is a feature"):
        read([1, 2], data=leaking("profiles.parquet", numeric={"years": "found"}))
    data = replace(DATA, profiles=Profiles(database="crm.duckdb", table="people", id="who"))
    joined = Join(database="crm.duckdb", table="main.people", by={"who": "who"})
    logs = {"log": replace(LOG, join=(joined,), numeric={"years": "found"})}
    with pytest.raises(LeakageError, match=r"column 'found' of crm\.duckdb"):
        read([1, 2], data=replace(data, logs=logs))
    elsewhere = Join(database="crm.duckdb", table="shops", by={"who": "who"})
    assert len(read([1, 2], data=replace(data, logs={"log": replace(logs["log"], join=(elsewhere,))})).y) == 2


def test_another_column_of_the_profile_or_another_table_is_no_leak(read: Read) -> None:
    assert len(read(["a", "b"], data=leaking("profiles.parquet", categorical={"town": "town"})).y) == 2
    assert len(read(["a", "b"], data=leaking("towns.parquet", categorical={"age": "found"})).y) == 2
