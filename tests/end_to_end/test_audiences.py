"""Audiences of the planted source: found, sealed, explained, handed over, and every bad request told in words."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from pipeline.configuration import parse_settings
from pipeline.errors import ConfigError, DataError, PipelineError
from pipeline.lookalike.members.export import read_control_group
from pipeline.run import run
from tests.end_to_end import planted

SEED, SUPPRESSED = slice(0, 25), slice(37, 40)


class Town:
    def __init__(self, folder: Path) -> None:
        self.people = planted.write(folder / "source")
        self.fans = self.people[self.people["fan"]]["customer"].tolist()
        (folder / "seed.csv").write_text("\n".join(["customer_id", *self.fans[SEED], "stranger", self.fans[0]]))
        (folder / "no.txt").write_text("\n".join(self.fans[SUPPRESSED]))
        self.folder = folder
        self.config = planted.config(folder / "source", folder / "outputs")
        self.config["stages"] = ["features", "train", "score"]
        self.config["lookalike"] = {"repeats": 2, "seed": {"file": str(folder / "seed.csv")}}
        run(parse_settings(self.config))
        self.config["stages"] = ["lookalike"]

    def made(self, name: str, **changes: Any) -> Path:
        config = copy.deepcopy(self.config)
        config["lookalike"] |= {"name": name, **changes}
        run(parse_settings(config))
        return self.folder / "outputs" / "planted" / "audiences" / name


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town(tmp_path_factory.mktemp("audiences"))


@pytest.fixture(scope="module")
def club(town: Town) -> Path:
    return town.made(
        "club",
        size=30,
        min_audience=20,
        suppress=str(town.folder / "no.txt"),
        organic_rate=0.02,
        purpose="invitation to the club",
    )


def test_hidden_fans_come_first_and_nobody_is_contacted_who_must_not_be(town: Town, club: Path) -> None:
    members = pd.read_parquet(club / "members.parquet")
    control = pd.read_parquet(club / "control.parquet")
    listed = pd.concat([members, control]).sort_values("rank")
    assert len(members) == 30
    assert listed["rank"].tolist() == list(range(1, len(listed) + 1))
    hidden = set(town.fans[25:37])
    assert len(hidden & set(listed["customer_id"][:14])) >= 10
    assert set(listed["customer_id"]).isdisjoint([*town.fans[SEED], *town.fans[SUPPRESSED]])
    fans = members[members["customer_id"].isin(hidden)]
    assert fans["reason"].str.contains("fan thing").mean() > 0.7


def test_the_control_group_is_sealed_before_anybody_is_ranked(town: Town, club: Path) -> None:
    manifest = json.loads((club / "_manifest.json").read_text())
    drawn = set(read_control_group(club, manifest["control"]["seal"]))
    members = set(pd.read_parquet(club / "members.parquet")["customer_id"])
    assert not drawn & members
    assert set(pd.read_parquet(club / "control.parquet")["customer_id"]) <= drawn
    assert 0.05 * 572 < len(drawn) < 0.17 * 572
    other = town.made("club", size=40, method="nearest", suppress=str(town.folder / "no.txt"))
    assert json.loads((other / "_manifest.json").read_text())["control"]["seal"] == manifest["control"]["seal"]


def test_the_manifest_says_where_the_audience_comes_from(town: Town) -> None:
    made = town.made("told", size=30, purpose="invitation", expires_days=10, organic_rate=0.1)
    manifest = json.loads((made / "_manifest.json").read_text())
    assert manifest["purpose"] == "invitation"
    assert manifest["expires_us"] - manifest["as_of_us"] == 10 * 86_400_000_000
    assert manifest["members"] == 30
    assert manifest["seed_list"] == {
        "given": 27,
        "matched": 25,
        "duplicates": 1,
        "unknown": 1,
        "unknown_examples": ["stranger"],
    }
    assert "to be detected with 80% power" in manifest["control"]["detectable"][0]["words"]


def test_reach_profit_and_examination_stand_in_tables_pictures_and_the_run(town: Town) -> None:
    made = town.made("measured", reach="balanced", min_audience=5, response_rate=0.02, value=50.0, cost=0.5)
    curve = pd.read_csv(made / "reach_curve.csv")
    assert curve["recall"].is_monotonic_increasing
    top = curve[curve["share"] <= 0.12].iloc[-1]
    assert top["recall"] > 0.8  # 25 fans among 600, who stand out
    assert top["lift_low"] > 2
    members = len(pd.read_parquet(made / "members.parquet"))
    manifest = json.loads((made / "_manifest.json").read_text())
    assert members == manifest["reach"]["dial"]["balanced"]
    assert manifest["examination"]["metrics"]["p_value"] <= 0.01
    assert 0.01 < manifest["class_prior"]["share"] < 0.1  # of the 575 outside the seed 15 are fans
    assert {path.name for path in (made / "pictures").glob("*.png")} == {"reach.png", "seed.png"}
    assert pd.read_csv(made / "profit.csv")["profit"].max() > 0
    hidden = pd.read_csv(made / "hidden_seeds.csv").query("metric == 'auc'").set_index("method")["mean"]
    assert hidden["chosen"] > 0.9 > hidden["random"]
    folder = town.config["tracking"]["folder"]
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db", registry_uri=f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("planted").experiment_id
    found = client.search_runs([experiment], "tags.audience = 'measured'")[0]
    assert found.data.metrics["chosen/auc"] == pytest.approx(hidden["chosen"])
    assert found.data.metrics["members"] == members
    assert found.data.metrics["seed/members"] == 25
    assert "available customers are expected to hold" in found.data.tags["mlflow.note.content"]


def test_dear_members_decide_where_they_differ_from_the_others(town: Town) -> None:
    """Half of the seed are fans, half are others; all the worth is with the fans."""
    others = town.people[~town.people["fan"] & (town.people["last_day"] == planted.DAYS)]["customer"].tolist()[:25]
    rows = [f"{name},9" for name in town.fans[SEED]] + [f"{name},0.01" for name in others]
    (town.folder / "worth.csv").write_text("\n".join(["customer_id,spent", *rows]))
    file = str(town.folder / "worth.csv")
    found = {}
    for name, seed in {"plain": {"file": file}, "worth": {"file": file, "value": "spent"}}.items():
        made = town.made(name, seed=seed, size=25, method="blended", control_share=0.0)
        members = pd.read_parquet(made / "members.parquet")["customer_id"]
        found[name] = len(set(members) & set(town.fans[25:]))
    assert found["worth"] >= 12
    assert found["worth"] >= found["plain"]


def test_the_mix_of_an_attribute_is_kept_and_priced(town: Town) -> None:
    made = town.made("mixed", size=60, keep=["kind"], control_share=0.0)
    table = pd.read_csv(made / "mix.csv").set_index("value")
    assert (table["reached"] - table["asked"]).abs().max() <= 0.5
    manifest = json.loads((made / "_manifest.json").read_text())
    assert manifest["mix"]["recall_with"] <= manifest["mix"]["recall_without"] + 0.05


def test_people_are_found_by_their_attributes(town: Town) -> None:
    made = town.made("cats", seed=None, wanted="kind=cat and not lapses=yes", size=50)
    members = pd.read_parquet(made / "members.parquet")["customer_id"]
    truth = town.people.set_index("customer")["kind"]
    assert (truth.loc[members] == "cat").mean() > 0.9
    manifest = json.loads((made / "_manifest.json").read_text())
    number = manifest["expected"]
    assert number["low"] <= number["mean"] <= number["high"] <= 50
    assert manifest["method"] == "described"
    assert pd.read_parquet(made / "members.parquet")["reason"].str.contains("kind: cat").all()


def test_a_random_seed_is_said_not_to_differ(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = np.random.default_rng(5).choice(town.people["customer"].to_numpy(), 40, replace=False)
    (town.folder / "random.txt").write_text("\n".join(drawn))
    town.made("random", seed={"file": str(town.folder / "random.txt")}, size=50)
    assert "cannot be told from the base" in " ".join(capsys.readouterr().out.split())


def write(town: Town, name: str, ids: list[str]) -> dict[str, str]:
    (town.folder / name).write_text("\n".join(ids) + "\n")
    return {"file": str(town.folder / name)}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"seed": ["", ""]}, DataError, "the list is empty"),
        ({"seed": ["c0001"]}, DataError, "only 1 of its ids is in the base; at least 20 members are needed"),
        ({"seed": ["x1", "x2"]}, DataError, "none of its 2 ids is a customer of the base"),
        ({"seed": "everybody"}, DataError, "names all 600 customers of the base"),
        ({"size": 5000}, DataError, r"size is 5,000, more than the whole base of 600 customers"),
        ({"size": 10}, DataError, "an audience has at least 20 members"),
        ({"keep": ["knd"]}, ConfigError, r"keep: 'knd' is no attribute .* Did you mean 'kind'\?"),
        ({"keep": ["kind", "kind"]}, ConfigError, "'kind' is named twice"),
        ({"seed": {"portraits": {"kind": "cat"}}, "keep": ["kind"]}, ConfigError, "contradicts the seed"),
        ({"seed": None, "wanted": "knd=cat"}, ConfigError, r"'knd' is no attribute .* Did you mean 'kind'\?"),
        ({"seed": None, "wanted": "kind=cta"}, ConfigError, r"'cta' is no value of 'kind' .* Did you mean 'cat'\?"),
        ({"seed": None, "wanted": "kind=cat and kind=dog"}, ConfigError, "nobody can fulfil it"),
        ({"seed": None, "wanted": "kind=cat", "reach": "broad"}, ConfigError, "with 'wanted' give size or share"),
        ({"suppress": "nowhere.csv"}, DataError, r"lookalike\.suppress: file not found"),
        ({"suppress": ["x1", "x2"]}, DataError, "none of the 2 ids .* is a customer of the base"),
        ({"control_share": 0.7}, PipelineError, "control_share"),
        (
            {"reach": "narrow", "min_audience": 300},
            DataError,
            "reach=narrow means .* fewer than",
        ),
        ({"response_rate": 0.5, "organic_rate": 0.1}, PipelineError, "profit needs all three"),
        ({"size": 30, "share": 0.1}, PipelineError, "size, share and reach each say how large the audience is"),
        ({"value": 3.0}, PipelineError, "profit needs all three"),
    ],
    ids=str,
)
def test_bad_requests_are_told_and_write_nothing(
    town: Town, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    if isinstance(changes.get("seed"), list):
        changes = changes | {"seed": write(town, "bad.txt", changes["seed"])}
    if isinstance(changes.get("suppress"), list):
        changes = changes | {"suppress": write(town, "strangers.csv", changes["suppress"])["file"]}
    if changes.get("seed") == "everybody":
        changes = changes | {"seed": write(town, "all.txt", town.people["customer"].tolist())}
    with pytest.raises(error, match=message):
        town.made("bad", **changes)
    assert not [*(town.folder / "outputs" / "planted" / "audiences").glob("bad*")]


def test_a_look_alike_of_a_look_alike_is_refused(town: Town) -> None:
    made = town.made("first", size=40, control_share=0.0)
    members = pd.read_parquet(made / "members.parquet")["customer_id"].tolist()
    with pytest.raises(DataError, match=r"members of the audience 'first' .* a look-alike of a look-alike"):
        town.made("second", seed=write(town, "again.txt", members[:30]))
    with pytest.raises(DataError, match="a look-alike of a look-alike"):
        town.made("first", seed=write(town, "again.txt", members[:30]))


@pytest.mark.parametrize("changes", [{}, {"index": "inverted"}, {"index": "quantised"}, {"index": "graph"}], ids=str)
def test_a_base_too_large_to_rank_everybody_is_searched_by_an_index(town: Town, changes: dict[str, Any]) -> None:
    """Candidates are of the control group, too; whoever stands out is found as if everybody had been ranked."""
    whole = town.made("whole", size=20, method="blended")
    near = town.made("near", size=20, method="blended", exact_up_to=100, min_recall=0.8, **changes)
    manifest = json.loads((near / "_manifest.json").read_text())
    assert manifest["candidates"] < 400
    assert manifest["index"]["kind"] == changes.get("index", "inverted")
    found = [set(pd.read_parquet(made / "members.parquet")["customer_id"]) for made in (whole, near)]
    hidden = set(town.fans[25:])
    assert len(found[1] & hidden) >= len(found[0] & hidden) - 2  # each name holds back a control group of its own
    drawn = read_control_group(near, manifest["control"]["seal"])
    held = pd.read_parquet(near / "control.parquet")["customer_id"]
    assert set(drawn) & hidden <= set(held)


def test_a_list_without_a_headline_misses_nobody(town: Town) -> None:
    first = town.made("before", size=30, control_share=0.0)
    best = pd.read_parquet(first / "members.parquet")["customer_id"].iloc[0]
    suppress = write(town, "plain.csv", [best, town.fans[39]])["file"]
    made = town.made("after", size=30, control_share=0.0, suppress=suppress)
    assert best not in set(pd.read_parquet(made / "members.parquet")["customer_id"])
