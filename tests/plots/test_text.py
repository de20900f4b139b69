import numpy as np

from pipeline.plots.text import percent, plain


def test_names_are_shortened_in_the_middle_and_drawable():
    assert plain("a\n b\t" + "c" * 30 + "end", 12) == "a b ccc…cend"
    assert plain("x" * 20, 20) == "x" * 20
    assert plain("возраст $ №", 20) == "возраст $ №"
    assert plain("字 age", 20) == "□ age"


def test_shares_are_percentages_and_no_share_is_a_dash():
    assert [percent(share) for share in (0, 0.004, 0.006, 0.876, 1)] == ["0 %", "<1 %", "1 %", "88 %", "100 %"]
    assert [percent(share) for share in (None, np.nan, np.inf)] == ["–"] * 3
