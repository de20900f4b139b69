import numpy as np
import pytest

from pipeline.columns import CUSTOMER
from pipeline.configuration import parse_settings
from pipeline.engine import DuckDBEngine
from pipeline.features.behaviour import read_encoder
from pipeline.features.matrix import read_matrix
from pipeline.features.snapshot import snapshot_folder
from pipeline.labels.declared import declared_labels, drawn_labels
from pipeline.labels.future import future_labels
from pipeline.learning_set import collect_labels, prepare
from pipeline.model.propensity import learn_answering
from pipeline.outputs import load_object, read_manifest
from pipeline.run import run
from pipeline.split import hash32
from pipeline.timeline import instants
from pipeline.training_sample import draw
from tests.end_to_end import planted
from tests.nonresponse.conftest import N_DENSE, plant


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    people = planted.write(folder / "source")
    config = planted.config(folder / "source", folder / "out") | {"stages": ["features"]}
    run(parse_settings(config))
    outputs = folder / "out" / "planted"
    as_of_us = read_manifest(outputs / "behaviour")["as_of_us"]
    return people, outputs, snapshot_folder(outputs, as_of_us)


def lowest(customers, at_most):
    """Return the customers of the lowest lots, sorted: the twin in Python of what the database draws."""
    return sorted(sorted(customers, key=lambda customer: (hash32(f"train:{customer}"), customer))[:at_most])


def ids_brought(arrow):
    """Return a wrapper of an engine's `arrow` and the list of how many ids each of its answers held."""
    brought = []

    def wrapped(*args, **options):
        found = arrow(*args, **options)
        brought.append(len(found) if CUSTOMER in found.column_names else 0)
        return found

    return wrapped, brought


def test_customers_are_drawn_by_the_portable_hash_in_the_database(made, monkeypatch):
    people, _, snapshot = made
    with DuckDBEngine() as engine:
        everybody = draw(engine, snapshot, 10_000).tolist()
        assert everybody == sorted(people["customer"])
        wrapped, brought = ids_brought(engine.arrow)
        monkeypatch.setattr(engine, "arrow", wrapped)
        for at_most in (1, 50, 80, 599, 600):
            assert draw(engine, snapshot, at_most).tolist() == lowest(everybody, at_most)
            assert max(brought) <= at_most  # no query brings ids that nobody wants
            brought.clear()


def test_labels_are_drawn_among_those_who_have_one(made):
    _, outputs, snapshot = made
    settings = parse_settings(planted.config(outputs.parents[1] / "source", outputs.parent))
    as_of_us = read_manifest(outputs / "behaviour")["as_of_us"]
    kind, lapses = settings.attributes["kind"], settings.attributes["lapses"]
    label_us = instants(lapses, as_of_us).labels_us
    earlier = snapshot_folder(outputs, label_us)
    with DuckDBEngine() as engine:
        declared = (engine, outputs / "profiles", "kind", kind, settings.data)
        future = (engine, outputs / "events", earlier, "lapses", lapses, settings.data, label_us)
        featured = declared_labels(*declared).of(draw(engine, snapshot, 10_000))
        assert len(featured.y) == len(declared_labels(*declared).y) - 5  # five profiles belong to nobody with an event
        for everybody, drawn_of in (
            (featured, lambda at_most: drawn_labels(*declared, snapshot, at_most)),
            (future_labels(*future), lambda at_most: future_labels(*future, at_most)),
        ):
            n = len(everybody.y)
            for at_most in (40, n - 1):
                found = drawn_of(at_most)
                assert found.customers.tolist() == lowest(everybody.customers, at_most)
                assert found.y.tolist() == everybody.of(found.customers).y.tolist()
                assert (found.sampled_from, found.values) == (n, everybody.values)
            whole = drawn_of(n)
            assert whole.customers.tolist() == everybody.customers.tolist()
            assert (whole.y.tolist(), whole.sampled_from) == (everybody.y.tolist(), None)


def test_features_of_some_are_rows_of_the_features_of_all(made):
    _, outputs, snapshot = made
    encoder = read_encoder(outputs)
    with DuckDBEngine() as engine:
        everybody = read_matrix(engine, snapshot, encoder)
        wanted = everybody.customers[[5, 77, 300, 301]]
        some = read_matrix(engine, snapshot, encoder, only=np.append(wanted[::-1], "nobody"))
    assert some.customers.tolist() == wanted.tolist()
    rows = np.searchsorted(everybody.customers, wanted)
    np.testing.assert_array_equal(some.X.toarray(), everybody.X[rows].toarray())
    np.testing.assert_allclose(some.vectors, everybody.vectors[rows])


def test_a_capped_training_reads_no_more_customers_than_it_may(made, tmp_path, capsys):
    _, outputs, _ = made
    source = outputs.parents[1] / "source"
    config = planted.config(source, outputs.parent)
    settings = parse_settings(config)
    object.__setattr__(settings.model, "max_customers", 120)  # below what settings allow: the source is small
    events = read_manifest(outputs / "events")
    as_of_us = read_manifest(outputs / "behaviour")["as_of_us"]
    first_us = min(facts["first_us"] for facts in events["logs"].values())
    with DuckDBEngine() as engine:
        known, _ = collect_labels(engine, settings, outputs, as_of_us, first_us)
        assert {name: len(found.labels.y) for name, found in known.items()} == {"kind": 120, "lapses": 120}
        _, tasks = prepare(engine, settings, outputs, known, as_of_us, tmp_path)
    assert "2 attributes learn from 120 of the customers who have a label, " in capsys.readouterr().out
    for task in tasks:
        matrix = load_object(task.features)
        assert 120 <= len(matrix.customers) <= 240  # those of both attributes, and a random sample of the base
        assert set(task.labels.customers) <= set(matrix.customers)
        drawn = np.load(task.features.with_suffix(".drawn.npy"))
        assert drawn.sum() == 120
        if task.past:
            assert len(load_object(task.past[str(task.features)]).block) == len(matrix.customers)


def test_who_answers_is_learnt_from_the_random_part_of_a_sample():
    """Answers are added to a random half of the base: those who answered must not seem to be most of it."""
    world = plant(0, n=4_000)
    drawn = np.arange(4_000) < 1_500
    kept = np.flatnonzero(drawn | world.answered)
    X, answered = world.X[kept], world.answered[kept]
    right = learn_answering(X, answered, N_DENSE, 0, drawn=drawn[kept])
    wrong = learn_answering(X, answered, N_DENSE, 0)
    truth = world.propensity[kept]
    assert abs(right.propensity[drawn[kept]].mean() - truth[drawn[kept]].mean()) < 0.03
    assert wrong.propensity[drawn[kept]].mean() - truth[drawn[kept]].mean() > 0.08
