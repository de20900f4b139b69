"""What is known of a seed before any audience is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from pipeline.columns import CUSTOMER
from pipeline.lookalike.doctor.difference import Difference
from pipeline.lookalike.doctor.findings import Finding, Severity, worst
from pipeline.lookalike.doctor.groups import Groups
from pipeline.lookalike.doctor.growth import Growth
from pipeline.lookalike.doctor.leakage import Leak
from pipeline.lookalike.doctor.separation import Separation
from pipeline.lookalike.population import Ids

_HEADS = {
    "fine": "The seed is fine.",
    "note": "The seed can be used.",
    "warning": "The seed can be used with care.",
    "stop": "Make no audience of this seed yet.",
}
_TOLD = 3  # serious findings in the verdict


@dataclass(frozen=True)
class Size:
    """How much of the given list is a usable seed."""

    n_given: int  # entries of the list
    n_duplicates: int
    n_unknown: int  # different ids that the base does not hold
    unknown_examples: tuple[str, ...]
    n_seed: int  # customers of the base
    n_silent: int  # of them without behaviour: their vector is zero
    n_base: int  # the seed included

    @property
    def match_rate(self) -> float:
        """Return the share of different ids that are customers of the base."""
        return self.n_seed / max(1, self.n_seed + self.n_unknown)


@dataclass(frozen=True)
class SeedReport:
    """The examination of a seed. Parts that the seed is too small for are None or empty.

    Attributes
    ----------
    ids
        Of the base, (n,): what positions in `groups` refer to.
    traits
        Of each group of the seed, largest first: what its members do more often than the seed's others.
    differences
        All that was tested between the seed and the rest of the base.
    shown
        Of them the most telling, see `difference.telling`.
    findings
        One per question, in the order of the questions.
    """

    ids: Ids
    size: Size
    separation: Separation | None
    groups: Groups | None
    traits: tuple[tuple[Difference, ...], ...]
    differences: tuple[Difference, ...]
    shown: tuple[Difference, ...]
    leaks: tuple[Leak, ...]
    growth: Growth | None
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> Severity:
        """Return the most serious severity of all findings."""
        return worst(self.findings)

    @property
    def verdict(self) -> str:
        """Return the examination in a few plain sentences: what is serious first, then how the seed differs."""
        stops = [f.text for f in self.findings if f.severity == "stop"]
        if stops:  # what else was found is not to be relied on
            more = f" {len(stops) - _TOLD} more findings are as serious." if len(stops) > _TOLD else ""
            return " ".join([_HEADS["stop"], *stops[:_TOLD]]) + more
        serious = [f.text for f in self.findings if f.severity == "warning"][:_TOLD]
        told = [f.text for f in self.findings if f.topic in ("separation", "growth") and f.severity in ("fine", "note")]
        return " ".join([_HEADS[self.severity], *serious, *told])

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the report as tables: findings, differences (shown ones), groups, members, leaks, learning_curve."""
        return {
            "findings": _table(self.findings, Finding),
            "differences": _table(self.shown, Difference),
            "groups": self._groups(),
            "members": self._members(),
            "leaks": self._leaks(),
            "learning_curve": pd.DataFrame(
                [asdict(point) for point in self.growth.points] if self.growth else [],
                columns=["n", "auc", "low", "high"],
            ),
        }

    def metrics(self) -> dict[str, float]:
        """Return the figures that make two seeds comparable."""
        found = {"members": float(self.size.n_seed), "match_rate": self.size.match_rate}
        if self.separation is not None:
            s = self.separation
            found |= {"auc": s.auc, "auc_low": s.low, "auc_high": s.high, "p_value": s.p_value}
        if self.groups is not None:
            found["groups"] = float(len(self.groups.members))
        if self.growth is not None:
            g = self.growth
            found |= {"gain_of_twice": g.gain, "gain_of_twice_low": g.low, "gain_of_twice_high": g.high}
        return found | {"leaks": float(len(self.leaks))}

    def facts(self) -> dict[str, Any]:
        """Return the report for a manifest: numbers and texts, without the members."""
        return {
            "severity": self.severity,
            "verdict": self.verdict,
            "findings": [asdict(finding) for finding in self.findings],
            "metrics": self.metrics(),
            "hide": sorted({leak.hide for leak in self.leaks}),
        }

    def _groups(self) -> pd.DataFrame:
        several = self.groups.members if self.groups is not None else ()
        return pd.DataFrame(
            [
                {"group": i + 1, "members": len(rows), "more_often": "; ".join(trait.words for trait in traits)}
                for i, (rows, traits) in enumerate(zip(several, self.traits, strict=True))
            ],
            columns=["group", "members", "more_often"],
        )

    def _members(self) -> pd.DataFrame:
        several = self.groups.members if self.groups is not None else ()
        group = np.repeat(np.arange(1, len(several) + 1), [len(rows) for rows in several])
        rows = np.concatenate(several) if several else np.empty(0, dtype=np.int64)
        return pd.DataFrame({CUSTOMER: self.ids[rows].astype(object), "group": group})

    def _leaks(self) -> pd.DataFrame:
        columns = ["kind", "name", "words", "hide"]
        measures = ("precision", "recall", "auc")
        parts = ("", "_low", "_high")
        rows = [
            {column: getattr(leak, column) for column in columns}
            | {f"{m}{part}": value for m in measures for part, value in zip(parts, getattr(leak, m), strict=True)}
            for leak in self.leaks
        ]
        return pd.DataFrame(rows, columns=[*columns, *(f"{m}{part}" for m in measures for part in parts)])


def _table(rows: Sequence[Any], kind: type) -> pd.DataFrame:
    return pd.DataFrame([asdict(row) for row in rows], columns=[field.name for field in fields(kind)])
