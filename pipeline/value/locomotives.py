"""Which groups bring the value: found on one half of the customers, reported on the other, looked at ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.value.membership import Groups
from pipeline.value.resampling import Floats, Mask, interval, ratio, weights_of


@dataclass(frozen=True)
class Ahead:
    """What the coming horizon is expected to bring.

    Attributes
    ----------
    groups
        Of today's customers; the same groups in the same order.
    expected
        Value of each of today's customers, shape (n_now,), in money.
    remains
        What a customer who lapsed still brings in such a horizon, in money.
    log_error
        Standard error of sums of expectations on the log scale, for how far they were off the last time.
    """

    groups: Groups
    expected: Floats
    remains: float
    log_error: float


def locomotives(
    groups: Groups,
    worth: Floats,
    first: Mask,
    ahead: Ahead | None,
    top: int,
    min_cell: int,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Return one row per group, within each kind from the one that brings most beyond its size.

    Groups are ordered by their *excess* on the first half: their share of the value, less what as many average
    customers would bring (of those of whom it is known whether they belong). Large groups and dear customers both make
    it large; a share alone would only find the largest group, a lift alone the smallest. Shares of groups overlap.

    Parameters
    ----------
    groups
        Who belongs to what, known before the value came; a customer counts with its probability.
    worth
        The value that came, shape (n,), in money.
    first
        Who is of the half on which groups are found.
    ahead
        None: nothing is expected, and its columns are NaN.
    top
        A group is on top of a resample if it is among so many of its kind.
    min_cell
        Groups with fewer expected members in either half are left out.

    Returns
    -------
    DataFrame
        `group`, `kind`, `rank`; `found_*` on the first half, with `on_top` and `first_place`, the shares of its
        resamples; `members`, `customers_share`, `value_share`, `lift`, `excess` with `_low`, `_high` on the other half;
        `now_*` and `loss`, what would be lost if the group lapsed, with its interval.
    """
    whole = np.nan_to_num(groups.weight)
    sizes = np.array([whole[half].sum(axis=0) for half in (first, ~first)])
    kept = np.flatnonzero((sizes >= min_cell).all(axis=0))
    groups = groups.select(kept)
    if not len(kept):
        return pd.DataFrame(columns=["group", "kind", "rank"])
    table = pd.DataFrame({"group": groups.names, "kind": groups.kinds})
    table = table.join(_found(groups, worth, first, top, resamples, seed)).join(
        _reported(groups, worth, ~first, resamples, seed + 1)
    )
    table = table.join(_expected(ahead, kept))
    order = table["found_excess"].sort_values(ascending=False, kind="stable").index
    table = table.loc[order]
    table.insert(2, "rank", table.groupby("kind", sort=False).cumcount() + 1)
    place = {kind: i for i, kind in enumerate(dict.fromkeys(groups.kinds))}
    return table.sort_values(["kind", "rank"], key=lambda c: c.map(place) if c.name == "kind" else c, ignore_index=True)


def remaining_value(lately: Floats, ahead: Floats) -> float:
    """Return what customers who brought nothing in one horizon bring in the next, on average; 0 if there are none.

    >>> remaining_value(np.array([0.0, 0.0, 5.0]), np.array([0.0, 3.0, 9.0]))
    1.5
    """
    lapsed = lately <= 0
    return float(np.maximum(ahead[lapsed], 0.0).mean()) if lapsed.any() else 0.0


def _figures(w: Floats, member: Floats, known: Floats, worth: Floats) -> dict[str, Floats]:
    """Return by group and resample, shapes (n_resamples, n_groups), what members bring.

    Parameters
    ----------
    w
        Weights of the customers, (n_resamples, n).
    member, known
        Probability of belonging, 0 where it is not known; 1 where it is known. Shapes (n, n_groups).
    """
    total, money = w.sum(axis=1)[:, None], (w @ worth)[:, None]
    n, brought = w @ member, w @ (member * worth[:, None])
    n_known, of_known = w @ known, w @ (known * worth[:, None])
    average = ratio(of_known, n_known)
    return {
        "members": n,
        "customers_share": ratio(n, total),
        "value_share": ratio(brought, money),
        "lift": ratio(ratio(brought, n), average),
        "excess": ratio(brought - n * average, money),
    }


def _parts(groups: Groups, rows: Mask) -> tuple[Floats, Floats]:
    weight = groups.weight[rows]
    return np.nan_to_num(weight), (~np.isnan(weight)).astype(np.float64)


def _found(groups: Groups, worth: Floats, rows: Mask, top: int, resamples: int, seed: int) -> pd.DataFrame:
    """Return what the first half says, and in which share of its resamples each group is on top of its kind."""
    member, known = _parts(groups, rows)
    n = len(member)
    here = _figures(np.ones((1, n)), member, known, worth[rows])
    kinds = np.array(groups.kinds)
    on_top, first_place, count = np.zeros(len(kinds)), np.zeros(len(kinds)), 0
    for w in weights_of(n, resamples, seed):
        excess = np.nan_to_num(_figures(w, member, known, worth[rows])["excess"], nan=-np.inf)
        for kind in dict.fromkeys(groups.kinds):
            own = np.flatnonzero(kinds == kind)
            place = (-excess[:, own]).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
            on_top[own] += (place < top).sum(axis=0)
            first_place[own] += (place == 0).sum(axis=0)
        count += len(w)
    table = pd.DataFrame({f"found_{name}": here[name][0] for name in ("members", "value_share", "lift", "excess")})
    return table.assign(on_top=on_top / count, first_place=first_place / count)


def _reported(groups: Groups, worth: Floats, rows: Mask, resamples: int, seed: int) -> pd.DataFrame:
    """Return what the other half says, with intervals."""
    member, known = _parts(groups, rows)
    n = len(member)
    here = _figures(np.ones((1, n)), member, known, worth[rows])
    drawn: dict[str, list[Floats]] = {name: [] for name in ("value_share", "lift", "excess")}
    for w in weights_of(n, resamples, seed):
        figures = _figures(w, member, known, worth[rows])
        for name, parts in drawn.items():
            parts.append(figures[name])
    table = {name: here[name][0] for name in ("members", "customers_share")}
    for name, parts in drawn.items():
        resampled = np.concatenate(parts)
        ends = [interval(here[name][0, i], resampled[:, i]) for i in range(resampled.shape[1])]
        table[name] = here[name][0]
        table |= {f"{name}_low": np.array([e.low for e in ends]), f"{name}_high": np.array([e.high for e in ends])}
    return pd.DataFrame(table)


def _expected(ahead: Ahead | None, kept: np.ndarray) -> pd.DataFrame:
    """Return what each group is expected to bring, and what would be lost of it if it lapsed.

    The loss is the expected value less what lapsed customers still bring. Its interval joins, on the log scale, the
    sampling of customers (the standard error of a sum) and how far sums of expectations were off the last time: one
    observation of an error that may be as large again.
    """
    names = ("now_members", "now_value", "now_value_share", "now_per_customer", "loss", "loss_low", "loss_high")
    if ahead is None:
        return pd.DataFrame({name: np.full(len(kept), np.nan) for name in names})
    member = np.nan_to_num(ahead.groups.weight[:, kept])
    worth = np.maximum(ahead.expected, 0.0)
    lost = np.maximum(worth - ahead.remains, 0.0)
    n, brought, loss = member.sum(axis=0), worth @ member, lost @ member
    each = member * lost[:, None]
    spread = ratio(np.sqrt(len(each)) * each.std(axis=0), loss)
    # What remains is known, so that an error of what is brought weighs more on the difference.
    error = ahead.log_error * ratio(brought, loss)
    half = np.exp(1.96 * np.hypot(np.nan_to_num(spread), error))
    columns = (n, brought, brought / worth.sum(), ratio(brought, n), loss, loss / half, loss * half)
    return pd.DataFrame(dict(zip(names, columns, strict=True)))
