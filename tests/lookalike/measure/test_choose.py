"""Which ranking is taken."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.lookalike.measure.choose import choose_method, chosen_of, utility
from pipeline.lookalike.measure.held_out import Standing
from pipeline.lookalike.methods import FixedOrder, RandomOrder, methods


def test_the_utility_is_the_mean_recall_over_audiences_up_to_a_third():
    rng = np.random.default_rng(0)
    standing = Standing(rng.integers(0, 1001, (1, 400)), 1000)
    recalls = [(standing.share <= size).mean() for size in np.linspace(0, 0.3, 3001)]
    assert utility(standing).mean() == pytest.approx(np.mean(recalls), abs=1e-3)


def test_a_better_one_is_taken_beyond_its_error_only():
    rng = np.random.default_rng(1)
    default = rng.integers(0, 300, (2, 100))
    luck = np.clip(default + rng.integers(-40, 41, default.shape), 0, 1000)
    better = default // 2
    standings = {name: Standing(above, 1000) for name, above in (("d", default), ("l", luck), ("b", better))}
    choice = chosen_of(standings, "d")
    assert choice.method == "b"
    assert "more than one standard error" in choice.reason
    assert chosen_of({name: standings[name] for name in ("d", "l")}, "d").method == "d"
    gain, error = choice.table.set_index("method").loc["b", ["gain", "error"]]
    more = utility(standings["b"]) - utility(standings["d"])
    assert gain == pytest.approx(more.mean())
    assert error == pytest.approx(more.std(ddof=1) / 10)


def test_members_count_by_their_weight():
    above = {"d": np.array([[0] * 50 + [200] * 50]), "o": np.array([[200] * 50 + [0] * 50])}
    standings = {name: Standing(part, 1000) for name, part in above.items()}
    assert chosen_of(standings, "d", np.r_[np.ones(50), np.full(50, 9.0)]).method == "o"
    assert chosen_of(standings, "d", np.r_[np.full(50, 9.0), np.ones(50)]).method == "d"


def test_the_ranking_that_knows_the_truth_is_chosen(town):
    oracle = FixedOrder(dict(zip(town.ids.tolist(), town.planted.astype(float), strict=True)))
    among = {"blended": methods()["blended"], "oracle": oracle, "random": RandomOrder()}
    seed = town.planted & (np.cumsum(town.planted) <= 100)
    choice = choose_method(town.base, seed, among, "blended", repeats=1)
    assert choice.method == "oracle"
    assert choice.table["chosen"].tolist() == [False, True, False]
    assert choice_without(town, seed, among).method == "blended"


def choice_without(town, seed, among):
    return choose_method(town.base, seed, {k: among[k] for k in ("blended", "random")}, "blended", repeats=1)


def test_a_small_seed_gets_the_default_without_comparison(town, kept):
    small = kept & (np.cumsum(kept) <= 49)
    choice = choose_method(town.base, small, methods(), "blended")
    assert (choice.method, len(choice.table), choice.n_seed) == ("blended", 0, 49)
    assert "49 members are too few" in choice.reason
    with pytest.raises(ConfigError, match=r"'blend' is no method .*[Dd]id you mean 'blended'"):
        choose_method(town.base, kept, methods(), "blend")
