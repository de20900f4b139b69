"""Who is in which segment, of all families: what other stages read."""

from __future__ import annotations

from pathlib import Path

import ibis
import ibis.expr.types as ir

from pipeline.columns import CUSTOMER, FAMILY, SEGMENT
from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError
from pipeline.events import bucket_file
from pipeline.outputs import MANIFEST, read_manifest

MEMBERSHIPS = ("activity", "behaviour", "rules")


def read_segments(engine: DuckDBEngine, outputs: Path) -> ir.Table:
    """Return one row per customer and segment: customer_id, family, segment, of the families that stand.

    Parameters
    ----------
    outputs
        A source's folder of outputs.

    Raises
    ------
    DataError
        There are no segments.
    """
    parts = []
    for family in MEMBERSHIPS:
        folder = outputs / "segments" / family
        if (folder / MANIFEST).is_file():
            files = [bucket_file(folder, bucket) for bucket in range(read_manifest(folder)["buckets"])]
            table = engine.parquet(files).select(CUSTOMER, SEGMENT)
            named = table.mutate(**{FAMILY: ibis.literal(family)})
            parts.append(named.filter(named[SEGMENT].notnull()).select(CUSTOMER, FAMILY, SEGMENT).distinct())
    if not parts:
        raise DataError(f"{outputs / 'segments'}: no segments here; run stages=[features,segments] first.")
    return ibis.union(*parts) if len(parts) > 1 else parts[0]
