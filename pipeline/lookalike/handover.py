"""What both ways to an audience, by a seed and by a rule, end with: members, control, who is left out, the manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from pipeline.columns import STATE, US_PER_DAY
from pipeline.lookalike.context import Context, Pool
from pipeline.lookalike.members.control import Detectable, detectable_lift, held_back
from pipeline.lookalike.members.export import Export, Origin, export_tables, manifest_of
from pipeline.lookalike.members.representation import representation
from pipeline.lookalike.population import Floats, Ids, Mask
from pipeline.lookalike.seed.matching import best_first

_RATES = (0.01, 0.05)  # without contact: what is told where nobody knows the rate
_LEFT_OUT = 3  # groups that are said; all stand in the table


@dataclass(frozen=True)
class Handover:
    """An audience that is ready to be written, logged and told.

    Attributes
    ----------
    facts
        Of the manifest.
    tables
        By name; written as CSV beside the members, and logged.
    metrics
        What makes audiences comparable side by side.
    lines
        What is said of it, in order.
    pictures
        What draws each picture, given its path, by file name.
    """

    export: Export
    facts: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    metrics: dict[str, float]
    lines: tuple[str, ...]
    pictures: dict[str, Callable[[Path], None]]

    def extended(
        self,
        facts: Mapping[str, Any] = MappingProxyType({}),
        tables: Mapping[str, pd.DataFrame] = MappingProxyType({}),
        metrics: Mapping[str, float] = MappingProxyType({}),
        lines: Sequence[str] = (),
        pictures: Mapping[str, Callable[[Path], None]] = MappingProxyType({}),
    ) -> Handover:
        """Return the audience with more to be written, logged and told; what has a name already is replaced."""
        return Handover(
            self.export,
            {**self.facts, **facts},
            {**self.tables, **tables},
            {**self.metrics, **metrics},
            (*self.lines, *lines),
            {**self.pictures, **pictures},
        )


@dataclass(frozen=True)
class Chosen:
    """Members of an audience by position, the best first, with a reason each, and what chose them.

    `cells` are those of a kept mix, shape (n,); None: no mix was kept.
    """

    members: np.ndarray
    reasons: Sequence[str]
    method: str
    seed_hash: str
    versions: dict[str, str]
    cells: np.ndarray | None = None


def hand_over(
    context: Context, ids: Ids, scores: Floats, pool: Pool, chosen: Chosen, portraits: pd.DataFrame | None
) -> Handover:
    """Return the audience with its control group, manifest, and who is left out."""
    held = _held_back(ids, scores, pool, chosen)
    export = export_tables(ids, scores, chosen.members, held, chosen.reasons)
    origin = Origin(
        name=context.chosen.name,
        source=context.settings.data.name,
        seed_hash=chosen.seed_hash,
        method=chosen.method,
        versions=chosen.versions,
        purpose=context.chosen.purpose,
        as_of_us=context.as_of_us,
        expires_us=context.as_of_us + context.chosen.expires_days * US_PER_DAY,
    )
    lines: list[str] = []
    detectable: list[Detectable] = []
    if pool.control is not None:
        if not len(held):
            lines.append("No customer of the control group would have been a member: the effect cannot be measured.")
        else:
            rates = (context.chosen.organic_rate,) if context.chosen.organic_rate else _RATES
            detectable = [detectable_lift(len(chosen.members), len(held), rate) for rate in rates]
            lines.append("Sample size: " + " ".join(one.words() for one in detectable))
    facts = manifest_of(origin, export, pool.left, pool.control, detectable)
    metrics = {
        "members": float(len(export.members)),
        "held_back": float(len(held)),
        "available": float(pool.left.n_free),
    }
    if len(detectable) == 1 and detectable[0].absolute is not None:
        metrics["detectable_lift"] = detectable[0].absolute
    tables = {}
    if portraits is not None:
        tables["representation"], told = _left_out(context, pool.eligible, chosen.members, portraits)
        lines += told
    return Handover(export, facts, tables, metrics, tuple(lines), {})


def _held_back(ids: Ids, scores: Floats, pool: Pool, chosen: Chosen) -> np.ndarray:
    if pool.control is None:
        return np.empty(0, dtype=np.int64)
    order = np.flatnonzero(pool.eligible)
    order = order[best_first(ids[order], scores[order])]
    cells = np.zeros(len(ids), dtype=np.int64) if chosen.cells is None else chosen.cells
    return held_back(chosen.members, pool.control.drawn, order, cells)


def _left_out(
    context: Context, eligible: Mask, members: np.ndarray, portraits: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Return how each group is represented, and in words those that are clearly left out."""
    attributes = [name for name in portraits.columns if f"{name}__{STATE}" in portraits.columns]
    declared = context.settings.attributes
    sensitive = [name for name in attributes if name in declared and declared[name].sensitive]
    audience = np.zeros(len(portraits), dtype=bool)
    audience[members] = True
    groups = representation(portraits, attributes, audience, eligible, sensitive)
    out = sorted((group for group in groups if group.left_out), key=lambda group: not group.sensitive)
    table = pd.DataFrame([asdict(group) | {"left_out": group.left_out} for group in groups])
    if not out:
        return table, []
    more = f" {len(out) - _LEFT_OUT} more stand in representation.csv." if len(out) > _LEFT_OUT else ""
    told = "; ".join(group.words() for group in out[:_LEFT_OUT])
    return table, [f"Left out (clearly below four fifths of their share in the base): {told}.{more}"]
