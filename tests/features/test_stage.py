"""The features stage from files to behaviour vectors, on a tiny source."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError
from pipeline.features.behaviour import read_encoder
from pipeline.features.counts import read_counts
from pipeline.features.matrix import read_matrix
from pipeline.features.snapshot import snapshot_folder
from pipeline.features.stage import build_features
from pipeline.outputs import read_manifest
from pipeline.settings import Attribute, Data, Features, Future, Log, Model, Settings, Vector

START_US = 1_704_067_200_000_000  # 2024-01-01
DAY_US = 86_400_000_000
AS_OF_US = START_US + 31 * DAY_US  # the last event is of the 31st


def settings(folder: Path) -> Settings:
    """Return settings of 12 customers with an event on each third day of January, the last on the 31st."""
    lines = ["who,when,item"]
    for day in range(0, 31, 3):
        lines += [f"c{n},2024-01-{day + 1:02d} 10:00:00,item {(n + day) % 4}" for n in range(12)]
    folder.mkdir(exist_ok=True)
    (folder / "log.csv").write_text("\n".join(lines) + "\n")
    logs = {"log": Log(path="log.csv", id="who", time="when", categorical=["item"])}
    return Settings(
        data=Data("tiny", logs, root=str(folder)),
        model=Model("none", {}),
        attributes={"returns": Attribute("binary", future=Future("log", 5, at_least=2))},
        features=Features((7,), 2, Vector(dimensions=3, min_customers=2)),
    )


def stamps(outputs: Path) -> dict[str, int]:
    files = [file for file in outputs.rglob("*.*") if file.is_file()]
    return {file.relative_to(outputs).as_posix(): file.stat().st_mtime_ns for file in files}


class Built:
    def __init__(self, folder: Path) -> None:
        self.settings, self.outputs = settings(folder), folder / "out"
        self.manifest = build_features(self.settings, self.outputs, workers=1)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("tiny"))


def test_events_profiles_snapshots_and_vectors_are_written(built: Built) -> None:
    assert built.manifest["logs"]["log"]["rows"] == 11 * 12
    assert read_manifest(built.outputs / "profiles")["customers"] == 12
    # Now, where the last complete horizon begins, and one horizon earlier.
    expected = [AS_OF_US - days * DAY_US for days in (10, 5, 0)]
    found = {read_manifest(folder)["as_of_us"] for folder in (built.outputs / "snapshots").iterdir()}
    assert sorted(found) == expected
    assert read_manifest(snapshot_folder(built.outputs, AS_OF_US))["customers"] == 12
    behaviour = read_manifest(built.outputs / "behaviour")
    assert behaviour["as_of_us"] == AS_OF_US
    assert behaviour["dimensions"] == 3
    assert not (built.outputs / "quarantine").exists()


def test_the_written_vectors_are_those_of_the_written_encoder(built: Built) -> None:
    encoder, snapshot = read_encoder(built.outputs), snapshot_folder(built.outputs, AS_OF_US)
    assert set(encoder.vocabulary) >= {f"log__item=item {n}" for n in range(4)}
    seen = []
    with DuckDBEngine() as engine:
        for bucket in (0, 1):
            table = pq.read_table(built.outputs / "behaviour" / "vectors" / f"bucket=000{bucket}.parquet")
            customers, counts = read_counts(engine, snapshot, np.asarray(encoder.vocabulary), [bucket])
            assert table["customer_id"].to_pylist() == customers.tolist()
            vectors = np.column_stack([table[f"vector__00{n}"].to_numpy() for n in range(3)])
            np.testing.assert_array_equal(vectors, encoder.transform(counts))
            seen += customers.tolist()
        assert read_matrix(engine, snapshot, encoder).vectors.shape == (12, 3)
    assert sorted(seen) == sorted(f"c{n}" for n in range(12))


def test_a_second_run_writes_nothing(built: Built) -> None:
    before = stamps(built.outputs)
    assert build_features(built.settings, built.outputs, workers=1) == built.manifest
    assert stamps(built.outputs) == before


def test_other_vector_settings_rewrite_the_vectors_only(built: Built, tmp_path: Path) -> None:
    outputs = Path(shutil.copytree(built.outputs, tmp_path / "out"))
    before = stamps(outputs)
    vector = replace(built.settings.features.vector, dimensions=2)
    features = replace(built.settings.features, vector=vector)
    build_features(replace(built.settings, features=features), outputs, workers=1)
    after = stamps(outputs)
    changed = {path for path in after if after[path] != before.get(path)}
    assert changed
    assert all(path.startswith("behaviour/") for path in changed)
    assert read_encoder(outputs).dimensions_ == 2


@pytest.fixture
def daily(tmp_path: Path) -> Settings:
    """Return settings of a run that only scores, of a source whose days are files; the last of them has yet to come."""
    base = settings(tmp_path)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    (tmp_path / "log.csv").unlink()
    (tmp_path / "days").mkdir()
    for number in range(11):
        own = "\n".join([lines[0], *lines[1 + 12 * number : 13 + 12 * number]])
        (tmp_path / f"{number}.csv").write_text(own + "\n")
    for number in range(10):
        (tmp_path / f"{number}.csv").rename(tmp_path / "days" / f"{number}.csv")
    logs = {"log": replace(base.data.logs["log"], path="days")}
    return replace(base, data=replace(base.data, logs=logs), stages=("features", "score"))


def instants_of(outputs: Path) -> set[int]:
    return {read_manifest(folder)["as_of_us"] for folder in (outputs / "snapshots").iterdir()}


def test_a_run_that_only_scores_writes_the_snapshot_of_as_of_alone_and_keeps_the_encoder(
    daily: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = tmp_path / "out"
    build_features(daily, outputs, workers=1)
    assert "no model is fitted in this run" in capsys.readouterr().out
    assert instants_of(outputs) == {AS_OF_US - 3 * DAY_US}
    encoder, first = read_encoder(outputs), stamps(outputs)
    (tmp_path / "10.csv").rename(tmp_path / "days" / "10.csv")
    build_features(daily, outputs, workers=1)
    assert instants_of(outputs) == {AS_OF_US}  # the earlier one was of events that have been replaced
    assert "this run only scores" in capsys.readouterr().out
    assert read_manifest(outputs / "behaviour")["as_of_us"] == AS_OF_US - 3 * DAY_US
    working = replace(daily, stages=("features", "score", "lookalike"))
    build_features(working, outputs, workers=1)
    assert read_encoder(outputs).fingerprint_ == encoder.fingerprint_
    assert read_manifest(outputs / "behaviour")["as_of_us"] == AS_OF_US
    after = stamps(outputs)
    assert {path for path in after if path.startswith("settled/") and after[path] == first.get(path)}
    with DuckDBEngine() as engine:
        table = pq.read_table(outputs / "behaviour" / "vectors" / "bucket=0000.parquet")
        snapshot = snapshot_folder(outputs, AS_OF_US)
        customers, counts = read_counts(engine, snapshot, np.asarray(encoder.vocabulary), [0])
    assert table["customer_id"].to_pylist() == customers.tolist()
    vectors = np.column_stack([table[f"vector__00{n}"].to_numpy() for n in range(3)])
    np.testing.assert_array_equal(vectors, encoder.transform(counts))
    assert build_features(working, outputs, workers=1)["logs"]["log"]["rows"] == 11 * 12
    assert stamps(outputs) == after  # a second time nothing


def test_a_run_that_trains_writes_all_snapshots_and_fits_the_encoder_anew(daily: Settings, tmp_path: Path) -> None:
    outputs = tmp_path / "out"
    build_features(daily, outputs, workers=1)
    (tmp_path / "10.csv").rename(tmp_path / "days" / "10.csv")
    build_features(daily, outputs, workers=1)
    kept = read_manifest(outputs / "behaviour")
    build_features(replace(daily, stages=("features", "train")), outputs, workers=1)
    assert instants_of(outputs) >= {AS_OF_US - days * DAY_US for days in (10, 5, 0)}
    refitted = read_manifest(outputs / "behaviour")
    assert refitted["fitted"] != kept["fitted"]
    assert refitted["shape"] == kept["shape"]
    assert read_manifest(snapshot_folder(outputs, AS_OF_US))["customers"] == 12


def test_an_encoder_of_other_settings_is_not_kept(daily: Settings, tmp_path: Path) -> None:
    outputs = tmp_path / "out"
    build_features(daily, outputs, workers=1)
    (tmp_path / "10.csv").rename(tmp_path / "days" / "10.csv")
    vector = replace(daily.features.vector, dimensions=2)
    build_features(replace(daily, features=replace(daily.features, vector=vector)), outputs, workers=1)
    assert read_encoder(outputs).dimensions_ == 2


def test_what_was_read_is_told(built: Built, capsys: pytest.CaptureFixture[str]) -> None:
    build_features(built.settings, built.outputs, workers=1)
    told = capsys.readouterr().out
    assert "Source tiny, portraits as of 20240201T000000Z" in told
    assert "12 customers, 12 without a profile" in told


def test_a_source_without_common_tokens_is_refused_and_leaves_no_vectors(tmp_path: Path) -> None:
    chosen = settings(tmp_path / "source")
    features = replace(chosen.features, vector=replace(chosen.features.vector, min_customers=13))
    lone = replace(chosen, attributes={}, features=replace(features, buckets=1))
    with pytest.raises(DataError, match=r"only 0 tokens are met by at least features\.vector\.min_customers=13"):
        build_features(lone, tmp_path / "out", workers=1)
    with pytest.raises(DataError, match="no finished data set here"):
        read_encoder(tmp_path / "out")


def test_a_daily_run_does_not_wait_for_what_only_models_need():
    """Importing scikit-learn takes longer than many a day's new events."""
    asked = "import pipeline.features.stage, sys; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
