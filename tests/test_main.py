import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the command line in an empty folder."""

    def run(*arguments):
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
        command = [sys.executable, "-W", "error::SyntaxWarning", "-m", "pipeline", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["modle=stacked"], r"modle: unknown key \(allowed: data, model.*Did you mean 'model'\?"),
        (["model=stackd"], r"model=stackd: there is no conf/model/stackd\.yaml \(allowed: .*Did you mean 'stacked'\?"),
        (["engine=postgres"], r"engine=postgres: there is no conf/engine/postgres\.yaml \(allowed: duckdb, spark\)"),
        (["stages=[featurs]"], r"stages: 'featurs' does not exist .*Did you mean 'features'\?"),
        (["features.bucketz=3"], r"features\.bucketz: unknown key .*Did you mean 'buckets'\?"),
        (["features.buckets=true"], r"features\.buckets: a number is needed; found true"),
        (["stages=[features"], "the configuration cannot be used: "),
        (["features"], "the configuration cannot be used: Error parsing override 'features'"),
        (["data.root=${nowhere}"], "Interpolation key 'nowhere' not found"),
        (["stages=[portrait]"], "customer: this key is required for the stage portrait, for example customer=1001"),
        (
            ["data.root=no", "stages=[features]"],
            r"file not found: no/transactions\.parquet\. The folder no does not exist",
        ),
        (["outputs=/dev/null"], "outputs: the folder /dev/null/complete_journey cannot be written to"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_a_mistake_ends_with_one_message_and_exit_code_2(run, arguments, told):
    done = run(*arguments)
    assert re.search(told, done.stderr), done.stderr
    assert done.returncode == 2
    assert "Traceback" not in done.stderr + done.stdout
    assert "Error executing job" not in done.stderr
    assert done.stdout == ""


def small_source(folder, *lines):
    """Write a source outside of the project; return the arguments that use it."""
    (folder / "log.csv").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    (folder / "own" / "data").mkdir(parents=True)
    declared = f"name: small\nroot: {folder}\nlogs: {{log: {{path: log.csv, id: id, time: time}}}}\n"
    (folder / "own" / "data" / "small.yaml").write_text(declared, "utf-8")
    return ["--config-dir", str(folder / "own"), "data=small", "stages=[features]"]


def test_an_as_of_that_cannot_be(run, tmp_path):
    done = run(*small_source(tmp_path, "id,time", "a,2024-05-06", "b,2024-05-07"), "data.as_of=nonsense")
    assert "data.as_of: 'nonsense' is no date or time" in done.stderr
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_too_many_bad_rows_are_told_and_kept(run, tmp_path):
    done = run(*small_source(tmp_path, "id,time", "a,2024-05-06", "b,never"))
    assert "1 of 2 rows (50.0%) cannot be used" in done.stderr
    assert "such as [id=b; time=never]" in done.stderr
    assert done.returncode == 2
    assert (tmp_path / "outputs" / "small" / "quarantine" / "log").is_dir()
    assert not (tmp_path / "outputs" / "small" / "events").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: [small", "not readable as YAML: "),
        ("name: a\nname: b", "not readable as YAML: .*duplicate key name"),
        ("name: small\nlogs: {log: {path: x, id: id, tme: t}}", r"data\.logs\.log\.tme: unknown key .*'time'\?"),
        ("", "data.name: this key is required"),
    ],
)
def test_a_source_file_that_cannot_be_used_is_told(run, tmp_path, text, told):
    arguments = small_source(tmp_path, "id,time")
    (tmp_path / "own" / "data" / "small.yaml").write_text(text, "utf-8")
    done = run(*arguments)
    assert re.search(told, done.stderr, re.DOTALL), done.stderr
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_help_says_what_can_be_done_without_doing_it(run, tmp_path):
    done = run("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    for text in (
        "python -m pipeline stages=",
        "stages=[features,shares]",
        "data: atus, complete_journey",
        "windows_days:",
        "model: ",
    ):
        assert text in done.stdout
    assert "powered by Hydra" not in done.stdout
    assert list(tmp_path.iterdir()) == []
