"""What attributes learn from: labels, feature matrices of the customers who have them, the customers' own past."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import joblib
import numpy as np

from pipeline import console
from pipeline.engine import DuckDBEngine
from pipeline.features.behaviour import read_encoder
from pipeline.features.counts import fit_encoder
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.matrix import FeatureMatrix, read_matrix
from pipeline.features.naming import visible
from pipeline.features.snapshot import snapshot_folder
from pipeline.labels.declared import drawn_labels
from pipeline.labels.future import future_labels
from pipeline.labels.known import Labels
from pipeline.labels.past import PastReader
from pipeline.outputs import read_manifest, write_file
from pipeline.predictor import Task
from pipeline.settings import Attribute, Future, Settings
from pipeline.silence import drawn_file
from pipeline.timeline import as_of_name, instants, too_short
from pipeline.training_sample import draw

_TOGETHER = 3_000_000  # customers times rules whose past is held at once: about a gigabyte


@dataclass(frozen=True)
class Known:
    """An attribute's labels, now and one horizon earlier."""

    labels: Labels
    earlier: Labels


def collect_labels(
    engine: DuckDBEngine, settings: Settings, outputs: Path, as_of_us: int, first_us: int
) -> tuple[dict[str, Known], dict[str, str]]:
    """Return the labels of all attributes that can be learnt, and why the others cannot."""
    known: dict[str, Known] = {}
    ineligible: dict[str, str] = {}
    least = settings.model.min_labels_per_value
    capped: dict[str, int] = {}
    for name, attribute in settings.attributes.items():
        short = too_short(attribute, as_of_us, first_us)
        if short is None:
            found = _labels(engine, settings, outputs, name, attribute, as_of_us)
            short = found.labels.ineligible(least) or found.earlier.ineligible(least)
        if short is not None:
            ineligible[name] = short
            console.warn(f"train: attributes.{name} is not learnt: {short}")
        else:
            known[name] = found
            sampled_from = found.labels.sampled_from or found.earlier.sampled_from
            if sampled_from:
                capped[name] = sampled_from
    if capped:
        console.say(
            f"train: {len(capped)} attributes learn from {settings.model.max_customers:,} of the customers who have a "
            f"label, {min(capped.values()):,} to {max(capped.values()):,}, drawn by a hash of the id "
            "(model.max_customers)"
        )
    return known, ineligible


def _labels(
    engine: DuckDBEngine,
    settings: Settings,
    outputs: Path,
    name: str,
    attribute: Attribute,
    as_of_us: int,
) -> Known:
    """Return the labels that are learnt from: of all customers who have one, or of a sample of these."""
    data, most = settings.data, settings.model.max_customers
    if attribute.future is None:
        if data.profiles is None:
            nobody = Labels(name, attribute.kind, attribute.values or (), np.empty(0, object), np.empty(0, np.int64))
            return Known(nobody, nobody)
        snapshot = snapshot_folder(outputs, as_of_us)
        labels = drawn_labels(engine, outputs / "profiles", name, attribute, data, snapshot, most)
        return Known(labels, labels)
    at = instants(attribute, as_of_us)
    both = [
        future_labels(engine, outputs / "events", snapshot_folder(outputs, us), name, attribute, data, us, most)
        for us in (at.labels_us, at.earlier_us)
    ]
    return Known(*both)


def prepare(
    engine: DuckDBEngine,
    settings: Settings,
    outputs: Path,
    known: dict[str, Known],
    as_of_us: int,
    partial: Path,
) -> tuple[BehaviourEncoder, list[Task]]:
    """Fit encoders, write each needed feature matrix once, and describe each attribute's task."""
    files = _TaskFiles(engine, settings, outputs, known, as_of_us, partial / "matrices")
    tasks = [files.task(name, found) for name, found in known.items()]
    return files.encoder(as_of_us), tasks


@dataclass(frozen=True)
class _Written:
    """A feature matrix in a file: the names of its features, and whose it holds, shape (n_customers,)."""

    file: Path
    names: np.ndarray
    customers: np.ndarray


@dataclass
class _TaskFiles:
    """Writes what tasks read, each file once: matrices by instant and encoder, own pasts by attribute and instant.

    Attributes
    ----------
    known
        The labels of every attribute that is learnt.
    as_of_us
        Of the training.
    folder
        Where the files are written.
    """

    engine: DuckDBEngine
    settings: Settings
    outputs: Path
    known: Mapping[str, Known]
    as_of_us: int
    folder: Path
    _encoders: dict[int, BehaviourEncoder] = field(default_factory=dict, init=False, repr=False)
    _matrices: dict[Path, _Written] = field(default_factory=dict, init=False, repr=False)
    _readers: dict[int, PastReader] = field(default_factory=dict, init=False, repr=False)
    # Whose features are read at an instant; None: everybody's.
    _only: dict[int, np.ndarray | None] = field(default_factory=dict, init=False, repr=False)

    def task(self, name: str, found: Known) -> Task:
        """Return what learning an attribute reads, and write the files of it that are not there yet."""
        attribute = self.settings.attributes[name]
        at = instants(attribute, self.as_of_us)
        latest = self._matrix(at.labels_us, self.as_of_us)
        earlier = self._matrix(at.earlier_us, at.earlier_us)
        later = self._matrix(at.labels_us, at.earlier_us)
        where, matrices = f"attributes.{name}.hide", (latest, earlier, later)
        columns = {str(m.file): visible(m.names, attribute.hide, self.settings.data, where) for m in matrices}
        now = self._past(name, at.labels_us, latest.customers)
        before = self._past(name, at.earlier_us, earlier.customers)
        past = {str(m.file): p for m, p in zip(matrices, (now, before, now), strict=True) if p is not None}
        return Task(
            name,
            labels=found.labels,
            earlier=found.earlier,
            features=latest.file,
            earlier_features=earlier.file,
            later_features=later.file,
            columns=columns,
            min_precision=attribute.min_precision,
            past=past,
        )

    def encoder(self, at_us: int) -> BehaviourEncoder:
        """Return the encoder that was fitted at an instant; the latest is the one that scoring uses."""
        if at_us not in self._encoders:
            if at_us == self.as_of_us:
                self._encoders[at_us] = read_encoder(self.outputs)
            else:
                snapshot, vector = snapshot_folder(self.outputs, at_us), self.settings.features.vector
                self._encoders[at_us] = fit_encoder(self.engine, snapshot, vector, self.settings.seed)
        return self._encoders[at_us]

    def _matrix(self, at_us: int, encoder_us: int) -> _Written:
        """Return the features as of an instant, with the vectors of the encoder that was fitted at another."""
        path = self.folder / f"{as_of_name(at_us)}-encoded-{as_of_name(encoder_us)}.joblib"
        if path not in self._matrices:
            matrix, drawn = self._sampled(at_us, self.encoder(encoder_us))
            if drawn is not None:
                write_file(drawn_file(path), lambda place: _save(place, drawn))
            write_file(path, lambda place: joblib.dump(matrix, place))
            self._matrices[path] = _Written(path, matrix.names, matrix.customers)
            self._only[at_us] = None if drawn is None else matrix.customers
        return self._matrices[path]

    def _sampled(self, at_us: int, encoder: BehaviourEncoder) -> tuple[FeatureMatrix, np.ndarray | None]:
        """Return the features of the customers who are learnt from, and who of them was drawn from the base at random.

        On a base of at most `model.max_customers` customers these are all, and nothing is drawn.
        """
        snapshot, most = snapshot_folder(self.outputs, at_us), self.settings.model.max_customers
        if read_manifest(snapshot)["customers"] <= most:
            return read_matrix(self.engine, snapshot, encoder), None
        base = draw(self.engine, snapshot, most)
        wanted = [base]
        for name, found in self.known.items():
            at = instants(self.settings.attributes[name], self.as_of_us)
            wanted += [found.labels.customers] if at.labels_us == at_us else []
            wanted += [found.earlier.customers] if at.earlier_us == at_us else []
        only = np.unique(np.concatenate(wanted).astype(str)).astype(object)
        matrix = read_matrix(self.engine, snapshot, encoder, only=only)
        return matrix, np.isin(matrix.customers.astype(str), base.astype(str))

    def _past(self, name: str, at_us: int, customers: np.ndarray) -> Path | None:
        """Return the file of an attribute's own past of the customers of a matrix, or None where it has none."""
        attribute = self.settings.attributes[name]
        past = self._reader(at_us, len(customers)).read(name, attribute, attribute.hide, customers)
        if past is None:
            return None
        path = self.folder / f"past-{name}-{as_of_name(at_us)}.joblib"
        write_file(path, lambda place: joblib.dump(past, place))
        return path

    def _reader(self, at_us: int, n_customers: int) -> PastReader:
        """Return what reads the past of all attributes at an instant: a log is read once for all."""
        if at_us not in self._readers:
            rules = rules_at(self.settings, self.known, self.as_of_us, at_us)
            together = rules_together(rules, n_customers)
            self._readers[at_us] = past_reader(
                self.engine, self.settings, self.outputs, at_us, self._only[at_us], together
            )
        return self._readers[at_us]


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:  # by its name alone, numpy would add an ending
        np.save(file, array)


def rules_at(settings: Settings, names: Iterable[str], as_of_us: int, at_us: int) -> list[Future]:
    """Return the rules of the future attributes that look back from an instant, for training or out of time."""
    rules = []
    for name in names:
        rule, at = settings.attributes[name].future, instants(settings.attributes[name], as_of_us)
        if rule is not None and at_us in (at.labels_us, at.earlier_us):
            rules.append(rule)
    return rules


def rules_together(rules: Sequence[Future], n_customers: int) -> Sequence[Future]:
    """Return the rules whose past of so many customers is held at once; none of them where that is too much."""
    return rules if len(rules) * n_customers <= _TOGETHER else ()


def past_reader(
    engine: DuckDBEngine,
    settings: Settings,
    outputs: Path,
    at_us: int,
    only: np.ndarray | None = None,
    together: Sequence[Future] = (),
) -> PastReader:
    """Return what reads the own past of all customers at an instant, or of some.

    Parameters
    ----------
    together
        Rules that will be asked for: what they need of a log is read at once, and held.
    """
    events = outputs / "events"
    buckets = range(read_manifest(events)["buckets"])
    return PastReader(engine, events, settings.data, at_us, buckets, together=together, only=only)
