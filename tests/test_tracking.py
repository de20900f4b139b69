"""What is not in the registry is no champion; what the registry does not tell is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from pipeline.errors import ModelError
from pipeline.settings import Tracking
from pipeline.tracking import CHAMPION, Tracker, told

TABLE = pd.DataFrame({"customer_id": ["007"], "y": [1]})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    """Return a store with the models `shop.lapse`, whose version 2 is the champion, and `shop.young` without one.

    A finished run of the training `t` and the name `young` has the table `out_of_fold`.
    """
    settings = Tracking(folder=str(tmp_path_factory.mktemp("models")))
    tracker = Tracker(settings, "shop")
    client = tracker.client
    for name in ("shop.lapse", "shop.young"):
        client.create_registered_model(name)
        for _ in range(2):
            client.create_model_version(name, "file:///nowhere")
    client.set_registered_model_alias("shop.lapse", CHAMPION, "2")
    with tracker.run("young", "t", {}) as run_id:
        tracker.log_large(run_id, "out_of_fold", TABLE)
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
        ("list_artifacts", lambda tracker: tracker.read_table("0" * 32, "out_of_fold")),
        ("download_artifacts", lambda tracker: tracker.read_table(tracker.finished("t", "young"), "out_of_fold")),
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


def test_a_table_is_none_only_where_there_is_none(store: Tracking) -> None:
    tracker = Tracker(store, "shop")
    run_id = tracker.finished("t", "young")
    assert run_id is not None
    found = tracker.read_table(run_id, "out_of_fold")
    assert found is not None
    pd.testing.assert_frame_equal(found, TABLE)
    assert tracker.read_table(run_id, "missing") is None
    assert tracker.read_table("0" * 32, "out_of_fold") is None


@pytest.mark.parametrize(("name", "content"), [("cut.parquet", b"PAR1"), ("cut.csv", b""), ("cut.csv", b"\xff\xfe")])
def test_a_damaged_table_is_not_taken_for_none(store: Tracking, tmp_path: Path, name: str, content: bytes) -> None:
    tracker = Tracker(store, "shop")
    path = tmp_path / name
    path.write_bytes(content)
    with tracker.run(f"{name}-{len(content)}", "t", {}) as run_id:
        tracker.client.log_artifact(run_id, str(path))
    with pytest.raises(ModelError, match=rf"tracking: {name} of run {run_id} in the store .* cannot be read: "):
        tracker.read_table(run_id, "cut")
