"""The stage value on the planted source: locomotives, profiles that become audiences, and what bad input leaves."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.configuration import parse_settings
from pipeline.errors import ConfigError
from pipeline.outputs import read_manifest, whole
from pipeline.run import run
from tests.end_to_end import planted

# Who is loyal buys until the end and things of their own; dogs' owners pay three times as much.
LOYAL = {
    "kind": "binary",
    "future": {"log": "purchases", "horizon_days": 56, "where": {"item": ["loyal*"]}, "at_least": 1},
}


class Town:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.people = planted.write(folder / "source").set_index("customer")
        path = folder / "source" / "purchases.parquet"
        table = pd.read_parquet(path)
        dog = table["customer"].map(self.people["kind"]) == "dog"
        table["amount"] = table["amount"].where(~dog, 3 * table["amount"])
        table.to_parquet(path, index=False)
        self.table = table
        self.config = planted.config(folder / "source", folder / "outputs")
        self.config["attributes"]["buys_loyal"] = LOYAL
        self.config["value"] = {"resamples": 200, "min_cell": 10}
        run(parse_settings(self.config))
        self.config["stages"] = ["value"]

    def made(self, out: str = "outputs", **changes: Any) -> Path:
        config = copy.deepcopy(self.config)
        for path, given in changes.items():
            *above, last = path.split("__")
            place = config
            for key in above:
                place = place.setdefault(key, {})
            place[last] = given
        config["outputs"] = str(self.folder / out)
        run(parse_settings(config))
        return self.folder / out / "planted" / "value"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town(tmp_path_factory.mktemp("value"))


@pytest.fixture(scope="module")
def worth(town: Town) -> Path:
    return town.made()


def test_past_value_is_the_sum_of_each_customers_money(town: Town, worth: Path) -> None:
    found = pd.concat([pd.read_parquet(path) for path in sorted((worth / "customers").glob("*.parquet"))])
    paid = town.table.groupby("customer")["amount"].sum()
    assert found.set_index("customer_id")["past_value"].to_dict() == pytest.approx(paid.to_dict())
    assert 0.4 < found["first_half"].mean() < 0.6
    assert found["expected_value"].notna().all()


def test_those_who_pay_more_are_the_locomotive_and_hold_on_the_other_half(worth: Path) -> None:
    table = pd.read_csv(worth / "locomotives.csv")
    best = table[table["kind"] == "profile"].iloc[0]
    assert best["group"] == "kind=dog"
    assert best["lift_low"] > 1
    assert best["on_top"] == 1
    assert best["now_value_share"] > 0.5
    assert best["loss_low"] < best["loss"] < best["now_value"]
    assert "buys_loyal=yes" in set(table["group"])
    assert not table["group"].str.startswith("lapses").any()  # it only says whether anything is bought


def test_the_profile_says_who_they_are_and_holds_on_the_other_half(town: Town, worth: Path) -> None:
    table = pd.read_csv(worth / "ideal_customers.csv").set_index(["goal", "by"])
    profit = table.loc[("profit", "profile")]
    assert profit["description"] == "kind=dog"
    assert profit["lift_low"] > 1
    dogs = (town.people["kind"] == "dog").sum()
    assert profit["fits_now"] == pytest.approx(dogs, abs=30)  # 600 customers, half of them declare
    silent = town.people[~town.people["declares"]]
    assert abs(profit["fits_now_incomplete"] - (silent["kind"] == "dog").sum()) < 30
    assert profit["incomplete"] == len(silent)


def test_a_profile_becomes_an_audience_as_it_stands(town: Town, worth: Path) -> None:
    rules = yaml.safe_load((worth / "ideal_customers.yaml").read_text("utf-8"))
    config = copy.deepcopy(town.config) | {"stages": ["lookalike"]}
    config["lookalike"] = {"name": "dear", "wanted": rules["profit_by_profile"]["wanted"], "size": 60}
    run(parse_settings(config))
    members = pd.read_parquet(town.folder / "outputs/planted/audiences/dear/members.parquet")["customer_id"]
    assert (town.people.loc[members, "kind"] == "dog").mean() > 0.9

    seed = worth / rules["retention_by_fields"]["seed"]["file"]
    assert len(pd.read_csv(seed)) >= 20
    config["lookalike"] = {"name": "staying", "seed": {"file": str(seed)}, "size": 20, "repeats": 2}
    run(parse_settings(config))
    assert (town.folder / "outputs/planted/audiences/staying/members.parquet").exists()


def test_the_run_is_tracked_with_tables_and_pictures(town: Town, worth: Path) -> None:
    folder = Path(town.config["tracking"]["folder"]).absolute()
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}", registry_uri=f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("planted")
    found = client.search_runs([experiment.experiment_id], "tags.stage = 'value'")[-1]
    assert found.data.metrics["locomotive/profile/lift_low"] > 1
    assert 0 < found.data.metrics["gini"] < 1
    paths = {item.path for item in client.list_artifacts(found.info.run_id)}
    assert {"locomotives.csv", "ideal_customers.csv", "ideal_customers.yaml", "concentration.csv"} <= paths
    pictures = {path.name for path in (worth / "pictures").glob("*.png")}
    assert {"concentration.png", "forecast.png", "locomotives_profile.png", "ideal_customers.png"} <= pictures


def test_nothing_changed_is_not_done_again(town: Town, worth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (worth / "locomotives.csv").stat().st_mtime_ns
    town.made()
    assert "value: nothing has changed" in capsys.readouterr().out
    assert (worth / "locomotives.csv").stat().st_mtime_ns == before


def test_segments_are_groups_where_they_stand(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    families = town.folder / "outputs" / "planted" / "segments"
    families.mkdir()
    late = town.people.index[town.people["last_day"] == planted.DAYS]
    with whole(families / "activity", "x", {"buckets": 1}) as folder:
        table = pd.DataFrame({"customer_id": late, "segment": "loyal"})
        table.to_parquet(folder / "bucket=0000.parquet", index=False)
    try:
        groups = pd.read_csv(town.made() / "locomotives.csv").set_index("group")  # made anew: there are segments now
        assert groups.loc["activity: loyal", "kind"] == "segment"
        assert groups.loc["activity: loyal", "lift_low"] > 1
        assert groups.loc["activity: loyal", "now_members"] == len(late)
        assert "Segments are made from the very days" in capsys.readouterr().out
    finally:
        shutil.rmtree(families)


def test_a_wrong_field_is_refused_by_name(town: Town) -> None:
    with pytest.raises(ConfigError, match=r"value.field: 'amont' is no numeric field .*Did you mean 'amount'\?"):
        town.made(value__field="amont")


def poor(folder: Path, table: pd.DataFrame, **log: Any) -> tuple[Path, dict[str, Any]]:
    """Run features and value on a source without profiles and attributes; return its outputs and manifest."""
    folder.mkdir()
    table.to_parquet(folder / "purchases.parquet", index=False)
    config = planted.config(folder, folder / "out") | {"attributes": {}, "stages": ["features", "value"]}
    config["data"].pop("profiles")
    config["data"]["logs"]["purchases"] |= log
    config["value"] = {"resamples": 100}
    run(parse_settings(config))
    made = folder / "out" / "planted" / "value"
    return made, read_manifest(made)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_without_money_the_profiles_of_those_who_stay_are_told(town: Town, tmp_path: Path) -> None:
    made, manifest = poor(tmp_path / "no_money", town.table, numeric=[])
    assert "its logs have no numeric field" in manifest["missing"]["all that needs money"]
    assert manifest["missing"]["the goal profit"] == "no money is known"
    table = pd.read_csv(made / "ideal_customers.csv")
    assert set(table["goal"]) == {"retention"}
    assert table["lift_low"].iloc[0] > 1
    assert not (made / "concentration.csv").exists()


def test_without_profiles_fields_describe_and_the_rest_says_what_it_lacks(town: Town, tmp_path: Path) -> None:
    made, manifest = poor(tmp_path / "no_profiles", town.table)
    assert "no attributes" in manifest["missing"]["locomotives"]
    assert set(pd.read_csv(made / "ideal_customers.csv")["by"]) == {"fields"}
    assert pd.read_csv(made / "concentration.csv")["estimate"].between(0, 1).all()


def test_one_day_of_history_tells_the_past_alone(town: Town, tmp_path: Path) -> None:
    day = town.table.assign(bought_at=planted.START + pd.to_timedelta(np.arange(len(town.table)) % 80_000, unit="s"))
    made, manifest = poor(tmp_path / "day", day.astype({"bought_at": "datetime64[us]"}))
    assert "the history is 1 day long" in manifest["missing"]["all that needs a horizon"]
    assert (made / "concentration.csv").exists()
    assert (
        pd.concat([pd.read_parquet(p) for p in (made / "customers").glob("*.parquet")])["expected_value"].isna().all()
    )


def test_a_single_purchase_each_says_why_nothing_is_expected(town: Town, tmp_path: Path) -> None:
    made, manifest = poor(tmp_path / "once", town.table.groupby("customer", as_index=False).first())
    assert "the expected value" in manifest["missing"]
    assert "worth anything in the last horizon, 50 are needed" in manifest["missing"]["the expected value"]
    assert (made / "concentration.csv").exists()


def test_after_a_run_that_only_scored_value_makes_the_snapshots_it_needs(town: Town, worth: Path) -> None:
    before = pd.read_csv(town.made() / "locomotives.csv")  # as things stand: other tests leave tables of theirs
    snapshots = worth.parent / "snapshots"
    latest = max(path.name for path in snapshots.iterdir())
    for path in snapshots.iterdir():
        if path.name != latest:
            shutil.rmtree(path)
    shutil.rmtree(worth)
    pd.testing.assert_frame_equal(pd.read_csv(town.made() / "locomotives.csv"), before)
