"""What both ways to an audience, by a seed and by a rule, end with: members, control, who is left out, the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pipeline.lookalike.audience import best_first
from pipeline.lookalike.context import Context, Pool
from pipeline.lookalike.control import detectable_lift, held_back
from pipeline.lookalike.export import Export, Origin, export_tables, manifest_of, write_control_group
from pipeline.lookalike.mix import Cells
from pipeline.lookalike.population import Floats, Ids, Mask
from pipeline.lookalike.representation import representation
from pipeline.outputs import read_manifest
from pipeline.settings import STATE_SUFFIX
from pipeline.columns import US_PER_DAY

_LEFT_OUT = 5  # groups that are said


@dataclass(frozen=True)
class Handover:
    """An audience that is ready to be written, logged and told.

    Attributes
    ----------
    facts
        Of the manifest.
    tables
        By name; written as CSV beside the members and logged.
    metrics
        What makes audiences comparable side by side.
    lines
        What is said of it, in order.
    pictures
        What draws each picture, by file name, given the path.
    """

    export: Export
    facts: dict[str, Any]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    pictures: dict[str, Any] = field(default_factory=dict)
