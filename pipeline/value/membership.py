"""Who belongs to which group at an instant: declared values, probabilities of inferred ones, and segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.columns import ATTRIBUTE, CUSTOMER
from pipeline.damage import read_rows
from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError, ModelError
from pipeline.events import bucket_file
from pipeline.features.snapshot import snapshot_folder
from pipeline.lookalike.described.probability import Known, known_of
from pipeline.outputs import MANIFEST, read_manifest
from pipeline.score import load_champions, predict_bucket
from pipeline.settings import Attribute, Settings
from pipeline.tracking import Registered, Tracker
from pipeline.value.foretold import foretold
from pipeline.value.moment import Horizon
from pipeline.value.resampling import Floats

_NAMED = 5  # attributes that a reason is told of by name
PROFILE, BEHAVIOUR, SEGMENT = "profile", "behaviour", "segment"


@dataclass(frozen=True)
class Groups:
    """Groups of the same customers; they overlap.

    Attributes
    ----------
    names, kinds
        Shape (n_groups,): such as `has_children=yes`, and *profile* (what customers are), *behaviour* (what they will
        do) or *segment*.
    weight
        Probability of belonging, shape (n, n_groups): 0 or 1 where it was declared; NaN where nothing is known.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    weight: Floats

    def select(self, kept: np.ndarray) -> Groups:
        """Return some of the groups, given as positions."""
        names, kinds = (tuple(part[i] for i in kept) for part in (self.names, self.kinds))
        return Groups(names, kinds, self.weight[:, kept])

    def beside(self, other: Groups) -> Groups:
        """Return these groups and others of the same customers."""
        weight = np.hstack([self.weight, other.weight])
        return Groups(self.names + other.names, self.kinds + other.kinds, weight)


@dataclass(frozen=True)
class Portrayed:
    """What is known of the customers' attributes where groups are judged, and now.

    Attributes
    ----------
    before, now
        By attribute, of the customers of the two moments.
    skipped
        Attributes that are left out, with the reason.
    aged_days
        Of attributes whose predictions are older than where groups are judged: by how many days.
    predictions
        Of today's customers, of the attributes that are told.
    """

    before: dict[str, Known]
    now: dict[str, Known]
    skipped: dict[str, str]
    predictions: pd.DataFrame = field(default_factory=pd.DataFrame)
    aged_days: Mapping[str, int] = field(default_factory=dict)

    def words(self) -> tuple[dict[str, str], list[str]]:
        """Return what cannot be had, with the reason, and what whoever reads of these attributes should know."""
        missing = {}
        for why in dict.fromkeys(self.skipped.values()):
            names = [name for name, reason in self.skipped.items() if reason == why]
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            missing[f"groups by {', '.join(names[:_NAMED])}{more}"] = why
        by_age: dict[int, list[str]] = {}
        for name, days in self.aged_days.items():
            by_age.setdefault(days, []).append(name)
        lines = [
            f"Groups by {', '.join(names)} are judged by predictions that are {days} days older than the "
            "horizon they are judged on, as these models were trained before the last events came: they say less "
            "of it."
            for days, names in by_age.items()
        ]
        return missing, lines

    def without(self, names: Iterable[str]) -> Portrayed:
        """Return what is known of the other attributes."""
        dropped = set(names)
        kept = [{k: v for k, v in part.items() if k not in dropped} for part in (self.before, self.now)]
        return replace(self, before=kept[0], now=kept[1])


def portrayed(
    settings: Settings,
    engine: DuckDBEngine,
    tracker: Tracker,
    outputs: Path,
    horizon: Horizon,
    customers: tuple[np.ndarray, np.ndarray],
) -> Portrayed:
    """Return what is known of attributes without a look at the horizon that groups are judged on.

    Declared values are facts; where they are blank, the champion is asked again, with the features of that time. Of an
    attribute of the future the predictions are taken that its champion's recipe made for test customers where the
    champion's own last horizon begins: at the same instant, or up to a horizon earlier where it was trained before the
    last events came. Older ones say less of the horizon that groups are judged on, and never look into it.

    Parameters
    ----------
    customers
        Ids where groups are judged, and now.
    """
    if unscored := _why_unscored(outputs, horizon):
        return Portrayed({}, {}, dict.fromkeys(settings.attributes, unscored))
    asked = {name: tracker.champion(name) for name in settings.attributes}
    champions = {name: found for name, found in asked.items() if found is not None}
    skipped = {name: "no model; train first" for name in asked if name not in champions}
    values = {name: tuple(champion.facts["values"]) for name, champion in champions.items()}
    told = {name: a for name, a in settings.attributes.items() if a.declared is not None and name in values}
    before: dict[str, Known] = {}
    try:
        before |= _asked_again(settings, told, champions, engine, tracker, outputs, horizon, customers[0])
    except ModelError as error:
        skipped |= dict.fromkeys(told, str(error))
    predicted, aged, unfit = foretold(settings, tracker, champions, horizon, customers[0])
    before |= predicted
    skipped |= unfit
    predictions = _predictions(engine, outputs, list(before))
    now = _known_now(predictions, {name: values[name] for name in before}, customers[1])
    return Portrayed({name: before[name] for name in now}, now, skipped, predictions, aged)


def _why_unscored(outputs: Path, horizon: Horizon) -> str:
    """Return why there are no portraits as of now; nothing if there are."""
    if not (outputs / "scores" / MANIFEST).is_file():
        return "no portraits; run the stage score first"
    if read_manifest(outputs / "scores")["as_of_us"] != horizon.now_us:
        return "portraits are of another instant; score again"
    return ""


def attribute_groups(known: Mapping[str, Known], attributes: Mapping[str, Attribute], n: int) -> Groups:
    """Return one group per value of each attribute of n customers, those that profiles declare first."""
    ordered = sorted(known, key=lambda name: attributes[name].declared is None)
    names = [f"{name}={value}" for name in ordered for value in known[name].values]
    kinds = [PROFILE if attributes[name].declared else BEHAVIOUR for name in ordered for _ in known[name].values]
    weight = np.hstack([known[name].proba for name in ordered]) if known else np.empty((n, 0))
    return Groups(tuple(names), tuple(kinds), weight)


def segment_groups(outputs: Path, customers: np.ndarray) -> Groups:
    """Return one group per segment that stands in the outputs; customers in no segment of a family belong to none."""
    names, columns = [], []
    for folder in sorted((outputs / "segments").glob("*")):
        if not (folder / MANIFEST).is_file() or "buckets" not in read_manifest(folder):
            continue
        paths = [bucket_file(folder, bucket) for bucket in range(read_manifest(folder)["buckets"])]
        found = pd.concat([read_rows(path, [CUSTOMER, SEGMENT]).to_pandas() for path in paths], ignore_index=True)
        found = found.dropna()
        for segment in sorted(found[SEGMENT].unique()):
            inside = found.loc[found[SEGMENT] == segment, CUSTOMER].astype(str)
            names.append(f"{folder.name}: {segment}")
            columns.append(np.isin(customers.astype(str), inside.to_numpy(dtype=np.str_)).astype(np.float64))
    weight = np.column_stack(columns) if columns else np.empty((len(customers), 0))
    return Groups(tuple(names), (SEGMENT,) * len(names), weight)


def reads(attribute: Attribute) -> tuple[str, ...]:
    """Return the log and the `log.field`s that a future attribute's rule reads; nothing of a declared one.

    >>> from pipeline.settings import Future
    >>> rule = Future(log="orders", horizon_days=7, aggregate="sum", field="amount", at_least=1, where={"kind": ("x",)})
    >>> reads(Attribute("binary", future=rule))
    ('orders', 'orders.kind', 'orders.amount')
    """
    rule = attribute.future
    if rule is None:
        return ()
    fields = [*rule.where, *rule.above, *([rule.field] if rule.field else [])]
    return (rule.log, *(f"{rule.log}.{field}" for field in fields))


def is_about_how_much(attribute: Attribute, logs: Iterable[str], fields: Iterable[str]) -> bool:
    """Tell whether a future attribute says how much is bought, or whether at all, and not what kind of customer it is.

    Such are those that sum the money, and those that count events of the log without any condition: as a description of
    the best customers they would say again what is asked.

    >>> from pipeline.settings import Future
    >>> lapse = Attribute("binary", future=Future(log="orders", horizon_days=7, at_most=0))
    >>> is_about_how_much(lapse, ["orders"], []), is_about_how_much(lapse, ["visits"], [])
    (True, False)
    """
    rule = attribute.future
    if rule is None or rule.log not in logs:
        return False
    sums = rule.field is not None and rule.field in fields and rule.aggregate in ("sum", "mean", "per_day", "growth")
    return sums or not (rule.where or rule.above)


def _asked_again(
    settings: Settings,
    told: dict[str, Attribute],
    champions: Mapping[str, Registered],
    engine: DuckDBEngine,
    tracker: Tracker,
    outputs: Path,
    horizon: Horizon,
    customers: np.ndarray,
) -> dict[str, Known]:
    """Return declared attributes, the blank ones as the champions infer them from the features of that time."""
    if not told:
        return {}
    asked = replace(settings, attributes=told)
    ensemble = load_champions(asked, tracker, champions)
    snapshot = snapshot_folder(outputs, horizon.judged_us)
    parts = [
        predict_bucket(engine, asked, outputs, snapshot, ensemble, bucket)
        for bucket in range(read_manifest(snapshot)["buckets"])
    ]
    predictions = pd.concat(parts, ignore_index=True)
    return known_of(
        predictions, customers.astype(np.str_), {name: tuple(champions[name].facts["values"]) for name in told}
    )


def _predictions(engine: DuckDBEngine, outputs: Path, names: list[str]) -> pd.DataFrame:
    buckets = range(read_manifest(outputs / "scores")["buckets"])
    table = engine.parquet([bucket_file(outputs / "scores" / "predictions", bucket) for bucket in buckets])
    return engine.arrow(table.filter(table[ATTRIBUTE].isin(names or [""]))).to_pandas()


def _known_now(
    predictions: pd.DataFrame, values: dict[str, tuple[str, ...]], customers: np.ndarray
) -> dict[str, Known]:
    found: dict[str, Known] = {}
    for name, of in values.items():
        with suppress(DataError):  # scored with other attributes
            found |= known_of(predictions, customers.astype(np.str_), {name: of})
    return found
