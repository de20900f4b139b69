"""The stage on a source of planted truth: fans buy things of their own; `kind`, a private matter, decides the rest."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from pipeline.campaign import segments
from pipeline.configuration import parse_settings
from pipeline.errors import ConfigError, DataError
from pipeline.outputs import read_manifest
from pipeline.run import run
from tests.end_to_end import planted
from tests.source import contents


class Town:
    """A planted source with features, and the stage messages run on it in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.people = planted.write(folder / "source")
        config = planted.config(folder / "source", folder / "outputs")
        config["attributes"] = {"kind": {"kind": "binary", "declared": {"column": "kind"}, "sensitive": True}}
        run(parse_settings(config | {"stages": ["features"]}))
        self.config = config | {"stages": ["messages"]}
        fans = self.people[self.people["fan"]]["customer"].tolist()
        cats = self.people[self.people["kind"] == "cat"]["customer"].tolist()
        gone = self.people[self.people["last_day"] < 250]["customer"].tolist()
        lists = {"fans": fans, "cats": cats, "gone": gone, "few": fans[:19], "strangers": ["x1", "x2"]}
        self.files = {name: self.written(name, ids) for name, ids in lists.items()}
        self.words = {
            f"fan thing {number}": {"en": f"fan article {number}", "uk": f"річ для прихильників {number}"}
            for number in range(6)
        }

    def written(self, name: str, ids: list[str]) -> str:
        path = self.folder / f"{name}.csv"
        path.write_text("\n".join(["customer_id", *ids]) + "\n", "utf-8")
        return str(path)

    def made(self, *segments: str, **changes: Any) -> dict[str, Any]:
        config = copy.deepcopy(self.config)
        source = {"words": {"purchases.item": self.words}, "quoted": ["purchases.item"], "price": None}
        config["campaign"] = {"files": {name: self.files[name] for name in segments}, "source": source, **changes}
        run(parse_settings(config))
        told: dict[str, Any] = json.loads((self.messages / "messages.json").read_text("utf-8"))
        return told

    @property
    def messages(self) -> Path:
        return self.folder / "outputs" / "planted" / "messages"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town(tmp_path_factory.mktemp("messages"))


def segment(told: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in told["segments"] if one["brief"]["segment"] == name)


def test_fans_are_written_to_of_their_shelf_and_nobody_of_a_private_matter(town: Town) -> None:
    told = town.made("fans", "cats", "gone")
    fans = segment(told, "fans")
    wanted = {one["token"]: one for one in fans["brief"]["interests"]["wanted"]}
    assert {f"fan thing {number}" for number in range(6)} <= set(wanted)
    assert all(wanted[f"fan thing {number}"]["low"] > 3 for number in range(6))
    texts = [" ".join(message["parts"].values()) for message in fans["messages"] if message["language"] == "en"]
    assert len(texts) == 6
    assert all("fan article" in text for text in texts)
    assert any(
        "річ для прихильників" in " ".join(m["parts"].values()) for m in fans["messages"] if m["language"] == "uk"
    )
    cats = segment(told, "cats")
    own = [one for one in cats["brief"]["interests"]["wanted"] if one["token"].startswith("cat thing")]
    assert len(own) == 12  # that is what tells cats from dogs, and what no cat may read
    assert all("kind" in one["silent"] for one in own)
    everything = " ".join(str(m["parts"]) for one in told["segments"] for m in one["messages"]).casefold()
    assert "cat thing" not in everything
    assert "dog thing" not in everything


def test_facts_of_the_segment_are_in_its_brief(town: Town) -> None:
    told = town.made("fans", "cats", "gone")
    gone = segment(told, "gone")["brief"]
    assert gone["manner"]["tone"] == "returning"
    assert gone["customers"] == (town.people["last_day"] < 250).sum()
    assert 0 <= gone["timing"]["hour"]["at"] < 24
    assert gone["price"]["level"] is None
    assert "no field is declared" in gone["price"]["reason"]
    assert segment(told, "fans")["choice"]["approach"] is None
    assert {m["status"] for m in segment(told, "fans")["messages"]} == {"hypothesis A/B"}
    assert segment(told, "fans")["choice"]["tests"][0]["per_arm"] > 1000


def test_segments_of_families_are_written_to(town: Town) -> None:
    folder = town.folder / "outputs" / "planted" / "segments" / "loyalty"
    folder.mkdir(parents=True)
    rows = town.people.assign(customer_id=town.people["customer"], segment=np.where(town.people["fan"], "fans", "rest"))
    for bucket in range(2):
        rows.iloc[bucket::2][["customer_id", "segment"]].to_parquet(
            folder / f"bucket={bucket:04d}.parquet", index=False
        )
    (folder / "_manifest.json").write_text('{"buckets": 2, "fingerprint": "one"}')
    told = town.made("gone")
    kinds = {one["brief"]["segment"]: one["brief"]["kind"] for one in told["segments"]}
    assert kinds == {"loyalty/fans": "family", "loyalty/rest": "family", "gone": "file"}
    assert segment(told, "loyalty/fans")["brief"]["customers"] == planted.N_FANS
    (folder / "_manifest.json").unlink()
    assert len(town.made("gone")["segments"]) == 1


def test_audiences_are_written_to_and_an_expired_one_is_marked(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, expires_us in (("fresh", 9_999_999_999_000_000), ("old", 1)):
        folder = town.folder / "outputs" / "planted" / "audiences" / name
        folder.mkdir(parents=True)
        members = town.people["customer"].iloc[:50].rename("customer_id").to_frame()
        members.to_parquet(folder / "members.parquet", index=False)
        facts = {"fingerprint": name, "expires_us": expires_us, "expires": "1970-01-01T00:00:00+00:00"}
        (folder / "_manifest.json").write_text(json.dumps(facts))
    notes = {one["brief"]["segment"]: one["brief"]["note"] for one in town.made()["segments"]}
    expired = "This audience has expired on 1970-01-01: contact nobody by it."
    assert notes == {"fresh": "", "old": expired}
    monkeypatch.setattr(segments.time, "time", lambda: 1e10)  # of nothing but the clock
    assert {one["brief"]["note"] for one in town.made()["segments"]} == {expired}
    monkeypatch.undo()
    assert [one["brief"]["segment"] for one in town.made(audiences=["fresh"])["segments"]] == ["fresh"]
    shutil.rmtree(town.folder / "outputs" / "planted" / "audiences")


def test_small_segments_are_hidden_and_unknown_ids_are_nobody(town: Town) -> None:
    told = town.made("fans", "few", "strangers")
    assert [one["brief"]["segment"] for one in told["segments"]] == ["fans"]
    assert told["hidden"] == 2
    page = (town.messages / "messages.html").read_text("utf-8")
    assert "few" not in page.replace("fewer", "").replace("few people", "")
    with pytest.raises(DataError, match=r"no segment has 20 customers with events .*few, strangers: 0"):
        town.made("few", "strangers")
    assert len(town.made("few", min_cell=19)["segments"]) == 1


def test_no_figure_of_fewer_customers_than_allowed_is_told(town: Town) -> None:
    told = town.made("fans", "cats", "gone")

    def counts(value: Any) -> list[int]:
        if isinstance(value, dict):
            here = [value["n"]] if isinstance(value.get("n"), int) else []
            return here + [n for one in value.values() for n in counts(one)]
        return [n for one in value for n in counts(one)] if isinstance(value, list) else []

    found = [n for one in told["segments"] for n in counts(one["brief"])]
    assert len(found) > 30
    assert min(n for n in found if n) >= 20  # nobody at all is nobody


def test_a_run_with_nothing_changed_does_nothing_and_the_same_input_gives_the_same_output(town: Town) -> None:
    town.made("fans", "gone")
    before, stamp = contents(town.messages), (town.messages / "_manifest.json").stat().st_mtime_ns
    town.made("fans", "gone")
    assert (town.messages / "_manifest.json").stat().st_mtime_ns == stamp
    (town.messages / "_manifest.json").unlink()
    town.made("fans", "gone")
    assert contents(town.messages) == before
    assert read_manifest(town.messages)["n_segments"] == 2


def test_a_template_with_a_missing_variable_is_told_and_the_others_appear(
    town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "uk").mkdir()
    head = "---\napproach: benefit\nchannel: sms\nlimits: {body: 100, action: 20}\n---\n"
    blocks = "{% block body %}Вітаємо, {{ interset }}!{% endblock %}{% block action %}Далі{% endblock %}"
    (tmp_path / "uk" / "mine.j2").write_text(head + blocks, "utf-8")
    told = town.made("fans", templates=str(tmp_path))
    said = " ".join(capsys.readouterr().out.split())
    assert "template uk/mine.j2: there is no variable 'interset' (allowed: sender, offer" in said
    assert "Did you mean 'interest'?" in said
    assert len(segment(told, "fans")["messages"]) == 12
    assert "interset" in told["broken"]["uk/mine.j2"]
    assert "interset" in (town.messages / "messages.html").read_text("utf-8")
    (tmp_path / "uk" / "mine.j2").write_text(head + blocks.replace("{{ interset }}", "друзі"), "utf-8")
    assert len(segment(town.made("fans", templates=str(tmp_path)), "fans")["messages"]) == 13


def test_one_language_alone_and_a_text_that_is_refused(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    told = town.made("fans", languages=["uk"], offer={"uk": "знижка для пенсіонерів"})
    statuses = {m["template"]: m["status"] for m in segment(told, "fans")["messages"]}
    assert {name for name, status in statuses.items() if status == "refused"} == {
        "uk/email_benefit.j2",
        "uk/email_novelty.j2",
        "uk/email_reminder.j2",
        "uk/sms_benefit.j2",
    }
    assert told["refused"] == 4
    assert "it holds what no reader may be told: 'пенсі*' (age)" in " ".join(capsys.readouterr().out.split())
    table = pd.read_csv(town.messages / "messages.csv", keep_default_na=False)
    assert (table.loc[table["status"] == "refused", ["subject", "body", "action"]] == "").all().all()


def test_the_run_is_logged(town: Town) -> None:
    told = town.made("cats", "gone")
    client = mlflow.MlflowClient(f"sqlite:///{town.config['tracking']['folder']}/mlflow.db")
    experiment = client.get_experiment_by_name("planted").experiment_id
    found = client.search_runs([experiment], "tags.stage = 'messages'", order_by=["attributes.start_time DESC"])[0]
    assert found.data.metrics["segments"] == 2
    assert found.data.metrics["messages"] == sum(len(one["messages"]) for one in told["segments"])
    assert found.data.metrics["refused"] == 0


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"languages": ["ua"]}, ConfigError, r"campaign\.languages: there is no language 'ua'"),
        ({"audiences": ["default"]}, ConfigError, r"campaign\.audiences: there is no 'default' in"),
        ({"families": ["age"]}, ConfigError, r"campaign\.families: there is no 'age' in"),
        ({"files": {}}, DataError, "there is nobody to write to"),
        ({"files": {"a": "nowhere.csv"}}, DataError, r"campaign\.files\.a: file not found: nowhere\.csv"),
        (
            {"source": {"quoted": ["purchases.itm"]}},
            ConfigError,
            r"'purchases\.itm' is no .*Did you mean 'purchases\.item'",
        ),
        ({"source": {"price": {"log": "purchases", "price": "amont"}}}, ConfigError, r"Did you mean 'amount'\?"),
        ({"source": {"clock": "visits"}}, ConfigError, r"campaign\.source\.clock: 'visits' is no log"),
        ({"tone": {"fans": "rude"}}, ConfigError, r"campaign\.tone\.fans: "),
        ({"contact_hours": [20, 9]}, ConfigError, "no hour is left"),
        ({"source": {"price": {"log": "p", "saved": "s"}}}, ConfigError, "'paid' and 'saved' go together"),
    ],
)
def test_what_cannot_be_meant_is_told_and_leaves_nothing(town: Town, changes: Any, error: type, told: str) -> None:
    town.made("fans")
    before = contents(town.messages)
    with pytest.raises(error, match=told):
        town.made("fans", **changes)
    assert contents(town.messages) == before
    assert [path.name for path in town.messages.parent.glob("messages*")] == ["messages"]


def test_random_customers_have_no_interest_of_their_own(town: Town) -> None:
    drawn = np.random.default_rng(3).choice(town.people["customer"].to_numpy(), 150, replace=False)
    town.files["random"] = town.written("random", list(drawn))
    told = segment(town.made("random"), "random")["brief"]["interests"]
    assert len(told["wanted"]) <= 1
    assert len(told["common"]) > 5  # what it does most is told nevertheless, as no more than that
