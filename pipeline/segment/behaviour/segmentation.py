"""The family of behaviour segments: how many clusters, who is in which, what sets them apart, who moved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline import plots
from pipeline.columns import CUSTOMER, SEGMENT, US_PER_DAY
from pipeline.events import bucket_file
from pipeline.features.behaviour import read_encoder
from pipeline.features.encoder import BehaviourEncoder
from pipeline.lookalike.context import read_portraits
from pipeline.lookalike.design import read_base
from pipeline.lookalike.folds import smallest_hashes
from pipeline.lookalike.population import Base
from pipeline.outputs import MANIFEST, read_manifest
from pipeline.plots import wilson
from pipeline.segment.activity.movement import ABSENT, transitions
from pipeline.segment.behaviour.agreement import Agreement, agreement
from pipeline.segment.behaviour.clustering import Axes, Clusters, Floats, fit_axes, fit_clusters
from pipeline.segment.behaviour.description import described, names_of, traits
from pipeline.segment.behaviour.histories import even_days, odd_days, vectors_of
from pipeline.segment.behaviour.names import Kept, keep_names
from pipeline.segment.behaviour.number import Number, choose_number
from pipeline.segment.family import Family, Place

EVERYBODY = "everybody"
TRAIT = 0.10  # adjusted Rand index between even and odd days, above which a cluster is a trait and not a mood
_HALVES, _AGAIN = "even days against odd days", "clustered anew one period earlier"


@dataclass(frozen=True)
class _Found:
    """The clusters that were accepted, and what spoke for and against more."""

    axes: Axes
    number: Number
    clusters: Clusters
    k: int
    halves: Agreement | None
    missing: tuple[str, ...]


def behaviour_segments(place: Place) -> Family:
    """Return clusters of behaviour vectors; one, called everybody, where there is no structure."""
    settings, chosen = place.settings, place.chosen
    base = read_base(place.engine, place.snapshot, settings.data, settings.features.vector, (), settings.seed)
    active = base.vectors.any(axis=1)
    rows = np.flatnonzero(active)
    rows = rows[smallest_hashes(base.ids[rows], min(len(rows), chosen.sample_customers), "clusters")]
    encoder = read_encoder(place.outputs)
    found = _clusters(place, base.vectors[np.sort(rows)], encoder)
    labels = np.full(len(base), -1, dtype=np.int64)
    labels[active] = found.clusters.of(found.axes.of(base.vectors[active]))
    portraits = read_portraits(place.lookalike("behaviour"), base.ids)
    missing = list(found.missing)
    if portraits is None:
        missing.append(
            "attributes of clusters: there are no portraits as of this instant, so clusters are described by what "
            "customers do alone; run stages=[features,train,score] first."
        )
    things = traits(base, labels, found.k, portraits, chosen.min_cell, settings.seed) if found.k > 1 else [[]]
    kept = keep_names(names_of(things) if found.k > 1 else [EVERYBODY], base.ids, labels, _before(place))
    table = _rows(base, labels, kept)
    tables = {"number": found.number.table, "sizes": _sizes(table), "description": described(kept.names, things)}
    checks = {_HALVES: found.halves}
    was, again = _earlier(place, found, encoder) if found.k > 1 else (None, None)
    if was is not None:
        checks[_AGAIN] = again
        table["was"] = [kept.names[was[one]] if one in was else None for one in table[CUSTOMER]]
        now = table[SEGMENT].to_numpy(dtype=object)
        tables["movement"] = transitions(table["was"].to_numpy(dtype=object), now, kept.names, chosen.min_cell)
    tables["agreement"] = _agreements(checks)
    return Family(
        rows=table,
        tables=tables,
        pictures={
            "number.png": partial(plots.cluster_number, found.number.table, found.k, chosen.min_stability),
            "description.png": partial(plots.segment_traits, tables["description"]),
            **({"movement.png": partial(_flow, tables["movement"], tables["sizes"], kept)} if was is not None else {}),
        },
        metrics=_metrics(found, checks),
        lines=_lines(found, tables, kept, checks),
        missing=tuple(missing),
        facts={"clusters": found.k, "names": list(kept.names), "names_kept": list(kept.kept)},
    )


def _clusters(place: Place, vectors: NDArray[np.float32], encoder: BehaviourEncoder) -> _Found:
    """Return the greatest number of clusters that passes, and that even and odd days agree on."""
    chosen, seed = place.chosen, place.settings.seed
    if len(vectors) < 2 * chosen.min_cell or len(vectors) < 4:
        why = f"clusters: {len(vectors):,} customers with behaviour are too few for two of segment.min_cell each."
        one = Axes(np.zeros(vectors.shape[1]), np.eye(1, vectors.shape[1]))
        nothing = choose_number(np.zeros((0, 1)), 1, 1.0, 0, 1, seed)
        return _Found(one, nothing, Clusters(np.zeros((1, 1))), 1, None, (why,))
    axes = fit_axes(vectors, max(1, chosen.max_clusters - 1))
    points = axes.of(vectors)
    number = choose_number(points, chosen.max_clusters, chosen.min_stability, chosen.resamples, chosen.min_cell, seed)
    missing: list[str] = []
    halves = _halves(place, encoder, axes) if number.accepted[-1] > 1 else None
    for k in reversed(number.accepted[1:]):
        clusters = fit_clusters(points, k, seed)
        agree = None if halves is None else agreement(clusters.of(halves[0]), clusters.of(halves[1]), k, seed)
        if agree is None or agree.low > TRAIT:
            return _Found(axes, number, clusters, k, agree, tuple(missing))
        missing.append(
            f"{k} clusters: by their even and their odd days, {agree.n:,} customers fall into the same one hardly more "
            f"often than by chance (adjusted Rand index {agree.index:.2f} [{agree.low:.2f}, {agree.high:.2f}], needed "
            f"above {TRAIT}): the vectors of few events form them, not the customers."
        )
    return _Found(axes, number, Clusters(np.zeros((1, 1))), 1, None, tuple(missing))


def _halves(place: Place, encoder: BehaviourEncoder, axes: Axes) -> tuple[Floats, Floats] | None:
    """Return the points of those who have behaviour on even and on odd days; None if nobody has."""
    (ids, even), (others, odd) = (vectors_of(place, encoder, place.as_of_us, part) for part in (even_days, odd_days))
    ids, even = ids[even.any(axis=1)], even[even.any(axis=1)]
    others, odd = others[odd.any(axis=1)], odd[odd.any(axis=1)]
    _, first, second = np.intersect1d(ids, others, assume_unique=True, return_indices=True)
    return (axes.of(even[first]), axes.of(odd[second])) if len(first) else None


def _earlier(place: Place, found: _Found, encoder: BehaviourEncoder) -> tuple[dict[str, int] | None, Agreement | None]:
    """Return each customer's cluster one period earlier, and whether clusters learnt then are the same ones."""
    activity = place.folder("activity")
    period = read_manifest(activity).get("period_days") if (activity / MANIFEST).is_file() else None
    if period is None:
        return None, None
    ids, vectors = vectors_of(place, encoder, place.as_of_us - period * US_PER_DAY)
    ids, vectors = ids[vectors.any(axis=1)], vectors[vectors.any(axis=1)]
    if len(ids) < 2 * found.k:
        return None, None
    points = found.axes.of(vectors)
    labels = found.clusters.of(points)
    then = fit_axes(vectors, found.k - 1).of(vectors)
    anew = fit_clusters(then, found.k, place.settings.seed).of(then)
    return dict(zip(ids.tolist(), labels.tolist(), strict=True)), agreement(labels, anew, found.k, place.settings.seed)


def _before(place: Place) -> pd.Series | None:
    """Return each customer's segment in the data set that stands, if its names are to be kept.

    They are kept from one instant to the next. Made anew for the same instant, they are those that its inputs give.
    """
    folder = place.folder("behaviour")
    if not (folder / MANIFEST).is_file():
        return None
    facts = read_manifest(folder)
    if facts["as_of_us"] >= place.as_of_us and not any(facts["names_kept"]):
        return None
    files = [bucket_file(folder, bucket) for bucket in range(read_manifest(folder)["buckets"])]
    frame = place.engine.arrow(place.engine.parquet(files).select(CUSTOMER, SEGMENT)).to_pandas()
    return frame.set_index(CUSTOMER)[SEGMENT]


def _rows(base: Base, labels: NDArray[np.int64], kept: Kept) -> pd.DataFrame:
    inside = labels >= 0
    return pd.DataFrame(
        {
            CUSTOMER: base.ids[inside].astype(object),
            SEGMENT: np.array(kept.names, dtype=object)[labels[inside]],
            "cluster": labels[inside] + 1,
        }
    )


def _sizes(rows: pd.DataFrame) -> pd.DataFrame:
    n = len(rows)
    counts = rows.groupby(["cluster", SEGMENT]).size().reset_index(name="n")
    low, high = wilson(counts["n"].to_numpy(), np.full(len(counts), max(n, 1)))
    return counts.assign(base=n, share=counts["n"] / max(n, 1), low=low, high=high)


def _agreements(checks: dict[str, Agreement | None]) -> pd.DataFrame:
    rows = [
        {
            "what": what,
            "n": one.n,
            "adjusted_rand": one.index,
            "low": one.low,
            "high": one.high,
            "baseline": 0.0,
            "same": one.same,
            "same_low": one.same_low,
            "same_high": one.same_high,
        }
        for what, one in checks.items()
        if one is not None
    ]
    columns = ["what", "n", "adjusted_rand", "low", "high", "baseline", "same", "same_low", "same_high"]
    return pd.DataFrame(rows, columns=columns)


def _flow(movement: pd.DataFrame, sizes: pd.DataFrame, kept: Kept, path: object) -> None:
    plots.segment_flow(movement, sizes, [*kept.names, "other", ABSENT], "behaviour", path)  # type: ignore[arg-type]


def _metrics(found: _Found, checks: dict[str, Agreement | None]) -> dict[str, float]:
    table = found.number.table
    metrics = {"clusters": float(found.k)}
    own = table[table["k"] == found.k]
    if len(own):
        metrics["stability"] = float(own["stability"].iloc[0])
    return metrics | {f"adjusted_rand/{what}": one.index for what, one in checks.items() if one is not None}


def _lines(
    found: _Found, tables: dict[str, pd.DataFrame], kept: Kept, checks: dict[str, Agreement | None]
) -> tuple[str, ...]:
    if found.k == 1:
        tried = f" of up to {found.number.table['k'].max()}" if len(found.number.table) else ""
        return (f"Behaviour: one group; no number of clusters{tried} is both stable and more than chance gives.",)
    own = found.number.table.set_index("k").loc[found.k]
    lines = [
        f"Behaviour: {found.k} clusters; halves of {own['n']:,.0f} customers agree on them (adjusted Rand index "
        f"{own['stability']:.2f} [{own['low']:.2f}, {own['high']:.2f}], silhouette {own['silhouette']:.2f} against "
        f"{own['without_structure']:.2f} without structure)."
    ]
    for _, row in tables["sizes"].iterrows():
        lines.append(f"  {row['n']:,} ({row['share']:.0%}): {row[SEGMENT]}")
    for what, one in checks.items():
        if one is not None:
            lines.append(
                f"Behaviour, {what}: {one.same:.0%} of {one.n:,} customers in the same cluster, adjusted Rand index "
                f"{one.index:.2f} [{one.low:.2f}, {one.high:.2f}]."
            )
    if kept.n:
        lines.append(
            f"Behaviour, since the data set before: {kept.n_same:,} of {kept.n:,} customers are in a segment of the "
            f"same name; {sum(kept.kept)} of {len(kept.names)} names were kept."
        )
    return tuple(lines)
