"""What answers for each attribute: the registered champion, and what it has to be given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import joblib

from pipeline.errors import ModelError
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.matrix import FeatureMatrix
from pipeline.labels.past import PastReader, own_features
from pipeline.model.certified import CertifiedClassifier
from pipeline.promotion import question
from pipeline.settings import Attribute, Settings
from pipeline.tracking import Registered, Tracker


@dataclass(frozen=True)
class Champion:
    """What answers for one attribute; `predictor` is None where nothing could be learnt."""

    attribute: str
    declaration: Attribute
    values: tuple[str, ...]
    version: str
    encoder: str
    contract: str
    hide: tuple[str, ...]
    prior: tuple[float, ...]
    predictor: CertifiedClassifier | None


@dataclass(frozen=True)
class Ensemble:
    """All champions and the encoders that their features need."""

    champions: tuple[Champion, ...]
    encoders: dict[str, BehaviourEncoder]


def find_champions(settings: Settings, tracker: Tracker) -> dict[str, Registered | None]:
    """Return by attribute the version that scores now, or None; a training may promote another one at any time."""
    return {name: tracker.champion(name) for name in settings.attributes}


def load_champions(
    settings: Settings, tracker: Tracker, champions: Mapping[str, Registered | None] | None = None
) -> Ensemble:
    """Return the champions of all attributes; an attribute without one is answered by its profile alone.

    Parameters
    ----------
    champions
        What `find_champions` returned to who has told somebody of it; default: it is asked.

    Raises
    ------
    ModelError
        If a registered model cannot be loaded, or was trained for another question than is now declared.
    """
    standing = find_champions(settings, tracker) if champions is None else champions
    loaded, encoders = [], {}
    for name, declaration in settings.attributes.items():
        found = standing[name]
        if found is None:
            loaded.append(Champion(name, declaration, (), "", "", "", (), (), None))
            continue
        facts = found.facts
        if facts.get("question") != question(declaration, settings.model):
            raise ModelError(
                f"{found.label}: refuses to score: attributes.{name}, or what the model promises of it (min_precision, "
                "confidence, certified_for, novelty_level, set_coverage), has changed since it was trained, or it was "
                "registered by an earlier version of this program. Train again (stages=[features,train]), or take the "
                "change back."
            )
        encoder_name, encoder_version = facts["encoder"]
        key = f"{encoder_name}/{encoder_version}"
        if key not in encoders:
            encoders[key] = tracker.load_version(encoder_name, encoder_version)
        loaded.append(
            Champion(
                name,
                declaration,
                tuple(facts["values"]),
                found.label,
                key,
                facts["contract"],
                tuple(facts["hide"]),
                tuple(facts["prior"]),
                tracker.load(found),
            )
        )
    _share_answering(loaded)
    return Ensemble(tuple(loaded), encoders)


def _share_answering(champions: list[Champion]) -> None:
    """Let champions that were told the same of who answers hold one model of it, so that it is asked once."""
    known: dict[str, Any] = {}
    for champion in champions:
        model = getattr(champion.predictor, "answering_", None)
        if champion.predictor is not None and model is not None:
            champion.predictor.answering_ = known.setdefault(joblib.hash(model), model)


def allowed(champion: Champion, matrix: FeatureMatrix, reader: PastReader) -> FeatureMatrix:
    """Return the columns that a champion learnt from, its attribute's own past among them.

    Raises
    ------
    ModelError
        If the snapshot has other features than those it was trained for.
    """
    matrix = own_features(matrix, reader, champion.attribute, champion.declaration, champion.hide)
    require_contract(champion, matrix.contract, len(matrix.names))
    return matrix


def require_contract(champion: Champion, found: str, n_features: int) -> None:
    """Refuse features that are not those a champion was trained for.

    Raises
    ------
    ModelError
        If they are others.
    """
    if found != champion.contract:
        raise ModelError(
            f"{champion.version}: refuses to score: it was trained for other features (contract "
            f"{champion.contract}) than this snapshot has (contract {found}, {n_features:,} "
            "features). The source's fields or windows have changed since: train again (stages=[features,train])."
        )
