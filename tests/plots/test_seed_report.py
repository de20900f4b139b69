import numpy as np
import pytest

from pipeline.plots import seed_report


def row(words, lift, low, high, kind="token"):
    return {"words": words, "kind": kind, "ours": 0.4, "theirs": 0.1, "lift": lift, "low": low, "high": high}


ROWS = [row("shop: item $TEA_" + "x" * 60, 4, 2, 8), row("has СОБАКА: no", 0.1, 0.02, 0.3, "attribute")]
TOTAL = row("shop: total amount", 3, 2, 4, "total")
CURVE = [{"n": n, "auc": 0.7 + n / 1000, "low": 0.6, "high": 0.85} for n in (10, 20, 30, 40)]


@pytest.mark.parametrize(
    ("rows", "curve", "shuffled"),
    [
        ([*ROWS, TOTAL], CURVE, 0.61),
        ([], CURVE, None),
        (ROWS, [], 0.6),
        ([], [], None),
        ([row(f"item {i}", 1e6, 1e-6, 1e9) for i in range(40)], CURVE[:1], 0.6),
        ([row("nothing", np.nan, np.nan, np.nan), row("never", 0.0, 0.0, 0.1)], CURVE, 0.6),
    ],
)
def test_a_seed_report_is_drawn_of_any_data(rows, curve, shuffled, picture):
    picture(seed_report, rows, curve, "a seed of $40_", shuffled=shuffled)


def test_it_says_what_is_seen(texts_of):
    said = texts_of(seed_report, [*ROWS, TOTAL], CURVE, "a seed", shuffled=0.6).split("\n")
    assert said.count("40 % : 10 %") == 2  # totals are no shares
    assert {"shop: total amount", "19 of 20 shuffled seeds stay below", "40", "a seed"} <= set(said)


def test_what_is_missing_is_said(texts_of):
    said = texts_of(seed_report, [], [], "a seed")
    assert "nothing is surely more or less often in the seed" in said
    assert "too few members for a learning curve" in said
    assert "shuffled" not in said
