"""A cluster's workers score their buckets' candidates as one machine scores all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.lookalike import buckets
from pipeline.lookalike.methods import Blended
from pipeline.lookalike.population import Base
from pipeline.outputs import MANIFEST, write_json
from pipeline.settings import Engine

N_BUCKETS = 7


@dataclass(frozen=True)
class Snapshot:
    """Stands for a `Design` and the files it reads: a bucket is every seventh customer."""

    base: Base

    def read(self, engine: Any, snapshot: Path, asked: list[int]) -> Base:
        return self.base.rows(np.isin(np.arange(len(self.base)) % N_BUCKETS, asked))


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a context whose tasks run here, the last bucket first."""

    def here(jobs: list[Any], *_: Any, **__: Any) -> Any:
        for function, positional, named in reversed(list(jobs)):
            yield function(*positional, **named)

    monkeypatch.setattr(buckets, "run_tasks", here)
    write_json(tmp_path / "snapshot" / MANIFEST, {"buckets": N_BUCKETS})
    settings = SimpleNamespace(engine=Engine(name="spark", master="local[1]"))
    return SimpleNamespace(settings=settings, folder=tmp_path, snapshot=tmp_path / "snapshot", workers=1)


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
def test_buckets_score_their_candidates_as_one_machine_does(town, kept, context, share) -> None:
    ranker = Blended().fit(town.base, kept)
    near = np.random.default_rng(3).random(len(town.ids)) < share
    found = buckets.scores_of(context, ranker, Snapshot(town.base), town.base, near)
    np.testing.assert_allclose(found, ranker.score(town.base)[near], rtol=0, atol=1e-12)
    assert not list(context.folder.glob(".ranking/*"))


def test_a_candidate_that_the_snapshot_no_longer_has_is_told(town, kept, context) -> None:
    ranker = Blended().fit(town.base, kept)
    fewer = Snapshot(town.base.rows(np.arange(1, len(town.ids))))
    with pytest.raises(DataError, match=r"its customers have changed while they were ranked\. Run the stage again"):
        buckets.scores_of(context, ranker, fewer, town.base, np.ones(len(town.ids), dtype=bool))
