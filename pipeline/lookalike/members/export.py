"""What leaves the house: members, those held back, and the manifest that says where both come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline import schemas
from pipeline.columns import CONTROL, CUSTOMER, MEMBERS, RANK, REASON, SCORE
from pipeline.damage import read_rows
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError
from pipeline.lookalike.members.available import Available
from pipeline.lookalike.members.control import ControlGroup, Detectable, verify_seal
from pipeline.lookalike.members.spreadsheet import guarded_cells, spreadsheet_safe
from pipeline.outputs import write_file
from pipeline.program import code_fingerprint

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Ids = NDArray[np.str_]

CONTROL_GROUP = "control_group.parquet"  # all ids that were drawn, whatever the audience became


@dataclass(frozen=True)
class Origin:
    """Where an audience comes from and what it is for.

    `versions` are those of the models behind it, by name; `purpose` the use that was allowed. Instants are microseconds
    since the epoch, UTC; from `expires_us` on nobody must be contacted by the list.
    """

    name: str
    source: str
    seed_hash: str
    method: str
    versions: dict[str, str]
    purpose: str
    as_of_us: int
    expires_us: int

    def __post_init__(self) -> None:
        """Refuse an audience without a purpose, or one that has expired before it begins."""
        if not self.purpose.strip():
            raise ConfigError(
                f"audience '{self.name}': no purpose is given. Say what the list may be used for, such as "
                "'invitation to the wine tasting in May'."
            )
        if self.expires_us <= self.as_of_us:
            raise ConfigError(
                f"audience '{self.name}': it expires on {_instant(self.expires_us)}, but its customers are known as of "
                f"{_instant(self.as_of_us)}. It must expire later."
            )


@dataclass(frozen=True)
class Export:
    """The tables of an audience: members (customer_id, rank, score, reason) and control (customer_id, rank, score).

    `rank` counts members and control together, from 1, by score down and id up: that of a customer among all who
    would have been members. So each control customer can be compared with the members ranked next to it.
    """

    members: pd.DataFrame
    control: pd.DataFrame


def export_tables(ids: Ids, scores: Floats, members: Ints, held_back: Ints, reasons: Sequence[str]) -> Export:
    """Return the tables of an audience.

    Parameters
    ----------
    ids, scores
        Of the base, (n,) each.
    members, held_back
        Positions in the base; see `control.held_back`.
    reasons
        One per member, in the order of `members`.

    Raises
    ------
    DataError
        Nobody is a member, somebody is listed twice, or reasons do not fit.
    """
    everybody = np.concatenate([members, held_back]).astype(np.int64)
    if not len(members) or len(np.unique(everybody)) < len(everybody) or len(reasons) != len(members):
        raise DataError(
            f"export: {len(members)} members, {len(held_back)} held back, {len(np.unique(everybody))} different "
            f"customers and {len(reasons)} reasons; each customer stands in one of the lists, each member has a reason."
        )
    told = [*reasons, *[""] * len(held_back)]
    table = pd.DataFrame(
        {
            CUSTOMER: ids[everybody].astype(object),
            RANK: 0,
            SCORE: scores[everybody].astype(np.float64),
            REASON: np.array(told, dtype=object),
            "is_member": np.arange(len(everybody)) < len(members),
        }
    ).sort_values([SCORE, CUSTOMER], ascending=[False, True], kind="stable", ignore_index=True)
    table[RANK] = np.arange(1, len(table) + 1, dtype=np.int64)
    inside = table["is_member"].to_numpy()
    return Export(
        members=table.loc[inside, list(MEMBERS)].reset_index(drop=True),
        control=table.loc[~inside, list(CONTROL)].reset_index(drop=True),
    )


def manifest_of(
    origin: Origin,
    export: Export,
    available: Available,
    control: ControlGroup | None = None,
    detectable: Sequence[Detectable] = (),
) -> dict[str, Any]:
    """Return what the manifest says: origin, counts, what was taken out, the seal of the control group, the code.

    The seal covers the whole control group as drawn, in and out of reach of this audience; `held_back` are those of it
    who would have been members.
    """
    facts: dict[str, Any] = asdict(origin) | {
        "as_of": _instant(origin.as_of_us),
        "expires": _instant(origin.expires_us),
        "members": len(export.members),
        "base": len(available.free),
        "seed": available.n_seed,
        "available": available.n_free,
        "in_control": available.n_control,
        "suppressed": asdict(available.suppressed),
        "excluded": asdict(available.excluded),
        "csv_cells_guarded": guarded_cells(export.members) + guarded_cells(export.control),
        "code": code_fingerprint(),
        "control": None,
    }
    if control is not None:
        facts["control"] = {
            "share": control.share,
            "salt": control.salt,
            "seal": control.seal,
            "drawn": int(control.drawn.sum()),
            "held_back": len(export.control),
            "detectable": [asdict(one) | {"words": one.words()} for one in detectable],
        }
    return facts


def write_export(folder: Path, export: Export, engine: DuckDBEngine) -> None:
    """Write members and control, each as Parquet and CSV, and check their contracts.

    Ids in Parquet are exact; in CSV an apostrophe stands before those that a spreadsheet would take for a formula, see
    `spreadsheet`. Programs join by the Parquet files.

    Raises
    ------
    SchemaError
        If a table breaks its contract.
    """
    _write(folder / "members", export.members, schemas.members(), engine)
    _write(folder / "control", export.control, schemas.control(), engine)


def _write(stem: Path, table: pd.DataFrame, contract: Any, engine: DuckDBEngine) -> None:
    exact, safe = _arrow(table), spreadsheet_safe(table)
    path = stem.with_name(f"{stem.name}.parquet")
    write_file(path, lambda partial: pq.write_table(exact, partial))
    schemas.check(contract, engine.parquet(path), path)
    write_file(stem.with_name(f"{stem.name}.csv"), lambda partial: safe.to_csv(partial, index=False))


def write_control_group(folder: Path, ids: Ids, control: ControlGroup) -> None:
    """Write the ids of the whole control group, sorted, to be done before anybody is ranked."""
    drawn = pa.table({CUSTOMER: pa.array(sorted(ids[control.drawn].tolist()), pa.string())})
    write_file(folder / CONTROL_GROUP, lambda partial: pq.write_table(drawn, partial))


def read_control_group(folder: Path, seal: str) -> list[str]:
    """Return the ids of the control group, if it is the one that was sealed.

    Raises
    ------
    DataError
        The file is missing, or see `verify_seal`.
    """
    path = folder / CONTROL_GROUP
    if not path.exists():
        raise DataError(f"{path}: no control group here; the audience was made without one, or the file was removed.")
    ids = [str(name) for name in read_rows(path, [CUSTOMER])[CUSTOMER].to_pylist()]
    verify_seal(ids, seal)
    return ids


def _arrow(table: pd.DataFrame) -> pa.Table:
    kinds = {RANK: pa.int64(), SCORE: pa.float64()}
    arrays = {name: pa.array(table[name].tolist(), kinds.get(str(name), pa.string())) for name in table.columns}
    return pa.table(arrays)


def _instant(instant_us: int) -> str:
    return datetime.fromtimestamp(instant_us // 1_000_000, tz=UTC).isoformat()
