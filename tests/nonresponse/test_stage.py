"""The stage on a source whose truth is known: half of the customers declare, at random."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
import pytest

from pipeline.columns import CUSTOMER
from pipeline.configuration import parse_settings
from pipeline.engine import DuckDBEngine
from pipeline.outputs import read_manifest
from pipeline.run import run
from pipeline.split import hash32
from tests.end_to_end import planted

ARROW = DuckDBEngine.arrow


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shares")
    people = planted.write(folder / "source")
    config = planted.config(folder / "source", folder / "out") | {"stages": ["features", "shares"]}
    run(parse_settings(config))
    return config, people, folder / "out" / "planted" / "shares"


def test_counts_and_corrections_stand_in_the_table(done):
    _, people, folder = done
    table = pd.read_csv(folder / "group_shares.csv").set_index("value")
    assert list(table["attribute"]) == ["kind", "kind"]  # the future attribute needs no correction
    known = people[people["declares"]]
    assert (table["base"] == 600).all()
    assert (table["answered"] == len(known)).all()
    assert table.loc["dog", "counted"] == pytest.approx((known["kind"] == "dog").mean())
    assert table.loc["dog", "corrected_low"] <= (people["kind"] == "dog").mean() <= table.loc["dog", "corrected_high"]
    truth = (people["kind"] == "dog").mean()  # who declares is drawn at random: the answer does not decide it
    assert table.loc["dog", "if_answer_decides_low"] <= truth <= table.loc["dog", "if_answer_decides_high"]
    assert table["if_answer_decides"].sum() == pytest.approx(1)
    # what is bought tells cats from dogs, so that the answers of half are worth more than a count
    counted, corrected = (
        table.loc["dog", f"{n}_high"] - table.loc["dog", f"{n}_low"] for n in ("counted", "corrected")
    )
    assert corrected < 0.85 * counted


def test_the_run_is_tracked(done):
    config, people, folder = done
    client = mlflow.MlflowClient(f"sqlite:///{Path(config['tracking']['folder']).absolute() / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("planted")
    (found,) = client.search_runs([experiment.experiment_id], "tags.stage = 'shares'")
    assert found.info.run_name.startswith("shares ")
    metrics = found.data.metrics
    assert metrics["response_low"] < 0.5 < metrics["response_high"]
    assert (metrics["response_answered"], metrics["response_base"]) == (people["declares"].sum(), 600)
    paths = {item.path for item in client.list_artifacts(found.info.run_id)}
    assert {"group_shares.csv", "who_answers.csv", "pictures"} <= paths
    assert read_manifest(folder)["response"]["auc"] == metrics["response_auc"]


def test_nothing_changed_is_not_done_again(done, capsys):
    config, _, folder = done
    before = (folder / "group_shares.csv").stat().st_mtime_ns
    run(parse_settings(config | {"stages": ["shares"]}))
    assert "shares: nothing has changed" in capsys.readouterr().out
    assert (folder / "group_shares.csv").stat().st_mtime_ns == before


def test_a_source_without_declared_attributes_has_nothing_to_correct(done, capsys):
    config, _, _ = done
    future = {"lapses": config["attributes"]["lapses"]}
    run(parse_settings(config | {"stages": ["shares"], "attributes": future}))
    assert "shares: no declared attribute" in capsys.readouterr().out


def test_of_a_sampled_base_no_more_labels_are_held_than_the_sample_has(done, monkeypatch):
    config, people, folder = done
    settings = parse_settings(config | {"stages": ["shares"]})
    object.__setattr__(settings.model, "max_customers", 80)  # below what settings allow: the source is small
    brought = []

    def arrow(engine, *args, **options):
        found = ARROW(engine, *args, **options)
        brought.append(len(found) if CUSTOMER in found.column_names else 0)
        return found

    monkeypatch.setattr(DuckDBEngine, "arrow", arrow)
    run(settings)
    assert max(brought) == 80  # a bucket alone has some hundred who declare
    table = pd.read_csv(folder / "group_shares.csv").set_index("value")
    drawn = people.sort_values("customer", key=lambda ids: ids.map(lambda one: hash32(f"train:{one}"))).head(80)
    assert (table["base"] == 80).all()
    assert (table["answered"] == drawn["declares"].sum()).all()
    assert table.loc["dog", "counted"] == pytest.approx((drawn[drawn["declares"]]["kind"] == "dog").mean())
