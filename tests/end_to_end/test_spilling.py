"""What queries spill goes beside the results, whatever folder a run was started in, and nothing of it stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.configuration import parse_settings
from pipeline.engine import DuckDBEngine
from pipeline.run import run
from pipeline.settings import Settings
from tests.end_to_end import planted


@pytest.mark.parametrize("given", [None, "elsewhere"])
def test_queries_spill_beside_the_results_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    planted.write(tmp_path / "source")
    config: dict[str, Any] = planted.config(tmp_path / "source", tmp_path / "out") | {"stages": ["features"]}
    outputs, folders = tmp_path / "out" / "planted", set()
    if given:
        config["engine"] = {**config.get("engine", {}), "spill": str(tmp_path / given)}
    (outputs / ".spill" / "of a run that was killed").mkdir(parents=True)
    opened = DuckDBEngine.__init__

    def noted(self: DuckDBEngine, *arguments: Any, **named: Any) -> None:
        opened(self, *arguments, **named)
        (folder,) = self.ibis.con.execute("SELECT current_setting('temp_directory')").fetchone() or ("",)
        folders.add(str(folder))

    monkeypatch.setattr(DuckDBEngine, "__init__", noted)
    run(parse_settings(config))
    assert folders == {str(tmp_path / given) if given else str(outputs / ".spill")}
    assert not (outputs / ".spill").exists()


def test_the_program_that_asks_a_cluster_spills_beside_the_results_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = planted.config(tmp_path / "source", tmp_path / "out") | {"stages": ["features"]}
    config["engine"] = {"name": "spark", "master": "local[1]"}
    folders: list[str] = []

    def features(settings: Settings, *_: Any) -> None:
        assert settings.engine.spill is None  # as tasks get it: each machine has its own
        with DuckDBEngine(1, settings.engine.memory_limit_gb, settings.engine.spill) as engine:
            found = engine.ibis.con.execute("SELECT current_setting('temp_directory')").fetchone() or ("",)
            folders.append(str(found[0]))

    monkeypatch.setattr("pipeline.run._features", features)
    run(parse_settings(config))
    assert folders == [str(tmp_path / "out" / "planted" / ".spill")]
    features(parse_settings(config))
    assert folders[1] != folders[0]  # for the run alone
