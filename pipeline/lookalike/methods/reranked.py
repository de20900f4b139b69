"""The nearest are retrieved, and classifiers rank them anew: what a large base can afford."""

from __future__ import annotations

from pipeline.lookalike.methods.blended import Blended


class Reranked(Blended):
    """Ranks the nearest `candidates_share` of the base by the classifiers, all others below by nearness, in [0, 1].

    Parameters
    ----------
    candidates_share
        In (0, 1]: share of the base that is retrieved.
    k, C, base_sample, max_seeds, n_folds, random_state
        As in `Blended`.
    """

    def __init__(
        self,
        candidates_share: float = 0.3,
        k: int = 10,
        C: float = 1.0,
        base_sample: int = 50_000,
        max_seeds: int = 20_000,
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        super().__init__(
            neighbour_weight=0.0,
            candidates_share=candidates_share,
            k=k,
            C=C,
            base_sample=base_sample,
            max_seeds=max_seeds,
            n_folds=n_folds,
            random_state=random_state,
        )
