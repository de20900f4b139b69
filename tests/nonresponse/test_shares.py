import numpy as np
import pytest

from pipeline.model.propensity import response_propensity
from pipeline.nonresponse.estimation import Shares
from pipeline.nonresponse.shares import MIN_PROPENSITY, AttributeShares, attribute_shares
from tests.nonresponse.conftest import N_DENSE

VALUES = ("no", "yes")


def estimated(world, y_index=None, seed=0):
    told = world.told if y_index is None else y_index
    propensity = response_propensity(world.X, told >= 0, N_DENSE, seed)
    return attribute_shares("wine", VALUES, world.X, told, N_DENSE, seed, propensity), propensity


def held(planted, n_runs, **how):
    """Return how often the corrected and the naive interval hold the truth about the customers they speak of."""
    hits = []
    for seed in range(n_runs):
        world = planted(seed, **how)
        found, (propensity, _) = estimated(world, seed=seed)
        truths = world.y[propensity >= MIN_PROPENSITY].mean(), world.y.mean()
        parts = found.corrected, found.naive
        hits.append([part.low[1] <= truth <= part.high[1] for part, truth in zip(parts, truths, strict=True)])
    return np.mean(hits, axis=0)


def test_in_200_samples_the_corrected_interval_holds_and_the_naive_one_does_not(planted):
    corrected, naive = held(planted, 200)
    assert corrected >= 0.90
    assert naive <= 0.30


def test_what_depends_on_the_answer_itself_cannot_be_corrected(planted):
    corrected, _ = held(planted, 20, by_answer=2.0)
    assert corrected <= 0.30


def test_customers_whose_like_never_answer_are_not_spoken_of(planted):
    world = planted(5, n=1500, by_activity=6.0)
    found, (propensity, _) = estimated(world)
    assert found.n_comparable == (propensity >= MIN_PROPENSITY).sum() < 1500
    lowest, highest = found.bounds
    known = found.n_comparable / 1500
    assert lowest == pytest.approx(known * found.corrected.low)
    assert highest == pytest.approx(known * found.corrected.high + 1 - known)
    assert lowest[1] <= world.y.mean() <= highest[1]


def test_bounds_by_hand():
    sure = Shares(np.array([0.4, 0.6]), np.array([0.3, 0.5]), np.array([0.5, 0.7]))
    one = AttributeShares("wine", VALUES, 200, 50, 150, 40.0, sure, sure)
    lowest, highest = one.bounds
    assert lowest == pytest.approx([0.225, 0.375])
    assert highest == pytest.approx([0.625, 0.775])


def test_where_everybody_answered_the_count_is_the_truth(planted):
    world = planted(0)
    found, _ = estimated(world, world.y)
    assert found.corrected.low[1] == found.corrected.high[1] == found.naive.share[1] == world.y.mean()
    assert found.reason == "everybody answered"


@pytest.mark.parametrize(
    ("least", "reason"),
    [
        (29, "29 answered and 571 did not, at least 30 of each are needed"),
        (60, "9 answered 'yes', at least 10 of each value are needed"),
    ],
)
def test_too_few_answers_are_counted_and_not_corrected(planted, least, reason):
    world = planted(0)
    told = np.full(600, -1)
    told[:least] = 0
    told[:9] = 1
    found, _ = estimated(world, told)
    assert (found.corrected, found.reason) == (None, reason)
    assert found.naive.share[1] == 9 / least
    assert [end.tolist() for end in found.bounds] == [[0, 0], [1, 1]]
