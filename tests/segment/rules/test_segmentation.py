"""Rule segments of the planted source: cats and dogs, whom half of the customers declare, and who bought what."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.configuration import parse_settings
from pipeline.run import run
from tests.end_to_end import planted

RULES = {
    "dogs": {"where": "kind=dog"},
    "likely_dogs": {"where": "kind=dog", "certified": False},
    "fans": {"where": "purchases.item='fan thing*'"},
    "two_things": {"where": "purchases.item='fan thing 1' and purchases.item='fan thing 2'"},
    "loyal_dogs": {"where": "segment.dogs=yes and segment.activity in (loyal, champion)"},
    "not_seen": {"where": "not segment.activity=none and segment.frequency=5"},
    "misspelt": {"where": "kind=dgo"},
    "contradiction": {"where": "kind=dog and kind=cat"},
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rules")
    people = planted.write(folder / "source").set_index("customer")
    config = planted.config(folder / "source", folder / "out") | {"stages": ["features", "train", "score", "segments"]}
    config["attributes"].pop("lapses")
    config["segment"] = {"rules": RULES}
    run(parse_settings(config))
    return config, people, folder / "out" / "planted" / "segments" / "rules"


def members(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(file) for file in sorted(folder.glob("bucket=*.parquet"))])


def of(folder: Path, name: str) -> set[str]:
    found = members(folder)
    return set(found.loc[found["segment"] == name, "customer_id"])


def test_members_are_those_whose_value_is_stated_and_certified(done):
    _, people, folder = done
    dogs = people.index[people["kind"] == "dog"]
    told = set(people.index[(people["kind"] == "dog") & people["declares"]])
    found, likely = of(folder, "dogs"), of(folder, "likely_dogs")
    assert told < found  # those who declared it, and those of whom it is certified
    assert found <= likely
    assert len(found & set(dogs)) / len(found) > 0.95
    assert len(likely & set(dogs)) / len(set(dogs)) > 0.9


def test_the_expected_number_is_the_true_one_within_its_interval(done):
    _, people, folder = done
    sizes = pd.read_csv(folder / "sizes.csv").set_index("segment")
    true = (people["kind"] == "dog").sum()
    row = sizes.loc["dogs"]
    assert row["expected_low"] <= true <= row["expected_high"]
    assert row["expected_high"] - row["expected_low"] < 60
    assert row["expected"] == pytest.approx(sizes.loc["likely_dogs", "expected"])
    assert row["precision_expected"] > 2 * row["baseline"]
    assert row["undecided"] == 0 or pd.isna(row["undecided"])  # five profiles belong to nobody with an event


def test_facts_are_counted_exactly(done):
    _, people, folder = done
    log = planted.purchases(people.reset_index())
    bought = log[log["item"].str.startswith("fan thing")]
    assert of(folder, "fans") == set(bought["customer"])
    both = set.intersection(*(set(log.loc[log["item"] == f"fan thing {i}", "customer"]) for i in (1, 2)))
    sizes = pd.read_csv(folder / "sizes.csv").set_index("segment")
    row = sizes.loc["fans"]
    assert row["members"] == row["expected"] == row["expected_low"] == row["expected_high"] == len(of(folder, "fans"))
    if len(both) < 20:
        assert pd.isna(sizes.loc["two_things", ["members", "expected", "share"]].astype(float)).all()
        assert of(folder, "two_things") == set()
    else:
        assert of(folder, "two_things") == both


def test_rules_name_segments_and_each_other(done):
    _, _, folder = done
    activity = pd.concat([pd.read_parquet(file) for file in (folder.parent / "activity").glob("bucket=*.parquet")])
    stage = activity.set_index("customer_id")["segment"]
    expected = {one for one in of(folder, "dogs") if stage.get(one) in ("loyal", "champion")}
    assert of(folder, "loyal_dogs") == expected
    assert of(folder, "not_seen") == set(activity.loc[activity["frequency"] == 5, "customer_id"])


def test_wrong_rules_are_told_and_the_others_appear(done, capsys):
    config, _, folder = done
    sizes = pd.read_csv(folder / "sizes.csv")
    assert set(sizes["segment"]) == set(RULES) - {"misspelt", "contradiction"}
    changed = config | {"stages": ["segments"], "segment": {"rules": RULES, "min_cell": 21}}
    run(parse_settings(changed))
    said = capsys.readouterr().out
    assert "rule 'misspelt': rule, character 6: 'dgo' is no value of 'kind' (allowed: cat, dog). Did you mean" in said
    assert "rule 'contradiction': rule: nobody can fulfil it" in said


def test_without_portraits_rules_over_attributes_say_so_and_the_others_appear(done, tmp_path, capsys):
    config, _, _ = done
    rules = {name: RULES[name] for name in ("dogs", "fans")}
    changed = config | {
        "stages": ["features", "segments"],
        "segment": {"rules": rules},
        "outputs": str(tmp_path),
        "tracking": {"folder": str(tmp_path)},
    }
    run(parse_settings(changed))
    said = capsys.readouterr().out
    assert "rule 'dogs': it asks for 'kind', and there is no portrait" in said
    assert "run stages=[features,train,score] first" in said
    assert pd.read_csv(tmp_path / "planted" / "segments" / "rules" / "sizes.csv")["segment"].tolist() == ["fans"]
    run(parse_settings(changed | {"stages": ["segments"], "segment": {}}))
    assert not (tmp_path / "planted" / "segments" / "rules").exists()  # nothing old is left without its rules
