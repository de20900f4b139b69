"""By what a champion is compared with its challenger: features and own past of the customers who judge both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.engine import DuckDBEngine
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.matrix import FeatureMatrix, read_matrix
from pipeline.features.snapshot import snapshot_folder
from pipeline.labels.past import PastReader, own_features
from pipeline.learning_set import past_reader, rules_at, rules_together
from pipeline.settings import Settings
from pipeline.timeline import instants


@dataclass
class JudgingSet:
    """Reads what champions see of the customers by whom a new training was judged, and of nobody else.

    Attributes
    ----------
    judged
        Ids of those customers by attribute, each of shape (n_judged,).
    as_of_us
        Of the new training.
    """

    engine: DuckDBEngine
    settings: Settings
    outputs: Path
    judged: Mapping[str, np.ndarray]
    as_of_us: int
    _readers: dict[int, PastReader] = field(default_factory=dict, init=False, repr=False)

    def features(self, name: str, encoder: BehaviourEncoder) -> FeatureMatrix:
        """Return what an attribute's predictor reads where its new labels begin, with the vectors of an encoder."""
        attribute = self.settings.attributes[name]
        labels_us = instants(attribute, self.as_of_us).labels_us
        snapshot = snapshot_folder(self.outputs, labels_us)
        matrix = read_matrix(self.engine, snapshot, encoder, only=self.judged[name])
        return own_features(matrix, self._reader(labels_us), name, attribute, attribute.hide)

    def _reader(self, labels_us: int) -> PastReader:
        """Return what reads the past of all attributes whose labels begin at an instant: a log is read once for all."""
        if labels_us not in self._readers:
            of = [
                name
                for name in self.judged
                if instants(self.settings.attributes[name], self.as_of_us).labels_us == labels_us
            ]
            everybody = np.unique(np.concatenate([self.judged[name] for name in of]).astype(str)).astype(object)
            rules = rules_together(rules_at(self.settings, of, self.as_of_us, labels_us), len(everybody))
            self._readers[labels_us] = past_reader(
                self.engine, self.settings, self.outputs, labels_us, everybody, rules
            )
        return self._readers[labels_us]
