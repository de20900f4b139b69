"""Features that nearly are the seed's definition: they tell the seed apart at once, and nobody else has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.stats import beta

from pipeline.features.naming import readable, subject
from pipeline.lookalike.doctor.differences import holders
from pipeline.lookalike.population import Base, Floats, Mask

IS_SEED = 0.9  # precision and recall of a feature that is the seed
IS_SEED_LOW = 0.65  # lower limits of both
NEARLY = 0.95  # AUC of a feature that nearly is it
NEARLY_LOW = 0.9
PART_RECALL = 0.2  # of a feature that only members have, but not all
_ALPHA = 0.05
_BLOCK = 50_000  # customers counted at a time


@dataclass(frozen=True)
class Leak:
    """A feature that gives the seed away.

    Attributes
    ----------
    kind
        *definition*: those who have it are the seed, as far as can be told; *nearly*: it alone ranks members before
        others; *part*: a part of the seed has it, and hardly anybody else.
    name, words
        The feature's, or `<log>__<field>` for having any token of a field, or `<log>__<field>` of an amount.
    hide
        What to hide: `<log>.<field>`, as `seed.hide` takes it.
    precision, recall, auc
        As (value, low, high), 95 % intervals; precision and recall of having it, NaN for amounts.
    """

    kind: Literal["definition", "nearly", "part"]
    name: str
    words: str
    hide: str
    precision: tuple[float, float, float]
    recall: tuple[float, float, float]
    auc: tuple[float, float, float]


def leaks(base: Base, seed: Mask) -> list[Leak]:
    """Return suspected features, the most telling first; at most one token of a field, and none besides the field.

    Looked at are: having a token, having any token of a field, lacking either, and the amount of each dense column.

    Notes
    -----
    Intervals of precision and recall are those of Clopper & Pearson 1934, Biometrika 26; of the AUC that of Hanley &
    McNeil 1982, Radiology 143. A *part* is sought among thousands of tokens, so the lower limit of its precision is
    taken at 0.05 / number of tokens (Bonferroni), and must still be ten times the seed's share by odds.
    """
    found = [leak for leak in (*_fields(base, seed), *_tokens(base, seed), *_amounts(base, seed)) if leak]
    order = ("definition", "nearly", "part")
    found.sort(key=lambda leak: (order.index(leak.kind), -leak.auc[0], "=" not in leak.name, leak.name))
    kept: dict[str, Leak] = {}
    for leak in found:
        kept.setdefault(leak.hide, leak)
    return list(kept.values())


def field_of(name: str) -> str:
    """Return what must be hidden to hide a feature, as `<log>.<field>`.

    Examples
    --------
    >>> field_of("visits__page=basket"), field_of("visits__length__sum__all"), field_of("visits__days__count__all")
    ('visits.page', 'visits.length', 'visits')
    """
    log, _, rest = name.partition("__")
    field, equals, _ = rest.partition("=")
    if not equals:
        field = rest.rsplit("__", 2)[0] if rest.count("__") >= 2 else rest
    return log if not equals and field in ("events", "days", "time", "gap") else f"{log}.{field}"


def _tokens(base: Base, seed: Mask) -> list[Leak | None]:
    names = [str(name) for name in base.names[base.n_dense :]]
    counts = holders(base, np.flatnonzero(seed)), holders(base, np.flatnonzero(~seed))
    return _judged(names, [readable(name) for name in names], *counts, seed)


def _fields(base: Base, seed: Mask) -> list[Leak | None]:
    of_token = np.array([str(name).partition("=")[0] for name in base.names[base.n_dense :]], dtype=np.str_)
    fields, place = np.unique(of_token, return_inverse=True)
    membership = sp.csr_matrix((np.ones(len(place)), (np.arange(len(place)), place)), shape=(len(place), len(fields)))
    counts = np.zeros((2, len(fields)), dtype=np.int64)  # of members, of others
    for start in range(0, len(base), _BLOCK):
        rows = slice(start, start + _BLOCK)
        any_token = (abs(base.X[rows, base.n_dense :]) @ membership > 0).astype(np.int64)
        for i, who in enumerate((seed[rows], ~seed[rows])):
            counts[i] += np.asarray(any_token[np.flatnonzero(who)].sum(axis=0)).ravel()
    words = [f"any {subject(f'{field}=x')}" for field in fields]
    return _judged([str(field) for field in fields], words, counts[0], counts[1], seed)


def _judged(
    names: list[str], words: list[str], members: NDArray[np.int64], others: NDArray[np.int64], seed: Mask
) -> list[Leak | None]:
    """Return what having each feature, or lacking it, gives away."""
    n_seed, n_base = int(seed.sum()), int((~seed).sum())
    separate = members / n_seed - others / n_base
    suspects = np.flatnonzero((np.abs(separate) >= PART_RECALL) & (members + others > 0))
    found: list[Leak | None] = []
    for i in suspects:
        has = separate[i] > 0
        inside, outside = (members[i], others[i]) if has else (n_seed - members[i], n_base - others[i])
        kind = _kind(int(inside), int(outside), n_seed, n_base, len(names))
        hide = field_of(names[i] if "=" in names[i] else f"{names[i]}=x")
        if kind:
            auc = (1 + abs(float(separate[i]))) / 2
            found.append(
                Leak(
                    kind,
                    names[i],
                    words[i] if has else f"never {words[i]}",
                    hide,
                    _share(int(inside), int(inside + outside)),
                    _share(int(inside), n_seed),
                    _auc_interval(auc, n_seed, n_base),
                )
            )
    return found


def _kind(
    inside: int, outside: int, n_seed: int, n_base: int, n_tried: int
) -> Literal["definition", "nearly", "part"] | None:
    precision, recall = _share(inside, inside + outside), _share(inside, n_seed)
    auc = _auc_interval((1 + inside / n_seed - outside / n_base) / 2, n_seed, n_base)
    same = min(precision[0], recall[0]) >= IS_SEED and min(precision[1], recall[1]) >= IS_SEED_LOW
    if same and auc[0] >= IS_SEED:
        return "definition"
    if auc[0] >= NEARLY and auc[1] >= NEARLY_LOW:
        return "nearly"
    sure = _share(inside, inside + outside, _ALPHA / max(1, n_tried))[1]
    odds = sure / max(1 - sure, 1e-12)
    if recall[0] >= PART_RECALL and precision[0] >= IS_SEED and odds >= 10 * n_seed / n_base:
        return "part"
    return None


def _amounts(base: Base, seed: Mask) -> list[Leak | None]:
    found: list[Leak | None] = []
    n_seed, n_base = int(seed.sum()), int((~seed).sum())
    dense = base.X[:, : base.n_dense].toarray()
    for values, name in zip(dense.T, base.names[: base.n_dense], strict=True):
        area = _auc(values, seed)
        interval = _auc_interval(max(area, 1 - area), n_seed, n_base)
        if interval[0] >= NEARLY and interval[1] >= NEARLY_LOW:
            nothing = (np.nan, np.nan, np.nan)
            words = readable(str(name)) if area > 0.5 else f"little {readable(str(name))}"
            found.append(Leak("nearly", str(name), words, field_of(str(name)), nothing, nothing, interval))
    return found


def _auc(values: Floats, seed: Mask) -> float:
    order = np.sort(values[~seed])
    below = np.searchsorted(order, values[seed], side="left") + np.searchsorted(order, values[seed], side="right")
    return float(below.mean() / (2 * len(order)))


def _share(k: int, n: int, alpha: float = _ALPHA) -> tuple[float, float, float]:
    low = float(beta.ppf(alpha / 2, k, n - k + 1)) if k else 0.0
    high = float(beta.ppf(1 - alpha / 2, k + 1, n - k)) if k < n else 1.0
    return k / n, low, high


def _auc_interval(auc: float, n_seed: int, n_base: int) -> tuple[float, float, float]:
    # An AUC of 1 has no spread by the formula; half a pair in each member's comparison keeps it honest.
    a = min(auc, 1 - 0.5 / n_seed)
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    variance = (a * (1 - a) + (n_seed - 1) * (q1 - a * a) + (n_base - 1) * (q2 - a * a)) / (n_seed * n_base)
    half = 1.96 * float(np.sqrt(max(variance, 0.0)))
    return auc, max(0.0, a - half), min(1.0, auc + half)
