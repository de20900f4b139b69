"""Small cells: groups of so few customers that a figure tells of single people are merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

OTHER = "other"


def counted(labels: Iterable[object]) -> dict[str, int]:
    """Return how often each label occurs, the most frequent first, equal ones by name.

    >>> counted(["b", "a", "b"])
    {'b': 2, 'a': 1}
    """
    found = Counter(str(label) for label in labels)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def merge_small(labels: NDArray[np.object_], min_cell: int) -> NDArray[np.object_]:
    """Return the labels (n,) with those of fewer than `min_cell` customers called *other*.

    >>> merge_small(np.array(["a"] * 5 + ["b"] * 4 + ["c"], dtype=object), 3).tolist()
    ['a', 'a', 'a', 'a', 'a', 'other', 'other', 'other', 'other', 'other']
    """
    shown = merged_counts(counted(labels), min_cell)
    return np.array([name if name in shown else OTHER for name in labels], dtype=object)


def merged_counts(counts: Mapping[str, int], min_cell: int, leave_out: bool = False) -> dict[str, int]:
    """Return the counts with small ones added up as *other*, in their order; empty ones are not among them.

    If the small ones together are still fewer than `min_cell`, their number would follow from a total that is told. So
    the next smallest joins them; or, with `leave_out`, they are left out, for tables whose total is that of what they
    show.

    >>> merged_counts({"a": 50, "b": 3, "c": 25, "d": 0}, 20)
    {'a': 50, 'other': 28}
    >>> merged_counts({"a": 50, "b": 3, "c": 25, "d": 0}, 20, leave_out=True)
    {'a': 50, 'c': 25}
    """
    left = {name: n for name, n in counts.items() if n > 0}
    small = {name for name, n in left.items() if n < min_cell or name == OTHER}
    hidden = sum(left[name] for name in small)
    for name in sorted(set(left) - small, key=lambda name: (left[name], name)):
        if leave_out or not small or hidden >= min_cell:
            break
        small.add(name)
        hidden += left[name]
    shown = {name: n for name, n in left.items() if name not in small}
    return shown | ({OTHER: hidden} if hidden and not (leave_out and hidden < min_cell) else {})
