"""From trained predictors to registered versions: each is tracked, registered, compared with its champion, promoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from pipeline import console
from pipeline.cards.facts import Training
from pipeline.errors import ModelError
from pipeline.features.encoder import BehaviourEncoder
from pipeline.judging_set import JudgingSet
from pipeline.predictor import Trained
from pipeline.promotion import Decision, decide, old_losses, question, superseded
from pipeline.records import attribute_facts, log_attribute, log_card, register_attribute
from pipeline.settings import Settings
from pipeline.timeline import instants
from pipeline.tracking import CHALLENGER, CHAMPION, Registered, Tracker

ENCODER = "behaviour_encoder"


@dataclass(frozen=True)
class Registration:
    """What the registrations of one training's predictors have in common.

    Attributes
    ----------
    training
        Fingerprint of the training. Runs and versions are found again by it where a training was cut off.
    as_of_us
        Of the training.
    parent, tags
        Run of the training as a whole, and what every run below it is tagged with.
    encoder
        The registered encoder whose vectors the predictors read.
    judging
        Reads what champions see of the customers by whom the new predictors were judged.
    told
        What all model cards tell.
    pictures
        A folder of pictures per attribute.
    """

    settings: Settings
    tracker: Tracker
    training: str
    as_of_us: int
    parent: str
    tags: Mapping[str, str]
    encoder: Registered
    judging: JudgingSet
    told: Training
    pictures: Path


def register_encoder(
    tracker: Tracker, encoder: BehaviourEncoder, as_of_us: int, parent: str, training: str
) -> Registered:
    """Register the encoder of behaviour vectors, unless it is registered; the one in use is always the champion.

    Champions of several trainings that read one encoder share what it makes of a customer.
    """
    version = _registered_before(tracker, encoder)
    if version is not None:
        tracker.promote(version, CHAMPION)
        return version
    example = sp.csr_matrix((2, len(encoder.vocabulary)))
    told = {"fingerprint": encoder.fingerprint_, "tokens": len(encoder.vocabulary), "as_of_us": as_of_us}
    version = tracker.register(
        ENCODER, encoder, example, encoder.transform(example), "transform", parent, training, told
    )
    tracker.promote(version, CHAMPION)
    return version


def _registered_before(tracker: Tracker, encoder: BehaviourEncoder) -> Registered | None:
    """Return the version that holds this very encoder; a fingerprint of rounded numbers only says where to look."""
    for version in tracker.versions(ENCODER):
        if version.facts.get("fingerprint") == encoder.fingerprint_:
            with suppress(ModelError):  # a damaged one is registered anew
                if _equal(tracker.load(version), encoder):
                    return version
    return None


def _equal(one: BehaviourEncoder, other: BehaviourEncoder) -> bool:
    """Tell whether two encoders of one vocabulary make the same of any customer, bit by bit."""
    same_weights = one.weights_.mean_tokens_ == other.weights_.mean_tokens_ and np.array_equal(
        one.weights_.idf_, other.weights_.idf_
    )
    return bool(same_weights and np.array_equal(one.svd_.components_, other.svd_.components_))


def register_predictors(shared: Registration, results: Sequence[Trained]) -> dict[str, Any]:
    """Register predictors one after another; return what the manifest says of each attribute."""
    facts = {}
    with console.progress("register", len(results)) as step:
        for trained in results:
            facts[trained.attribute] = _register(shared, trained)
            step(trained.attribute)
    return facts


def _register(shared: Registration, trained: Trained) -> dict[str, Any]:
    """Write one attribute's run, register its predictor and decide on its role."""
    tracker, settings, name = shared.tracker, shared.settings, trained.attribute
    attribute, pictures = settings.attributes[name], shared.pictures / name
    labels_us = instants(attribute, shared.as_of_us).labels_us
    key = f"{shared.training}-{name}"
    finished = tracker.finished(key, name) is not None
    tags = {**shared.tags, "attribute": name, "kind": trained.kind}
    with tracker.run(name, key, tags, shared.parent) as run_id:
        log_attribute(tracker, run_id, trained, settings.model, settings.evaluation, pictures)
        before = tracker.champion(name)
        asked = question(attribute, settings.model)
        version = register_attribute(tracker, run_id, trained, attribute, asked, shared.encoder, labels_us, key)
        finished = finished and "decision" in version.facts  # registering marks the run as finished for a moment
        if "decision" in version.facts:  # this training was run before, or was cut off after it decided
            decision = _decided(version, before, finished)
        else:
            decision = _decide(shared, trained, before, asked)
        tracker.note(version, "decision", asdict(decision))
        log_card(tracker, run_id, version, trained, shared.told, labels_us, pictures)
        if not finished:
            tracker.promote(version, decision.role)
        tracker.tag(run_id, {"role": decision.role, "role_reason": decision.reason})
    return attribute_facts(trained, version, decision)


def _decided(version: Registered, champion: Registered | None, finished: bool) -> Decision:
    """Return what was decided on a version; of a finished training with the role that it has by now."""
    decision = Decision(**version.facts["decision"])
    if not finished:
        return decision
    scores = champion is not None and champion.version == version.version
    return replace(decision, role=CHAMPION if scores else CHALLENGER)


def _decide(shared: Registration, trained: Trained, champion: Registered | None, asked: str) -> Decision:
    """Return whether a new predictor takes the champion's place: of none, of an outdated one, of a worse one."""
    if champion is None:
        return Decision(CHAMPION, "the first version")
    replaced = superseded(champion, trained, asked)
    if replaced is not None:
        return Decision(CHAMPION, replaced)
    name = trained.attribute
    labels_us = instants(shared.settings.attributes[name], shared.as_of_us).labels_us
    old, why = old_losses(
        shared.tracker, champion, trained, labels_us, lambda encoder: shared.judging.features(name, encoder)
    )
    return decide(trained.losses, old, why, shared.settings.seed)
