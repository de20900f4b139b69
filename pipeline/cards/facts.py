"""What a model card tells, collected from a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.cards.groups import Group, Grouping, by_activity, by_answers, compare_groups
from pipeline.cards.origin import in_words
from pipeline.columns import US_PER_DAY
from pipeline.evaluation import Estimate
from pipeline.explanation.carriers import Carried
from pipeline.labels.known import Labels
from pipeline.predictor import Task, Trained
from pipeline.settings import Attribute, Evaluation, Model, Settings

PICTURES = ("reliability", "precision_coverage", "carried_by")
NOT_FOR = (
    "decisions about credit, insurance, employment, housing or the price that a person is asked",
    "treating an inferred value as what the person said: it is a guess about people who behave alike",
    "people outside the population that it learnt from",
)
NOT_FOR_SENSITIVE = (
    "addressing people by this value, or by what it gives away, without a lawful basis and their knowledge",
    "passing the value of a single person on to others",
)


@dataclass(frozen=True)
class Training:
    """What the cards of one training have in common.

    Attributes
    ----------
    logs
        Events, first and last day of each log.
    customers
        In the base, with or without events.
    answers
        Labels of the declared attributes: what test customers are grouped by.
    """

    settings: Settings
    logs: Mapping[str, tuple[int, str, str]]
    customers: int
    as_of: str
    data_fingerprint: str
    commit: str
    answers: Mapping[str, Labels]


@dataclass(frozen=True)
class Statement:
    """When and how well one value is stated; `threshold` is None where it is withheld, for `reason`."""

    value: str
    labels: int
    share: float
    threshold: float | None
    reason: str
    coverage: Estimate
    precision: Estimate
    recall: Estimate


@dataclass(frozen=True)
class Card:
    """One attribute's model card; see the template for what is told of it."""

    attribute: str
    declaration: Attribute
    training: Training
    kind: str
    origin: str
    labels_from: str
    n_labels: int
    n_labelled: int
    statements: tuple[Statement, ...]
    recipe: tuple[str, ...]
    judged: str
    measures: tuple[Estimate, ...]
    calibration: str
    certification: str
    min_precision: float
    confidence: float
    set_coverage: float
    carried: Carried
    whole: Group
    groups: tuple[Group, ...]
    hidden: int
    not_for: tuple[str, ...]
    limits: tuple[str, ...]
    pictures: Mapping[str, bytes]

    def measure(self, metric: str) -> Estimate:
        """Return a metric of the attribute as a whole."""
        return next(e for e in self.measures if e.metric == metric)


def training_facts(
    settings: Settings, events: dict[str, Any], profiles: dict[str, Any], tasks: list[Task], as_of_us: int, commit: str
) -> Training:
    """Return what all cards of a training tell.

    Parameters
    ----------
    events, profiles
        The manifests of these data sets.
    """
    zone = settings.data.time_zone
    return Training(
        settings=settings,
        logs={
            name: (log["rows"], day(log["first_us"], zone), day(log["last_us"], zone))
            for name, log in events["logs"].items()
            if log["rows"]
        },
        customers=profiles["customers"],
        as_of=day(as_of_us, zone),
        data_fingerprint=events["fingerprint"],
        commit=commit,
        answers={task.attribute: task.labels for task in tasks if settings.attributes[task.attribute].declared},
    )


def make_card(trained: Trained, training: Training, labels_us: int, pictures: Path) -> Card:
    """Return an attribute's card; `pictures` is the folder of what was drawn of it."""
    settings = training.settings
    attribute = settings.attributes[trained.attribute]
    predictor = trained.predictor
    groupings = _groupings(trained, training)
    whole, groups, hidden = compare_groups(trained.found, groupings, predictor.min_precision)
    files = {name: pictures / f"{name}.png" for name in PICTURES}
    return Card(
        attribute=trained.attribute,
        declaration=attribute,
        training=training,
        kind=trained.kind,
        origin=in_words(attribute),
        labels_from=day(labels_us, settings.data.time_zone),
        n_labels=sum(trained.counts.values()),
        n_labelled=trained.n_labelled,
        statements=_statements(trained),
        recipe=_recipe(trained, settings.model),
        judged=_judged(trained, attribute, settings.evaluation),
        measures=tuple(e for e in trained.estimates if not e.value),
        calibration=predictor.calibration_,
        certification=predictor.certification_,
        min_precision=predictor.min_precision,
        confidence=predictor.confidence,
        set_coverage=settings.model.set_coverage,
        carried=trained.carried,
        whole=whole,
        groups=tuple(groups),
        hidden=hidden,
        not_for=(*attribute.not_for, *(NOT_FOR_SENSITIVE if attribute.sensitive else ()), *NOT_FOR),
        limits=_limits(trained, attribute, training, labels_us),
        pictures={name: file.read_bytes() for name, file in files.items() if file.exists()},
    )


def day(at_us: int, zone: str) -> str:
    """Return an instant's local day.

    >>> day(1_514_782_800_000_000, "America/New_York")
    '2018-01-01'
    """
    return f"{pd.Timestamp(at_us, unit='us', tz='UTC').tz_convert(zone):%Y-%m-%d}"


def _groupings(trained: Trained, training: Training) -> dict[str, Grouping]:
    """Return by what test customers are grouped; of attributes read from one column only the first."""
    attributes = training.settings.attributes
    own = attributes[trained.attribute].declared
    columns = {own.column} if own else set()
    found = {"activity": by_activity(trained.found.n_events)}
    for name, labels in training.answers.items():
        rule = attributes[name].declared
        if rule is not None and rule.column not in columns:
            columns.add(rule.column)
            found[name] = by_answers(trained.found.customers, labels)
    return found


def _statements(trained: Trained) -> tuple[Statement, ...]:
    predictor = trained.predictor
    certificates = dict(zip(predictor.classes_.tolist(), predictor.certificates_, strict=True))
    total = max(1, sum(trained.counts.values()))
    found = []
    for position, value in enumerate(trained.values):
        certificate = certificates.get(position)
        estimates = [trained.estimate(metric, value) for metric in ("coverage", "precision", "recall")]
        labels = trained.counts[value]
        threshold = certificate.threshold if certificate else None
        reason = certificate.reason if certificate else "nobody with this value to learn from"
        found.append(Statement(value, labels, labels / total, threshold, reason, *estimates))
    return tuple(found)


def _recipe(trained: Trained, model: Model) -> tuple[str, ...]:
    """Return the estimator, the members of a blend with their weights, and the features' number."""
    estimator = trained.predictor.estimator_
    told = [f"{model.name}: {type(estimator).__name__}"]
    members = getattr(estimator, "members_", {})
    if members:
        weights = zip(members.items(), estimator.weights_, strict=True)
        told += [f"{name}: {type(member).__name__}, weight {weight:.2f}" for (name, member), weight in weights]
    return (*told, f"{len(trained.names):,} features")


def _judged(trained: Trained, attribute: Attribute, evaluation: Evaluation) -> str:
    n = len(trained.found.y)
    if sum(trained.counts.values()) >= evaluation.single_split_from:
        told = f"{n:,} test customers, one in {evaluation.folds}, were set aside before anything was fitted to labels."
    else:
        times = "" if trained.n_repeats == 1 else f", {trained.n_repeats} times with other folds"
        told = (
            f"Each of {n:,} customers was a test customer once: the whole recipe, calibration and thresholds included, "
            f"was run without them ({evaluation.folds} folds{times}). The deployed model is fitted on all of them."
        )
    if attribute.future is not None:
        told += f" It was fitted {attribute.future.horizon_days} days earlier, on other customers: out of time."
    return told


def _limits(trained: Trained, attribute: Attribute, training: Training, labels_us: int) -> tuple[str, ...]:
    zone = training.settings.data.time_zone
    n = sum(trained.counts.values())
    sampled = f" (a random sample of {trained.n_labelled:,} with a label)" if trained.n_labelled > n else ""
    known = f"{n:,} of {training.customers:,} customers{sampled}"
    if attribute.future is None:
        population = (
            f"It learnt from {known}, those who have a profile and events. Who tells of itself differs from who "
            "does not."
        )
        if trained.found.silent_weight is not None:
            population += (
                " Certificates and prediction sets are weighed to speak of customers who did not tell, as far as "
                "behaviour says how they differ; where hardly anybody alike told, nothing is stated."
            )
        time = f"What was said may be older than the features, which end at {day(labels_us, zone)}."
    else:
        population = f"It learnt from {known}, those to whom the question could be put."
        end = day(labels_us + attribute.future.horizon_days * US_PER_DAY, zone)
        time = f"The labels are of {day(labels_us, zone)} to {end}. Seasons change what customers do."
    return (
        population,
        time,
        f"An answer expires {attribute.expires_days} days after it is given.",
        "A customer is one id: several people behind it are described as one.",
        "Intervals show the luck of which customers were met, not of the training nor of the season.",
    )
