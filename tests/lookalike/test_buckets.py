"""Scores that the workers of a cluster wrote: put into the order of the base, and told where they are damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataError
from pipeline.events import bucket_file
from pipeline.lookalike import buckets
from pipeline.lookalike.buckets import scores_of
from pipeline.outputs import MANIFEST, write_json

SCORES = [{"b": 0.25, "d": 1.0}, {"a": 0.5, "c": 0.75}]  # of each bucket's customers


class Everybody:
    """A base of which the ids alone matter."""

    ids = np.array(["d", "a", "c", "b"])

    def __len__(self) -> int:
        return len(self.ids)


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what a run on a cluster works with; its workers have written the files before they are asked."""
    snapshot, folder = tmp_path / "snapshot", tmp_path / "wine.partial-0123456789abcdef"
    write_json(snapshot / MANIFEST, {"fingerprint": "0123456789abcdef", "buckets": len(SCORES)})
    (folder / ".ranking").mkdir(parents=True)
    for bucket, scores in enumerate(SCORES):
        table = pa.table({"customer_id": list(scores), "score": list(scores.values())})
        pq.write_table(table, bucket_file(folder / ".ranking", bucket))
    monkeypatch.setattr(buckets, "run_tasks", lambda *_, **__: [])
    settings = SimpleNamespace(engine=SimpleNamespace(name="spark"))
    return SimpleNamespace(settings=settings, folder=folder, snapshot=snapshot, workers=1)


def score(context: Any) -> list[float]:
    nothing: Any = None
    base: Any = Everybody()
    return scores_of(context, nothing, nothing, base).tolist()


def test_scores_are_in_the_order_of_the_base(context: Any) -> None:
    assert score(context) == [1.0, 0.5, 0.75, 0.25]
    assert list(context.folder.iterdir()) == []


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:100])])
def test_a_damaged_file_of_scores_is_told_with_the_folder_to_delete(
    context: Any, damage: Callable[[Path], object]
) -> None:
    damage(bucket_file(context.folder / ".ranking", 1))
    said = (
        rf"bucket=0001\.parquet: cannot be read as Parquet: .*[^.]\. Delete the folder {context.folder} and run again"
    )
    with pytest.raises(DataError, match=said):
        score(context)


def test_other_customers_than_those_of_the_base_are_refused(context: Any) -> None:
    bucket_file(context.folder / ".ranking", 1).write_bytes(bucket_file(context.folder / ".ranking", 0).read_bytes())
    with pytest.raises(DataError, match="its customers have changed while they were ranked"):
        score(context)
