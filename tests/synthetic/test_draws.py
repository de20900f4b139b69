import numpy as np
import pytest
from scipy.stats import kstest, norm, poisson

from pipeline.synthetic.draws import Draws, poisson_quantile, pseudonym

N = 50_000


def test_a_number_is_a_function_of_seed_purpose_and_keys():
    keys = np.arange(1000)
    there = Draws(3).bits("a", keys, 7)
    assert np.array_equal(Draws(3).bits("a", keys[::-1], 7)[::-1], there)
    assert Draws(3).bits("a", 500, 7) == there[500]
    for other in (Draws(4).bits("a", keys, 7), Draws(3).bits("b", keys, 7), Draws(3).bits("a", keys, 8)):
        assert not (other == there).any()


def test_keys_are_not_confused_with_each_other():
    one = Draws(0).bits("a", np.arange(300)[:, None], np.arange(300)[None, :])
    assert len(np.unique(one)) == 90_000


@pytest.mark.parametrize("purpose", ["one", "another"])
def test_uniforms_and_normals_have_their_distributions(purpose):
    draws = Draws(11)
    assert kstest(draws.uniform(purpose, np.arange(N)), "uniform").pvalue > 1e-3
    assert kstest(draws.normal(purpose, np.arange(N)), norm.cdf).pvalue > 1e-3


def test_neighbouring_keys_are_not_correlated():
    z = Draws(5).normal("a", np.arange(N), 3)
    for shift in (1, 2, 8, 64):
        assert abs(np.corrcoef(z[:-shift], z[shift:])[0, 1]) < 4 / np.sqrt(N)


@pytest.mark.parametrize("mean", [0.0, 0.03, 1.0, 7.5, 60.0, 600.0])
def test_poisson_quantiles_are_those_of_scipy(mean):
    u = Draws(1).uniform("q", np.arange(500))
    assert poisson_quantile(u, np.full(500, mean)).tolist() == poisson.ppf(u, mean).tolist()


def test_choices_come_in_proportion_to_their_weights():
    found = Draws(2).choice(np.array([1.0, 0.0, 3.0]), "c", np.arange(N))
    assert np.bincount(found, minlength=3)[1] == 0
    assert abs((found == 2).mean() - 0.75) < 4 * np.sqrt(0.75 * 0.25 / N)


def test_pseudonyms_are_all_different_and_tell_no_order():
    ids = pseudonym(np.arange(200_000))
    assert len(np.unique(ids)) == 200_000
    assert {len(str(one)) for one in ids[:1000]} == {13}
    assert abs(np.corrcoef(np.arange(200_000), ids)[0, 1]) < 0.02
