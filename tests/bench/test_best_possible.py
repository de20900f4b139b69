from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigError, DataError
from pipeline.outputs import held, read_manifest
from pipeline.synthetic import telecom
from pipeline.synthetic.writing import Operator
from tests.bench import best_possible


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    telecom.make(Operator(customers=20, activity=0.3), tmp_path / "operator")
    return tmp_path / "operator"


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_operator_is_made_where_there_is_none(tmp_path):
    best_possible.make(20, 0.3, tmp_path / "made")
    assert read_manifest(tmp_path / "made")["operator"]["customers"] == 20


def test_the_same_operator_is_taken_as_it_stands(folder):
    before = contents(folder)
    best_possible.make(20, 0.3, folder)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("customers", "activity", "said"),
    [
        (30, 0.3, r"\(customers 20, not 30\)"),
        (20, 0.5, r"\(activity 0\.3, not 0\.5\)"),
        (30, 0.5, r"\(customers 20, not 30; activity 0\.3, not 0\.5\)"),
    ],
)
def test_another_operator_is_refused_and_left_alone(folder, customers, activity, said):
    before = contents(folder)
    with pytest.raises(ConfigError, match=f"operator holds another operator than the one asked for {said}"):
        best_possible.make(customers, activity, folder)
    assert contents(folder) == before


def test_an_operator_of_another_seed_is_refused_as_well(tmp_path):
    telecom.make(Operator(customers=20, activity=0.3, seed=7), tmp_path)
    with pytest.raises(ConfigError, match=r"\(seed 7, not 0\)"):
        best_possible.make(20, 0.3, tmp_path)


def test_two_runs_do_not_make_it_at_once(tmp_path):
    with (
        held(tmp_path / "made", tmp_path / ".made.lock", "--folder"),
        pytest.raises(DataError, match="made: another run is writing here"),
    ):
        best_possible.make(20, 0.3, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_what_is_no_operator_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="was not written by this program"):
        best_possible.make(20, 0.3, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_mistake_ends_with_one_message(folder, capsys, monkeypatch):
    monkeypatch.setattr(best_possible, "run", lambda _: pytest.fail("trained"))
    with pytest.raises(SystemExit) as ended:
        best_possible.main(["--folder", str(folder), "--customers", "30"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: --folder: {folder} holds another operator than")
