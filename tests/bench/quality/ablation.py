"""What each member adds to a blend: the recipe without it, and built up member by member."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from importlib import import_module
from typing import Any
from unittest.mock import patch

import joblib

from pipeline.errors import ConfigError

FULL = "full recipe"


def variants(model: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a blend's configuration and its reduced ones, by what they are.

    Raises
    ------
    ConfigError
        If the recipe has no members.

    Examples
    --------
    >>> list(variants({"estimator": {"members": {"a": {}, "b": {}, "c": {}}}}))
    ['full recipe', 'without a', 'without b', 'without c (a + b)', 'a alone']
    """
    members = list(model["estimator"].get("members") or {})
    if len(members) < 2:
        raise ConfigError(
            f"--ablate: a recipe with at least two members is needed; '{model.get('name')}' has {members}"
        )
    kept = {f"without {name}": [other for other in members if other != name] for name in members}
    last = f"without {members[-1]}"
    kept[f"{last} ({' + '.join(members[:-1])})"] = kept.pop(last)  # a step of building up as well
    kept |= {" + ".join(members[:n]) + " alone" * (n == 1): members[:n] for n in range(len(members) - 2, 0, -1)}
    found = {FULL: model}
    for name, some in kept.items():
        reduced = deepcopy(model)
        reduced["estimator"]["members"] = {member: model["estimator"]["members"][member] for member in some}
        found[name] = reduced
    return found


def member_classes(estimator: dict[str, Any]) -> list[type]:
    """Return the classes of the members that a blend's configuration names."""
    targets = {member["_target_"] for member in estimator["members"].values()}
    return [getattr(import_module(module), name) for module, _, name in (t.rpartition(".") for t in sorted(targets))]


@contextmanager
def remembered(classes: list[type]) -> Iterator[None]:
    """Fit each member once per training side: a second fit with the same parameters and rows is looked up.

    Members do not read each other's output, so the variants of a blend share them; this changes the time alone.
    """
    known: dict[str, dict[str, Any]] = {}
    originals = [(cls, cls.fit) for cls in classes]  # type: ignore[attr-defined]
    with ExitStack() as patched:
        for cls, original in originals:
            patched.enter_context(patch.object(cls, "fit", _looked_up(original, known)))
        yield


def _looked_up(original: Callable[..., Any], known: dict[str, dict[str, Any]]) -> Callable[..., Any]:
    def fit(self: Any, X: Any, y: Any) -> Any:
        key = joblib.hash((type(self).__qualname__, self.get_params(), X, y))
        if key not in known:
            original(self, X, y)
            known[key] = dict(vars(self))
        vars(self).update(known[key])
        return self

    return fit
