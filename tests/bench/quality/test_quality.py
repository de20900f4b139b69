"""The benchmark from files to figures on a planted source: it finds what is there, and nothing where nothing is."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.configuration import parse_settings
from pipeline.errors import ConfigError
from pipeline.predictor import judge
from tests.bench.quality.__main__ import arguments, bench
from tests.bench.quality.ablation import FULL, variants
from tests.bench.quality.figures import score
from tests.bench.quality.learn import SYNTHESISED, described, learn
from tests.bench.quality.methods import METHODS, listed, recipe
from tests.bench.quality.plain import cross_validate
from tests.bench.quality.prepare import EVENTS, LABELS, MATRIX, prepare
from tests.bench.quality.processes import SYNTHESIS
from tests.bench.quality.tasks import tasks
from tests.end_to_end import planted

AS_OF = pd.Timestamp("2024-11-01")
ATTRIBUTES = ["kind", "coin", "lapses"]
OWN = [name for name, method in METHODS.items() if method.features == "pipeline" and method.columns != "past"]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Prepare the planted source with a third attribute, a coin that nothing tells of."""
    root = tmp_path_factory.mktemp("bench")
    planted.write(root / "source")
    profiles = pd.read_csv(root / "source" / "profiles.csv")
    profiles["coin"] = np.where(np.random.default_rng(5).random(len(profiles)) < 0.5, "heads", "tails")
    profiles.to_csv(root / "source" / "profiles.csv", index=False)
    config = planted.config(root / "source", root / "outputs")
    config["attributes"]["coin"] = {"kind": "binary", "declared": {"column": "coin"}}
    config["data"]["as_of"] = str(AS_OF.date())
    prepare(config, ATTRIBUTES, root / "task", workers=1)
    return {
        "config": config,
        "folder": str(root / "task"),
        "attributes": ATTRIBUTES,
        "workers": 1,
        "folds": 2,
        "repeats": 1,
        "certified": True,
    }


def areas(job: dict[str, Any], name: str) -> dict[str, float]:
    method = METHODS[name]
    variant = {"one": {**recipe(method.model), "folds": 2}}  # inner folds, to save time
    found = learn({**job, "variants": variant, "features": method.features, "columns": method.columns})["one"]
    figures = score(found, resamples=20).figures()
    return {attribute: figures[attribute]["auc"].estimate for attribute in ATTRIBUTES}


@pytest.mark.parametrize("name", OWN)
def test_every_method_finds_nothing_where_there_is_nothing(job: dict[str, Any], name: str) -> None:
    found = areas(job, name)
    assert abs(found["coin"] - 0.5) < 0.12  # 300 customers: the standard error is 0.033
    if name == "prior":
        assert found == dict.fromkeys(ATTRIBUTES, 0.5)
    if name in ("logistic", "ours"):
        assert found["kind"] > 0.95  # two thirds of what is bought tell it
    if name == "lightgbm":
        assert found["lapses"] > 0.6  # who stopped lately; the kind shows in tokens alone
        assert found["kind"] < 0.65


def test_persistence_learns_a_future_attribute_from_its_own_past_alone(job: dict[str, Any]) -> None:
    method = METHODS["persistence"]
    some = {**job, "attributes": ["lapses"], "features": method.features, "columns": method.columns}
    found = learn({**some, "variants": {"one": recipe(method.model)}})["one"]
    assert score(found, resamples=20).figures()["lapses"]["auc"].estimate > 0.6


@pytest.mark.skipif("LOOKALIKE_PEERS" not in os.environ, reason="LOOKALIKE_PEERS names no Python with featuretools")
def test_featuretools_finds_nothing_where_there_is_nothing(job: dict[str, Any]) -> None:
    folder = Path(job["folder"])
    python = os.environ["LOOKALIKE_PEERS"]
    subprocess.run([python, str(SYNTHESIS), str(folder / EVENTS), str(folder / SYNTHESISED)], check=True)
    told = json.loads((folder / SYNTHESISED).with_suffix(".json").read_text())
    assert told["features"] > 10
    found = areas(job, "featuretools")
    assert abs(found["coin"] - 0.5) < 0.12
    assert found["lapses"] > 0.6  # by the time since the last event


def test_what_other_tools_are_given_ends_before_the_cut_off(job: dict[str, Any]) -> None:
    given = pq.read_table(Path(job["folder"]) / EVENTS / "purchases.parquet")
    assert given.column_names == ["customer_id", "item", "amount", "time"]
    written = pd.read_parquet(Path(job["config"]["data"]["root"]) / "purchases.parquet")
    assert len(given) == (written["bought_at"] < AS_OF).sum() < len(written)
    assert max(given["time"].to_pylist()) < AS_OF


def test_plain_cross_validation_uses_the_folds_of_the_certified_one(job: dict[str, Any]) -> None:
    settings = parse_settings({**job["config"], "model": recipe("logistic")})
    path = Path(job["folder"]) / MATRIX
    labels = joblib.load(Path(job["folder"]) / LABELS)["kind"]
    task = described(labels, settings, path, joblib.load(path).names, "all", "pipeline")
    certified = judge(task, settings.model, 3, 2, single=False, seed=0)
    plain = cross_validate(task, settings.model, 3, 2, seed=0)
    assert (plain.folds == certified.folds).all()
    assert (plain.y == certified.y).all()
    assert (plain.customers == certified.customers).all()
    assert plain.prior == pytest.approx(certified.prior)
    # Calibration is monotone: within a fold, who ranks higher by one never ranks lower by the other.
    for fold in range(3):
        mine = plain.folds[0] == fold
        order = np.argsort(plain.proba[0, mine, 1])
        assert (np.diff(certified.proba[0, mine, 1][order]) >= -1e-9).all()


def test_members_that_are_remembered_give_what_members_fitted_anew_give(job: dict[str, Any]) -> None:
    model = recipe("blended") | {"folds": 2}
    members = model["estimator"]["members"]
    model["estimator"]["members"] = {name: members[name] for name in ("linear", "presence")}
    some = {**job, "attributes": ["kind"], "features": "pipeline", "columns": "all"}
    reduced = variants(model)
    together = learn({**some, "variants": reduced})
    assert list(together) == [FULL, "without linear", "without presence (linear)"]
    for name in (FULL, "without linear"):
        alone = learn({**some, "variants": {name: reduced[name]}})
        assert (together[name]["kind"].proba == alone[name]["kind"].proba).all()
    assert (together[FULL]["kind"].proba != together["without presence (linear)"]["kind"].proba).any()


def test_a_recipe_without_members_cannot_be_taken_apart() -> None:
    with pytest.raises(
        ConfigError, match=r"--ablate: a recipe with at least two members is needed; 'logistic' has \[\]"
    ):
        variants(recipe("logistic"))


def test_a_misspelt_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--methods: 'our' does not exist .*ours"):
        listed(["our"], METHODS, "--methods")
    with pytest.raises(ConfigError, match=r"--tasks: 'movielense' does not exist .*movielens"):
        bench(arguments(["--tasks", "movielense", "--json", str(tmp_path / "out.json")]))


def test_a_task_without_data_is_skipped_with_that_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = tmp_path / "out.json"
    bench(arguments(["--tasks", "movielens", "--movielens", str(tmp_path / "none"), "--json", str(written)]))
    assert "movielens: skipped, no folder" in capsys.readouterr().out
    assert "no folder" in json.loads(written.read_text())["skipped"]["movielens"]


def test_persistence_is_skipped_where_attributes_are_declared(tmp_path: Path) -> None:
    known = tasks(tmp_path)
    assert known["journey_declared"].declared(["age_band"])
    assert not known["journey_future"].declared(["buys_wine", "will_lapse"])


def test_every_task_asks_for_attributes_of_its_catalogue(tmp_path: Path) -> None:
    for name, task in tasks(tmp_path).items():
        config = task.config()
        assert set(task.quick) <= set(task.attributes) <= set(config["attributes"]), name
    future = tasks(tmp_path)["journey_future"]
    assert len(set(future.attributes)) == 35
    catalogue = future.config()["attributes"]
    assert all(catalogue[name]["future"]["horizon_days"] == 56 for name in future.attributes)
