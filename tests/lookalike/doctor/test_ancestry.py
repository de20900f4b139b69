"""A look-alike of a look-alike is refused; people who are in an audience by chance are not."""

import pytest

from pipeline.errors import DataError
from pipeline.lookalike.doctor import refuse_audience, resembles_audience

CROWD = [f"c{i}" for i in range(1000)]


def test_a_seed_made_of_an_earlier_audience_is_known():
    found = resembles_audience(CROWD[:100], {"spring": CROWD[500:700], "autumn": CROWD[40:240]}, 1000)
    assert found is not None
    assert (found.audience, found.n_shared, found.of_seed, found.of_audience) == ("autumn", 60, 0.6, 0.3)
    assert found.by_chance == 0.2


def test_the_audience_that_holds_most_of_the_seed_is_named():
    audiences = {"first": CROWD[:60], "second": CROWD[:90], "third": CROWD[:70]}
    assert resembles_audience(CROWD[:100], audiences, 1000).audience == "second"


@pytest.mark.parametrize(("shared", "known"), [(49, False), (50, True), (100, True)])
def test_half_of_the_seed_is_too_much(shared, known):
    found = resembles_audience(CROWD[:100], {"spring": CROWD[100 - shared : 200 - shared]}, 1000)
    assert (found is not None) is known


def test_an_audience_of_most_of_the_base_holds_most_of_any_seed():
    # 62 of 100 where 60 are expected by chance; 90 are not chance.
    assert resembles_audience(CROWD[:100], {"all": CROWD[38:638]}, 1000) is None
    assert resembles_audience(CROWD[:100], {"all": CROWD[10:610]}, 1000) is not None


def test_repetitions_and_no_earlier_audience_change_nothing():
    assert resembles_audience(["a", "b", "a", "a"], {"spring": ["a", "x"]}, 10_000).of_seed == 0.5
    assert resembles_audience(["a"], {}, 10) is None
    assert resembles_audience([], {"spring": ["a"]}, 10) is None
    assert resembles_audience(["a"], {"empty": []}, 10) is None


def test_a_look_alike_of_a_look_alike_is_refused_by_name():
    message = (
        r"80 of its 100 members \(80%; by chance 10%\) come from the earlier audience 'spring'\. .* drift away .*"
        r"less than 50% of a seed may come from one audience\. Use the seed of 'spring'"
    )
    with pytest.raises(DataError, match=message):
        refuse_audience(CROWD[:100], {"spring": CROWD[20:120]}, 1000)
    refuse_audience(CROWD[:100], {"spring": CROWD[60:160]}, 1000)
    refuse_audience(CROWD[:100], {"spring": CROWD[20:120]}, 1000, max_share=0.9)
