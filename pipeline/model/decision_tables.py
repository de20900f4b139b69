"""Boosted trees of few leaves as decision tables, which answer for many rows at once: LightGBM's bits, sooner.

LightGBM walks each tree row by row; which way a row goes cannot be foreseen, and waiting for it is most of what a
prediction takes. Here every condition of a tree is asked of all rows, one bit each, and the bits are the address of the
leaf's value: nothing branches. Trees as bits are known from QuickScorer (Lucchese et al. 2015, SIGIR, 73-82), tables of
them from oblivious trees (Kohavi, Li 1995, IJCAI, 1071-1077); with 6 conditions a tree of any shape has a small table.
On 8,000 customers, 130 columns and 100 trees of 7 leaves it takes a sixth of LightGBM's time.

Compilers of trees were measured there as well: tl2cgen takes half of LightGBM's time and needs a C compiler wherever
customers are scored, Treelite's own prediction takes twice as long, and lleaves does not run with current llvmlite.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from lightgbm import Booster
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_CONDITIONS = 8  # of one tree: bits of a byte; 256 leaf values
WORTH_ASKING, WORTH_MAKING = 500, 4_000  # rows at once that LightGBM answers as fast: as tables that are made, and not
_AT_ONCE = 8_192  # rows whose answers are held at one time: of more they leave the cache, of fewer each call tells

_BITS = (np.arange(1 << MOST_CONDITIONS) >> np.arange(MOST_CONDITIONS)[:, None] & 1).astype(bool)  # of each address

_known: WeakKeyDictionary[Booster, DecisionTables | None] = WeakKeyDictionary()


@dataclass(frozen=True)
class Condition:
    """Whether a column is above a number, or at most that number; an unknown value (NaN) answers no to either."""

    column: int
    number: float
    above: bool


@dataclass(frozen=True)
class Table:
    """A tree: places of its conditions, first bit first, and the leaf's value by these bits, shape (2**conditions,)."""

    conditions: tuple[int, ...]
    values: Floats


@dataclass(frozen=True)
class DecisionTables:
    """The trees of a booster; those of one round stand next to one another, one for each score.

    Attributes
    ----------
    conditions
        Distinct ones of all trees.
    tables
        In the order of the trees, in which their values are added up as LightGBM adds them.
    n_scores
        1 for two classes, else the number of classes.
    """

    conditions: tuple[Condition, ...]
    tables: tuple[Table, ...]
    n_scores: int

    def scores(self, blocks: Sequence[NDArray[np.floating]]) -> Floats:
        """Return `Booster.predict(X, raw_score=True)` to the last bit, shape (n_rows, n_scores).

        Numbers beyond 1e300, which LightGBM writes for infinity, may go another way.

        Parameters
        ----------
        blocks
            The columns of X, side by side, float64 or float32: shapes (n_rows, n_columns), fastest in Fortran order.
        """
        columns = [column for block in blocks for column in np.asfortranarray(block).T]
        n = len(columns[0])
        total = np.zeros((self.n_scores, n))
        for start in range(0, n, _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            self._add([column[rows] for column in columns], total[:, rows])
        return total.T

    def _add(self, columns: Sequence[NDArray[np.floating]], total: Floats) -> None:
        """Add the values of all trees, in place."""
        n = total.shape[1]
        answers = np.empty((len(self.conditions), n), dtype=bool)
        for answer, asked in zip(answers, self.conditions, strict=True):
            column = columns[asked.column]
            compare = np.greater if asked.above else np.less_equal
            compare(column, _as_fine_as(column, asked.number), out=answer)
        bits = answers.view(np.uint8)
        address, moved, value = np.empty(n, np.uint8), np.empty(n, np.uint8), np.empty(n)
        for place, table in enumerate(self.tables):
            address[:] = 0
            for bit, condition in enumerate(table.conditions):
                np.left_shift(bits[condition], bit, out=moved)
                np.bitwise_or(address, moved, out=address)
            np.take(table.values, address, out=value, mode="clip")  # no address is outside; clip spares a copy
            total[place % self.n_scores] += value


def tables_of(booster: Booster, n_rows: int = WORTH_MAKING) -> DecisionTables | None:
    """Return a fitted booster's trees as tables for so many rows at once; they are made once for a booster.

    None where LightGBM is as fast (`WORTH_ASKING`, and `WORTH_MAKING` if they are not made yet), and where they cannot
    be: a tree has more than `MOST_CONDITIONS` conditions, categories or a linear model in its leaves, or takes zero for
    unknown.
    """
    if n_rows < (WORTH_ASKING if booster in _known else WORTH_MAKING):
        return None
    if booster not in _known:
        _known[booster] = _made(booster.dump_model())
    return _known[booster]


def _made(model: dict[str, Any]) -> DecisionTables | None:
    roots = [tree["tree_structure"] for tree in model["tree_info"]]
    nodes = [[*_nodes(root)] for root in roots]
    if model.get("average_output") or not all(_plain(node) for tree in nodes for node in tree):
        return None
    places: dict[Condition, int] = {}
    tables = []
    for root, tree in zip(roots, nodes, strict=True):
        asked = list(dict.fromkeys(_condition(node) for node in tree if "split_feature" in node))
        if len(asked) > MOST_CONDITIONS:
            return None
        values = np.empty(1 << len(asked))
        _fill(values, root, asked, np.ones(len(values), dtype=bool))
        tables.append(Table(tuple(places.setdefault(one, len(places)) for one in asked), values))
    return DecisionTables(tuple(places), tuple(tables), int(model["num_tree_per_iteration"]))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for side in ("left_child", "right_child"):
        if side in node:
            yield from _nodes(node[side])


def _plain(node: dict[str, Any]) -> bool:
    """Tell whether a node is a constant leaf, or asks whether a number is at most another."""
    if "split_feature" not in node:
        return "leaf_const" not in node
    return bool(node["decision_type"] == "<=" and node["missing_type"] in ("None", "NaN"))


def _condition(node: dict[str, Any]) -> Condition:
    """Return what to ask so that an unknown value, which answers no, goes where LightGBM sends it.

    That is the side of its own default where training has met unknown values, else the side of zero.
    """
    unknown_left = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0
    return Condition(int(node["split_feature"]), float(node["threshold"]), above=bool(unknown_left))


def _fill(values: Floats, node: dict[str, Any], asked: Sequence[Condition], here: NDArray[np.bool_]) -> None:
    """Write the values of a node's leaves at the addresses that lead to it, in place."""
    if "split_feature" not in node:
        values[here] = node["leaf_value"]
        return
    condition = _condition(node)
    left = _BITS[asked.index(condition), : len(values)] != condition.above
    _fill(values, node["left_child"], asked, here & left)
    _fill(values, node["right_child"], asked, here & ~left)


def _as_fine_as(column: NDArray[np.floating], number: float) -> np.floating:
    """Return the largest number of a column's own kind that is at most `number`: the column's values compare alike.

    >>> tenth = _as_fine_as(np.zeros(1, dtype=np.float32), 0.1)
    >>> tenth.dtype.name, float(tenth) <= 0.1, float(np.nextafter(tenth, np.float32(1))) > 0.1
    ('float32', True, True)
    """
    if column.dtype == np.float64:
        return np.float64(number)
    with np.errstate(over="ignore"):
        near = np.float32(number)
    return np.nextafter(near, np.float32(-np.inf)) if float(near) > number else near
