"""From files to portraits and an audience, on a source whose truth is known."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from pipeline.configuration import parse_settings
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError, ModelError
from pipeline.features.snapshot import snapshot_folder
from pipeline.lookalike import design
from pipeline.outputs import exclusive, read_manifest
from pipeline.promotion import question
from pipeline.run import run
from pipeline.score import UNREACHED, load_champions, predict_bucket
from pipeline.scoring import reading
from pipeline.settings import Attribute, Declared, Future, Model
from pipeline.tracking import Tracker
from tests.end_to_end import planted


class Done:
    """A finished run and where to look at it."""

    def __init__(self, config: dict[str, Any], people: pd.DataFrame) -> None:
        self.config, self.people = config, people
        self.outputs = Path(config["outputs"]) / "planted"

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.outputs / name)

    def client(self) -> mlflow.MlflowClient:
        store = f"sqlite:///{Path(self.config['tracking']['folder']) / 'mlflow.db'}"
        return mlflow.MlflowClient(store, store)

    def again(self, **changes: Any) -> dict[str, Any]:
        config = copy.deepcopy(self.config)
        for key, value in changes.items():
            section, _, name = key.partition("__")
            if name:
                config[section][name] = value
            else:
                config[section] = value
        return config

    def elsewhere(self, folder: Path, **changes: Any) -> dict[str, Any]:
        return self.again(outputs=str(folder), tracking__folder=str(folder / "models"), **changes)

    def copied(self, folder: Path) -> Done:
        """Return a copy of everything, to be spoilt."""
        shutil.copytree(self.config["outputs"], folder)
        return Done(self.elsewhere(folder), self.people)


def _experiment(client: mlflow.MlflowClient) -> str:
    return str(client.get_experiment_by_name("planted").experiment_id)


def champion_of(client: mlflow.MlflowClient, attribute: str, role: str = "champion") -> str:
    return str(client.get_model_version_by_alias(f"planted.{attribute}", role).version)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("planted")
    people = planted.write(folder / "source")
    config = planted.config(folder / "source", folder / "outputs")
    run(parse_settings(config))
    return Done(config, people)


def test_what_is_stated_is_right_where_the_profile_is_silent(done: Done) -> None:
    table = done.table("scores/predictions")
    inferred = table[(table["attribute"] == "kind") & (table["state"] == "inferred")]
    truth = done.people.set_index("customer")["kind"]
    silent = set(done.people[~done.people["declares"]]["customer"])
    assert set(inferred["customer_id"]) <= silent
    assert len(inferred) > 0.5 * len(silent)
    assert (inferred["value"].to_numpy() == truth.loc[inferred["customer_id"]].to_numpy()).mean() >= 0.8


def test_declared_values_are_kept_and_all_customers_are_there(done: Done) -> None:
    table = done.table("scores/predictions").query("attribute == 'kind'").set_index("customer_id")
    declaring = done.people[done.people["declares"]].set_index("customer")["kind"]
    assert (table.loc[declaring.index, "state"] == "declared").all()
    assert (table.loc[declaring.index, "value"] == declaring).all()
    assert len(table) == planted.N_CUSTOMERS + 5
    wide = done.table("scores/portraits")
    assert wide["customer_id"].is_unique
    assert len(wide) == len(table)


def test_customers_without_events_get_the_prior_and_say_so(done: Done) -> None:
    table = done.table("scores/predictions")
    silent = table[table["customer_id"].str.startswith("silent") & (table["attribute"] == "lapses")]
    assert len(silent) == 5
    assert (silent["state"] == "withheld").all()
    assert (silent["reason"] == "no events").all()
    assert silent["value"].isna().all()
    assert silent["probability"].nunique() == 1


def test_a_withheld_value_gives_its_reason(done: Done) -> None:
    table = done.table("scores/predictions")
    withheld = table[table["state"] == "withheld"]
    known = {"no events", "not sure enough", "value not certifiable", "outside the attribute's population", UNREACHED}
    assert set(withheld["reason"]) <= known
    assert withheld["value"].isna().all()
    assert table[table["state"] == "inferred"]["reason"].isna().all()


def test_of_customers_whose_like_never_told_nothing_is_stated(done: Done) -> None:
    settings = parse_settings(done.config)
    ensemble = load_champions(settings, Tracker(settings.tracking, "planted"))
    kind = next(champion.predictor for champion in ensemble.champions if champion.attribute == "kind")
    lapses = next(champion.predictor for champion in ensemble.champions if champion.attribute == "lapses")
    assert kind.answering_ is not None  # half of the customers did not tell
    assert lapses.answering_ is None  # the future is known of everybody
    snapshot = snapshot_folder(done.outputs, read_manifest(done.outputs / "scores")["as_of_us"])

    def predicted() -> pd.DataFrame:
        with DuckDBEngine(1, 1.0) as engine:
            table = predict_bucket(engine, settings, done.outputs, snapshot, ensemble, 0)
        return table[(table["attribute"] == "kind") & (table["state"] != "declared")]

    before = predicted()
    assert (before["state"] == "inferred").mean() > 0.5
    kind.least_propensity_ = 1.1
    after = predicted()
    stated = after["customer_id"].isin(before[before["state"] == "inferred"]["customer_id"])
    assert (after["state"] == "withheld").all()
    assert set(after[stated]["reason"]) == {UNREACHED}


def test_chunks_say_what_the_whole_bucket_says_and_hold_no_more_customers_than_they_may(
    done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = parse_settings(done.config)
    ensemble = load_champions(settings, Tracker(settings.tracking, "planted"))
    snapshot = snapshot_folder(done.outputs, read_manifest(done.outputs / "scores")["as_of_us"])
    encoded: list[int] = []
    real = reading.read_parts

    def noting(*arguments: Any) -> Any:
        parts = real(*arguments)
        encoded.append(len(parts.customers))
        return parts

    monkeypatch.setattr(reading, "read_parts", noting)

    def predicted(size: int) -> pd.DataFrame:
        encoded.clear()
        monkeypatch.setattr(reading.BucketReader.chunks, "__defaults__", (size,))
        with DuckDBEngine(1, 1.0) as engine:
            return predict_bucket(engine, settings, done.outputs, snapshot, ensemble, 0)

    whole = predicted(10_000)
    assert len(encoded) == len(ensemble.encoders)
    parts = predicted(60)
    assert max(encoded) <= 60
    assert len(encoded) > 2 * len(ensemble.encoders)
    pd.testing.assert_frame_equal(parts, whole, rtol=0, atol=1e-9)


def test_the_probability_of_every_value_is_given(done: Done) -> None:
    table = done.table("scores/predictions")
    values = read_manifest(done.outputs / "scores")["values"]
    assert values == {"kind": ["cat", "dog"], "lapses": ["no", "yes"]}
    proba = np.stack(table["probabilities"].to_numpy())
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(proba.max(axis=1), table["probability"], atol=1e-6)
    order = [values[name] for name in table["attribute"]]
    likeliest = [own[best] for own, best in zip(order, proba.argmax(axis=1), strict=True)]
    assert (table["likeliest"] == likeliest).all()
    assert set(proba[table["state"] == "declared"].ravel()) == {0.0, 1.0}


def test_a_model_answers_only_for_customers_like_those_it_learnt_from(done: Done) -> None:
    table = done.table("scores/predictions").query("attribute == 'lapses'").set_index("customer_id")
    bought = (
        pd.read_parquet(Path(done.config["data"]["root"]) / "purchases.parquet").groupby("customer")["bought_at"].max()
    )
    as_of = table["as_of"].iloc[0].tz_localize(None)
    idle = bought[bought < as_of - pd.Timedelta(days=56)].index
    assert len(idle) > 100
    assert (table.loc[idle, "state"] == "withheld").all()
    assert set(table.loc[idle, "reason"]) == {"outside the attribute's population"}
    assert (table.loc[bought.index.difference(idle), "reason"] != "outside the attribute's population").all()


def test_expiry_follows_the_attribute(done: Done) -> None:
    table = done.table("scores/predictions")
    assert ((table["expires"] - table["as_of"]) == pd.Timedelta(days=91)).all()


def test_runs_hold_what_a_data_scientist_compares(done: Done) -> None:
    client = done.client()
    experiment = client.get_experiment_by_name("planted")
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    nested = {run.info.run_name: run for run in runs if "mlflow.parentRunId" in run.data.tags}
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    assert len(parents) == 1
    assert set(nested) == {"kind", "lapses"}
    assert parents[0].data.tags["data_fingerprint"]
    files = {item.path for item in client.list_artifacts(parents[0].info.run_id)}
    assert {"config.yaml", "attributes.csv", "pictures"} <= files
    pictures = {item.path for item in client.list_artifacts(nested["kind"].info.run_id, "pictures")}
    drawn = ("reliability", "precision_coverage", "confusion", "carried_by")
    assert {f"pictures/{name}.png" for name in drawn} <= pictures
    assert 0.9 < nested["kind"].data.metrics["auc"] <= 1.0
    assert nested["kind"].data.metrics["auc_prior"] == 0.5
    assert nested["kind"].data.params["estimator._target_"] == "pipeline.model.linear.SparseLogistic"
    champion = client.get_model_version_by_alias("planted.kind", "champion")
    assert champion_of(client, "behaviour_encoder") == "1"
    mlflow.set_registry_uri(f"sqlite:///{Path(done.config['tracking']['folder']) / 'mlflow.db'}")
    info = mlflow.models.get_model_info(f"models:/planted.kind/{champion.version}")
    assert info.signature is not None


def test_each_attribute_has_a_model_card_that_also_describes_its_version(done: Done, tmp_path: Path) -> None:
    client = done.client()
    runs = {run.info.run_name: run for run in client.search_runs([_experiment(client)], "tags.attribute != ''")}
    cards = {}
    for name, run_of in runs.items():
        files = {item.path for item in client.list_artifacts(run_of.info.run_id)}
        assert {"model_card.html", "carried_by.csv"} <= files
        cards[name] = Path(client.download_artifacts(run_of.info.run_id, "model_card.html", str(tmp_path))).read_text()
    assert set(cards) == {"kind", "lapses"}
    assert cards["kind"].count("data:image/png;base64,") == 3
    assert "profile column &#39;kind&#39;" in cards["kind"]
    assert "Asked only of customers with an event in the 56 days before." in cards["lapses"]
    assert "out of time" in cards["lapses"]
    assert "out of time" not in cards["kind"]
    assert "kind: cat" in cards["lapses"]  # how it does among those who declared the other attribute
    assert "kind: cat" not in cards["kind"]
    assert "activity: " in cards["kind"]
    described = client.get_model_version_by_alias("planted.kind", "champion").description
    assert described.startswith("**kind** (binary) of planted")
    assert "Carried by: purchases: item" in described


def test_how_an_answer_may_be_used_is_no_other_question() -> None:
    plain = Attribute("binary", declared=Declared("kind"))
    warned = Attribute("binary", declared=Declared("kind"), sensitive=True, not_for=("anything",), expires_days=7)
    model = Model("linear", {})
    assert question(warned, model) == question(plain, model)
    assert question(Attribute("nominal", declared=Declared("kind")), model) != question(plain, model)


def test_among_whom_a_precision_is_promised_is_asked_of_declared_attributes_alone() -> None:
    declared, future = (
        Attribute("binary", declared=Declared("kind")),
        Attribute("binary", future=Future("a", 7, at_least=1)),
    )
    among = [Model("linear", {}, certified_among=who) for who in ("silent", "labelled")]
    assert question(declared, among[0]) != question(declared, among[1])
    assert question(future, among[0]) == question(future, among[1])


def test_the_same_command_again_does_nothing(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p: p.stat().st_mtime_ns for p in done.outputs.rglob("*") if p.is_file() and p.name != ".lock"}
    run(parse_settings(done.config))
    after = {p: p.stat().st_mtime_ns for p in done.outputs.rglob("*") if p.is_file() and p.name != ".lock"}
    assert before == after
    assert "nothing has changed" in capsys.readouterr().out
    assert len(done.client().search_model_versions("name = 'planted.kind'")) == 1


def test_two_trainings_with_the_same_seed_predict_the_same(done: Done, tmp_path: Path) -> None:
    run(parse_settings(done.elsewhere(tmp_path, engine={"workers": 2})))
    other = pd.read_parquet(tmp_path / "planted" / "scores" / "predictions")
    pd.testing.assert_frame_equal(done.table("scores/predictions"), other, check_exact=True)


def test_a_worse_model_is_a_challenger_and_a_better_one_becomes_champion(done: Done, tmp_path: Path) -> None:
    spoilt = done.copied(tmp_path / "copy")
    prior = {"name": "prior", "estimator": {"_target_": "sklearn.dummy.DummyClassifier", "strategy": "prior"}}
    worse = spoilt.again(model={**done.config["model"], **prior})
    run(parse_settings(worse))
    client = spoilt.client()
    assert champion_of(client, "kind") == "1"
    assert champion_of(client, "kind", "challenger") == "2"
    fresh = spoilt.elsewhere(tmp_path / "fresh", model=worse["model"])
    run(parse_settings(fresh))
    fresh["model"] = done.config["model"]
    run(parse_settings(fresh))
    client = Done(fresh, done.people).client()
    assert champion_of(client, "kind") == "2"


def test_a_champion_of_other_features_is_refused_by_name(done: Done, tmp_path: Path) -> None:
    spoilt = done.copied(tmp_path / "copy")
    other = spoilt.again(features__windows_days=[28], stages=["features", "score"])
    with pytest.raises(ModelError, match=r"planted\.kind/1: refuses to score: it was trained for other features"):
        run(parse_settings(other))


def test_training_again_after_features_changed_makes_scoring_possible_again(done: Done, tmp_path: Path) -> None:
    spoilt = done.copied(tmp_path / "copy")
    run(parse_settings(spoilt.again(features__windows_days=[28])))
    assert champion_of(spoilt.client(), "kind") == "2"


def test_a_stricter_promise_is_another_question(done: Done, tmp_path: Path) -> None:
    spoilt = done.copied(tmp_path / "copy")
    with pytest.raises(
        ModelError, match=r"planted\.kind/1: refuses to score: attributes\.kind, or what the model promises"
    ):
        run(parse_settings(spoilt.again(model__min_precision=0.97, stages=["score"])))
    run(parse_settings(spoilt.again(model__min_precision=0.97)))
    assert champion_of(spoilt.client(), "kind") == "2"


def test_an_opposite_question_is_not_compared(done: Done, tmp_path: Path) -> None:
    spoilt = done.copied(tmp_path / "copy")
    config = spoilt.again()
    rule = config["attributes"]["lapses"]["future"]
    rule["at_least"] = rule.pop("at_most") + 1
    run(parse_settings(config))
    assert champion_of(spoilt.client(), "lapses") == "2"
    assert champion_of(spoilt.client(), "kind") == "1"


def test_training_an_earlier_recipe_again_changes_no_role(done: Done, tmp_path: Path) -> None:
    prior = {"name": "prior", "estimator": {"_target_": "sklearn.dummy.DummyClassifier", "strategy": "prior"}}
    first = done.elsewhere(tmp_path, model={**done.config["model"], **prior}, stages=["features", "train"])
    better = done.elsewhere(tmp_path, stages=["train"])
    for config in (first, better, first):
        run(parse_settings(config))
    client = Done(first, done.people).client()
    assert champion_of(client, "kind") == "2"
    assert len(client.search_model_versions("name = 'planted.kind'")) == 2


def test_an_empty_store_is_told_and_overwrites_no_portrait(done: Done, tmp_path: Path) -> None:
    spoilt = done.copied(tmp_path / "copy")
    before = spoilt.table("scores/portraits")
    wrong = spoilt.again(tracking__folder=str(tmp_path / "typo"), stages=["score"])
    with pytest.raises(
        ModelError, match=r"no champion of any attribute of 'planted' in sqlite:///.*although this source"
    ):
        run(parse_settings(wrong))
    pd.testing.assert_frame_equal(before, spoilt.table("scores/portraits"))
    run(parse_settings({**wrong, "stages": ["train", "score"]}))
    assert champion_of(Done(wrong, done.people).client(), "kind") == "1"


def test_a_store_that_is_no_database_is_told(done: Done, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mlflow.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(ModelError, match=r"tracking: the store sqlite:///.*mlflow\.db cannot be opened"):
        run(parse_settings(done.again(tracking__folder=str(tmp_path / "models"), stages=["score"])))


def test_a_damaged_encoder_is_told(done: Done, tmp_path: Path) -> None:
    spoilt = done.copied(tmp_path / "copy")
    file = spoilt.outputs / "behaviour" / "encoder.joblib"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match=r"encoder\.joblib: cannot be loaded.*Delete the folder"):
        run(parse_settings(spoilt.again(model__confidence=0.95, stages=["train"])))


def test_without_attributes_there_are_still_portraits_and_a_hint(
    done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(parse_settings(done.elsewhere(tmp_path, attributes={})))
    assert len(pd.read_parquet(tmp_path / "planted/scores/portraits")) == planted.N_CUSTOMERS + 5
    assert "describe them in conf/attributes/planted.yaml" in " ".join(capsys.readouterr().out.split())


def test_a_damaged_model_file_is_named(done: Done, tmp_path: Path) -> None:
    spoilt = done.copied(tmp_path / "copy")
    client = spoilt.client()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'copy/models/mlflow.db'}")
    mlflow.set_registry_uri(f"sqlite:///{tmp_path / 'copy/models/mlflow.db'}")
    # The copied store still points to the original files; a damaged copy of one takes its place there and back.
    uri = client.get_model_version_by_alias("planted.kind", "champion").source
    model = mlflow.artifacts.download_artifacts(uri, tracking_uri=f"sqlite:///{tmp_path / 'copy/models/mlflow.db'}")
    pickled = next(Path(model).rglob("model.pkl"))
    whole = pickled.read_bytes()
    try:
        pickled.write_bytes(whole[: len(whole) // 2])
        shutil.rmtree(spoilt.outputs / "scores")
        with pytest.raises(ModelError, match=r"models:/planted\.kind/1: the registered model cannot be loaded"):
            run(parse_settings(spoilt.again(stages=["score"])))
    finally:
        pickled.write_bytes(whole)


def test_a_portrait_is_printed_with_its_reasons(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    person = done.people[~done.people["declares"]].iloc[0]
    run(parse_settings({**done.again(stages=["portrait"]), "customer": person["customer"]}))
    shown = capsys.readouterr().out
    assert f"Customer {person['customer']}" in shown
    assert f"item {person['kind']} thing" in " ".join(shown.split())
    with pytest.raises(DataError, match="no such customer"):
        run(parse_settings({**done.again(stages=["portrait"]), "customer": "nobody"}))


def test_a_portrait_can_be_read_while_another_run_writes(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    person = done.people.iloc[0]["customer"]
    spilled = done.outputs / ".spill" / "of the other run"
    with exclusive(done.outputs):
        spilled.mkdir(parents=True)
        run(parse_settings({**done.again(stages=["portrait"]), "customer": person}))
        assert spilled.exists()
        with pytest.raises(DataError, match="another run is writing here"):
            run(parse_settings(done.again(stages=["portrait", "score"], customer=person)))
        shutil.rmtree(spilled.parent)
    assert f"Customer {person}" in capsys.readouterr().out


def test_fans_hidden_in_the_base_are_found(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    source = Path(done.config["data"]["root"])
    fans = done.people[done.people["fan"]]["customer"].tolist()
    (source / "seed.txt").write_text("\n".join([*fans[:25], fans[0], "stranger"]))
    (source / "no.txt").write_text("\n".join(fans[38:]))
    config = done.again(stages=["lookalike"])
    config["lookalike"] |= {"suppress": str(source / "no.txt"), "size": 20, "control_share": 0.0}
    run(parse_settings(config))
    audience = pd.read_csv(done.outputs / "audiences" / "default" / "members.csv")
    assert set(audience["customer_id"]).isdisjoint([*fans[:25], *fans[38:]])
    assert len(set(audience["customer_id"]) & set(fans[25:38])) >= 11
    assert np.all(np.diff(audience["score"]) <= 0)
    shown = " ".join(capsys.readouterr().out.split())
    assert "stranger" in shown


def test_the_log_that_makes_a_seed_is_no_feature_of_its_ranking(
    done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    shutil.copytree(done.config["data"]["root"], source)
    fans = done.people[done.people["fan"]]["customer"]
    visits = pd.DataFrame({"customer": fans.repeat(2), "at": "2024-03-01", "page": "club page"})
    visits.to_csv(source / "visits.csv", index=False)
    config = done.elsewhere(tmp_path / "out", data__root=str(source), stages=["features", "lookalike"])
    config["data"]["logs"]["visits"] = {
        "path": "visits.csv",
        "id": "customer",
        "time": "at",
        "has_clock": False,
        "categorical": ["page"],
        "duplicates": "keep",
    }
    config["lookalike"]["seed"] = {"log": "visits"}
    read: list[list[str]] = []
    real = design.read_parts

    def noting(*arguments: Any) -> Any:
        found = real(*arguments)
        read.append([str(name) for name in found.names[found.dense.shape[1] :]])
        return found

    monkeypatch.setattr(design, "read_parts", noting)
    run(parse_settings(config))
    assert any(name.startswith("purchases__item=") for name in read[0])
    assert not any(name.startswith("visits__") for name in read[0])


def test_a_seed_of_strangers_is_refused(done: Done, tmp_path: Path) -> None:
    (tmp_path / "seed.csv").write_text("customer_id\nx1\nx2\n")
    config = done.again(stages=["lookalike"])
    config["lookalike"]["seed"] = {"file": str(tmp_path / "seed.csv")}
    with pytest.raises(DataError, match="none of its 2 ids is a customer of the base"):
        run(parse_settings(config))


def test_without_labels_an_attribute_says_why_and_the_others_go_on(
    done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    shutil.copytree(done.config["data"]["root"], source)
    (source / "profiles.csv").write_text("customer,kind\n")
    config = done.elsewhere(tmp_path / "out", data__root=str(source))
    run(parse_settings(config))
    shown = " ".join(capsys.readouterr().out.split())
    assert "attributes.kind is not learnt: no label: 10 customers of each value needed, none found" in shown
    table = pd.read_parquet(tmp_path / "out/planted/scores/predictions")
    assert set(table[table["attribute"] == "kind"]["reason"]) == {"no model"}
    assert (table[table["attribute"] == "lapses"]["state"] == "inferred").any()


def test_one_class_only_is_not_learnt(done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "source"
    shutil.copytree(done.config["data"]["root"], source)
    profiles = pd.read_csv(source / "profiles.csv").assign(kind="cat")
    profiles.to_csv(source / "profiles.csv", index=False)
    config = done.elsewhere(tmp_path / "out", data__root=str(source))
    del config["attributes"]["lapses"]
    run(parse_settings(config))
    assert "attributes.kind is not learnt: too few labels" in " ".join(capsys.readouterr().out.split())


def test_scoring_before_features_says_what_to_run(done: Done, tmp_path: Path) -> None:
    config = done.elsewhere(tmp_path, stages=["score"])
    with pytest.raises(DataError, match="no finished data set here"):
        run(parse_settings(config))


def test_a_portrait_needs_a_customer(done: Done) -> None:
    with pytest.raises(ConfigError, match="customer: this key is required"):
        run(parse_settings(done.again(stages=["portrait"])))
