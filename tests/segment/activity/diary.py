"""Active days written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.segment.activity.days import ActiveDays


def diary(days: Mapping[str, Sequence[int]], amount: float = 1.0) -> ActiveDays:
    """Return active days of some customers, each day with the same money."""
    ids = sorted(days)
    listed = [sorted(days[name]) for name in ids]
    day = np.array([one for own in listed for one in own], dtype=np.int64)
    start = np.concatenate([[0], np.cumsum([len(own) for own in listed])]).astype(np.int64)
    return ActiveDays(np.array(ids, dtype=object), start, day, np.full(len(day), amount))
