"""How far models stay below the best possible on the SYNTHETIC operator: `python -m tests.bench.best_possible --help`.

The operator is made if it is not there, and another one in its place is refused. Its features and models are trained as
always, and the predictions for test customers are set beside the exact posterior of the generator for the very same
customers. The interval of the gap is the paired bootstrap over test customers. Attributes of at least 20,000 labels
should come within 0.02.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from pipeline.errors import ConfigError, PipelineError
from pipeline.judged import Judged, judged_of
from pipeline.outputs import MANIFEST, read_manifest
from pipeline.paired import differences
from pipeline.run import run
from pipeline.settings import Settings
from pipeline.synthetic import telecom
from pipeline.synthetic.best import ATTRIBUTES, best_possible
from pipeline.synthetic.bounds import Source
from pipeline.tracking import Tracker
from tests.bench.settings import settings_of as composed_settings

DEFAULT = ("gender", "under_35", "has_children", "uses_games", "uses_shopping", "uses_travel", "domestic_travel")
RESAMPLES = 500


def main(given: Sequence[str] | None = None) -> None:
    """Train, compare, and print one row per attribute; a user's mistake ends with one message and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--customers", type=int, default=52_000, help="lines; half of them have a profile")
    parser.add_argument("--activity", type=float, default=0.3, help="events of a line, as a multiple of the default")
    parser.add_argument("--folder", type=Path, default=Path("outputs/bench/operator"), help="of the operator's files")
    parser.add_argument(
        "--attributes",
        nargs="+",
        default=list(DEFAULT),
        choices=ATTRIBUTES,
        metavar="NAME",
        help="behind the overrides",
    )
    parser.add_argument("--outputs", default="outputs/bench/best", help="where features and models are written")
    parser.add_argument("overrides", nargs="*", help="such as model=lightgbm")
    chosen = parser.parse_args(given)
    try:
        make(chosen.customers, chosen.activity, chosen.folder)
        settings = settings_of(chosen.folder, chosen.outputs, chosen.attributes, chosen.overrides)
        run(settings)
        show(settings, Source(chosen.folder, chosen.customers))
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def make(customers: int, activity: float, folder: Path) -> None:
    """Make the operator, unless it stands there.

    Raises
    ------
    ConfigError
        If a number is out of range, or the folder holds another operator or something else.
    DataError
        If another run writes to the folder, or the disk is full or does not let itself be written.
    """
    given = ["--customers", str(customers), "--activity", str(activity), "--folder", str(folder)]
    operator, folder = telecom.arguments(given)
    # `telecom.make` writes over an operator that stands there, and may be somebody's work of hours.
    found = read_manifest(folder).get("operator") if (folder / MANIFEST).exists() else None
    if found is not None and found != asdict(operator):
        wanted = asdict(operator)
        pairs = {name: (found.get(name), wanted.get(name)) for name in {**wanted, **found}}
        differ = "; ".join(f"{name} {there}, not {asked}" for name, (there, asked) in pairs.items() if there != asked)
        raise ConfigError(
            f"--folder: {folder} holds another operator than the one asked for ({differ}). Ask for what stands there "
            "with --customers and --activity, or give another folder."
        )
    telecom.make(operator, folder)


def show(settings: Settings, source: Source) -> None:
    """Print one row per trained attribute."""
    print(f"{'attribute':<18}{'labels':>8}{'test':>8}{'AUC':>8}{'best':>8}  gap [95 %]")
    for name, (n_labels, judged) in trained(settings).items():
        pair = best_of(judged, source, name), judged.first(1)
        gap = differences({name: pair}, "auc", RESAMPLES)[name]
        figures = f"{float(pair[1].score('auc')):>8.3f}{float(pair[0].score('auc')):>8.3f}"
        told = "" if n_labels >= 20_000 else "  (fewer than 20,000 labels)"
        interval = f"{gap.estimate:.4f} [{gap.low:.4f}, {gap.high:.4f}]"
        print(f"{name:<18}{n_labels:>8,}{gap.n:>8,}{figures}  {interval}{told}", flush=True)


def settings_of(folder: Path, outputs: str, attributes: list[str], overrides: list[str]) -> Settings:
    """Return the settings of a run of some attributes of the operator in `folder`."""
    given = ["data=telecom", f"data.root={folder.resolve()}", f"outputs={outputs}", "stages=[features,train]"]
    settings = composed_settings(*given, f"tracking.folder={outputs}/models", *overrides)
    return replace(settings, attributes={name: settings.attributes[name] for name in attributes})


def trained(settings: Settings) -> dict[str, tuple[int, Judged]]:
    """Return, by attribute of the last training, its number of labels and the predictions for test customers."""
    tracker = Tracker(settings.tracking, settings.data.name)
    found = {}
    for nested in tracker.nested(tracker.trainings()[0].id):
        table = tracker.read_table(nested.id, "out_of_fold")
        judged = None if table is None else judged_of(table)
        if judged is not None:
            found[nested.tags["attribute"]] = (int(nested.params["labels"]), judged)
    return {name: found[name] for name in settings.attributes if name in found}


def best_of(judged: Judged, source: Source, name: str) -> Judged:
    """Return the best possible scores of the same test customers in the place of the model's.

    Raises
    ------
    ValueError
        If the pipeline's labels are not the generator's.
    """
    best = best_possible(source, name)
    place = {str(line): row for row, line in enumerate(best.lines)}
    rows = np.array([place[str(customer)] for customer in judged.customers])
    if (best.labels[rows] != judged.y).any():
        raise ValueError(f"{name}: {(best.labels[rows] != judged.y).sum()} labels differ from the generator's")
    return replace(judged, proba=best.scores[rows][None], folds=judged.folds[:1], stated=judged.stated[:1])


if __name__ == "__main__":
    main()
