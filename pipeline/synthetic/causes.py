"""The causal model of the SYNTHETIC operator: what of a line's user causes what in the logs, and how strongly.

A user is described by the FLAGS below; nothing else of a person reaches the logs but the regions of home and work,
which `population` draws given them, and the household's other lines, among the partners of calls and texts. Everything
else that is observed of a line is one of four kinds of statistic, independent of each other given the flags:

======= ============================================================= =========================================
kind    what is drawn for each line                                   what the log then holds
======= ============================================================= =========================================
Stream  log of a rate per day: normal, mean log(per_day) + effects,   events of a Poisson process with that rate,
        standard deviation `spread`                                   times a season that all lines share
Share   logit of a share: normal, mean `level` + effects              each event of a log is of that sort or not
Level   a mean: normal, mean `level` + effects                        log of each event's size, normal around it
Choice  one of several tokens: softmax of `weights` + effects         the token, on every row
======= ============================================================= =========================================

An effect is added where its flag is set; the reference is a man of 25 to 34, single, employed by day, of middle income,
alone in his plan. Effects are the model's own: they have the signs of common findings (women text and call longer, men
game and follow sport, families shop, the well-off travel) and no claim to their size. Rates of use were set so that a
line has about 600 events a year, travel so that some 40 % of the lines are abroad in a year (Eurostat, press
release STAT/18/4322: 32 % of residents in 2016, business not counted).

From these tables `best` computes the best possible prediction, so that nothing may be added to the logs that depends on
the user in another way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

# Age bands of users, years: from, below; the reference band 25-34 is no flag.
AGE_BANDS = {
    "10_17": (10, 18),
    "18_24": (18, 25),
    "25_34": (25, 35),
    "35_44": (35, 45),
    "45_54": (45, 55),
    "55_64": (55, 65),
    "65_up": (65, 200),
}
_AGES = tuple(f"age_{band}" for band in AGE_BANDS if band != "25_34")
FLAGS = (
    "woman",
    *_AGES,
    "married",
    "separated",  # or widowed
    "children",  # below 18 in the household
    "student",  # pupils too
    "night_worker",
    "at_home",  # neither works nor studies
    "low_income",
    "high_income",
    "shared_plan",
    "second_sim",
)

Effects = Mapping[str, float]


@dataclass(frozen=True)
class Stream:
    """Events of one sort in one log."""

    log: str
    name: str
    per_day: float  # median of reference lines
    spread: float
    season: str = "even"
    effects: Effects = field(default_factory=dict)


@dataclass(frozen=True)
class Share:
    """The share of a log's events that are of some sort."""

    log: str
    name: str
    level: float
    spread: float
    effects: Effects = field(default_factory=dict)


@dataclass(frozen=True)
class Level:
    """The mean of the logarithm of a log's amounts; `noise` is the standard deviation between one line's events."""

    log: str
    name: str
    level: float
    spread: float
    noise: float
    effects: Effects = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """One token of each line."""

    name: str
    weights: Mapping[str, float]  # logits of the reference
    effects: Mapping[str, Effects] = field(default_factory=dict)


def _app(name: str, per_day: float, season: str = "even", spread: float = 0.8, **effects: float) -> Stream:
    return Stream("sessions", name, per_day, spread, season, effects)


STREAMS = (
    Stream("calls", "call", 0.45, 0.6, "weekday", {"woman": 0.15, "age_10_17": -0.7, "age_65_up": 0.3, "at_home": 0.15,
           "second_sim": -0.8, "married": 0.15}),
    Stream("messages", "message", 0.12, 0.7, "even", {"woman": 0.25, "age_10_17": -0.5, "age_55_64": 0.3,
           "age_65_up": 0.5, "second_sim": -0.5}),
    _app("messenger", 0.22, spread=0.5, woman=0.15, age_10_17=0.3, age_18_24=0.3, age_55_64=-0.3, age_65_up=-0.7),
    _app("video", 0.16, spread=0.6, age_10_17=0.7, age_18_24=0.5, age_45_54=-0.3, age_55_64=-0.5, age_65_up=-0.9,
         woman=-0.15),
    _app("social", 0.14, spread=0.6, woman=0.4, age_10_17=0.6, age_18_24=0.6, age_45_54=-0.3, age_55_64=-0.6,
         age_65_up=-1.0),
    _app("music", 0.025, age_10_17=0.9, age_18_24=0.8, age_45_54=-0.4, age_55_64=-0.7, age_65_up=-1.0),
    _app("games", 0.025, woman=-0.6, age_10_17=1.1, age_18_24=0.5, age_55_64=-0.4, age_65_up=-0.5, low_income=0.2),
    _app("news", 0.025, age_10_17=-1.2, age_18_24=-0.6, age_45_54=0.4, age_55_64=0.7, age_65_up=0.8, high_income=0.3),
    _app("sport", 0.022, season="weekend", woman=-1.1, age_65_up=-0.4),
    _app("shopping", 0.028, season="december", woman=0.7, children=0.3, high_income=0.4, low_income=-0.2,
         age_10_17=-0.6, age_65_up=-0.6),
    _app("beauty", 0.010, woman=1.6, age_18_24=0.5, age_35_44=-0.1, age_55_64=-0.4, age_65_up=-0.8),
    _app("finance", 0.022, season="weekday", high_income=0.9, low_income=-0.5, age_10_17=-2.0, age_18_24=-0.4),
    _app("health", 0.018, woman=0.5, age_45_54=0.3, age_55_64=0.6, age_65_up=0.8),
    _app("family", 0.012, spread=0.7, children=1.7, woman=0.5, age_10_17=-1.5, married=0.3),
    _app("learning", 0.012, season="school", spread=0.7, student=1.9),
    _app("travel", 0.016, season="travel", high_income=0.6, low_income=-0.4, children=-0.2, age_65_up=-0.3),
    _app("maps", 0.022, at_home=-0.4, age_10_17=-0.6, age_65_up=-0.6, high_income=0.2),
    _app("dating", 0.014, spread=1.0, married=-2.2, separated=0.7, children=-0.3, age_10_17=-2.0, age_45_54=-0.3,
         age_55_64=-0.9, age_65_up=-1.6),
    _app("office", 0.030, season="weekday", spread=0.7, at_home=-1.8, student=-0.6, night_worker=-0.9, high_income=0.6,
         age_10_17=-1.0),
    Stream("sightings", "home", 0.10, 0.3, "even", {"at_home": 0.3}),
    Stream("sightings", "work", 0.08, 0.3, "weekday", {"at_home": -2.5}),
    Stream("sightings", "away", 0.012, 0.8, "travel", {"children": -0.2, "high_income": 0.3, "low_income": -0.3,
           "age_65_up": -0.2}),
    Stream("roaming", "trip", 0.0014, 1.1, "travel", {"high_income": 0.8, "low_income": -0.7, "children": -0.2,
           "age_18_24": 0.2, "age_65_up": -0.3}),
)  # fmt: skip

SHARES = (
    Share("sessions", "night", -2.7, 0.5, {"night_worker": 1.9, "age_10_17": -0.7, "age_18_24": 0.6, "student": 0.2,
          "age_55_64": -0.3, "age_65_up": -0.5, "children": -0.2}),
    Share("calls", "working_hours", 0.1, 0.5, {"night_worker": -0.9, "student": -0.5, "at_home": 0.6,
          "age_10_17": -0.5}),
    Share("calls", "incoming", 0.0, 0.4, {"age_65_up": 0.4, "low_income": 0.2}),
)  # fmt: skip

LEVELS = (
    Level("calls", "talk_seconds", 4.3, 0.35, 0.9, {"woman": 0.35, "age_10_17": -0.3, "age_65_up": 0.35,
          "married": -0.1}),
    Level("sessions", "megabytes", 0.0, 0.35, 1.0, {"age_10_17": 0.3, "age_18_24": 0.3, "age_55_64": -0.3,
          "age_65_up": -0.6}),
)  # fmt: skip

CHOICES = (
    Choice(
        "tariff",
        {"prepaid": 0.0, "youth": -3.0, "small": 0.2, "large": -0.3, "family": -9.0},
        {
            "youth": {"age_10_17": 3.5, "age_18_24": 3.2, "student": 1.0},
            "prepaid": {"low_income": 0.8, "high_income": -0.8, "second_sim": 0.8},
            "large": {"high_income": 1.2, "low_income": -1.0},
            "family": {"shared_plan": 13.0},
        },
    ),
    Choice(
        "handset_class",
        {"basic": -0.5, "middle": 0.6, "flagship": 0.0},
        {
            "flagship": {"high_income": 1.1, "low_income": -0.9, "age_10_17": -0.4, "age_65_up": -1.0},
            "basic": {"age_10_17": 0.2, "age_55_64": 0.5, "age_65_up": 1.4, "low_income": 0.5},
        },
    ),
    Choice(
        "operating_system",  # Android has about two thirds of Europe's phones
        {"android": 0.6, "ios": 0.0},
        {"ios": {"woman": 0.2, "age_10_17": 0.5, "age_18_24": 0.5, "high_income": 0.8, "low_income": -0.6,
                 "age_65_up": -0.7}},
    ),
)  # fmt: skip

# Leaving: a line that is in normal use begins to decline with this hazard per day (a logarithm), is then used at
# DECLINE of its rates, and is left for good with the hazard LEAVING per day.
HAZARD = Level("", "hazard", float(np.log(0.0011)), 0.6, 0.0, {"age_18_24": 0.4, "low_income": 0.4, "second_sim": 0.7,
               "shared_plan": -0.7, "age_65_up": -0.5})  # fmt: skip
DECLINE, LEAVING = 0.3, 1 / 30
TOP_UPS = 0.06  # a day, of prepaid lines; thinned like all others
TRIP_GOES_ON = 0.75  # probability that a day abroad is followed by another one


def effect_vector(effects: Effects) -> np.ndarray:
    """Return effects in the order of FLAGS, shape (n_flags,).

    >>> float(effect_vector({"woman": 0.5})[0])
    0.5
    """
    unknown = set(effects) - set(FLAGS)
    if unknown:
        raise ValueError(f"effects of unknown flags: {sorted(unknown)}")
    return np.array([effects.get(flag, 0.0) for flag in FLAGS])


def means(flags: np.ndarray, cause: Stream | Share | Level) -> np.ndarray:
    """Return the mean of each line's latent (log rate, logit or mean log) given its flags, shape (n,)."""
    level = np.log(cause.per_day) if isinstance(cause, Stream) else cause.level
    return np.asarray(level + flags @ effect_vector(cause.effects))


def choice_weights(flags: np.ndarray, choice: Choice) -> np.ndarray:
    """Return each line's probabilities of a choice's tokens, shape (n, n_tokens)."""
    logits = [weight + flags @ effect_vector(choice.effects.get(token, {})) for token, weight in choice.weights.items()]
    scores = np.exp(np.stack(np.broadcast_arrays(*logits), axis=-1))
    return np.asarray(scores / scores.sum(axis=-1, keepdims=True))
