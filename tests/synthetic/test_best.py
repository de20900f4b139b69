import re

import numpy as np
import pytest
from scipy.stats import norm

from pipeline.errors import ConfigError
from pipeline.synthetic import best, bounds
from pipeline.synthetic.best import ATTRIBUTES, best_possible
from pipeline.synthetic.bounds import Source
from pipeline.synthetic.causes import FLAGS, LEVELS, STREAMS, means
from pipeline.synthetic.evidence import Evidence, gather
from pipeline.synthetic.population import COMMUTES, REGIONS
from pipeline.synthetic.posterior import density, log_likelihood, normalised, of_rate, regions_likelihood
from pipeline.synthetic.writing import Operator, read_truth
from tests.synthetic.conftest import written

MANY = (
    "gender",
    "under_35",
    "has_children",
    "married",
    "high_income",
    "second_sim",
    "operating_system",
    "domestic_travel",
    "will_travel_next_month",
    "tops_up",
    "uses_sport",
    "uses_learning",
    "uses_dating",
)


@pytest.fixture(scope="module")
def source(operator):
    return Source(operator)


@pytest.mark.parametrize("attribute", MANY)
def test_scores_are_probabilities_that_come_true(source, attribute):
    """A posterior is calibrated: labels less scores sum to 0, and so do their products with the scores."""
    found = best_possible(source, attribute)
    assert np.allclose(found.scores.sum(axis=1), 1.0, atol=1e-5)
    p = found.scores[:, 1]
    spread = np.sqrt((p * (1 - p)).sum()) + 1e-9
    assert abs((found.labels - p).sum()) < 4 * spread
    weighted = np.sqrt((p**3 * (1 - p)).sum()) + 1e-9
    assert abs(((found.labels - p) * p).sum()) < 4 * weighted


def test_told_leaving_is_hard_to_miss_and_its_probability_comes_true(source):
    found = best_possible(source, "will_churn")
    p = found.scores[:, 1]
    assert found.auc > 0.95
    assert abs((found.labels - p).sum()) < 4 * np.sqrt((p * (1 - p)).sum())


def test_no_simple_score_is_better_than_the_best(source):
    """The count of the very stream that an effect is on, ranked; the best possible looks at it, too."""
    evidence = gather(source.folder, source.ids, 0, 364)
    for attribute, count in (("gender", "beauty"), ("has_children", "family"), ("student", "learning")):
        found = best_possible(source, attribute)
        rows = np.searchsorted(source.ids, found.lines)
        simple = evidence.counts[count][rows]
        assert best._auc(found.labels, np.stack([-simple, simple], axis=1)) < found.auc


def test_beyond_two_values_the_mean_of_areas(source):
    found = best_possible(source, "occupation")
    assert found.scores.shape[1] == 4
    one = [best._auc((found.labels == k).astype(int), np.stack([-s, s], 1)) for k, s in enumerate(found.scores.T)]
    assert found.auc == pytest.approx(np.mean(one))
    assert best._auc(np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]])) == 0.75


def test_the_evidence_is_what_pandas_counts(operator):
    import pandas as pd

    ids = np.sort(read_truth(operator)["line_id"].to_numpy())
    found = gather(operator, ids, 28, 336)
    start = pd.Timestamp("2024-01-01", tz="Europe/Berlin")
    sessions = pd.read_parquet(operator / "sessions")
    at = sessions["started_at"].dt.tz_convert("Europe/Berlin")
    between = sessions[(at >= start + pd.DateOffset(days=28)) & (at < start + pd.DateOffset(days=336))]
    night = between[between["started_at"].dt.tz_convert("Europe/Berlin").dt.hour < 6]
    games = between[between["app"] == "games"]
    for chosen, counted in (
        (between, found.rows["sessions"]),
        (night, found.sorts["night"]),
        (games, found.counts["games"]),
    ):
        expected = chosen.groupby("line_id").size().reindex(ids, fill_value=0)
        assert counted.tolist() == expected.tolist()


def test_the_integral_over_a_rate_is_that_of_a_fine_sum():
    stream = next(s for s in STREAMS if s.name == "sport")
    cells = np.zeros((1, len(FLAGS)))
    count, days = np.array([0.0, 3.0, 40.0]), np.array([364.0, 100.0, 364.0])
    grid, seen = of_rate(stream, count, days, cells)
    found = np.exp(seen) @ density(stream, cells, grid)
    z = np.linspace(-8, 8, 20_001)
    rate = np.exp(means(cells, stream)[0] + stream.spread * z)
    expected = [
        (np.exp(-t * rate) * (t * rate) ** n * norm.pdf(z)).sum() * (z[1] - z[0])
        for n, t in zip(count, days, strict=True)
    ]
    factorial = np.array([1.0, 6.0, np.prod(np.arange(1.0, 41.0))])
    assert found[:, 0] == pytest.approx(np.array(expected) / factorial, rel=1e-3)


def test_who_works_in_another_region_is_an_adult_who_works_or_studies(source):
    cells = source.prior.cells
    found = gather(source.folder, source.ids, 0, 364)
    seen = regions_likelihood(found, cells)
    may = (cells[:, FLAGS.index("at_home")] == 0) & (cells[:, FLAGS.index("age_10_17")] == 0)
    home, work = found.regions["home"], found.regions["work"]
    both = home.any(axis=1) & work.any(axis=1)
    elsewhere = both & ~(home & work).any(axis=1)
    assert 0.1 < elsewhere.sum() / both.sum() < 0.25
    idle, age = source.column("user_occupation") == "at home", source.column("user_age")
    assert not (idle | (age < 18))[elsewhere].any()
    assert (seen[elsewhere][:, may].min(axis=1) > seen[elsewhere][:, ~may].max(axis=1) + 100).all()
    less = seen[both & ~elsewhere]
    assert less[:, may] - less[:, ~may][:, :1] == pytest.approx(np.log(1 - COMMUTES))


@pytest.mark.parametrize(
    ("home", "work", "away", "commutes", "stays"),
    [
        ((), (), (), 1.0, 1.0),
        ((0,), (), (), 0.26, 0.26),
        ((0,), (1,), (), 0.26 * 0.25 / 7, 0.0),
        ((), (1,), (0, 2), 0.17 * 0.75 + (1 - 0.26 - 0.17 - 0.14) * 0.25 / 7, 0.17),
    ],
)
def test_regions_are_as_likely_as_a_sum_by_hand(home, work, away, commutes, stays):
    def seen(regions):
        row = np.zeros((1, len(REGIONS)), dtype=bool)
        row[0, list(regions)] = True
        return row

    evidence = Evidence(regions={"home": seen(home), "work": seen(work), "away": seen(away)})
    cells = np.zeros((2, len(FLAGS)))
    cells[1, FLAGS.index("at_home")] = 1
    found = np.exp(regions_likelihood(evidence, cells))
    assert found == pytest.approx(np.array([[commutes, stays]]))


@pytest.mark.usefixtures("few")
def test_regions_count_in_what_the_evidence_speaks_for(operator):
    source = Source(operator, lines=100)
    evidence, lines, seen = source.known(364)
    cells = source.prior.cells
    without = log_likelihood(evidence, lines, cells, frozenset({"regions"}))
    assert seen == pytest.approx(without + regions_likelihood(evidence, cells), rel=1e-5)
    assert np.abs(seen - without).max() > 100  # of somebody who works in another region


def test_normalised_rows_sum_to_one_even_far_below_zero():
    assert normalised(np.array([[-5000.0, -5000.0]])) == pytest.approx(np.array([[0.5, 0.5]]))


def test_amounts_have_the_documented_spread(source):
    level = next(level for level in LEVELS if level.name == "talk_seconds")
    evidence = gather(source.folder, source.ids, 0, 364)
    number = evidence.rows["calls"]
    many = number > 100
    error = evidence.sums["talk_seconds"][many] / number[many] - source.column("level_talk_seconds")[many]
    assert (error * np.sqrt(number[many])).std() == pytest.approx(level.noise, rel=0.05)


def test_at_most_so_many_lines(operator):
    assert len(Source(operator, lines=100).ids) == 100


def test_an_attribute_without_a_bound_is_refused(source):
    with pytest.raises(ConfigError, match=r"'gendr': no best prediction is known .*Did you mean 'gender'"):
        best_possible(source, "gendr")


def test_the_command_prints_a_table(operator, capsys):
    best.main(["--folder", str(operator), "--lines", "200", "gender"])
    assert "gender" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        best.main(["--folder", str(operator / "no")])
    assert ended.value.code == 2
    assert "no finished data set" in capsys.readouterr().err
    assert len(set(ATTRIBUTES)) == len(ATTRIBUTES)


@pytest.fixture
def few(monkeypatch):
    """Count cells in few households, for what does not depend on how well they are counted."""
    monkeypatch.setattr(bounds, "_HOUSEHOLDS", 2_000)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return written(Operator(customers=40, days=30), tmp_path_factory.mktemp("short") / "telecom")


@pytest.mark.parametrize("lines", [0, -5])
def test_no_lines_are_refused(short, capsys, lines):
    with pytest.raises(SystemExit) as ended:
        best.main(["--folder", str(short), "--lines", str(lines)])
    assert ended.value.code == 2
    assert f"error: --lines: at least 1 is needed, not {lines}" in capsys.readouterr().err


@pytest.mark.parametrize("asked", [[], ["gender", "will_churn"]])
def test_an_operator_of_too_few_days_is_refused_with_what_is_needed(short, capsys, asked):
    with pytest.raises(SystemExit) as ended:
        best.main(["--folder", str(short), *asked])
    assert ended.value.code == 2
    out, said = capsys.readouterr()
    assert out == ""  # refused before any of them is worked out
    assert re.search(r"an operator of 30 days; days needed: will_churn 112[.,]", said)
    assert re.search(r"--days 112 or more, or name only attributes that need no more: gender, .*tops_up", said)
    assert ("foreign_travel 57" in said) == (not asked)


@pytest.mark.parametrize(("attribute", "days"), [("will_churn", 112), ("foreign_travel", 57), ("tops_up", 29)])
@pytest.mark.usefixtures("few")
def test_the_least_number_of_days_is_enough_and_one_less_is_not(tmp_path, attribute, days):
    folder = written(Operator(customers=40, days=days), tmp_path / "telecom")
    assert np.isfinite(best_possible(Source(folder), attribute).scores).all()
    folder = written(Operator(customers=40, days=days - 1), tmp_path / "telecom")
    with pytest.raises(ConfigError, match=f"days needed: {attribute} {days}\\."):
        best_possible(Source(folder), attribute)


@pytest.mark.usefixtures("few")
def test_one_line_has_no_area(short, capsys):
    best.main(["--folder", str(short), "--lines", "1", "gender", "tops_up"])
    assert re.search(r"gender +.? *[01] +.? *one value", capsys.readouterr().out)
