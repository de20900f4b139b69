"""From events to clusters: planted groups are found and named, and what has no groups is everybody."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from pipeline.configuration import parse_settings
from pipeline.outputs import read_manifest
from pipeline.run import run

N, SHELVES = 240, ("wine", "toys", "tools")


def config(folder: Path, log: pd.DataFrame, **data):
    folder.mkdir(exist_ok=True)
    log.to_parquet(folder / "log.parquet", index=False)
    declared = {"path": "log.parquet", "id": "who", "time": "at", "categorical": ["item"]}
    return {
        "data": {"name": "small", "root": str(folder), "logs": {"buy": declared}, **data},
        "model": {"name": "m", "estimator": {"_target_": "a.B"}},
        "engine": {"workers": 1},
        "features": {"buckets": 2, "windows_days": [28], "vector": {"dimensions": 8}},
        "tracking": {"folder": str(folder / "models")},
        "outputs": str(folder / "out"),
        "segment": {"max_clusters": 5, "resamples": 8},
        "stages": ["features", "segments"],
    }


def purchases(own_share, per_customer=40, n=N, seed=0):
    """Return a year of purchases: customer i prefers shelf i % 3 in a share of cases, anything in the others."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        shelf = SHELVES[i % 3]
        for _ in range(per_customer):
            own = rng.random() < own_share
            item = f"{shelf} {'abcdefgh'[rng.integers(8)]}" if own else f"thing {'abcdefghijklmnop'[rng.integers(16)]}"
            at = pd.Timestamp("2024-01-01") + pd.Timedelta(seconds=int(rng.integers(365 * 86_400)))
            rows.append((f"c{i:03d}", at, item))
    log = pd.DataFrame(rows, columns=["who", "at", "item"])
    log["at"] = log["at"].astype("datetime64[us]")
    return log


def members(folder: Path) -> pd.DataFrame:
    files = sorted((folder / "out" / "small" / "segments" / "behaviour").glob("bucket=*.parquet"))
    return pd.concat([pd.read_parquet(file) for file in files]).set_index("customer_id").sort_index()


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    settings = config(folder, purchases(0.6))
    run(parse_settings(settings))
    return settings, folder, folder / "out" / "small" / "segments" / "behaviour"


def test_planted_groups_are_found_and_named_by_what_they_buy(planted):
    _, folder, data_set = planted
    found = members(folder)
    truth = [int(who[1:]) % 3 for who in found.index]
    assert adjusted_rand_score(truth, found["segment"]) >= 0.9
    for name, own in found.groupby("segment"):
        shelf = SHELVES[int(own.index[0][1:]) % 3]
        assert all(word.startswith(shelf) for word in name.split(" and "))
    things = pd.read_csv(data_set / "description.csv")
    assert (things["low"] <= things["lift"]).all()
    strongest = things[(things["kind"] == "token") & (things["lift"] > 1)]
    assert (strongest["low"] > 1).all()
    assert {path.name for path in (data_set / "pictures").iterdir()} == {
        "number.png",
        "description.png",
        "movement.png",
    }


def test_halves_agree_and_an_earlier_clustering_is_matched(planted):
    _, _, data_set = planted
    number = pd.read_csv(data_set / "number.csv").set_index("k")
    assert number.loc[3, "stability"] >= 0.8
    checks = pd.read_csv(data_set / "agreement.csv").set_index("what")
    assert checks.loc["even days against odd days", "adjusted_rand"] > 0.8
    assert checks.loc["clustered anew one period earlier", "same"] > 0.95
    moved = pd.read_csv(data_set / "movement.csv")
    assert (moved["was"] == moved["is"]).all()  # nobody changed, or so few that they are not told


def test_names_stay_from_one_instant_to_the_next(planted):
    settings, folder, data_set = planted
    before = members(folder)["segment"]
    more = purchases(0.6, per_customer=4, seed=5).assign(at=lambda log: log["at"] + pd.Timedelta(days=366))
    log = pd.concat([pd.read_parquet(folder / "log.parquet"), more], ignore_index=True)
    log["at"] = log["at"].astype("datetime64[us]")
    log.to_parquet(folder / "log.parquet", index=False)
    run(parse_settings(settings))
    after = members(folder)["segment"]
    assert (before == after.reindex(before.index)).mean() > 0.95
    assert all(read_manifest(data_set)["names_kept"])


def test_customers_without_structure_are_everybody(tmp_path, capsys):
    run(parse_settings(config(tmp_path, purchases(0.0))))
    assert set(members(tmp_path)["segment"]) == {"everybody"}
    assert "Behaviour: one group" in capsys.readouterr().out


def test_lumps_that_single_purchases_make_are_no_groups(tmp_path, capsys):
    """Whoever buys a handful of a few popular things stands near others who did, by chance alone."""
    rng = np.random.default_rng(0)
    chances = 1 / np.arange(1, 31)
    log = purchases(0.0, per_customer=6, n=600)
    log["item"] = rng.choice([f"thing {n}" for n in range(30)], len(log), p=chances / chances.sum())
    run(parse_settings(config(tmp_path, log)))
    assert set(members(tmp_path)["segment"]) == {"everybody"}
    said = capsys.readouterr().out
    assert "hardly more often than by chance" in said or "one group" in said


def test_few_customers_are_everybody_and_that_is_told(tmp_path, capsys):
    run(parse_settings(config(tmp_path, purchases(0.6, per_customer=10, n=24))))
    assert set(members(tmp_path)["segment"]) == {"everybody"}
    assert "24 customers with behaviour are too few for two" in capsys.readouterr().out
