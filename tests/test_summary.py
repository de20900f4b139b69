"""What MLflow's list of trainings shows."""

from __future__ import annotations

from datetime import datetime

import pytest

from pipeline.settings import Data, Log, Model, Settings
from pipeline.summary import changes, description, last_like, recipe, training_name
from pipeline.tracking import TRAINING, Run

SETTINGS = Settings(
    Data("shop", {"log": Log(path="x", id="id", time="time")}),
    Model("blended", {"_target_": "a.B", "members": {"linear": {"C": 2.0}}}),
)
NOW = datetime(2024, 5, 6, 7, 8, 9)


def test_a_recipe_is_named_by_the_keys_of_the_command_line() -> None:
    found = recipe(SETTINGS)
    assert found["model.estimator.members.linear.C"] == "2.0"
    assert found["evaluation.folds"] == "5"
    assert found["seed"] == "0"
    assert not any(key.startswith(("data", "outputs", "tracking")) for key in found)


@pytest.mark.parametrize(
    ("differs", "name"),
    [
        ({}, "blended, 2024-05-06 07:08:09, shop"),
        (
            {"model.estimator.members.linear.C": ("4", "2"), "seed": ("1", "0")},
            "blended linear.C=4, seed=1, 2024-05-06 07:08:09, shop",
        ),
        ({f"model.k{i}": ("1", "0") for i in range(4)}, "blended 4 settings differ, 2024-05-06 07:08:09, shop"),
    ],
)
def test_a_name_tells_what_differs_first(differs: dict[str, tuple[str, str]], name: str) -> None:
    assert training_name(SETTINGS, differs, NOW) == name


def test_the_last_training_of_the_same_recipe_is_not_the_training_itself() -> None:
    runs = [
        Run("3", "this", {"model": "blended", TRAINING: "t3"}, {}),
        Run("2", "other", {"model": "prior", TRAINING: "t2"}, {}),
        Run("1", "before", {"model": "blended", TRAINING: "t1"}, {}),
    ]
    found = last_like(runs, "blended", "t3")
    assert found is not None
    assert found.id == "1"
    assert last_like(runs[:2], "blended", "t3") is None


def test_a_description_says_what_changed_and_what_was_certified() -> None:
    value = {"threshold": 0.7, "coverage": 0.25}
    fact = {"n": 1234, "auc": [0.8, 0.75, 0.85], "role": "champion"}
    facts = {"likes": {**fact, "values": {"no": {**value, "threshold": None}, "yes|maybe": value}}}
    before = Run("1", "blended, yesterday", {}, {"seed": "0"})
    text = description(facts, {"rare": "too few labels"}, before, changes({"seed": "1"}, {"seed": "0"}))
    lines = text.splitlines()
    assert lines[:2] == ["Compared with *blended, yesterday*: ", "* `seed`: 1 (was 0)"]
    assert "| likes | 1,234 | 0.800 [0.750, 0.850] | yes\\|maybe 25% | champion |" in lines
    assert lines[-1] == "Not learnt: *rare*: too few labels"
