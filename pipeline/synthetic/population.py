"""Households, their members, who uses which line and who holds it (SYNTHETIC).

========================= =============================================================================================
what                      how it is drawn
========================= =============================================================================================
kind of household         one person 37 %, couple without children 24 %, couple with children 17 %, one parent 7 %,
                          students' flat 5 %, two other adults 10 % (Eurostat, household composition statistics 2023:
                          37, 24 and 15 % for the first three; students are set)
members                   one or two adults (three in flats); one to three children of 0 to 17 years (47, 41, 12 %)
age                       by kind of household; partners within some years of each other
sex                       partners differ in 97 %; one parent is a woman in 85 %
marital status            couples are married more often from 30 on; of others more are separated or widowed with age
occupation                students 45 % of those of 18 to 24; at home 92 % from 65 on, 22 % below; 12 % of workers work
                          at night (more than in Europe, so that there are labels)
income band               of the household, from ages, workers and chance
regions                   home of the household, work in another region for 25 % of those who work or study
lines                     one per member of 10 years or more: its USER
plans                     children's lines are held by the first adult; with probability `shared_plans` so are the other
                          adults' (a tenth of it in flats): the ACCOUNT HOLDER is then not the user
========================= =============================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.synthetic.causes import AGE_BANDS, FLAGS
from pipeline.synthetic.draws import Draws

ONE, COUPLE, FAMILY, PARENT, FLAT, ADULTS = range(6)
KINDS = np.array([0.37, 0.24, 0.17, 0.07, 0.05, 0.10])
REGIONS = ("capital", "north", "east", "south", "west", "coast", "hills", "islands")
REGION_WEIGHTS = np.array([0.26, 0.17, 0.14, 0.13, 0.12, 0.09, 0.06, 0.03])
COMMUTES = 0.25  # of the adults who work or study: work in another region, any of the others alike
SLOTS = 6  # three adults, three children
_CHILDREN = 3  # the slot of the first child
MARITAL = ("single", "married", "separated")
OCCUPATIONS = ("day worker", "night worker", "student", "at home")
INCOMES = ("low", "middle", "high")
_LEAST_AGE = 10  # of a line's user


@dataclass(frozen=True)
class People:
    """Members of households, one row per member with a line; all arrays have shape (n,)."""

    household: np.ndarray
    slot: np.ndarray
    holder: np.ndarray  # row of the account holder
    woman: np.ndarray
    age: np.ndarray
    marital: np.ndarray  # position in MARITAL
    children: np.ndarray  # number of children below 18 in the household
    size: np.ndarray  # of the household
    occupation: np.ndarray  # position in OCCUPATIONS
    income: np.ndarray  # position in INCOMES
    home: np.ndarray  # position in REGIONS
    work: np.ndarray
    shared: np.ndarray  # the plan has several lines
    second_sim: np.ndarray

    @property
    def key(self) -> np.ndarray:
        """Whole numbers that name the lines, whatever else is drawn: household and slot."""
        return self.household * 8 + self.slot

    @property
    def differs(self) -> np.ndarray:
        """Whether the account holder is not the user."""
        return self.holder != np.arange(len(self.holder))

    def flags(self) -> np.ndarray:
        """Return the users' flags, shape (n, n_flags), in the order of FLAGS."""
        found = {
            "woman": self.woman,
            "married": self.marital == 1,
            "separated": self.marital == 2,
            "children": self.children > 0,
            "student": self.occupation == 2,
            "night_worker": self.occupation == 1,
            "at_home": self.occupation == 3,
            "low_income": self.income == 0,
            "high_income": self.income == 2,
            "shared_plan": self.shared,
            "second_sim": self.second_sim,
            **{f"age_{band}": (self.age >= low) & (self.age < high) for band, (low, high) in AGE_BANDS.items()},
        }
        return np.stack([found[flag] for flag in FLAGS], axis=1).astype(float)


def people(draws: Draws, first: int, below: int, shared_plans: float) -> People:
    """Return everybody with a line in the households `first` to `below` - 1, in their order."""
    house = np.arange(first, below, dtype=np.int64)
    grid, slot = house[:, None], np.arange(SLOTS)[None, :]
    kind = draws.choice(KINDS, "kind", house)
    age, woman, present = _members(draws, house, kind)
    adult = present & (slot < _CHILDREN)
    child = present & (slot >= _CHILDREN)
    minors = (child & (age < 18)).sum(axis=1)
    marital = _marital(draws, house, kind, age)
    occupation = _occupation(draws, house, kind, age)
    income = _income(draws, house, age, adult & (occupation < 2))
    line = present & (age >= _LEAST_AGE)
    joins = draws.uniform("shared plan", house) < shared_plans * np.where(kind == FLAT, 0.1, 1.0)
    held = line & (slot > 0) & (child | joins[:, None])  # by the first adult
    shared = held | ((slot == 0) & held.any(axis=1, keepdims=True))
    home = draws.choice(REGION_WEIGHTS, "home", house)
    home = np.broadcast_to(home[:, None], age.shape)
    elsewhere = (draws.uniform("commutes", grid, slot) < COMMUTES) & (occupation != 3) & (age >= 18)
    other = (home + 1 + np.floor(draws.uniform("work", grid, slot) * (len(REGIONS) - 1)).astype(int)) % len(REGIONS)
    second = draws.uniform("second SIM", grid, slot) < np.select(
        [age < 18, (age < 35) | (income[:, None] == 2)], [0.05, 0.30], 0.16
    )
    row = np.cumsum(line.ravel()).reshape(line.shape) - 1
    holder = np.where(held, row[:, :1], row)

    def of(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values if values.ndim == 2 else values[:, None], line.shape)[line]

    return People(
        household=of(house),
        slot=np.broadcast_to(slot, line.shape)[line],
        holder=of(holder),
        woman=of(woman),
        age=of(age),
        marital=of(marital),
        children=of(minors),
        size=of(present.sum(axis=1)),
        occupation=of(occupation),
        income=of(income),
        home=of(home),
        work=of(np.where(elsewhere, other, home)),
        shared=of(shared),
        second_sim=of(second),
    )


def _members(draws: Draws, house: np.ndarray, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return age, whether a woman, and whether there is such a member, each of shape (n_households, SLOTS)."""
    n = len(house)
    age, woman, present = np.zeros((n, SLOTS), int), np.zeros((n, SLOTS), bool), np.zeros((n, SLOTS), bool)
    u = draws.uniform("age", house)
    z = draws.normal("age of others", house[:, None], np.arange(SLOTS)[None, :])
    age[:, 0] = np.select(
        [kind == ONE, kind == COUPLE, kind == FLAT, kind == ADULTS],
        [19 + 66 * u**0.85, 21 + 62 * u**0.8, 18 + 9 * u, 40 + 40 * u],
        24 + 30 * u,
    )
    partner = np.isin(kind, [COUPLE, FAMILY])
    age[:, 1] = np.select(
        [partner, kind == FLAT],
        [np.maximum(age[:, 0] - 1 + 4 * z[:, 1], 19), 18 + 8 * draws.uniform("age in a flat", house)],
        np.maximum(age[:, 0] - 28 + 3 * z[:, 1], 18),  # a grown-up child and a parent
    )
    age[:, 2] = np.clip(age[:, 0] + z[:, 2], 18, 27)
    present[:, 0] = True
    present[:, 1] = partner | np.isin(kind, [FLAT, ADULTS])
    present[:, 2] = (kind == FLAT) & (draws.uniform("third", house) < 0.5)
    children = np.where(np.isin(kind, [FAMILY, PARENT]), 1 + draws.choice(np.array([0.47, 0.41, 0.12]), "n", house), 0)
    for number in range(3):
        slot = _CHILDREN + number
        present[:, slot] = number < children
        oldest = np.minimum(18, np.maximum(age[:, 0] - 19, 1))
        age[:, slot] = np.floor(draws.uniform("age of child", house, number) * oldest)
    chance = draws.uniform("sex", house[:, None], np.arange(SLOTS)[None, :])
    woman[:] = chance < 0.5
    woman[:, 0] = chance[:, 0] < np.select([kind == PARENT, partner, kind == ONE], [0.85, 0.40, 0.54], 0.5)
    woman[:, 1] = np.where(partner, woman[:, 0] ^ (chance[:, 1] < 0.97), woman[:, 1])
    return age, woman, present


def _marital(draws: Draws, house: np.ndarray, kind: np.ndarray, age: np.ndarray) -> np.ndarray:
    slot = np.arange(SLOTS)[None, :]
    together = np.isin(kind, [COUPLE, FAMILY])
    married = together & (draws.uniform("married", house) < np.where(age[:, 0] >= 30, 0.82, 0.40))
    alone = draws.uniform("separated", house[:, None], slot) < np.clip((age - 27) * 0.017, 0.0, 0.75)
    return np.where(married[:, None] & (slot < 2), 1, np.where(alone & ~together[:, None] & (slot < _CHILDREN), 2, 0))


def _occupation(draws: Draws, house: np.ndarray, kind: np.ndarray, age: np.ndarray) -> np.ndarray:
    keys = (house[:, None], np.arange(SLOTS)[None, :])
    studies = np.select([age < 18, kind[:, None] == FLAT, age < 25, age < 30], [1.0, 0.9, 0.45, 0.08], 0.01)
    student = draws.uniform("studies", *keys) < studies
    idle = draws.uniform("at home", *keys) < np.where(age >= 65, 0.92, 0.22)
    night = draws.uniform("night", *keys) < 0.12
    return np.select([student, idle, night], [2, 3, 1], 0)


def _income(draws: Draws, house: np.ndarray, age: np.ndarray, works: np.ndarray) -> np.ndarray:
    workers = works.sum(axis=1)
    score = (
        draws.normal("income", house) + 0.8 * np.minimum(workers, 2) - 0.8 + 0.015 * (np.minimum(age[:, 0], 60) - 40)
    )
    return np.digitize(score, [-0.55, 0.65])
