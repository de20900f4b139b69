"""What attributes learn from: labels, feature matrices of the customers who have them, the customers' own past."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    encoders: dict[int, BehaviourEncoder] = {}
    written: dict[Path, tuple[np.ndarray, np.ndarray]] = {}
    readers: dict[int, PastReader] = {}
    only: dict[int, np.ndarray | None] = {}  # whose features are read at an instant; None: everybody's

    def encoder_of(at_us: int) -> BehaviourEncoder:
        if at_us not in encoders:
            snapshot = snapshot_folder(outputs, at_us)
            latest = at_us == as_of_us
            encoders[at_us] = (
                read_encoder(outputs)
                if latest
                else fit_encoder(engine, snapshot, settings.features.vector, settings.seed)
            )
        return encoders[at_us]

    def matrix_file(at_us: int, encoder_us: int) -> Path:
        path = partial / "matrices" / f"{as_of_name(at_us)}-encoded-{as_of_name(encoder_us)}.joblib"
        if path not in written:
            matrix, drawn = _sampled_matrix(settings, engine, outputs, known, as_of_us, at_us, encoder_of(encoder_us))
            if drawn is not None:
                write_file(drawn_file(path), lambda place: _save(place, drawn))
            write_file(path, lambda place: joblib.dump(matrix, place))
            written[path] = (matrix.names, matrix.customers)
            only[at_us] = None if drawn is None else matrix.customers
        return path

    def past_file(name: str, at_us: int, customers: np.ndarray) -> Path | None:
        if at_us not in readers:
            together = rules_together(rules_at(settings, known, as_of_us, at_us), len(customers))
            readers[at_us] = past_reader(engine, settings, outputs, at_us, only[at_us], together)
        attribute = settings.attributes[name]
        past = readers[at_us].read(name, attribute, attribute.hide, customers)
        if past is None:
            return None
        path = partial / "matrices" / f"past-{name}-{as_of_name(at_us)}.joblib"
        write_file(path, lambda place: joblib.dump(past, place))
        return path

    tasks = []
    for name, found in known.items():
        attribute = settings.attributes[name]
        at = instants(attribute, as_of_us)
        files = (
            matrix_file(at.labels_us, as_of_us),
            matrix_file(at.earlier_us, at.earlier_us),
            matrix_file(at.labels_us, at.earlier_us),
        )
        columns = {
            str(f): visible(written[f][0], attribute.hide, settings.data, f"attributes.{name}.hide") for f in files
        }
        now, before = (
            past_file(name, us, written[f][1]) for us, f in ((at.labels_us, files[0]), (at.earlier_us, files[1]))
        )
        past = {str(f): p for f, p in zip(files, (now, before, now), strict=True) if p is not None}
        tasks.append(Task(name, found.labels, found.earlier, *files, columns, attribute.min_precision, past=past))
    return encoder_of(as_of_us), tasks


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:  # by its name alone, numpy would add an ending
        np.save(file, array)


def _sampled_matrix(
    settings: Settings,
    engine: DuckDBEngine,
    outputs: Path,
    known: dict[str, Known],
    as_of_us: int,
    at_us: int,
    encoder: BehaviourEncoder,
) -> tuple[FeatureMatrix, np.ndarray | None]:
    """Return the features of the customers who are learnt from, and who of them was drawn from the base at random.

    On a base of at most `model.max_customers` customers these are all, and nothing is drawn.
    """
    snapshot, most = snapshot_folder(outputs, at_us), settings.model.max_customers
    if read_manifest(snapshot)["customers"] <= most:
        return read_matrix(engine, snapshot, encoder), None
    base = draw(engine, snapshot, most)
    wanted = [base]
    for name, found in known.items():
        at = instants(settings.attributes[name], as_of_us)
        wanted += [found.labels.customers] if at.labels_us == at_us else []
        wanted += [found.earlier.customers] if at.earlier_us == at_us else []
    matrix = read_matrix(engine, snapshot, encoder, only=np.unique(np.concatenate(wanted).astype(str)).astype(object))
    return matrix, np.isin(matrix.customers.astype(str), base.astype(str))


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
