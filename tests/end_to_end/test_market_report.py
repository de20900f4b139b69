"""From a log to the size of a market and to the report, on a source whose truth is known."""

from __future__ import annotations

import copy
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from pipeline.configuration import parse_settings
from pipeline.errors import ConfigError, PipelineError
from pipeline.outputs import read_manifest
from pipeline.report.context import Source
from pipeline.report.words import Words
from pipeline.run import run
from tests.end_to_end import planted

RULES = {
    "cats": {"where": "kind=cat"},
    "cats_of_fans": {"where": "kind=cat and purchases.item='fan thing*'"},
    "leaving": {"where": "lapses=yes"},
    "fans": {"where": "purchases.item='fan thing*'"},
    "nobody_knows": {"where": "kind=caat"},
}
MODEL = {"model": {"name": "m", "estimator": {"_target_": "a.B"}}}
MARKET = {
    "worth": {"mean": 10.0, "low": 9.0, "high": 11.0},
    "response": {"responders": 30, "contacted": 300},
    "population": {
        "name": "the town",
        "source": "its census",
        "size": 100_000,
        "margins": {"kind": {"cat": 0.2, "dog": 0.8}},
    },
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market")
    people = planted.write(folder / "source")
    (folder / "source" / "seed.txt").write_text("\n".join(people["customer"][:40]))
    config = planted.config(folder / "source", folder / "out")
    config |= {"segment": {"rules": RULES}, "market": MARKET}
    config["stages"] = ["features", "train", "score", "lookalike", "segments", "market", "report"]
    run(parse_settings(config))
    return config, people, folder / "out" / "planted"


def sized(outputs: Path) -> pd.DataFrame:
    return pd.read_csv(outputs / "market" / "market.csv").set_index("segment")


def test_the_true_number_of_people_is_in_the_interval(done):
    _, people, outputs = done
    found = sized(outputs)
    truth = {
        "cats": (people["kind"] == "cat").sum(),
        "cats_of_fans": ((people["kind"] == "cat") & people["fan"]).sum(),
        "fans": people["fan"].sum(),
    }
    for name, n in truth.items():
        assert found.loc[name, "people_low"] <= n <= found.loc[name, "people_high"], name
        if found.loc[name, "how"] == "corrected":
            # Behaviour tells cats from dogs: whatever the odds, those who do not tell are what they do.
            assert found.loc[name, "if_silent_differ_low"] <= found.loc[name, "people_low"]
            assert found.loc[name, "if_silent_differ_high"] >= found.loc[name, "people_high"]
        if name == "cats_of_fans":  # too few told to be shown
            assert found.loc[name, ["told_inside", "naive"]].isna().all()
        else:
            assert found.loc[name, "at_least"] <= n <= found.loc[name, "at_most"]
    assert found["how"].to_dict() == {
        "cats": "corrected",
        "cats_of_fans": "expected",  # only 19 customers did not tell enough
        "leaving": "expected",
        "fans": "counted",
    }
    assert found.loc["cats", "told"] == people["declares"].sum()


def test_money_is_people_times_response_times_worth(done):
    _, _, outputs = done
    row = sized(outputs).loc["cats"]
    assert row["money"] == pytest.approx(row["people"] * 30.5 / 301 * 10)
    assert row["money_low"] < row["money"] < row["money_high"]
    assert row[["due_to_people", "due_to_response", "due_to_worth"]].sum() == pytest.approx(1)
    assert row["money_if_silent_differ_low"] <= row["money_low"]
    assert row["money_if_silent_differ_high"] >= row["money_high"]
    assert row["due_to_response"] > 0.5  # thirty responses are the weakest of the three


def test_a_population_is_reached_from_the_customers_of_each_kind(done):
    _, people, outputs = done
    row = sized(outputs).loc["fans"]
    fan = people.groupby("kind")["fan"].mean()
    assert row["population_share"] == pytest.approx(0.2 * fan["cat"] + 0.8 * fan["dog"], abs=0.02)
    assert row["population_people"] == pytest.approx(row["population_share"] * 100_000)
    assert row["population_people_low"] < row["population_people"] < row["population_people_high"]


def test_a_margin_that_the_rule_itself_asks_for_is_refused(done):
    _, _, outputs = done
    assert pd.isna(sized(outputs).loc["cats", "population_share"])
    assert "the rule asks for kind itself" in read_manifest(outputs / "market")["missing"]["population of cats"]


def test_an_unknown_value_is_told_and_the_others_are_sized(done):
    _, _, outputs = done
    missing = read_manifest(outputs / "market")["missing"]
    assert {name for name in missing if not name.startswith("population")} == {"nobody_knows"}
    assert "Did you mean 'cat'" in missing["nobody_knows"]


def test_an_unknown_segment_is_refused(done):
    config, _, _ = done
    with pytest.raises(ConfigError, match=r"market\.segments: no rule 'cat'.*cats"):
        run(parse_settings(config | {"market": {"segments": ["cat"]}, "stages": ["market"]}))


class Page(HTMLParser):
    """What a browser would fetch from elsewhere, the visible text, and anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.linked: set[str] = set()
        self.text = ""
        self.is_style = False
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        self.is_style = tag == "style"
        for name, value in attrs:
            if name in ("src", "xlink:href", "action") or (name == "href" and tag != "a"):
                self.fetched += [] if str(value).startswith(("#", "data:")) else [str(value)]
            if name == "href" and tag == "a":
                self.linked.add(str(value))
            if name == "id":
                self.anchors.add(f"#{value}")

    def handle_data(self, data):
        self.text += "" if self.is_style else data


@pytest.mark.parametrize("language", ["en", "uk"])
def test_the_report_stands_alone_and_holds_every_part(done, language):
    _, _, outputs = done
    path = outputs / "report" / f"report-{language}.html"
    page = Page(path)
    assert page.fetched == []
    assert not re.search(r"@import|url\((?!#)", path.read_text("utf-8"))
    assert page.linked <= page.anchors
    assert {"#overview", "#quality", "#audience"} <= page.anchors
    assert "605" in page.text
    assert "{" not in page.text  # what was to be put in was


def test_the_report_is_an_artifact_of_its_run(done):
    config, _, _ = done
    client = mlflow.MlflowClient(f"sqlite:///{Path(config['tracking']['folder']).absolute() / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("planted").experiment_id
    (found,) = client.search_runs([experiment], "tags.stage = 'report'")
    assert {"report-en.html", "report-uk.html"} <= {item.path for item in client.list_artifacts(found.info.run_id)}


def test_without_models_the_report_still_tells_the_rest(tmp_path, capsys):
    planted.write(tmp_path / "source")
    config = planted.config(tmp_path / "source", tmp_path / "out") | {"stages": ["features", "report"]}
    run(parse_settings(config))
    page = Page(tmp_path / "out" / "planted" / "report" / "report-en.html")
    assert "605customers" in page.text  # five of them only have a profile
    assert page.text.count("This part is missing") >= 2
    assert "report: the part 'quality' is missing" in capsys.readouterr().out


def test_a_stage_that_fails_is_a_section_and_the_rest_is_told(done, tmp_path):
    config, _, outputs = done
    there = tmp_path / "out" / "planted"
    shutil.copytree(outputs, there)
    again = config | {"outputs": str(tmp_path / "out"), "tracking": {"folder": str(tmp_path / "models")}}
    again |= {"segment": {"log": "purchase"}, "stages": ["segments", "report"]}
    with pytest.raises(PipelineError, match=r"the report was written, but not from .* failed: segments"):
        run(parse_settings(again))
    page = Page(there / "report" / "report-en.html")
    assert "segment.log: 'purchase' is no log" in page.text  # and not what stood there before
    assert page.text.count("This part is missing") >= 1
    assert "tested on" in page.text  # the models' part stands


def test_what_is_of_another_day_is_not_told_as_of_today(done, tmp_path):
    config, _, outputs = done
    there = tmp_path / "out" / "planted"
    shutil.copytree(outputs, there)
    again = json.loads(json.dumps(config)) | {"outputs": str(tmp_path / "out"), "stages": ["report"]}
    again["tracking"] = {"folder": str(tmp_path / "models")}
    again["data"]["as_of"] = "2024-11-01"
    run(parse_settings(again))
    page = Page(there / "report" / "report-en.html")
    assert "“market” is of December 30, 2024, and this report of November 1, 2024" in page.text
    assert "tested on" in page.text  # models may be of another day


def test_small_numbers_of_people_are_not_told():
    settings = parse_settings({"data": {"name": "s", "logs": {"l": {"path": "x", "id": "i", "time": "t"}}}} | MODEL)
    source = Source(settings, Path(), None, Words("en"), 0)
    assert [source.count(n) for n in (0, 3, 19, 20, None)] == ["0", "fewer than 20", "fewer than 20", "20", "–"]
    assert source.people(12.0, 4.0, 30.0) == "fewer than 20"
    assert source.people(120.0, 100.0, 140.0) == "120 [100; 140]"


def test_worth_can_be_what_the_segments_people_are_expected_to_bring(done, capsys):
    config, _, outputs = done
    changed = copy.deepcopy(config) | {"stages": ["value", "market"], "value": {"resamples": 200}}
    changed["market"] |= {"worth": "value", "response": None}
    run(parse_settings(changed))
    found = sized(outputs).loc["cats"]
    parts = sorted((outputs / "value" / "customers").glob("*.parquet"))
    each = pd.concat([pd.read_parquet(part) for part in parts])["expected_value"].dropna()
    assert found["money"] == pytest.approx(found["people"] * found["worth"])
    assert found["worth_low"] < found["worth"] < found["worth_high"]
    assert found["money_if_silent_differ_low"] <= found["money_low"] < found["money"] < found["money_high"]
    assert found["money_high"] <= found["money_if_silent_differ_high"]
    assert "population_money" not in sized(outputs)  # people who are no customers bring nothing yet
    assert sized(outputs)["population_people"].notna().any()
    assert each.quantile(0.05) < found["worth"] < each.quantile(0.95)
    assert "expected to bring in the coming horizon" in capsys.readouterr().out
