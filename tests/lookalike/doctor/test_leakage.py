"""Planted leaks are found and named; what merely differs is none."""

import numpy as np
import pytest
import scipy.sparse as sp

from pipeline.lookalike.doctor.leakage import field_of, leaks
from pipeline.lookalike.population import Base
from tests.lookalike.doctor.conftest import with_token


def flipped(mask, n_lost, n_more):
    """Return the mask without its first `n_lost` customers, and with `n_more` others."""
    mask = mask.copy()
    mask[np.flatnonzero(mask)[:n_lost]] = False
    mask[np.flatnonzero(~mask)[-n_more or len(mask) :]] = True
    return mask


def test_a_planted_group_leaks_nothing(base, planted):
    assert leaks(base, planted) == []


@pytest.mark.parametrize(("n_lost", "n_more"), [(0, 0), (5, 6)])
def test_a_token_that_is_the_seed_is_its_definition(base, planted, n_lost, n_more):
    holders = flipped(planted, n_lost, n_more)
    (leak,) = leaks(with_token(base, "gifts__voucher=A1", holders), planted)
    assert (leak.kind, leak.hide) == ("definition", "gifts.voucher")
    assert leak.recall[0] == pytest.approx((120 - n_lost) / 120)
    assert leak.precision[0] == pytest.approx((120 - n_lost) / (120 - n_lost + n_more))
    assert leak.recall[1] < leak.recall[0] <= leak.recall[2]


def test_a_token_that_all_others_have_is_the_definition_too(base, planted):
    (leak,) = leaks(with_token(base, "shop__channel=web", ~planted), planted)
    assert (leak.kind, leak.words) == ("definition", "never shop: channel web")


def test_a_field_is_the_definition_although_no_token_of_it_is(base, planted):
    members = np.flatnonzero(planted)
    for i in range(12):
        base = with_token(base, f"gifts__voucher=A{i}", np.isin(np.arange(len(base)), members[i::12]))
    (leak,) = leaks(base, planted)
    assert (leak.kind, leak.name, leak.words) == ("definition", "gifts__voucher", "any gifts: voucher")
    assert leak.hide == "gifts.voucher"


def test_a_token_of_a_part_of_the_seed_is_told(base, planted):
    part = planted & (np.arange(len(base)) % 2 == 0)
    (leak,) = leaks(with_token(base, "gifts__voucher=A1", part), planted)
    assert (leak.kind, leak.precision[0], leak.recall[0]) == ("part", 1.0, 0.5)


def test_a_small_seed_is_no_definition_by_chance(plain):
    """Of 60 tokens some are held by most of ten members, and many others have them, too."""
    for seed in range(20):
        mask = np.zeros(len(plain), dtype=bool)
        mask[np.random.default_rng(seed).permutation(len(plain))[:10]] = True
        assert leaks(plain, mask) == []


def test_a_token_of_most_customers_is_no_leak_of_a_large_seed(base):
    mask = np.arange(len(base)) % 10 > 0  # nine of ten: any common token has precision 0.9
    assert leaks(with_token(base, "shop__page=home", np.arange(len(base)) % 100 != 1), mask) == []


@pytest.mark.parametrize(("sign", "words"), [(1, "shop: total paid"), (-1, "little shop: total paid")])
def test_an_amount_that_ranks_members_first_is_told(base, planted, sign, words):
    rng = np.random.default_rng(0)
    paid = rng.normal(5, 1, len(base)) + sign * 4 * planted
    X = sp.hstack([sp.csr_matrix(paid[:, None]), base.X]).tocsr()
    names = np.append("shop__paid__sum__all", base.names)
    (leak,) = leaks(Base(base.ids, X, base.vectors, names, n_dense=2), planted)
    assert (leak.kind, leak.words, leak.hide) == ("nearly", words, "shop.paid")
    assert leak.auc[0] > 0.99
    assert np.isnan(leak.precision).all()


def test_an_amount_that_merely_differs_is_no_leak(base, planted):
    paid = np.random.default_rng(0).normal(5, 1, len(base)) + 1.5 * planted  # AUC 0.86
    X = sp.hstack([sp.csr_matrix(paid[:, None]), base.X]).tocsr()
    names = np.append("shop__paid__sum__all", base.names)
    assert leaks(Base(base.ids, X, base.vectors, names, n_dense=2), planted) == []


@pytest.mark.parametrize(
    ("name", "hide"),
    [
        ("visits__page=a__b=c", "visits.page"),
        ("visits__time_spent__sum__all", "visits.time_spent"),
        ("visits__events__count__28d", "visits"),
        ("visits__gap__mean_days__all", "visits"),
    ],
)
def test_what_must_be_hidden_is_read_from_the_name(name, hide):
    assert field_of(name) == hide
