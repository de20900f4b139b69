"""Behaviour vectors from a part of the events: of even and of odd days, or of those before an earlier instant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from pipeline.columns import CUSTOMER, EVENT_DAY
from pipeline.events import bucket_file, read_events
from pipeline.features.counts import read_counts
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.tokens import token_counts
from pipeline.segment.family import Place

Part = Callable[[ir.Table], ir.Table]


def even_days(events: ir.Table) -> ir.Table:
    """Return the events of every other day."""
    return events.filter(events[EVENT_DAY] % 2 == 0)


def odd_days(events: ir.Table) -> ir.Table:
    """Return the events of the other days."""
    return events.filter(events[EVENT_DAY] % 2 != 0)


def vectors_of(
    place: Place, encoder: BehaviourEncoder, as_of_us: int, part: Part | None = None
) -> tuple[NDArray[np.str_], NDArray[np.float32]]:
    """Return customers, sorted, and their behaviour vectors (n, d) by a part of the events before an instant.

    The encoder is the given one, so that vectors of different parts lie in one space.
    """
    data, events = place.settings.data, place.outputs / "events"
    ids, vectors = [np.empty(0, dtype=object)], [np.empty((0, encoder.dimensions_), dtype=np.float32)]
    with TemporaryDirectory() as folder:
        for bucket in range(place.buckets):
            logs = {name: read_events(place.engine, events, name, bucket) for name in data.logs}
            logs = {name: table if part is None else part(table) for name, table in logs.items()}
            counted = token_counts(logs, data.logs, as_of_us)
            tokens = bucket_file(Path(folder) / "tokens", bucket)
            place.engine.write(counted, tokens)
            who = place.engine.parquet(tokens).select(CUSTOMER).distinct()
            place.engine.write(who, bucket_file(Path(folder) / "dense", bucket))
            found, counts = read_counts(place.engine, Path(folder), np.asarray(encoder.vocabulary), [bucket])
            if len(found):
                ids.append(found)
                vectors.append(encoder.transform(counts).astype(np.float32))
    customers = np.concatenate(ids).astype(np.str_)
    order = np.argsort(customers)
    return customers[order], np.concatenate(vectors)[order]
