"""How one set of customers differs from another: values of attributes, tokens and totals, each with its interval."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import hypergeom, mannwhitneyu, norm

from pipeline.columns import CUSTOMER, STATE, WITHHELD
from pipeline.features.naming import readable, subject
from pipeline.lookalike.doctor.difference import Difference
from pipeline.lookalike.population import Base, Floats

FDR = 0.05
MIN_HOLDERS = 10  # customers: what fewer have is not tested
_N_BOOT = 400
_BEYOND = 1e12  # times: a resampled median of the others is nothing
_BLOCK = 50_000  # customers counted at a time
_MAX_MEDIAN = 5_000  # customers of each set whose totals are compared
_MIN_EXPECTED = 25.0  # customers in each cell, from which the normal approximation serves


def differences(
    base: Base,
    ours: NDArray[np.int64],
    theirs: NDArray[np.int64],
    portraits: pd.DataFrame | None = None,
    random_state: int = 0,
) -> list[Difference]:
    """Return all that was tested, attributes first, then tokens, then totals.

    Parameters
    ----------
    base
        Its dense columns are totals on the scale sign(x) ln(1 + |x|), as `seeds.totals` makes them.
    ours, theirs
        Positions in the base of two sets without a common customer.
    portraits
        One row per customer: customer_id, and for each attribute its value and `<attribute>__state`. Withheld values
        count neither way. Values that were inferred come from the same behaviour as the tokens do.
    random_state
        Of the resamples of medians.

    Notes
    -----
    Shares are compared by Fisher's exact test (twice the smaller tail), from many customers on by the normal
    approximation; their ratio has the log interval of Katz et al. 1978, Biometrics 34, with one half added to counts
    (Walter 1975, Biometrika 62). Totals are compared by Mann-Whitney; the ratio of medians has a bootstrap interval.

    Those who are picked from thousands look stronger than they are. So intervals are those of Benjamini & Yekutieli
    2005, JASA 100: where R of m are significant, at the level 1 - 0.05 R / m, which makes 95 % of the R intervals hold.
    """
    found = []
    if portraits is not None:
        found += _attributes(base, ours, theirs, portraits)
    return found + _tokens(base, ours, theirs) + _totals(base, ours, theirs, random_state)


def holders(base: Base, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many of some customers have each token, (n_features - n_dense,); block by block, to copy little."""
    count = np.zeros(base.X.shape[1], dtype=np.int64)
    for start in range(0, len(rows), _BLOCK):
        X = base.X[rows[start : start + _BLOCK]]
        count += np.bincount(X.indices[X.data != 0], minlength=len(count))
    return count[base.n_dense :]


def _attributes(
    base: Base, ours: NDArray[np.int64], theirs: NDArray[np.int64], portraits: pd.DataFrame
) -> list[Difference]:
    indexed = portraits.set_index(portraits[CUSTOMER].astype(str)).reindex(base.ids)
    names = [name for name in portraits.columns if f"{name}__{STATE}" in portraits.columns]
    told_of, ours_of, theirs_of = [], [], []
    for name in names:
        stated = indexed[name].where(indexed[f"{name}__{STATE}"].notna() & (indexed[f"{name}__{STATE}"] != WITHHELD))
        own, other = stated.iloc[ours].dropna().astype(str), stated.iloc[theirs].dropna().astype(str)
        if not len(own) or not len(other):
            continue
        for value in sorted(set(own) | set(other)):
            told_of.append((name, value))
            ours_of.append(((own == value).sum(), len(own)))
            theirs_of.append(((other == value).sum(), len(other)))
    if not told_of:
        return []
    k, n = np.array(ours_of).T
    k0, n0 = np.array(theirs_of).T
    texts = [name.replace("_", " ") for name, _ in told_of]
    return _shares(
        "attribute",
        [f"{name}={value}" for name, value in told_of],
        texts,
        [f"{text}: {value}" for text, (_, value) in zip(texts, told_of, strict=True)],
        (k, n, k0, n0),
    )


def _tokens(base: Base, ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> list[Difference]:
    k, k0 = holders(base, ours), holders(base, theirs)
    kept = np.flatnonzero((k + k0 >= MIN_HOLDERS) & (k + k0 < len(ours) + len(theirs)))
    names = [str(name) for name in base.names[base.n_dense :][kept]]
    sizes = np.full(len(kept), len(ours)), np.full(len(kept), len(theirs))
    return _shares("token", names, None, None, (k[kept], sizes[0], k0[kept], sizes[1]))


def _shares(
    kind: Literal["attribute", "token"],
    names: list[str],
    subjects: list[str] | None,
    words: list[str] | None,
    counts: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
) -> list[Difference]:
    """Return the differences of shares k / n and k0 / n0; names are read by `naming` where no words are given."""
    if not names:
        return []
    k, n, k0, n0 = counts
    p = two_shares_test(k, n, k0, n0)
    q, z = _adjusted(p)
    ratio = np.log((k + 0.5) / (n + 0.5)) - np.log((k0 + 0.5) / (n0 + 0.5))
    error = np.sqrt(1 / (k + 0.5) - 1 / (n + 0.5) + 1 / (k0 + 0.5) - 1 / (n0 + 0.5))
    low, high = np.exp(ratio - z * error), np.exp(ratio + z * error)
    return [
        Difference(
            kind,
            name,
            subjects[i] if subjects else subject(name),
            words[i] if words else readable(name),
            float(k[i] / n[i]),
            float(k0[i] / n0[i]),
            float(np.exp(ratio[i])),
            float(low[i]),
            float(high[i]),
            float(p[i]),
            float(q[i]),
            int(n[i]),
            int(n0[i]),
            bool(q[i] <= FDR),
        )
        for i, name in enumerate(names)
    ]


def _totals(base: Base, ours: NDArray[np.int64], theirs: NDArray[np.int64], random_state: int) -> list[Difference]:
    if not base.n_dense:
        return []
    rng = np.random.default_rng(random_state)
    sets = [rng.permutation(np.sort(rows))[:_MAX_MEDIAN] for rows in (ours, theirs)]
    own, other = (base.X[rows, : base.n_dense].toarray() for rows in sets)
    p = mannwhitneyu(own, other, axis=0, method="asymptotic").pvalue
    p = np.where(np.isfinite(p), p, 1.0)  # a constant column
    q, z = _adjusted(p)
    tail = float(norm.sf(z))
    medians = _amount(np.median(own, axis=0)), _amount(np.median(other, axis=0))
    valid = (medians[0] > 0) & (medians[1] > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = np.where(valid, medians[0] / medians[1], np.nan)
        drawn = np.array([_resampled(own, rng) / _resampled(other, rng) for _ in range(_N_BOOT)])
    drawn = np.where(valid, np.nan_to_num(drawn, nan=1.0, posinf=_BEYOND, neginf=-_BEYOND), np.nan)
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    low, high = np.where(low <= 0, 0.0, low), np.where(high >= _BEYOND, np.inf, high)
    return [
        Difference(
            "total",
            str(name),
            subject(str(name)),
            readable(str(name)),
            float(medians[0][i]),
            float(medians[1][i]),
            float(lift[i]),
            float(low[i]),
            float(high[i]),
            float(p[i]),
            float(q[i]),
            len(own),
            len(other),
            bool(q[i] <= FDR),
        )
        for i, name in enumerate(base.names[: base.n_dense])
    ]


def _resampled(values: Floats, rng: np.random.Generator) -> Floats:
    return _amount(np.median(values[rng.integers(0, len(values), len(values))], axis=0))


def _amount(totals: Floats) -> Floats:
    """Return amounts from their log scale."""
    amounts: Floats = np.sign(totals) * np.expm1(np.abs(totals))
    return amounts


def two_shares_test(k: NDArray[np.int64], n: NDArray[np.int64], k0: NDArray[np.int64], n0: NDArray[np.int64]) -> Floats:
    """Return the two-sided p-values of k of n against k0 of n0, elementwise.

    Examples
    --------
    >>> one = np.array
    >>> two_shares_test(one([3]), one([3]), one([0]), one([3])).round(4)  # 2 / C(6, 3)
    array([0.1])
    """
    total, held = n + n0, k + k0
    expected = np.minimum.reduce([held * n, held * n0, (total - held) * n, (total - held) * n0]) / total
    p = np.empty(len(k))
    exact = expected <= _MIN_EXPECTED
    a = k[exact], total[exact], held[exact], n[exact]
    lower, upper = hypergeom.cdf(*a), hypergeom.sf(a[0] - 1, *a[1:])
    p[exact] = np.minimum(1.0, 2 * np.minimum(lower, upper))
    many = ~exact
    pooled = held[many] / total[many]
    error = np.sqrt(pooled * (1 - pooled) * (1 / n[many] + 1 / n0[many]))
    p[many] = 2 * norm.sf(np.abs(k[many] / n[many] - k0[many] / n0[many]) / error)
    return p


def _adjusted(p: Floats) -> tuple[Floats, float]:
    """Return the q-values of Benjamini & Hochberg 1995, and the z of intervals for those at or below `FDR`."""
    order = np.argsort(p)[::-1]
    ranks = np.arange(len(p), 0, -1)
    q = np.empty(len(p))
    q[order] = np.minimum(1.0, np.minimum.accumulate(p[order] * len(p) / ranks))
    selected = int((q <= FDR).sum())
    level = 0.05 * selected / len(p) if selected else 0.05
    return q, float(norm.isf(level / 2))
