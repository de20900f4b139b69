"""What queries spill goes beside the results, whatever folder a run was started in, and nothing of it stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.configuration import parse_settings
from pipeline.engine import DuckDBEngine
from pipeline.run import run
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
