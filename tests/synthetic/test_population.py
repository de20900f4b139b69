import numpy as np
import pytest

from pipeline.synthetic.causes import CHOICES, FLAGS, LEVELS, SHARES, STREAMS, choice_weights, effect_vector
from pipeline.synthetic.draws import Draws
from pipeline.synthetic.population import MARITAL, People, people


@pytest.fixture(scope="module")
def who() -> People:
    return people(Draws(0), 0, 20_000, 0.55)


def test_a_household_does_not_depend_on_its_neighbours(who):
    alone = people(Draws(0), 7_000, 7_003, 0.55)
    there = (who.household >= 7_000) & (who.household < 7_003)
    for name in ("woman", "age", "marital", "children", "occupation", "income", "home", "work", "second_sim", "shared"):
        assert getattr(alone, name).tolist() == getattr(who, name)[there].tolist(), name
    assert who.key[there][alone.holder].tolist() == who.key[who.holder][there].tolist()


def test_every_household_has_a_first_line_of_a_grown_up_who_holds_his_own(who):
    first = who.slot == 0
    assert first.sum() == 20_000
    assert who.age[first].min() >= 18
    assert not who.differs[first].any()
    assert who.age.min() == 10


def test_children_do_not_hold_their_lines_and_holders_are_of_the_household(who):
    assert who.differs[who.age < 18].all()
    assert (who.age[who.holder] >= 18).all()
    assert (who.household[who.holder] == who.household).all()
    assert (who.shared[who.differs]).all()


@pytest.mark.parametrize(("shared_plans", "least", "most"), [(0.0, 0.04, 0.10), (0.55, 0.21, 0.27), (1.0, 0.35, 0.42)])
def test_the_share_of_lines_held_by_another_follows_the_set_rate(shared_plans, least, most):
    found = people(Draws(1), 0, 20_000, shared_plans)
    assert least < found.differs.mean() < most
    if shared_plans == 0.0:  # children's alone
        assert (found.age[found.differs] < 18).all()


def test_documented_rates(who):
    students = (who.age >= 18) & (who.age < 25) & (who.slot < 3)
    old = who.age >= 65
    assert abs((who.occupation[old] == 3).mean() - 0.92 * 0.99) < 0.02
    workers = (who.occupation < 2) & (who.age >= 18)
    assert abs((who.occupation[workers] == 1).mean() - 0.12) < 0.01
    assert 0.45 < (who.occupation[students] == 2).mean() < 0.75  # with the flats, where it is 90 %
    commuters = workers & (who.work != who.home)
    assert abs(commuters.sum() / workers.sum() - 0.25) < 0.02
    partners = np.flatnonzero((who.marital == MARITAL.index("married")) & (who.slot == 1))
    assert abs((who.woman[partners] != who.woman[partners - 1]).mean() - 0.97) < 0.01


def test_flags_say_what_people_are(who):
    flags = dict(zip(FLAGS, who.flags().T, strict=True))
    assert np.array_equal(flags["woman"] == 1, who.woman)
    ages = np.stack([flags[name] for name in FLAGS if name.startswith("age_")]).sum(axis=0)
    assert np.array_equal(ages == 0, (who.age >= 25) & (who.age < 35))
    assert np.array_equal(flags["age_65_up"] == 1, who.age >= 65)


def test_causes_name_no_unknown_flag_and_tokens_are_probable():
    for cause in (*STREAMS, *SHARES, *LEVELS):
        assert effect_vector(cause.effects).shape == (len(FLAGS),)
    with pytest.raises(ValueError, match="unknown flags: \\['womn'\\]"):
        effect_vector({"womn": 1.0})
    for choice in CHOICES:
        weights = choice_weights(np.eye(len(FLAGS)), choice)
        assert np.allclose(weights.sum(axis=1), 1.0)
    shared = choice_weights(np.eye(len(FLAGS))[[FLAGS.index("shared_plan")]], CHOICES[0])
    assert shared[0, list(CHOICES[0].weights).index("family")] > 0.9
