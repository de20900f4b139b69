"""The whole examination: what is said of good seeds and of bad ones."""

import numpy as np
import pandas as pd
import pytest

from pipeline.lookalike.doctor import examine
from pipeline.lookalike.doctor.findings import Finding, worst
from pipeline.lookalike.population import Base
from pipeline.lookalike.seed.matching import match_seed
from tests.lookalike.doctor.conftest import make_base, with_token


def examined(base, mask, more=(), **settings):
    return examine(base, match_seed([*base.ids[mask], *more], base.ids), **settings)


def finding(report, topic):
    return next(found for found in report.findings if found.topic == topic)


@pytest.fixture(scope="module")
def good(base, planted):
    return examined(base, planted)


def test_a_good_seed_is_said_to_be_good(good):
    assert good.severity in ("fine", "note")
    assert [f.topic for f in good.findings] == [
        "size",
        "match",
        "events",
        "separation",
        "groups",
        "leakage",
        "growth",
    ]
    assert good.verdict.startswith(
        ("The seed is fine. The seed can be told well", "The seed can be used. The seed can")
    )
    assert "AUC 0.9" in good.verdict
    assert "What its members have more often: shop: item 0" in good.verdict
    assert finding(good, "match").text == "All 120 different ids are customers of the base."


def test_tables_and_figures_of_a_report(good, base):
    tables = good.tables()
    assert list(tables) == ["findings", "differences", "groups", "members", "leaks", "learning_curve"]
    assert tables["findings"].severity.tolist() == [f.severity for f in good.findings]
    assert set(tables["members"].customer_id) <= set(base.ids)
    assert tables["members"].group.tolist() == [1] * 120
    assert tables["learning_curve"].n.tolist() == [30, 60, 90, 120]
    assert good.metrics()["auc"] == good.separation.auc
    assert good.metrics()["members"] == 120
    assert good.facts()["severity"] == good.severity
    assert good.facts()["hide"] == []


def test_a_random_seed_cannot_be_told(plain):
    mask = np.zeros(len(plain), dtype=bool)
    mask[np.random.default_rng(1).permutation(len(plain))[:60]] = True
    report = examined(plain, mask)
    assert report.severity == "warning"
    assert "cannot be told from the base (AUC 0." in report.verdict
    assert "as good as a random choice. With 60 members only a strong resemblance could be shown." in report.verdict
    assert "growth" not in {found.topic for found in report.findings}


def test_a_mixture_is_said_to_be_two_groups_with_what_sets_them_apart():
    liking = np.full((900, 60), 0.4)
    liking[:60, :10], liking[60:110, 20:30] = 4.0, 4.0
    report = examined(make_base(liking), np.arange(900) < 110)
    said = finding(report, "groups")
    assert said.severity == "warning"
    assert said.text.startswith("The seed is 2 groups rather than one: group 1 of 60 with more of 'shop: item 0")
    assert "group 2 of 50 with more of 'shop: item 2" in said.text
    assert report.tables()["groups"].members.tolist() == [60, 50]
    assert report.metrics()["groups"] == 2


def test_a_leak_stops_with_what_to_hide(base, planted):
    report = examined(with_token(base, "gifts__voucher=A1", planted), planted)
    assert report.severity == "stop"
    assert report.verdict.startswith(
        "Make no audience of this seed yet. 'gifts: voucher A1' nearly is the seed: 100% ["
    )
    assert "seed.hide=[gifts.voucher]" in report.verdict
    assert "AUC" not in report.verdict  # figures of a seed that leaks mean nothing
    assert report.facts()["hide"] == ["gifts.voucher"]
    assert report.tables()["leaks"].loc[0, ["kind", "precision", "recall"]].tolist() == ["definition", 1.0, 1.0]


@pytest.mark.parametrize(("n_more", "severity"), [(0, "fine"), (3, "note"), (40, "warning"), (1200, "stop")])
def test_the_match_rate_is_told(base, planted, n_more, severity):
    found = finding(examined(base, planted, [f"x{i}" for i in range(n_more)], n_shuffled=99), "match")
    assert found.severity == severity
    if n_more == 40:
        assert found.text.startswith(
            "75% of 160 different ids are customers of the base; the base does not hold 40 (such"
        )
        assert "same id system" in found.text


def test_repeated_entries_are_told(base, planted):
    found = finding(examined(base, planted, base.ids[planted][:7], n_shuffled=99), "match")
    assert found == Finding("match", "note", found.text)
    assert "7 entries repeat an earlier one." in found.text


@pytest.mark.parametrize(
    ("size", "severity", "text"),
    [
        (1, "stop", "Only 1 of the ids are customers of the base; at least 10 are needed"),
        (9, "stop", "Only 9 of the ids are customers of the base; at least 10 are needed"),
        (10, "warning", "10 members are very few"),
        (25, "note", "25 members are few"),
        (450, "warning", "The seed holds 56% of the base"),
        (730, "stop", "The seed holds 730 of 800 customers"),
        (795, "stop", "The seed holds 795 of 800 customers"),
    ],
)
def test_seeds_too_small_and_too_large_are_told(base, size, severity, text):
    report = examined(base, np.arange(len(base)) < size, n_shuffled=99)
    assert finding(report, "size").severity == severity
    assert finding(report, "size").text.startswith(text)
    assert (report.separation is None) == (size < 10 or size == 795)
    assert all(isinstance(table, pd.DataFrame) for table in report.tables().values())
    assert report.verdict
    assert (report.growth is None) == (size < 20 or size == 795)


@pytest.mark.parametrize(("n_silent", "severity"), [(0, "fine"), (5, "note"), (30, "warning"), (115, "stop")])
def test_members_without_events_are_told(base, planted, n_silent, severity):
    vectors, X = base.vectors.copy(), base.X.tolil()
    vectors[:n_silent], X[:n_silent] = 0, 0
    silent = Base(base.ids, X.tocsr(), vectors, base.names, base.n_dense)
    found = finding(examined(silent, planted, n_shuffled=99), "events")
    assert found.severity == severity
    if n_silent == 115:
        assert found.text == "115 of 120 members have no visible behaviour; 5 can teach anything."


def test_attributes_of_portraits_are_among_the_differences(base, planted):
    table = pd.DataFrame(
        {
            "customer_id": base.ids,
            "has_dog": np.where(planted, "yes", np.where(np.arange(len(base)) % 4 == 0, "yes", "no")),
            "has_dog__state": "declared",
        }
    )
    report = examined(base, planted, portraits=table)
    assert "has dog: yes: 100% against 25%, 4 times the others'" in report.verdict
    assert report.shown[0].kind == "attribute"


def test_the_order_of_the_rows_changes_nothing(good, base, planted):
    order = np.random.default_rng(5).permutation(len(base))
    again = examined(base.rows(order), planted[order])
    assert [f.text for f in again.findings] == [f.text for f in good.findings]
    pd.testing.assert_frame_equal(again.tables()["differences"], good.tables()["differences"])


def test_the_worst_severity_counts():
    levels = ("note", "stop", "fine")
    assert worst([Finding("size", level, "-") for level in levels]) == "stop"
    assert worst([]) == "fine"
