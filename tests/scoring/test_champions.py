"""What scores is what the manifest says, whatever a training promotes meanwhile; encoders are made once for each."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline import score
from pipeline.configuration import parse_settings
from pipeline.outputs import MANIFEST, write_json
from pipeline.promotion import question
from pipeline.score import Ensemble
from pipeline.settings import Settings
from pipeline.timeline import as_of_name, resolve_as_of
from pipeline.tracking import Registered
from tests.end_to_end import planted

ENCODERS = {"kind": "1", "lapses": "2"}  # an older champion keeps its own


class Registry:
    """A registry in which each question for a champion finds a version that has just been promoted."""

    uri = "memory"

    def __init__(self, settings: Settings) -> None:
        self.settings, self.asked = settings, 0

    def champion(self, name: str) -> Registered:
        self.asked += 1
        facts = {
            "question": question(self.settings.attributes[name], self.settings.model),
            "encoder": ["planted.behaviour_encoder", ENCODERS[name]],
            "values": ["no", "yes"],
            "contract": "",
            "hide": [],
            "prior": [0.5, 0.5],
        }
        return Registered(f"planted.{name}", str(self.asked), facts, f"run{self.asked}")

    def load_version(self, name: str, number: str) -> Any:
        return f"{name}/{number}"

    def load(self, version: Registered) -> Any:
        return SimpleNamespace(label=version.label, answering_=None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings of a source whose events, profiles and snapshot stand, in no bucket."""
    found = parse_settings(planted.config(tmp_path / "source", tmp_path / "out"))
    events = {"buckets": 0, "logs": {"purchases": {"rows": 1, "first_us": 0, "last_us": 10**15}}}
    snapshot = tmp_path / "snapshots" / as_of_name(resolve_as_of(found.data, events))
    for folder, facts in (("events", events), ("profiles", {}), (str(snapshot), {})):
        write_json(tmp_path / folder / MANIFEST, {"fingerprint": "0", **facts})
    return found


def scored(settings: Settings, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], Ensemble]:
    """Score no customer; return the manifest and what would have answered."""
    kept: list[Ensemble] = []
    monkeypatch.setattr(score.joblib, "dump", lambda ensemble, path: (kept.append(ensemble), path.touch()))
    facts = score.score(settings, outputs, Registry(settings), 1)  # type: ignore[arg-type]
    return facts, kept[0]


def test_the_manifest_names_the_versions_that_answer(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, ensemble = scored(settings, tmp_path, monkeypatch)
    told = {name: text.partition(" of run ")[0] for name, text in facts["versions"].items()}
    assert {champion.attribute: champion.version for champion in ensemble.champions} == told
    assert [champion.predictor.label for champion in ensemble.champions] == list(told.values())  # type: ignore[union-attr]


def test_champions_of_two_encoders_have_both_and_that_is_told(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, ensemble = scored(settings, tmp_path, monkeypatch)
    assert {champion.attribute: champion.encoder for champion in ensemble.champions} == {
        name: f"planted.behaviour_encoder/{number}" for name, number in ENCODERS.items()
    }
    assert set(ensemble.encoders) == {champion.encoder for champion in ensemble.champions}
    assert "read 2 encoders" in " ".join(capsys.readouterr().out.split())
