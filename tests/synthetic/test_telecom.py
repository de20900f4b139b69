"""The command line, and the source as the pipeline reads it."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline.columns import CUSTOMER
from pipeline.configuration import parse_settings
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError
from pipeline.events import bucket_file, write_events
from pipeline.labels.declared import declared_labels
from pipeline.labels.future import future_labels
from pipeline.labels.known import Labels
from pipeline.outputs import read_manifest
from pipeline.profiles import write_profiles
from pipeline.run import run
from pipeline.settings import Settings
from pipeline.sources import files_of
from pipeline.synthetic import best, telecom
from pipeline.synthetic.writing import read_truth
from pipeline.timeline import instants, resolve_as_of

CONF = Path(__file__).resolve().parents[2] / "conf"


def settings(source: Path, folder: Path, *overrides: str) -> Settings:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(
            "config",
            [
                "data=telecom",
                f"data.root={source}",
                f"outputs={folder}",
                f"tracking.folder={folder}/models",
                *overrides,
            ],
        )
    plain: Any = OmegaConf.to_container(config, resolve=True)
    return parse_settings(plain)


# ---- the command


def test_the_command_says_what_it_wrote(tmp_path, capsys):
    telecom.main(["--customers", "20", "--days", "28", "--folder", str(tmp_path / "made")])
    said = capsys.readouterr().out
    assert re.search(r"synthetic telecom 1/1: households 0 to 19", said)
    # The console breaks lines where it must, also within a long path.
    assert re.search(r"SYNTHETIC *operator *in .*20 *lines, *28 *days", said.replace("\n", " "))
    assert (tmp_path / "made" / "_manifest.json").exists()
    telecom.main(["--customers", "10", "--days", "28", "--folder", str(tmp_path / "made")])  # over its own folder
    assert read_manifest(tmp_path / "made")["rows"]["truth"] == 10


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--customers", "0"], r"--customers: 0 is not between 1 and 1,000,000,000"),
        (["--days", "2000"], r"--days: 2000 is not between 1 and 1,460"),
        (["--shared-plans", "1.5"], r"--shared-plans: 1\.5 is not between 0\.0 and 1\.0"),
        (["--activity", "nan"], r"--activity: nan is not between"),
    ],
)
def test_a_mistake_ends_with_one_message_and_exit_code_2(arguments, told, capsys):
    with pytest.raises(SystemExit) as ended:
        telecom.main(arguments)
    assert ended.value.code == 2
    assert re.search(told, capsys.readouterr().err)


def test_a_folder_of_something_else_is_not_written_over(tmp_path):
    (tmp_path / "mine.txt").write_text("dear", "utf-8")
    with pytest.raises(ConfigError, match="exists and was not written by this program"):
        telecom.make(telecom.Operator(customers=5, days=28), tmp_path)
    assert (tmp_path / "mine.txt").read_text("utf-8") == "dear"


def test_two_runs_do_not_write_to_one_folder(tmp_path, monkeypatch):
    one, other = telecom.Operator(customers=5, days=28), telecom.Operator(customers=6, days=28)
    monkeypatch.chdir(tmp_path)
    write = telecom.write

    def meanwhile(operator, folder, step):
        with pytest.raises(DataError, match=r"another run is writing here.* with --folder=<folder>"):
            telecom.make(other, tmp_path / "made")
        telecom.make(other, tmp_path / "beside")
        return write(operator, folder, step)

    monkeypatch.setattr(telecom, "write", lambda *asked: (meanwhile if asked[0] is one else write)(*asked))
    telecom.make(one, Path("made"))
    assert read_manifest(tmp_path / "made")["rows"]["truth"] == 5
    assert read_manifest(tmp_path / "beside")["rows"]["truth"] == 6
    telecom.make(other, Path("made"))  # the lock ended with the run
    assert read_manifest(tmp_path / "made")["rows"]["truth"] == 6


def test_help_helps(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["telecom", "--help"])
    with pytest.raises(SystemExit):
        telecom.main()
    said = capsys.readouterr().out
    assert "SYNTHETIC" in said
    for option in ("--customers", "--days", "--seed", "--folder", "--shared-plans", "--activity", "--files", "--chunk"):
        assert option in said


# ---- the source


def test_it_is_named_synthetic_and_the_truth_is_no_part_of_it():
    for folder in ("data", "attributes"):
        text = (CONF / folder / "telecom.yaml").read_text("utf-8")
        assert "SYNTHETIC" in text.splitlines()[0]
    declared = yaml.safe_load((CONF / "data" / "telecom.yaml").read_text("utf-8"))
    paths = [log["path"] for log in (*declared["logs"].values(), declared["profiles"])]
    assert not [path for path in paths if "truth" in path]


def test_where_the_files_are_missing_the_error_tells_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", ["data=telecom"])
    plain: Any = OmegaConf.to_container(config, resolve=True)
    data = parse_settings(plain).data
    with pytest.raises(DataError, match=r"python -m pipeline\.synthetic\.telecom --folder data/telecom$"):
        files_of(data.logs["calls"], data.root, "data.logs.calls")
    telecom.make(telecom.Operator(customers=5, days=28), Path("data/telecom"))
    assert files_of(data.logs["calls"], data.root, "data.logs.calls")


def test_there_are_thirty_attributes_and_those_with_a_bound_are_among_them():
    declared = yaml.safe_load((CONF / "attributes" / "telecom.yaml").read_text("utf-8"))
    assert len(declared) >= 30
    assert set(best.ATTRIBUTES) - set(declared) <= {"uses_messenger", "uses_video", "uses_social"}  # by next to all
    assert sum("future" in one for one in declared.values()) >= 15


def test_the_features_stage_takes_it(small, tmp_path):
    chosen = settings(small, tmp_path, "stages=[features]", "features.windows_days=[28]", "features.buckets=1")
    object.__setattr__(chosen, "attributes", {"gender": chosen.attributes["gender"]})
    run(chosen)
    outputs = tmp_path / "telecom"
    events = read_manifest(outputs / "events")["logs"]
    assert {name: facts["rows"] for name, facts in events.items()} == {
        name: rows for name, rows in read_manifest(small)["rows"].items() if name not in ("profiles", "truth")
    }
    assert all(not facts["bad"] for facts in events.values())
    profiles = read_manifest(outputs / "profiles")
    assert profiles["customers"] == 300
    assert profiles["customers_without_profile"] == 300 - read_manifest(small)["rows"]["profiles"]
    local = pq.read_table(outputs / "events" / "payments" / "bucket=0000.parquet").to_pandas()
    assert (local[local["payment"] == "bill"]["hour"] == 0).all()  # bills come at midnight, summer and winter


@dataclass(frozen=True)
class Labelled:
    """The operator as the pipeline reads it: checked events and profiles, and a snapshot that names its customers."""

    settings: Settings
    folder: Path
    as_of_us: int

    def labels(self, name: str) -> Labels:
        attribute = self.settings.attributes[name]
        with DuckDBEngine() as engine:
            if attribute.declared:
                return declared_labels(engine, self.folder / "profiles", name, attribute, self.settings.data)
            at = instants(attribute, self.as_of_us).labels_us
            places = (self.folder / "events", self.folder / "snapshot")
            return future_labels(engine, *places, name, attribute, self.settings.data, at)


@pytest.fixture(scope="module")
def labelled(operator: Path, tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    folder = tmp_path_factory.mktemp("labelled")
    chosen = settings(operator, folder)
    with DuckDBEngine() as engine:
        events = write_events(chosen.data, 1, folder / "events", folder / "bad", engine)
        write_profiles(chosen.data, folder / "events", folder / "profiles", folder / "bad", engine)
    (folder / "snapshot" / "dense").mkdir(parents=True)
    ids = sorted(map(str, read_truth(operator)["line_id"].to_pylist()))
    pq.write_table(pa.table({CUSTOMER: ids}), bucket_file(folder / "snapshot" / "dense", 0))
    return Labelled(chosen, folder, resolve_as_of(chosen.data, events))


def test_every_attribute_has_labels_of_two_values_none_nearly_constant(labelled):
    for name in labelled.settings.attributes:
        labels = labelled.labels(name)
        counted = np.bincount(labels.y, minlength=len(labels.values))
        assert len(counted) >= 2, name
        assert counted.min() >= 30, (name, counted)  # what a model needs of each value
        assert counted.max() / counted.sum() < 0.97, (name, counted)


def test_the_best_possible_counts_the_labels_that_the_pipeline_counts(labelled, operator):
    """The two read the same files on their own; they must mean the same by an attribute."""
    source = best.Source(operator)
    for name in ("gender", "married", "age_band", "occupation", "handset_class", "will_churn", "foreign_travel",
                 "domestic_travel", "tops_up", "uses_sport"):  # fmt: skip
        labels, found = labelled.labels(name), best.best_possible(source, name)
        mine = dict(zip(map(str, found.lines.tolist()), found.labels.tolist(), strict=True))
        assert mine == dict(zip(labels.customers, labels.y.tolist(), strict=True)), name
