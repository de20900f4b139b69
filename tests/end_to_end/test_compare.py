"""Trainings side by side on a source whose truth is known, and a search for better settings."""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.compare.cells import THE_REFERENCE, Cell
from pipeline.compare.stage import compare
from pipeline.configuration import parse_settings
from pipeline.errors import ConfigError, DataError, ModelError
from pipeline.outputs import exclusive
from pipeline.paired import MEAN
from pipeline.run import conclude_sweep, run
from pipeline.tracking import Tracker
from tests.end_to_end import planted

ROOT = Path(__file__).parents[2]
PRIOR = {"name": "prior", "estimator": {"_target_": "sklearn.dummy.DummyClassifier", "strategy": "prior"}}


def changed(config: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a configuration with other values; `a__b` stands for the key b of a."""
    made = copy.deepcopy(config)
    for key, value in changes.items():
        section, _, name = key.partition("__")
        made[section] = {**made[section], name: value} if name else value
    return made


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Train a good recipe, the prior, and the good one with other folds; return the configuration of the first."""
    folder = tmp_path_factory.mktemp("compared")
    planted.write(folder / "source")
    config = planted.config(folder / "source", folder / "outputs")
    config["stages"] = ["features", "train"]
    config["evaluation"]["repeats"] = 2
    run(parse_settings(config))
    run(parse_settings(changed(config, stages=["train"], model={**config["model"], **PRIOR}, evaluation__repeats=1)))
    run(parse_settings(changed(config, stages=["train"], evaluation__folds=4)))
    return config


def cells_of(config: dict[str, Any], **compared: Any) -> dict[tuple[str, str], Cell]:
    """Return the cells by attribute and the recipe's name, which the run's name begins with."""
    settings = parse_settings({**config, "compare": compared})
    found = compare(settings, Tracker(settings.tracking, "planted"))
    return {(cell.attribute, cell.run.name.split(", ")[0]): cell for cell in found}


def test_a_worse_recipe_differs_from_the_champion_by_what_its_losses_differ(
    trained: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    cells = cells_of(trained, metric="log_loss")
    good, prior = cells["kind", "logistic"], cells["kind", "prior"]
    assert good.reason == THE_REFERENCE
    assert good.difference is None
    assert prior.difference is not None
    tracker = Tracker(parse_settings(trained).tracking, "planted")
    tables = []
    for run_of_all in (good.run, prior.run):
        nested = next(one for one in tracker.nested(run_of_all.id) if one.name == "kind")
        tables.append(tracker.read_table(nested.id, "out_of_fold"))
    # The prior was judged in one repeat, the champion in two: the first one is common to both.
    y = tables[0]["y"].to_numpy()
    losses = [-np.log(np.where(y == 1, t["proba_0_1"], t["proba_0_0"])) for t in tables]
    assert prior.difference.estimate == pytest.approx(np.mean(losses[1] - losses[0]))
    assert prior.difference.low > 0
    assert prior.survives
    assert good.n_figures == 6  # 3 folds, 2 repeats
    assert prior.n_figures == 3
    assert good.sd > 0
    assert cells["kind", "prior"].coverage_rarer == 0  # who knows nothing can only repeat the majority
    shown = " ".join(capsys.readouterr().out.split())
    assert "log_loss by attribute and training (lower is better)" in shown
    assert f"{prior.estimate:.3f} ± {prior.sd:.3f}" in shown
    assert f"{prior.difference.estimate:+.3f} [{prior.difference.low:+.3f}, {prior.difference.high:+.3f}]*" in shown


def test_other_folds_are_named_and_not_mixed(trained: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    other = cells_of(trained)["kind", "logistic folds=4"]
    assert other.difference is None
    assert other.reason == "other test folds (4 and 3)"
    assert "folds=4, 20" in (shown := " ".join(capsys.readouterr().out.split()))
    assert "kind, lapses: other test folds (4 and 3)" in shown


def test_the_mean_counts_the_champion_as_no_difference(trained: dict[str, Any]) -> None:
    cells = cells_of(trained)
    names = ("kind", "lapses")
    good = [cells[name, "logistic"] for name in names]
    assert cells[MEAN, "logistic"].estimate == pytest.approx(np.mean([cell.estimate for cell in good]))
    assert cells[MEAN, "logistic"].reason == THE_REFERENCE
    differences = [cells[name, "prior"].difference for name in names]
    expected = np.mean([d.estimate for d in differences if d is not None])
    found = cells[MEAN, "prior"].difference
    assert found is not None
    assert found.estimate == pytest.approx(expected)
    assert cells[MEAN, "prior"].reference == "2 of 2 attributes"


def test_any_training_can_be_the_reference(trained: dict[str, Any]) -> None:
    prior = cells_of(trained)["kind", "prior"]
    cells = cells_of(trained, against=prior.run.name)
    assert cells["kind", "prior"].reason == THE_REFERENCE
    better = cells["kind", "logistic"].difference
    assert better is not None
    assert prior.difference is not None
    assert better.estimate == pytest.approx(-prior.difference.estimate)


def test_one_training_says_how_to_make_a_second(trained: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    prior = cells_of(trained)["kind", "prior"].run
    capsys.readouterr()
    cells_of(trained, runs=[prior.id])
    shown = " ".join(capsys.readouterr().out.split())
    assert "one training only; a second is made by" in shown
    assert "B:" not in shown


def test_a_comparison_is_logged_once_with_table_and_picture(trained: dict[str, Any]) -> None:
    cells_of(trained)
    cells_of(trained)
    tracker = Tracker(parse_settings(trained).tracking, "planted")
    runs = tracker.client.search_runs([tracker.experiment_id], "tags.stage = 'compare' and params.against = 'champion'")
    ours = [one for one in runs if one.data.params["metric"] == "auc" and "|" in one.info.run_name]
    assert len(ours) == 1
    assert ours[0].info.run_name.startswith("compare auc: logistic folds=4, ")
    table = tracker.read_table(ours[0].info.run_id, "comparison")
    assert table is not None
    assert len(table) == 9  # three attributes, the mean among them, in three trainings
    assert set(table["attribute"]) == {"kind", "lapses", MEAN}
    files = [item.path for item in tracker.client.list_artifacts(ours[0].info.run_id, "pictures")]
    assert files == ["pictures/compared.png"]


def test_trainings_can_be_filtered_and_charted(trained: dict[str, Any]) -> None:
    tracker = Tracker(parse_settings(trained).tracking, "planted")
    runs = tracker.client.search_runs(
        [tracker.experiment_id], "tags.level = 'training' and params.`model.name` = 'prior'"
    )
    assert len(runs) == 1
    data = runs[0].data
    assert data.metrics["auc/kind"] == data.metrics["auc/lapses"] == data.metrics["mean_auc"] == 0.5
    assert {"mean_log_loss", "seconds", "values_certified", "champions"} <= set(data.metrics)
    assert "| kind |" in data.tags["mlflow.note.content"]
    nested = tracker.client.search_runs([tracker.experiment_id], "tags.attribute = 'kind' and tags.role = 'champion'")
    assert len(nested) == 1


def test_mistakes_of_a_comparison_are_told(trained: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"compare\.runs: no finished training is called 'nobody' \(allowed: logistic"
    ):
        cells_of(trained, runs=["nobody"])
    with pytest.raises(ConfigError, match=r"compare\.against: no finished training is called 'nobody'"):
        cells_of(trained, against="nobody")
    with pytest.raises(DataError, match=r"compare: the source 'planted' has no finished training in sqlite:///.*first"):
        cells_of(changed(trained, tracking__folder=str(tmp_path)))


def test_losses_of_an_earlier_version_are_read_but_not_compared(
    trained: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Tracker.read_table
    losses = ["customer_id", "y", "log_loss"]
    monkeypatch.setattr(Tracker, "read_table", lambda *arguments: real(*arguments)[losses])
    cell = cells_of(trained)["kind", "prior"]
    assert cell.difference is None
    assert cell.reason.startswith("it kept no probabilities: a training of an earlier version")


def test_a_table_of_an_earlier_version_is_read(trained: dict[str, Any]) -> None:
    tracker = Tracker(parse_settings(trained).tracking, "planted")
    table = pd.DataFrame({"customer_id": ["007"], "y": [1], "log_loss": [0.25]})
    with tracker.run("old", "test", {}) as run_id:
        tracker.log(run_id, tables={"out_of_fold": table})
    found = tracker.read_table(run_id, "out_of_fold")
    assert found is not None
    pd.testing.assert_frame_equal(found, table, check_dtype=False)
    assert tracker.read_table(run_id, "missing") is None


def sweep_config(config: dict[str, Any], **estimator: Any) -> dict[str, Any]:
    model = {**config["model"], "estimator": {**config["model"]["estimator"], **estimator}}
    return changed(config, model=model, stages=["sweep"], sweep={"name": "test", "attributes": ["kind"]})


def test_a_search_is_recorded_and_ends_with_the_set_aside_customers(
    trained: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    weak, default = sweep_config(trained, C=0.01), sweep_config(trained)
    with pytest.raises(ModelError, match="no trial besides the default to choose from"):
        conclude_sweep(parse_settings(weak))
    objectives = [run(parse_settings(one)) for one in (weak, default)]
    assert objectives[1] < objectives[0]
    assert run(parse_settings(weak)) == objectives[0]
    assert "trial 0 was made before" in " ".join(capsys.readouterr().out.split())
    conclude_sweep(parse_settings(weak))  # the weak one takes the default's place
    shown = " ".join(capsys.readouterr().out.split())
    assert "Sweep: trial 1 is the best of 2" in shown
    assert "better than the default by more than noise on the set-aside customers" in shown
    assert "best settings: model.estimator.C=not set" in shown
    tracker = Tracker(parse_settings(trained).tracking, "planted")
    parents = tracker.client.search_runs([tracker.experiment_id], "tags.level = 'sweep'")
    assert len(parents) == 1
    assert parents[0].data.metrics["set_aside_high"] < 0
    assert parents[0].data.tags["best_trial"] == "1"
    nested = {one.name: one.tags["best"] for one in tracker.nested(parents[0].info.run_id)}
    assert nested == {"trial 0 the default": "no", "trial 1 model.estimator.C=not set": "yes"}


def test_mistakes_of_a_search_are_told(trained: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"sweep\.attributes: 'kin' is unknown .*Did you mean 'kind'\?"):
        run(parse_settings(changed(sweep_config(trained), sweep__attributes=["kin"])))
    with pytest.raises(ModelError, match=r"the estimator refuses a value of this trial: .*model\.estimator\.C=-1"):
        run(parse_settings(sweep_config(trained, C=-1.0)))
    with pytest.raises(ConfigError, match=r"model\.estimator\.D: unknown parameter"):
        run(parse_settings(sweep_config(trained, D=1.0)))


@pytest.mark.skipif(
    importlib.util.find_spec("hydra_plugins") is None
    or importlib.util.find_spec("hydra_plugins.hydra_optuna_sweeper") is None,
    reason="needs the extra [sweep]",
)
def test_optuna_searches_by_the_command_line(trained: dict[str, Any], tmp_path: Path) -> None:
    for group, content in (("data", trained["data"]), ("attributes", trained["attributes"])):
        (tmp_path / "own" / group).mkdir(parents=True)
        (tmp_path / "own" / group / "planted.yaml").write_text(yaml.safe_dump(content), "utf-8")
    outputs = Path(trained["outputs"])
    arguments = ["--multirun", f"--config-dir={tmp_path / 'own'}", "data=planted", "experiment=sweep_fast"]
    arguments += [f"outputs={outputs}", f"tracking.folder={tmp_path / 'models'}", "sweep.attributes=[kind]"]
    arguments += ["sweep.name=command line", "hydra.sweeper.n_trials=2", "hydra.sweeper.sampler.n_startup_trials=1"]
    arguments += ["features.buckets=3", "features.windows_days=[28,91]", "features.vector.dimensions=8"]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "sweep: trial 0: " in done.stdout
    assert "sweep: trial 2: " in done.stdout
    assert "Sweep: trial" in done.stdout or "none of 2 trials has a lower log-loss" in done.stdout
    with exclusive(outputs / "planted"):
        made = sorted((outputs / "planted" / "sweeps").glob("command line-*/trials/*.json"))
    tried = [json.loads(path.read_text("utf-8"))["params"].get("model.estimator.C", "default") for path in made]
    assert tried[0] == "default"
    assert all(0.1 <= float(value) <= 20 for value in tried[1:])
    assert len(set(tried)) == 3
