"""Whom messages are written to: audiences of the stage lookalike, segments of families, and lists of ids."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.columns import CUSTOMER
from pipeline.damage import read_rows
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError, did_you_mean
from pipeline.events import bucket_file
from pipeline.lookalike.seed.rule import read_ids
from pipeline.outputs import MANIFEST, file_facts, read_manifest
from pipeline.settings import Campaign

SEGMENT = "segment"  # column of a family's data set


@dataclass(frozen=True)
class Segment:
    """A named group of customers.

    Attributes
    ----------
    kind
        audience, family or file.
    customers
        Different ids, sorted, shape (n,).
    note
        What whoever sends should know, such as that the audience has expired; may be empty.
    """

    name: str
    kind: str
    customers: NDArray[np.object_]
    note: str = ""


def read_segments(campaign: Campaign, engine: DuckDBEngine, outputs: Path) -> list[Segment]:
    """Return the segments that are asked for: audiences, families, files, each by name.

    Raises
    ------
    ConfigError
        If an audience or family is asked for that is not there, or two segments have one name.
    DataError
        If a file of ids is missing, or there is no segment at all.
    """
    found = [
        _audience(outputs / "audiences" / name)
        for name in _wanted(campaign.audiences, outputs / "audiences", "audiences")
    ]
    for family in _wanted(campaign.families, outputs / "segments", "families"):
        found += _family(engine, outputs / "segments" / family)
    known = {segment.name for segment in found}
    for name, path in sorted(campaign.files.items()):
        if name in known:
            raise ConfigError(f"campaign.files: '{name}' is an audience, too; give the list another name")
        ids = read_ids(Path(path), f"campaign.files.{name}")
        found.append(_segment(name, "file", ids))
    if not found:
        raise DataError(
            f"messages: there is nobody to write to: no audience in {outputs / 'audiences'}, no segment in "
            f"{outputs / 'segments'} and no list in campaign.files. Run the stage lookalike first, or write "
            "campaign.files={<name>: <ids.csv>}."
        )
    return found


def facts_of_segments(campaign: Campaign, outputs: Path) -> Mapping[str, object]:
    """Return what the segments are made from, and whether they still hold, for a fingerprint."""
    made = {
        f"{kind}/{name}": (facts["fingerprint"], _has_expired(facts))
        for kind, folder, wanted in (
            ("audiences", "audiences", campaign.audiences),
            ("families", "segments", campaign.families),
        )
        for name in _wanted(wanted, outputs / folder, kind)
        for facts in [read_manifest(outputs / folder / name)]
    }
    files = {name: file_facts(Path(path)) for name, path in campaign.files.items() if Path(path).exists()}
    return {"made": made, "files": files}


def _wanted(wanted: Sequence[str], folder: Path, key: str) -> list[str]:
    """Return the finished data sets of a folder that are asked for, all if none is."""
    there = sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}")) if folder.is_dir() else []
    there = [name for name in there if ".partial-" not in name and not name.endswith(".replaced")]
    for name in wanted:
        if name not in there:
            raise ConfigError(f"campaign.{key}: there is no '{name}' in {folder} {did_you_mean(name, there)}")
    return sorted(wanted) or there


def _audience(folder: Path) -> Segment:
    facts = read_manifest(folder)
    ids = read_rows(folder / "members.parquet", [CUSTOMER])[CUSTOMER].to_pylist()
    expired = f"This audience has expired on {str(facts.get('expires'))[:10]}: contact nobody by it."
    note = expired if _has_expired(facts) else ""
    return _segment(folder.name, "audience", ids, note)


def _has_expired(facts: Mapping[str, Any]) -> bool:
    return bool(facts.get("expires_us", float("inf")) <= time.time() * 1_000_000)


def _family(engine: DuckDBEngine, folder: Path) -> list[Segment]:
    """Return the segments of one family, `<family>/<segment>`: a bucketed data set of customer_id and segment."""
    table = engine.parquet([bucket_file(folder, bucket) for bucket in range(read_manifest(folder)["buckets"])])
    if SEGMENT not in table.columns:
        return []
    rows = engine.arrow(table.filter(table[SEGMENT].notnull()).select(CUSTOMER, SEGMENT).distinct()).to_pandas()
    parts = rows.groupby(rows[SEGMENT].astype(str), sort=True)
    return [_segment(f"{folder.name}/{name}", "family", own[CUSTOMER].tolist()) for name, own in parts]


def _segment(name: str, kind: str, ids: list[str], note: str = "") -> Segment:
    return Segment(name, kind, np.array(sorted(set(ids)), dtype=object), note)
