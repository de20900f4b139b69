"""A training at a later instant is compared with the champions by its own test customers, and reads nobody else."""

from unittest import mock

import numpy as np
import pytest

from pipeline import judging_set
from pipeline.configuration import parse_settings
from pipeline.engine import DuckDBEngine
from pipeline.features.behaviour import read_encoder
from pipeline.features.matrix import read_matrix
from pipeline.features.snapshot import snapshot_folder
from pipeline.judging_set import JudgingSet
from pipeline.labels import past
from pipeline.labels.daily import read_days
from pipeline.labels.past import PastReader, own_features
from pipeline.outputs import read_manifest
from pipeline.run import run
from pipeline.timeline import instants
from tests.end_to_end import planted

FUTURE = {"log": "purchases", "horizon_days": 56}
ATTRIBUTES = {
    "lapses": {"kind": "binary", "future": {**FUTURE, "at_most": 0, "among_active_days": 56}},
    "spends": {"kind": "binary", "future": {**FUTURE, "aggregate": "sum", "field": "amount", "at_least": 30.0}},
}


def settings_at(folder, as_of, stages):
    config = planted.config(folder / "source", folder / "out") | {"stages": stages, "attributes": ATTRIBUTES}
    config["data"]["as_of"] = as_of
    return parse_settings(config)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judging")
    planted.write(folder / "source")
    return folder


def readers_of(calls):
    """Return, by instant, the ids of each reader of the own past that was made."""
    found = {}
    for call in calls:
        given = dict(zip(("engine", "settings", "outputs", "at_us", "only", "together"), call.args, strict=False))
        found.setdefault(given["at_us"], []).append(given.get("only"))
    return found


def test_a_later_training_reads_the_past_of_its_test_customers_once(folder):
    run(settings_at(folder, "2024-10-01", ["features", "train"]))
    later = settings_at(folder, "2024-11-26", ["features", "train"])
    with mock.patch.object(judging_set, "past_reader", wraps=judging_set.past_reader) as made:
        run(later)
    training = read_manifest(folder / "out" / "planted" / "training")
    for name in ATTRIBUTES:
        assert "against the champion on" in training["attributes"][name]["role_reason"]
    (ids,) = readers_of(made.call_args_list).values()
    assert len(ids) == 1  # one for both attributes, though each is compared
    n_judged = [fact["n"] for fact in training["attributes"].values()]
    assert max(n_judged) <= len(ids[0]) <= sum(n_judged)


def test_events_of_others_are_not_read_and_the_features_are_those_among_all(folder):
    run(settings_at(folder, "2024-11-26", ["features"]))
    settings = settings_at(folder, "2024-11-26", ["features"])
    outputs = folder / "out" / "planted"
    as_of_us = read_manifest(outputs / "behaviour")["as_of_us"]
    labels_us = instants(settings.attributes["lapses"], as_of_us).labels_us
    encoder, snapshot = read_encoder(outputs), snapshot_folder(outputs, labels_us)
    with DuckDBEngine() as engine:
        everybody = read_matrix(engine, snapshot, encoder)
        judged = {"lapses": everybody.customers[::7], "spends": everybody.customers[1::5][::-1]}
        judging = JudgingSet(engine, settings, outputs, judged, as_of_us)
        seen = []
        with mock.patch.object(past, "read_days", lambda *args: seen.append(read_days(*args)) or seen[-1]):
            found = {name: judging.features(name, encoder) for name in judged}
        among_all = PastReader(engine, outputs / "events", settings.data, labels_us, range(3))
        for name, matrix in found.items():
            attribute = settings.attributes[name]
            whole = own_features(everybody, among_all, name, attribute, attribute.hide)
            rows = np.isin(whole.customers, judged[name])
            assert matrix.customers.tolist() == sorted(judged[name])
            assert matrix.names.tolist() == whole.names.tolist()
            np.testing.assert_allclose(matrix.X.toarray(), whole.X[rows].toarray(), rtol=1e-9, atol=1e-9)
    asked = {customer for days in seen for customer in days.customers}
    assert asked == {customer for ids in judged.values() for customer in ids}
    assert len(seen) == 1  # the log, once for both attributes
