"""What a run of the stage works with: settings and places, portraits, earlier audiences, and who may be chosen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline import console
from pipeline.columns import CUSTOMER, RANK
from pipeline.damage import read_rows
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError
from pipeline.events import bucket_file
from pipeline.lookalike.members.available import Available, available
from pipeline.lookalike.members.control import ControlGroup, draw_control
from pipeline.lookalike.members.export import write_control_group
from pipeline.lookalike.population import Ids, Mask
from pipeline.lookalike.seed.rule import read_ids
from pipeline.outputs import MANIFEST, read_manifest
from pipeline.settings import Lookalike, Settings
from pipeline.timeline import as_of_name
from pipeline.tracking import Tracker


@dataclass(frozen=True)
class Context:
    """One run of the stage; `folder` is where its files are written before they appear whole, `workers` run at once."""

    settings: Settings
    engine: DuckDBEngine
    tracker: Tracker
    outputs: Path
    snapshot: Path
    as_of_us: int
    folder: Path
    workers: int

    @property
    def chosen(self) -> Lookalike:
        """The stage's own settings."""
        return self.settings.lookalike

    @property
    def scores(self) -> Path:
        """Where predictions and portraits stand, if there are any."""
        return self.outputs / "scores"


@dataclass(frozen=True)
class Pool:
    """Who may be chosen: `eligible` with the control group, `left` without it."""

    eligible: Mask
    left: Available
    control: ControlGroup | None


def draw_pool(context: Context, ids: Ids, seed: Mask) -> Pool:
    """Return who may be chosen; the control group is drawn, sealed and written before anybody is ranked.

    Raises
    ------
    DataError
        A list of ids is missing or damaged, or the control group is empty.
    """
    chosen = context.chosen
    suppress = _listed(chosen.suppress, "lookalike.suppress", ids)
    found = available(ids, seed, suppress, _listed(chosen.exclude, "lookalike.exclude", ids))
    if not chosen.control_share:
        return Pool(found.free, found, None)
    control = draw_control(ids, found.free, chosen.control_share, chosen.name, str(context.settings.seed))
    write_control_group(context.folder, ids, control)
    return Pool(found.free, found.without_control(control.drawn), control)


def _listed(path: str | None, where: str, ids: Ids) -> list[str]:
    """Return the ids of a list that nobody may be missed from, if at least one of them is in the base."""
    if path is None:
        return []
    listed = read_ids(Path(path), where, with_header=True)
    unknown = sorted(set(listed) - set(ids.tolist()))
    if listed and len(unknown) == len(set(listed)):
        raise DataError(
            f"{where}: none of the {len(unknown):,} ids in {path} is a customer of the base (e.g. '{unknown[0]}'; the "
            f"base holds ids like '{ids[0]}'). Are both in the same id system?"
        )
    if len(unknown) > 1:  # one may be a headline
        console.warn(f"{where}: {len(unknown):,} of {len(set(listed)):,} ids are not in the base (e.g. '{unknown[0]}')")
    return listed


def size_by_setting(chosen: Lookalike, n_free: int) -> int:
    """Return the size that `size` or `share` asks for; a tenth of the available customers if neither does.

    >>> [size_by_setting(chosen, 99) for chosen in (Lookalike(size=7), Lookalike(share=0.5), Lookalike())]
    [7, 50, 10]
    """
    return chosen.size or max(1, round((chosen.share or 0.10) * n_free))


def read_portraits(context: Context, ids: Ids | None = None) -> pd.DataFrame | None:
    """Return the portraits of the base in its order (None: of all customers, sorted by id); None where there are none.

    Portraits as of another instant describe other people: they are left out, and that is said.
    """
    if not (context.scores / MANIFEST).is_file():
        return None
    manifest = read_manifest(context.scores)
    if manifest["as_of_us"] != context.as_of_us:
        console.warn(
            f"lookalike: portraits are as of {as_of_name(manifest['as_of_us'])}, the snapshot as of "
            f"{as_of_name(context.as_of_us)}: they are left out. Run the stage score for this snapshot."
        )
        return None
    parts = [bucket_file(context.scores / "portraits", bucket) for bucket in range(manifest["buckets"])]
    frame = pd.concat([read_rows(path).to_pandas() for path in parts], ignore_index=True)
    frame[CUSTOMER] = frame[CUSTOMER].astype(str)
    if ids is None:
        return frame.sort_values(CUSTOMER, ignore_index=True)
    return frame.set_index(CUSTOMER).reindex(ids).rename_axis(CUSTOMER).reset_index()


def need_portraits(portraits: pd.DataFrame | None, what: str) -> pd.DataFrame:
    """Return the portraits; ConfigError, naming what needs them, if there are none."""
    if portraits is None:
        raise ConfigError(f"{what} needs the portraits of this snapshot: run stages=[features,train,score] first.")
    return portraits


def earlier_audiences(context: Context) -> dict[str, list[str]]:
    """Return the members of the source's audiences, the best first, by name; also of the one that is made anew."""
    found = {}
    for folder in sorted((context.outputs / "audiences").glob("*")):
        if not (folder / MANIFEST).is_file():
            continue
        path = folder / "members.parquet"
        if path.exists():
            members = read_rows(path, [CUSTOMER, RANK]).to_pandas().sort_values(RANK)
            found[folder.name] = members[CUSTOMER].astype(str).tolist()
    return found
