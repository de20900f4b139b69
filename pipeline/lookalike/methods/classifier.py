"""Seed against base by classifiers alone: positive and unlabelled customers, and the share of the like among these."""

from __future__ import annotations

from pipeline.lookalike.methods.blended import Blended


class Classifier(Blended):
    """`Blended` without neighbours: the mean rank by the token and by the vector classifier, in [0, 1].

    Parameters
    ----------
    C, base_sample, n_folds, random_state
        As in `Blended`.
    """

    def __init__(self, C: float = 1.0, base_sample: int = 50_000, n_folds: int = 5, random_state: int = 0) -> None:
        super().__init__(neighbour_weight=0.0, C=C, base_sample=base_sample, n_folds=n_folds, random_state=random_state)
