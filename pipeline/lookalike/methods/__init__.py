"""Rankings of customers by resemblance to a seed, one file each, behind one contract; see `contract.Ranker`.

::

    nearest     mean similarity to the k nearest seeds
    clusters    a mixed seed's groups, each learnt for itself
    classifier  seed against base, positive and unlabelled
    reranked    the nearest retrieved, classifiers rank them anew
    blended     two classifiers and the nearest seeds as one rank: the stable default
    baselines   centroid, luck, and rules that do not know the seed
"""

from pipeline.lookalike.methods.baselines import Centroid, FixedOrder, RandomOrder
from pipeline.lookalike.methods.blended import Blended
from pipeline.lookalike.methods.classifier import Classifier
from pipeline.lookalike.methods.clusters import Clusters
from pipeline.lookalike.methods.contract import MIN_SEED, Ranker
from pipeline.lookalike.methods.nearest import Nearest
from pipeline.lookalike.methods.reranked import Reranked

DEFAULT = "blended"


def methods(k: int = 10, random_state: int = 0) -> dict[str, Ranker]:
    """Return the rankings that are chosen from, by name, unfitted."""
    return {
        "blended": Blended(k=k, random_state=random_state),
        "classifier": Classifier(random_state=random_state),
        "reranked": Reranked(k=k, random_state=random_state),
        "nearest": Nearest(k=k, random_state=random_state),
        "clusters": Clusters(k=k, random_state=random_state),
    }


def baselines(random_state: int = 0) -> dict[str, Ranker]:
    """Return the rankings that a chosen one is shown beside, by name, unfitted."""
    return {
        "nearest_seed": Nearest(k=1, random_state=random_state),
        "centroid": Centroid(),
        "random": RandomOrder(random_state),
    }


__all__ = [
    "DEFAULT",
    "MIN_SEED",
    "Blended",
    "Centroid",
    "Classifier",
    "Clusters",
    "FixedOrder",
    "Nearest",
    "RandomOrder",
    "Ranker",
    "Reranked",
    "baselines",
    "methods",
]
