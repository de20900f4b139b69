"""The parts of the bench, and what of the command line each of them takes: the rest is refused, not passed over."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

from hydra.errors import HydraException

from pipeline.errors import ConfigError
from tests.bench.measured import Results
from tests.bench.options import Options
from tests.bench.settings import settings_of

_ANY = 99
_RUN = ("stages", "outputs", "tracking.folder", "model")  # what every run of a part is told by the part
_OPERATOR = (*_RUN, "data", "data.root")  # and of a synthetic operator


@dataclass(frozen=True)
class Part:
    """Where a part stands, and what it takes besides sizes and rounds.

    `models` is how many recipes at most, and a part that takes none runs `recipe`; `activity` that of a synthetic
    operator; `overrides` those of a run, but for the keys in `own`, which the part gives itself.
    """

    module: str
    function: str = "run"
    models: int = 0
    recipe: str = "stacked"
    activity: bool = False
    overrides: bool = False
    own: tuple[str, ...] = ()

    def run(self, options: Options, results: Results) -> None:
        """Measure, print and note the figures."""
        getattr(importlib.import_module(f"tests.bench.{self.module}"), self.function)(options, results)


PARTS = {
    "stages": Part("stages", models=_ANY, overrides=True, own=_RUN),
    "features": Part("features"),
    "refresh": Part("refresh"),
    "growth": Part("features", "run_growth"),
    "scoring": Part("customers_scored", activity=True, overrides=True, own=_OPERATOR),
    "training": Part("training", recipe="lightgbm", overrides=True, own=_OPERATOR),
    "operator": Part("operator", models=1, activity=True, overrides=True, own=_OPERATOR),
    "spark": Part("spark", models=1, overrides=True, own=(*_OPERATOR, "engine", "engine.master")),
}


def overrides_of(what: Sequence[str]) -> list[str]:
    """Return what is no part but an override; Hydra's `~key` removes a key."""
    return [text for text in what if "=" in text or text.startswith("~")]


def refused(parts: Sequence[str], asked: Options, given: Sequence[str]) -> str | None:
    """Return why these parts cannot do what is asked, or None if they can.

    Parameters
    ----------
    given
        Those of `models`, `activity` that stand on the command line.
    """
    for name in parts:
        if (reason := _reason(name, PARTS.get(name), asked, given)) is not None:
            return reason
    return None


def _reason(name: str, part: Part | None, asked: Options, given: Sequence[str]) -> str | None:
    if part is None:
        return f"there is no part '{name}'; there are {', '.join(PARTS)}"
    if "models" in given and len(asked.models) > part.models:
        takes = "one recipe" if part.models else "no recipes"
        return f"part {name} takes {takes}: --models {' '.join(asked.models)}"
    if "activity" in given and not part.activity:
        return f"part {name} takes no --activity; {_those('activity')} do"
    if asked.overrides and not part.overrides:
        return f"part {name} takes no overrides: {' '.join(asked.overrides)}; {_those('overrides')} do"
    own = (*part.own, *(("data", "data.root") if asked.sizes and part.overrides else ()))
    for text in asked.overrides:
        key = text.lstrip("+~").partition("=")[0]
        if key in own:
            instead = "; give recipes with --models" if key == "model" and part.models else ""
            return f"part {name} gives {key} itself: {text}{instead}"
    return _unknown(name, part, asked) if part.overrides else None


def _unknown(name: str, part: Part, asked: Options) -> str | None:
    """Return what the program would say of the overrides, before anything was measured."""
    source = ["data=telecom"] if asked.sizes or "data" in part.own else []
    for model in asked.models[: part.models] if part.models else [part.recipe]:
        try:
            settings_of(*source, f"model={model}", *asked.overrides)
        except (HydraException, ConfigError) as error:
            return f"part {name} cannot run with {' '.join([f'model={model}', *asked.overrides])}: {error}"
    return None


def _those(what: str) -> str:
    return ", ".join(name for name, part in PARTS.items() if getattr(part, what))
