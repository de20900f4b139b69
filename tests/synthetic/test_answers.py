import numpy as np
import pytest

from pipeline.synthetic.answers import answered, told, truths
from pipeline.synthetic.draws import Draws
from pipeline.synthetic.population import people
from pipeline.synthetic.writing import read_truth


@pytest.fixture(scope="module")
def who():
    return people(Draws(0), 0, 40_000, 0.55)


@pytest.fixture(scope="module")
def tells(who):
    return told(Draws(0), who)


def test_one_answer_for_all_lines_of_an_account(who, tells):
    assert np.array_equal(tells, tells[who.holder])
    assert np.array_equal(truths(who)["age"], who.age[who.holder])


def test_who_answers_depends_as_documented_on_age_and_income(who, tells):
    """Middle income, not separated, holders themselves: logit 0.25 - 0.3 at 25 to 34, 0.25 + 0.6 from 65 on."""
    plain = (who.income == 1) & (who.marital != 2) & ~who.differs
    for chosen, logit in (((who.age >= 25) & (who.age < 35), -0.05), (who.age >= 65, 0.85)):
        rate = tells[plain & chosen].mean()
        expected = 1 / (1 + np.exp(-logit))
        assert abs(rate - expected) < 4 * np.sqrt(0.25 / (plain & chosen).sum())
    assert tells[who.income == 2].mean() < tells[who.income == 1].mean() - 0.1


@pytest.mark.parametrize(
    ("cell", "answer", "blank"),
    [("income_band", 2, 0.35), ("income_band", 1, 0.10), ("marital_status", 2, 0.35), ("marital_status", 0, 0.08),
     ("children", 0, 0.08), ("children", 2, 0.20), ("night_worker", 1, 0.35), ("second_sim", 1, 0.45),
     ("household_size", 1, 0.03)],
)  # fmt: skip
def test_cells_are_blank_as_often_as_documented(who, cell, answer, blank):
    truth = truths(who)[cell]
    own = (truth == answer) & ~who.differs  # one draw per account
    found = 1 - answered(Draws(0), who, cell, truth)[own].mean()
    assert abs(found - blank) < 4 * np.sqrt(blank * (1 - blank) / own.sum())


def test_profiles_of_the_operator_are_not_like_the_base(operator):
    """What counting would get wrong: those of high income are fewer among the answers than in truth."""
    import pandas as pd

    truth = read_truth(operator).to_pandas().set_index("line_id")
    profiles = pd.read_parquet(operator / "profiles").set_index("line_id")
    assert set(profiles.index) == set(truth.index[truth["has_profile"]])
    counted = (profiles["income_band"].dropna() == "high").mean()
    true = (truth["holder_income_band"] == "high").mean()
    assert counted < true - 0.05
    told_age = profiles["age"].dropna()
    assert (told_age == truth.loc[told_age.index, "holder_age"]).all()
