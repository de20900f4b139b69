import numpy as np
import pytest

from pipeline.synthetic.causes import DECLINE, LEAVING
from pipeline.synthetic.outlook import silence, states


def test_silence_of_one_day_by_hand():
    normal, declining = silence(np.array([[2.0]]), np.array([0.1]))
    assert normal[0] == pytest.approx(0.9 * np.exp(-2.0) + 0.1 * np.exp(-2.0 * DECLINE))
    assert declining[0] == pytest.approx(LEAVING + (1 - LEAVING) * np.exp(-2.0 * DECLINE))


def test_silence_as_often_as_in_simulated_chains():
    rng = np.random.default_rng(0)
    n, days, hazard, mean = 200_000, 20, 0.03, 0.4
    state, silent = np.zeros(n, int), np.ones(n, bool)
    for _ in range(days):
        u = rng.random(n)
        state = np.where((state == 0) & (u < hazard), 1, np.where((state == 1) & (u < LEAVING), 2, state))
        rate = mean * np.array([1.0, DECLINE, 0.0])[state]
        silent &= rng.poisson(rate) == 0
    found, _ = silence(np.full((days, 1), mean), np.array([hazard]))
    assert found[0] == pytest.approx(silent.mean(), abs=4 * np.sqrt(0.01 / n) + 1e-4)


def test_states_by_hand_after_one_silent_day_and_one_with_an_event():
    hazard, mean = 0.2, 1.5
    events, expected = np.array([[0.0], [3.0]]), np.full((2, 1), mean)
    found = states(events, np.zeros((2, 1), bool), expected, np.full(2, hazard))
    silent = np.array([0.8 * np.exp(-mean), 0.2 * np.exp(-DECLINE * mean), 0.0])
    busy = np.array([0.8 * np.exp(-mean), 0.2 * np.exp(-DECLINE * mean) * DECLINE**3, 0.0])
    assert found[0] == pytest.approx(silent / silent.sum())
    assert found[1] == pytest.approx(busy / busy.sum())


def test_a_bill_that_does_not_come_says_that_the_line_is_left():
    events, bills = np.zeros((2, 40)), np.zeros((2, 40), bool)
    bills[:, 5] = True
    bills[0, 33] = True
    found = states(events, bills, np.full((2, 40), 0.01), np.full(2, 0.05))
    assert found[1, 2] == pytest.approx(1.0)
    assert found[0, 2] < 0.4
