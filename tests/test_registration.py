"""One encoder is registered once, however often it is learnt anew from the same customers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.sparse as sp

from pipeline.features.encoder import BehaviourEncoder
from pipeline.registration import ENCODER, register_encoder
from pipeline.settings import Tracking
from pipeline.tracking import Tracker

N_TOKENS = 6


def learnt(seed: int) -> BehaviourEncoder:
    counts = sp.csr_matrix(np.random.default_rng(seed).poisson(1.0, (40, N_TOKENS)))
    return BehaviourEncoder([f"token {number}" for number in range(N_TOKENS)], dimensions=2).fit(counts)


def test_the_same_encoder_is_registered_once_and_another_beside_it(tmp_path: Path) -> None:
    tracker = Tracker(Tracking(folder=str(tmp_path)), "shop")
    mirrored = learnt(1)
    mirrored.svd_.components_ = -mirrored.svd_.components_  # which the fingerprint does not tell
    found = []
    for training, encoder in enumerate([learnt(1), learnt(1), learnt(2), mirrored, learnt(1)]):
        with tracker.run("train", str(training), {}) as run_id:
            found.append(register_encoder(tracker, encoder, 0, run_id, str(training)).version)
        champion = tracker.champion(ENCODER)
        assert champion is not None
        assert champion.version == found[-1]
    assert found == ["1", "1", "2", "3", "1"]
