import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.market.census import poststratified, rake

VALUES = {"sex": ("f", "m"), "age": ("young", "old")}


def people(seed, n, share_f, share_old):
    """Customers of two margins; who is old and f is more often inside."""
    rng = np.random.default_rng(seed)
    f, old = rng.random(n) < share_f, rng.random(n) < share_old
    inside = (rng.random(n) < 0.1 + 0.3 * f + 0.2 * old).astype(float)
    strata = {"sex": np.column_stack([f, ~f]).astype(float), "age": np.column_stack([~old, old]).astype(float)}
    return inside, strata


def test_raking_meets_both_margins_and_keeps_the_odds_ratio():
    mass = np.array([[0.3, 0.2], [0.1, 0.4]])
    found = rake(mass, (np.array([0.4, 0.6]), np.array([0.7, 0.3])))
    assert found.sum(axis=1) == pytest.approx([0.4, 0.6])
    assert found.sum(axis=0) == pytest.approx([0.7, 0.3])
    odds = found[0, 0] * found[1, 1] / found[0, 1] / found[1, 0]
    assert odds == pytest.approx(0.3 * 0.4 / 0.2 / 0.1)


def test_the_population_share_is_found_from_a_base_of_other_people():
    margins = {"sex": {"f": 0.5, "m": 0.5}, "age": {"young": 0.5, "old": 0.5}}
    truth = 0.1 + 0.3 * 0.5 + 0.2 * 0.5
    held, alone = 0, []
    for run in range(40):
        inside, strata = people(run, 800, 0.8, 0.2)
        found = poststratified(inside, strata, VALUES, margins, run)
        held += found.share.low <= truth <= found.share.high
        alone.append(found.base_share)
    assert held >= 34
    assert np.mean(alone) > 0.36  # the base itself holds 0.38


def test_with_the_bases_own_margins_nothing_changes():
    inside, strata = people(0, 500, 0.6, 0.3)
    own = {n: dict(zip(VALUES[n], strata[n].mean(axis=0), strict=True)) for n in VALUES}
    found = poststratified(inside, strata, VALUES, own)
    assert found.share.mean == pytest.approx(inside.mean())
    assert found.n_effective == pytest.approx(500)


def test_people_like_whom_no_customer_is_are_told():
    inside, strata = people(0, 300, 1.0, 0.3)
    with pytest.raises(DataError, match="nobody in the base has"):
        poststratified(inside, strata, VALUES, {"sex": {"f": 0.5, "m": 0.5}})


def test_another_value_is_refused():
    inside, strata = people(0, 300, 0.5, 0.3)
    with pytest.raises(DataError, match="f, m"):
        poststratified(inside, strata, VALUES, {"sex": {"f": 0.5, "male": 0.5}})
