"""What is not in the registry is no champion; what the registry does not tell is an error."""

from __future__ import annotations

from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from pipeline.errors import ModelError
from pipeline.settings import Tracking
from pipeline.tracking import CHAMPION, Tracker, told


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    """Return a store with the models `shop.lapse`, whose version 2 is the champion, and `shop.young` without one."""
    settings = Tracking(folder=str(tmp_path_factory.mktemp("models")))
    client = Tracker(settings, "shop").client
    for name in ("shop.lapse", "shop.young"):
        client.create_registered_model(name)
        for _ in range(2):
            client.create_model_version(name, "file:///nowhere")
    client.set_registered_model_alias("shop.lapse", CHAMPION, "2")
    return settings


def test_a_champion_is_what_the_registry_says(store: Tracking) -> None:
    tracker = Tracker(store, "shop")
    found = tracker.champion("lapse")
    assert found is not None
    assert found.label == "shop.lapse/2"
    assert tracker.champion("young") is None
    assert tracker.champion("unknown") is None
    assert tracker.knows("shop.lapse/1")
    assert not tracker.knows("shop.lapse/3")
    assert not tracker.knows("shop.unknown/1")
    assert tracker.find("0" * 32) is None


@pytest.mark.parametrize(
    ("call", "ask"),
    [
        ("get_model_version_by_alias", lambda tracker: tracker.champion("lapse")),
        ("get_model_version", lambda tracker: tracker.knows("shop.lapse/1")),
        ("get_run", lambda tracker: tracker.find("0" * 32)),
    ],
)
def test_a_store_that_does_not_answer_is_not_taken_for_an_empty_one(
    store: Tracking, monkeypatch: pytest.MonkeyPatch, call: str, ask: Any
) -> None:
    def fail(*_: Any) -> None:
        raise MlflowException("API request failed: read timed out")

    def use() -> None:
        with told(store, "shop") as tracker:
            monkeypatch.setattr(tracker.client, call, fail)
            ask(tracker)

    with pytest.raises(ModelError, match=r"failed: API request failed: read timed out\. What was"):
        use()
