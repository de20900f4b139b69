"""Which attributes are private matters, and which tokens would tell their values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pipeline.campaign.tokens import Counts
from pipeline.columns import CUSTOMER, INFERRED
from pipeline.engine import DuckDBEngine
from pipeline.events import bucket_file
from pipeline.labels.declared import declared_labels
from pipeline.model.multiplicity import catalogue_level
from pipeline.outputs import MANIFEST, read_manifest
from pipeline.settings import Attribute, Settings

_LEVEL = 0.05


@dataclass(frozen=True)
class Told:
    """A token that tells a sensitive value, and how much."""

    attribute: str
    value: str
    lift: float
    low: float
    high: float
    n: int

    def words(self) -> str:
        """Return why the token must not be named."""
        around = f"{self.lift:.2f} [{self.low:.2f}, {self.high:.2f}] times as large a part for one answer"
        return f"it tells {self.attribute.replace('_', ' ')} ({around})"


def is_sensitive(name: str, attribute: Attribute | None, patterns: Iterable[str]) -> bool:
    """Tell whether an attribute is a private matter: marked so, or a pattern stands between underscores of its name.

    >>> is_sensitive("has_children", None, ["children"]), is_sensitive("buys_package", None, ["age"])
    (True, False)
    """
    if attribute is not None and attribute.sensitive:
        return True
    folded = f"_{name.casefold()}_"
    return any(f"_{pattern.casefold()}_" in folded for pattern in patterns)


def sensitive_attributes(settings: Settings) -> list[str]:
    """Return the names of the sensitive attributes of the source."""
    chosen = settings.campaign.sensitive
    return [name for name, attribute in settings.attributes.items() if is_sensitive(name, attribute, chosen)]


def sensitive_values(settings: Settings) -> list[str]:
    """Return names and values of sensitive attributes that no text may hold, as they are declared.

    A plain number, a yes and a no are left out: they stand in texts for other reasons, and no template is given a
    value.
    """
    found: list[str] = []
    for name in sensitive_attributes(settings):
        attribute = settings.attributes[name]
        rule = attribute.declared or attribute.future
        mapped = (attribute.declared.map or {}) if attribute.declared else {}
        cuts = [*(attribute.values or ()), *((rule.bands or {}) if rule else ()), *mapped.values()]
        found += [name, name.replace("_", " "), *(value for value in cuts if value)]
    plain = {"yes", "no", "none", "other", "some"}
    return sorted({one for one in found if one.casefold() not in plain and not one.isdigit() and len(one) > 2})


def known_values(engine: DuckDBEngine, settings: Settings, outputs: Path) -> dict[str, pd.Series]:
    """Return, by sensitive attribute, the value of each customer who has one, declared or inferred."""
    found = {}
    for name in sensitive_attributes(settings):
        attribute = settings.attributes[name]
        parts = [_inferred(engine, outputs / "scores", name)]
        if attribute.declared is not None and settings.data.profiles is not None:
            labels = declared_labels(engine, outputs / "profiles", name, attribute, settings.data)
            parts.insert(0, pd.Series(np.array(labels.values, dtype=object)[labels.y], index=labels.customers))
        values = pd.concat(parts)
        values = values[~values.index.duplicated()]
        if len(values):
            found[name] = values
    return found


def _inferred(engine: DuckDBEngine, scores: Path, name: str) -> pd.Series:
    if not (scores / MANIFEST).is_file():
        return pd.Series(dtype=object)
    files = [bucket_file(scores / "portraits", bucket) for bucket in range(read_manifest(scores)["buckets"])]
    table = engine.parquet(files)
    if name not in table.columns:
        return pd.Series(dtype=object)
    own = engine.arrow(table.filter(table[f"{name}__state"] == INFERRED).select(CUSTOMER, name))
    return pd.Series(own[name].to_pylist(), index=own[CUSTOMER].to_pylist(), dtype=object)


def groups_of(values: pd.Series, at_least: int) -> dict[str, np.ndarray]:
    """Return the customers of each value of an attribute, as groups to be counted; small ones are left out."""
    parts = values.groupby(values, sort=True)
    return {str(value): part.index.to_numpy(dtype=object) for value, part in parts if len(part) >= at_least}


def telling_tokens(counts: Counts, attribute: str, prior: float, tells_from: float) -> dict[str, Told]:
    """Return the tokens that are clearly a larger part of what those with a value do than of all whose value is known.

    A token tells if its lift is at least `tells_from` and no chance explains it (false discovery rate of 5 % over all
    tokens and values; Benjamini, Yekutieli 2001). Not the lower bound must reach it: a wall should rather stand too
    far out.

    Parameters
    ----------
    counts
        Of the customers whose value is known; a group for each value.
    """
    if not counts.groups or not len(counts.tokens):
        return {}
    found = {value: counts.lifts(value, prior) for value in counts.groups}
    level = catalogue_level(np.concatenate([one.p_value for one in found.values()]), _LEVEL)
    told: dict[str, Told] = {}
    for value, one in found.items():
        low, high = one.interval(level or _LEVEL)
        for place in np.flatnonzero((one.p_value <= level) & (one.lift >= tells_from)):
            token = str(counts.tokens[place])
            if token not in told or low[place] > told[token].low:
                bounds = float(one.lift[place]), float(low[place]), float(high[place])
                told[token] = Told(attribute, value, *bounds, int(one.n[place]))
    return told


def explained(plain: ArrayLike, within: ArrayLike) -> np.ndarray:
    """Return which tokens' lifts are mostly due to a sensitive value: among those alike in it half of the lift is gone.

    Parameters
    ----------
    plain, within
        Lifts over as active customers, and over such as also have the same value, shape (n_tokens,).

    Examples
    --------
    >>> explained([2.0, 2.0, 0.8], [1.2, 1.9, 0.8]).tolist()
    [True, False, False]
    """
    before, after = np.log(np.asarray(plain)), np.log(np.asarray(within))
    return (before > 0) & (after < before / 2)
