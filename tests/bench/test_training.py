from __future__ import annotations

from pathlib import Path

import pytest
from lightgbm import LGBMClassifier

from pipeline.configuration import parse_settings
from pipeline.run import run
from tests.bench import training_by_hand
from tests.end_to_end import planted


def test_the_loop_makes_as_many_fits_as_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fits = [0]
    fit = LGBMClassifier.fit

    def counted(self, *arguments, **named):
        fits[0] += 1
        return fit(self, *arguments, **named)

    monkeypatch.setattr(LGBMClassifier, "fit", counted)
    planted.write(tmp_path)
    config = planted.config(tmp_path, tmp_path / "outputs") | {"stages": ["features", "train"]}
    config["model"]["estimator"] = {"_target_": "pipeline.model.boosting.DenseBoosting", "n_estimators": 3}
    config["model"]["certified_among"] = "labelled"  # who answers is learnt by six more fits, which the loop leaves out
    config["evaluation"]["repeats"] = 2
    settings = parse_settings(config)
    run(settings)
    by_program, fits[0] = fits[0], 0
    told = training_by_hand.loop(settings, tmp_path / "outputs" / "planted")
    assert told == {"attributes": 2, "fits": by_program}
    assert fits[0] == by_program == 2 * (3 * 2 + 1) * (3 + 1)
