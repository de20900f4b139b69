"""The whole configuration as frozen dataclasses: folder in `conf/` = key = class here.

The composed configuration is merged into `Settings` once, by `pipeline.configuration`; a misspelt key, a
wrong type or a value out of range is refused there by its full name. Nothing else reads the
configuration. Meaning, unit and reason of each default stand beside it in `conf/`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from pipeline.columns import AS_OF, CUSTOMER, RESERVED
from pipeline.errors import did_you_mean

_STRICT = ConfigDict(extra="forbid")
DEFAULT_STAGES = ("features", "train", "score", "shares", "lookalike")
STAGES = (*DEFAULT_STAGES, "portrait", "compare", "sweep")


def _plain(name: str) -> bool:
    """Tell whether a name can be part of a feature's name and be read back from it."""
    return name.isidentifier() and "__" not in name and not name.startswith("_")


def _named(value: Any) -> Any:
    """Turn a list of columns into `{name: column}`; a mapping passes unchanged."""
    if not isinstance(value, list | tuple):
        return value
    for column in value:
        if isinstance(column, bool) or not isinstance(column, str | int):
            raise ValueError(
                f"a column's name is a text; found {column!r}. YAML reads a bare on, off, yes, no so: quote it"
            )
    return {str(column): str(column) for column in value}


def _listed(value: Any) -> Any:
    """Let a single entry stand for a list of one."""
    return value if value is None or isinstance(value, list | tuple) else [value]


def _text(value: Any) -> Any:
    """Take YAML's numbers and dates where a text is meant; YAML reads a bare yes or no as a truth value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int | float | date) else value


def _no_truth(value: Any) -> Any:
    """Refuse a truth value where a number is meant: Python counts true as 1."""
    if isinstance(value, bool):
        raise ValueError(f"a number is needed; found {str(value).lower()}")
    return value


def _folder(value: str) -> str:
    """Refuse what is no folder's name: outputs are written into a folder that is called so."""
    if not re.fullmatch(r"\w[\w .-]*", value):
        raise ValueError(
            f"a folder is named after it: letters, digits, spaces, '_', '-' and '.', a letter or "
            f"digit first; found {value!r}"
        )
    return value


Whole = Annotated[int, BeforeValidator(_no_truth)]
Real = Annotated[float, BeforeValidator(_no_truth)]
Name = Annotated[str, AfterValidator(_folder)]
Text = Annotated[str, BeforeValidator(_text)]
Columns = Annotated[dict[str, str], BeforeValidator(_named)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed)]
Share = Annotated[Real, Field(ge=0.0, le=1.0)]
OpenShare = Annotated[Real, Field(gt=0.0, lt=1.0)]


@dataclass(frozen=True, config=_STRICT)
class Table:
    """A table to read: a Parquet or CSV file, a folder of them, or a table of a DuckDB database."""

    path: str | None = None
    database: str | None = None
    table: str | None = None
    format: Literal["parquet", "csv"] | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Table:
        if (self.path is None) == (self.database is None):
            raise ValueError("give either 'path' (a file or folder) or 'database' with 'table'")
        if self.database is not None and self.table is None:
            raise ValueError("'database' also needs 'table', the table's name in it")
        if self.path is not None and self.table is not None:
            raise ValueError("'table' names a table of a 'database'; a 'path' has none")
        return self


@dataclass(frozen=True, config=_STRICT)
class Join(Table):
    """A reference table joined to a log by equal columns."""

    by: Columns = Field(default_factory=dict)


@dataclass(frozen=True, config=_STRICT)
class Log(Table):
    """One event log and which of its columns mean what."""

    id: str = ""
    time: str = ""
    time_format: str | None = None
    time_unit: Literal["s", "ms", "us"] | None = None
    zone: str | None = None
    has_clock: bool = True
    categorical: Columns = Field(default_factory=dict)
    numeric: Columns = Field(default_factory=dict)
    digits: dict[str, Annotated[Whole, Field(ge=1)]] = Field(default_factory=dict)
    first: dict[str, Annotated[Whole, Field(ge=1)]] = Field(default_factory=dict)
    weigh: dict[str, tuple[str, Annotated[Real, Field(gt=0)]]] = Field(default_factory=dict)
    join: tuple[Join, ...] = ()
    duplicates: Literal["quarantine", "keep"] = "quarantine"

    @model_validator(mode="after")
    def _named_fields(self) -> Log:
        for required in ("id", "time"):
            if not getattr(self, required):
                raise ValueError(f"'{required}' is missing: the column that holds it")
        if self.time_format is not None and self.time_unit is not None:
            raise ValueError("give 'time_format' (for texts) or 'time_unit' (for counts since 1970), not both")
        names = [*self.categorical, *self.numeric]
        for name in names:
            if name.casefold() in RESERVED or not _plain(name):
                raise ValueError(
                    f"field name '{name}' cannot be used: a name is letters, digits and single underscores and "
                    f"none of {', '.join(RESERVED)}; write 'name: column' to give the column another name"
                )
        folded = [name.casefold() for name in names]
        twice = sorted({name for name in names if folded.count(name.casefold()) > 1})
        if twice:
            raise ValueError(
                f"field '{twice[0]}' is declared twice; a field is categorical or numeric, "
                "and upper and lower case are one"
            )
        for key in ("digits", "first", "weigh"):
            for name in getattr(self, key):
                if name not in self.categorical:
                    known = did_you_mean(name, self.categorical)
                    raise ValueError(f"{key}.{name}: '{name}' is no categorical field {known}")
        for name, (amount, _) in self.weigh.items():
            if amount not in self.numeric:
                raise ValueError(f"weigh.{name}: '{amount}' is no numeric field {did_you_mean(amount, self.numeric)}")
        return self


@dataclass(frozen=True, config=_STRICT)
class Profiles(Table):
    """The table of what customers declared about themselves."""

    id: str = ""

    @model_validator(mode="after")
    def _has_id(self) -> Profiles:
        if not self.id:
            raise ValueError("'id' is missing: the column that holds the customer")
        return self


@dataclass(frozen=True, config=_STRICT)
class Quality:
    """How much bad input is tolerated before a stage stops."""

    max_bad_share: Share = 0.05


@dataclass(frozen=True, config=_STRICT)
class SeedRule:
    """Customers to be resembled: ids in a file, a rule over portraits, or those with events in a log."""

    file: str | None = None
    portraits: dict[str, Texts] | None = None
    log: str | None = None
    where: dict[str, Texts] = Field(default_factory=dict)
    hide: Texts = ()

    @model_validator(mode="after")
    def _one_way(self) -> SeedRule:
        given = [name for name in ("file", "portraits", "log") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a seed is given in exactly one way: file, portraits or log; found {given or 'none'}")
        if self.where and self.log is None:
            raise ValueError("'where' narrows a log; it needs 'log'")
        return self


@dataclass(frozen=True, config=_STRICT)
class Data:
    """A source: its logs, its profile table, its clock."""

    name: Name
    logs: dict[str, Log]
    root: str = "."
    time_zone: str = "UTC"
    as_of: Text = "latest"
    sample: OpenShare | None = None
    profiles: Profiles | None = None
    quality: Quality = Field(default_factory=Quality)
    seed: SeedRule | None = None

    @model_validator(mode="after")
    def _usable(self) -> Data:
        if not self.logs:
            raise ValueError("'logs' is empty: a source needs at least one event log")
        for name in self.logs:
            if not _plain(name):
                raise ValueError(f"log name '{name}' must be letters, digits and single underscores, a letter first")
        if len({name.casefold() for name in self.logs}) < len(self.logs):
            raise ValueError(f"two logs have the same name but for case: {', '.join(self.logs)}")
        return self


@dataclass(frozen=True, config=_STRICT)
class Engine:
    """Where queries run and how much of the machine they may take."""

    name: Literal["duckdb"] = "duckdb"
    workers: Annotated[Whole, Field(ge=0)] = 0
    memory_limit_gb: Annotated[Real, Field(gt=0)] = 2.0
    spill: str | None = None


@dataclass(frozen=True, config=_STRICT)
class Vector:
    """The behaviour encoder: vocabulary, TF-IDF and truncated SVD."""

    dimensions: Annotated[Whole, Field(ge=2)] = 64
    min_customers: Annotated[Whole, Field(ge=1)] = 5
    max_tokens: Annotated[Whole, Field(ge=2)] = 200_000
    sample_customers: Annotated[Whole, Field(ge=2)] = 100_000


@dataclass(frozen=True, config=_STRICT)
class Features:
    """What a snapshot holds."""

    windows_days: Annotated[tuple[Whole, ...], BeforeValidator(_listed)] = (7, 28, 91, 182)
    buckets: Annotated[Whole, Field(ge=1, le=65536)] = 4
    vector: Vector = Field(default_factory=Vector)

    @model_validator(mode="after")
    def _windows(self) -> Features:
        if any(days < 1 for days in self.windows_days) or len(set(self.windows_days)) != len(self.windows_days):
            raise ValueError(f"windows_days must be different whole numbers of days from 1; found {self.windows_days}")
        return self


Bound = tuple[Real | None, Real | None]


@dataclass(frozen=True, config=_STRICT)
class Declared:
    """A label read from a profile column."""

    column: str
    map: dict[Text, Text | None] | None = None
    bands: dict[Text, Bound] | None = None

    @model_validator(mode="after")
    def _one_cut(self) -> Declared:
        if self.map is not None and self.bands is not None:
            raise ValueError("give 'map' (for texts) or 'bands' (for numbers), not both")
        _check_bands(self.bands)
        return self


@dataclass(frozen=True, config=_STRICT)
class Future:
    """A label computed from what happens in the horizon after as_of."""

    log: str
    horizon_days: Annotated[Whole, Field(ge=1)]
    where: dict[str, Texts] = Field(default_factory=dict)
    aggregate: Literal["count", "active_days", "sum", "mean", "per_day", "share", "growth", "delay_days"] = "count"
    field: str | None = None
    at_least: Real | None = None
    at_most: Real | None = None
    top_share: OpenShare | None = None
    bands: dict[Text, Bound] | None = None
    among_active_days: Annotated[Whole, Field(ge=1)] | None = None
    among_idle_days: Annotated[Whole, Field(ge=1)] | None = None
    above: dict[str, Real] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_answer(self) -> Future:
        ways = [name for name in ("at_least", "at_most", "top_share", "bands") if getattr(self, name) is not None]
        if len(ways) != 1:
            raise ValueError(
                f"exactly one of at_least, at_most, top_share, bands decides the value; found {ways or 'none'}"
            )
        if self.field is None and self.aggregate in ("sum", "mean", "per_day"):
            raise ValueError(f"'{self.aggregate}' needs a numeric 'field'")
        if self.field is not None and self.aggregate in ("count", "active_days", "delay_days"):
            raise ValueError(f"'{self.aggregate}' counts events or days and takes no 'field'")
        if self.aggregate == "share" and not (self.where or self.above):
            raise ValueError("'share' needs a condition, 'where' or 'above': the share of what?")
        if self.among_active_days is not None and self.among_idle_days is not None:
            raise ValueError("give 'among_active_days' or 'among_idle_days', not both")
        _check_bands(self.bands)
        return self


def _check_bands(bands: Mapping[str, Bound] | None) -> None:
    if bands is None:
        return
    if not bands:
        raise ValueError("'bands' is empty: write {name: [from, below]} for each")
    infinity = float("inf")
    edges = [
        (-infinity if low is None else low, infinity if high is None else high, name)
        for name, (low, high) in bands.items()
    ]
    for low, high, name in edges:
        if not low < high:
            raise ValueError(f"band '{name}' is empty: from {low} up to, but not including, {high}")
    ordered = sorted(edges)
    for (_, high, name), (low, _, following) in pairwise(ordered):
        if low < high:
            raise ValueError(f"bands '{name}' and '{following}' overlap between {low} and {high}")


@dataclass(frozen=True, config=_STRICT)
class Attribute:
    """One thing to know about a customer."""

    kind: Literal["binary", "nominal", "ordinal"]
    declared: Declared | None = None
    future: Future | None = None
    values: Texts | None = None
    hide: Texts = ()
    min_precision: OpenShare | None = None
    expires_days: Annotated[Whole, Field(ge=1)] = 91
    sensitive: bool = False
    not_for: Texts = ()

    @model_validator(mode="after")
    def _one_origin(self) -> Attribute:
        if (self.declared is None) == (self.future is None):
            raise ValueError("give either 'declared' (from the profile) or 'future' (from events after as_of)")
        order = self.declared and (self.declared.map or self.declared.bands)
        future_bands = self.future and self.future.bands
        if self.kind == "ordinal" and not (self.values or order or future_bands):
            raise ValueError("an ordinal attribute needs its order: 'values', or a 'map' or 'bands' from low to high")
        return self


@dataclass(frozen=True, config=_STRICT)
class Model:
    """How each attribute's predictor is made: estimator, calibration, certification."""

    name: str
    estimator: dict[str, Any]
    calibration: Literal["auto", "temperature", "sigmoid", "isotonic", "venn_abers"] = "auto"
    folds: Annotated[Whole, Field(ge=2)] = 5
    min_precision: OpenShare = 0.80
    confidence: OpenShare = 0.90
    min_labels_per_value: Annotated[Whole, Field(ge=2)] = 30
    holdout_from: Annotated[Whole, Field(ge=100)] = 20_000
    set_coverage: OpenShare = 0.90
    certified_for: Literal["value", "attribute", "catalogue"] = "value"
    certified_among: Literal["silent", "labelled"] = "silent"
    novelty_level: Annotated[Share, Field(lt=1.0)] = 0.01


@dataclass(frozen=True, config=_STRICT)
class Evaluation:
    """How predictors are judged on test customers."""

    folds: Annotated[Whole, Field(ge=2)] = 5
    repeats: Annotated[Whole, Field(ge=1)] = 2
    repeat_below: Annotated[Whole, Field(ge=0)] = 1_000
    single_split_from: Annotated[Whole, Field(ge=100)] = 20_000
    resamples: Annotated[Whole, Field(ge=100)] = 1000


@dataclass(frozen=True, config=_STRICT)
class Lookalike:
    """How an audience is found and judged."""

    name: Name = "default"
    seed: SeedRule | None = None
    suppress: str | None = None
    size: Annotated[Whole, Field(ge=1)] | None = None
    share: OpenShare = 0.10
    nearest: Annotated[Whole, Field(ge=1)] = 10
    exact_up_to: Annotated[Whole, Field(ge=1)] = 200_000
    min_recall: OpenShare = 0.95
    repeats: Annotated[Whole, Field(ge=2)] = 5


@dataclass(frozen=True, config=_STRICT)
class Tracking:
    """Where runs and registered models are kept."""

    uri: str | None = None
    folder: str = "models"
    experiment: str | None = None


@dataclass(frozen=True, config=_STRICT)
class Compare:
    """Which trainings are set side by side, by what, and against which."""

    runs: Texts = ()
    last: Annotated[Whole, Field(ge=1)] = 3
    metric: Literal["auc", "log_loss", "brier", "accuracy"] = "auc"
    against: Text = "champion"


@dataclass(frozen=True, config=_STRICT)
class Sweep:
    """A search for better settings of the model."""

    name: Name = "default"
    attributes: Texts = ()


@dataclass(frozen=True, config=_STRICT)
class Settings:
    """Everything a run needs to know."""

    data: Data
    model: Model
    stages: Texts = DEFAULT_STAGES
    attributes: dict[str, Attribute] = Field(default_factory=dict)
    engine: Engine = Field(default_factory=Engine)
    features: Features = Field(default_factory=Features)
    evaluation: Evaluation = Field(default_factory=Evaluation)
    lookalike: Lookalike = Field(default_factory=Lookalike)
    tracking: Tracking = Field(default_factory=Tracking)
    compare: Compare = Field(default_factory=Compare)
    sweep: Sweep = Field(default_factory=Sweep)
    outputs: str = "outputs"
    seed: Annotated[Whole, Field(ge=0)] = 0
    customer: Text | None = None

    @model_validator(mode="after")
    def _known_stages(self) -> Settings:
        if not self.stages:
            raise ValueError(f"stages: none given; write stages=[{','.join(DEFAULT_STAGES)}] or some of them")
        for stage in self.stages:
            if stage not in STAGES:
                raise ValueError(f"stages: '{stage}' does not exist {did_you_mean(stage, STAGES)}")
        for name in self.attributes:
            if name.casefold() in (CUSTOMER, AS_OF, "mean"):
                raise ValueError(
                    f"attributes: '{name}' is a column of portraits or a row of tables; choose another name"
                )
            if not _plain(name):
                raise ValueError(f"attributes: the name '{name}' must be letters, digits and single underscores")
        return self


def as_plain(settings: Any) -> Any:
    """Return a settings dataclass as plain nested dictionaries, for fingerprints and run parameters."""
    return asdict(settings)
