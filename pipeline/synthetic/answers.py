"""Profiles: what account holders told, and who did not (SYNTHETIC; missing NOT at random).

A profile belongs to the account, so every line of a plan carries its holder's. Whether a holder answers at all:

    logit P(answers) = 0.25 + age (18-24: -0.6, 25-34: -0.3, 45-54: +0.2, 55-64: +0.4, 65 and over: +0.6)
                            + income (low: -0.2, high: -0.8) + separated or widowed: -0.3

Those who answer leave single cells blank, depending on the very answer:

=============== ========================================================
cell            share left blank
=============== ========================================================
income_band     low 20 %, middle 10 %, high 35 %
marital_status  separated or widowed 35 %, others 8 %
children        with children 20 %, without 8 %
night_worker    yes 35 %, no 10 %
second_sim      yes 45 %, no 15 %
student, age    8 %, 3 %
others          3 %
=============== ========================================================

`handset_class` and `operating_system` are those of the line's own handset, from the contract; everything else is the
holder's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from pipeline.synthetic.behaviour import Behaviour
from pipeline.synthetic.causes import CHOICES, FLAGS, effect_vector
from pipeline.synthetic.draws import Draws
from pipeline.synthetic.population import INCOMES, MARITAL, OCCUPATIONS, REGIONS, People

_TELLS = {
    "age_18_24": -0.6,
    "age_45_54": 0.2,
    "age_55_64": 0.4,
    "age_65_up": 0.6,
    "low_income": -0.2,
    "high_income": -0.8,
    "separated": -0.3,
}
_TELLS_LEVEL, _YOUNG = 0.25, -0.3  # 25 to 34 is no flag
# Share of blank cells by position of the answer.
_BLANK: Mapping[str, tuple[float, ...]] = {
    "income_band": (0.20, 0.10, 0.35),
    "marital_status": (0.08, 0.08, 0.35),
    "children": (0.08, 0.20),
    "night_worker": (0.10, 0.35),
    "second_sim": (0.15, 0.45),
    "student": (0.08, 0.08),
    "age": (0.03,),
}
_OTHERS = 0.03
_YES = ("no", "yes")


def told(draws: Draws, who: People) -> np.ndarray:
    """Return which lines have a profile, because their account holder answered, shape (n,)."""
    flags = who.flags()[who.holder]
    ages = [position for position, flag in enumerate(FLAGS) if flag.startswith("age_")]
    young = flags[:, ages].sum(axis=1) == 0
    logit = _TELLS_LEVEL + flags @ effect_vector(_TELLS) + _YOUNG * young
    return np.asarray(draws.uniform("answers", who.key[who.holder]) < 1 / (1 + np.exp(-logit)))


def truths(who: People) -> dict[str, np.ndarray]:
    """Return what every account holder would say, by cell: positions of answers, or numbers, shape (n,)."""
    return {
        "gender": who.woman.astype(int)[who.holder],
        "age": who.age[who.holder],
        "marital_status": who.marital[who.holder],
        "children": who.children[who.holder],
        "household_size": who.size[who.holder],
        "income_band": who.income[who.holder],
        "occupation": who.occupation[who.holder],
        "student": (who.occupation == 2).astype(int)[who.holder],
        "night_worker": (who.occupation == 1).astype(int)[who.holder],
        "home_region": who.home[who.holder],
        "work_region": who.work[who.holder],
        "second_sim": who.second_sim.astype(int)[who.holder],
    }


NAMES: Mapping[str, tuple[str, ...]] = {
    "gender": ("man", "woman"),
    "marital_status": MARITAL,
    "income_band": INCOMES,
    "occupation": OCCUPATIONS,
    "student": _YES,
    "night_worker": _YES,
    "home_region": REGIONS,
    "work_region": REGIONS,
    "second_sim": _YES,
}


def answered(draws: Draws, who: People, cell: str, truth: np.ndarray) -> np.ndarray:
    """Return which account holders who answer fill in one cell, shape (n,)."""
    blank = np.array(_BLANK.get(cell, (_OTHERS,)))
    position = np.minimum(truth, len(blank) - 1)
    return np.asarray(draws.uniform(f"fills in {cell}", who.key[who.holder]) >= blank[position])


def profiles(draws: Draws, who: People, like: Behaviour, ids: np.ndarray, keep: int) -> pa.Table:
    """Return the profile table of the first `keep` lines: a row per line whose account holder answered."""
    rows = np.flatnonzero(told(draws, who) & (np.arange(len(ids)) < keep))
    columns: dict[str, pa.Array] = {"line_id": pa.array(ids[rows])}
    for cell, truth in truths(who).items():
        blank = ~answered(draws, who, cell, truth)[rows]
        columns[cell] = named(cell, truth[rows], blank)
    for choice in CHOICES:
        if choice.name != "tariff":
            names = tuple(choice.weights)
            columns[choice.name] = pa.array(
                [names[position] for position in like.tokens[choice.name][rows]], pa.string()
            )
    return pa.table(columns)


def named(cell: str, values: np.ndarray, blank: np.ndarray | None = None) -> pa.Array:
    """Return a cell's answers as texts where they have names, numbers else."""
    if cell not in NAMES:
        return pa.array(values.astype(np.int32), mask=blank)
    texts = np.array(NAMES[cell], dtype=object)[values]
    return pa.array(texts, pa.string(), mask=blank)
