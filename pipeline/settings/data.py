"""A source: its logs, its profile table, its clock (conf/data)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pipeline.columns import RESERVED
from pipeline.errors import did_you_mean
from pipeline.settings.types import (
    STRICT,
    Columns,
    Name,
    OpenShare,
    Place,
    Real,
    Share,
    Text,
    Texts,
    Whole,
    is_plain_name,
)


@dataclass(frozen=True, config=STRICT)
class Table:
    """A table to read: a Parquet or CSV file, a folder of them, or a table of a DuckDB database."""

    path: Place | None = None
    database: Place | None = None
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


@dataclass(frozen=True, config=STRICT)
class Join(Table):
    """A reference table joined to a log by equal columns."""

    by: Columns = Field(default_factory=dict)


@dataclass(frozen=True, config=STRICT)
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
            if name.casefold() in RESERVED or not is_plain_name(name):
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


@dataclass(frozen=True, config=STRICT)
class Profiles(Table):
    """The table of what customers declared about themselves."""

    id: str = ""

    @model_validator(mode="after")
    def _has_id(self) -> Profiles:
        if not self.id:
            raise ValueError("'id' is missing: the column that holds the customer")
        return self


@dataclass(frozen=True, config=STRICT)
class Quality:
    """How much bad input is tolerated before a stage stops."""

    max_bad_share: Share = 0.05


@dataclass(frozen=True, config=STRICT)
class SeedRule:
    """Customers to be resembled: ids in a file, a rule over portraits, or those with events in a log."""

    file: Place | None = None
    portraits: dict[str, Texts] | None = None
    log: str | None = None
    where: dict[str, Texts] = Field(default_factory=dict)
    hide: Texts = ()
    value: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> SeedRule:
        given = [name for name in ("file", "portraits", "log") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a seed is given in exactly one way: file, portraits or log; found {given or 'none'}")
        if self.where and self.log is None:
            raise ValueError("'where' narrows a log; it needs 'log'")
        if self.value is not None and self.portraits is not None:
            raise ValueError(
                "'value' is a column of the seed's file or a numeric field of its log; portraits have neither"
            )
        return self


@dataclass(frozen=True, config=STRICT)
class Money:
    """The numeric field of a log that is money; `times` is one it is multiplied by, such as pieces."""

    log: Text
    field: Text
    times: Text | None = None


@dataclass(frozen=True, config=STRICT)
class Data:
    """A source: its logs, its profile table, its clock."""

    name: Name
    logs: dict[str, Log]
    root: Place = "."
    time_zone: str = "UTC"
    as_of: Text = "latest"
    sample: OpenShare | None = None
    profiles: Profiles | None = None
    quality: Quality = Field(default_factory=Quality)
    seed: SeedRule | None = None
    money: Money | None = None

    @model_validator(mode="after")
    def _usable(self) -> Data:
        if not self.logs:
            raise ValueError("'logs' is empty: a source needs at least one event log")
        for name in self.logs:
            if not is_plain_name(name):
                raise ValueError(f"log name '{name}' must be letters, digits and single underscores, a letter first")
        if len({name.casefold() for name in self.logs}) < len(self.logs):
            raise ValueError(f"two logs have the same name but for case: {', '.join(self.logs)}")
        return self
