"""Group shares against the truth of the SYNTHETIC operator, whose profiles are missing not at random.

`python -m tests.bench.operator_shares --help`. The stage `shares` runs as always; the truth is what every account
holder would have said. Printed for each attribute's values: the truth, and each estimate with its 95 % interval; then
how many intervals hold the truth, and the mean error. Of two values the second alone is counted.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.outputs import MANIFEST
from pipeline.run import run
from pipeline.settings import Settings
from pipeline.synthetic.bounds import DECLARED, Source
from pipeline.synthetic.writing import Operator, write
from tests.bench.best_possible import settings_of

ATTRIBUTES = (
    "gender",
    "under_35",
    "has_children",
    "high_income",
    "marital_status",
    "night_worker",
    "second_sim",
    "student",
)
METHODS = ("counted", "corrected", "if_answer_decides")


def main() -> None:
    """Run the stage, compare with the truth, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--customers", type=int, default=10_000, help="lines; half of them have a profile")
    parser.add_argument("--activity", type=float, default=0.3, help="events of a line, as a multiple of the default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="operators that are made")
    parser.add_argument("--folder", type=Path, default=Path("outputs/bench/shares"), help="where everything is written")
    parser.add_argument("overrides", nargs="*", help="such as features.windows_days=[28,91]")
    chosen = parser.parse_args()
    parts = []
    for seed in chosen.seeds:
        place = chosen.folder / f"operator-{chosen.customers}-{chosen.activity}-{seed}"
        if not (place / "operator" / MANIFEST).exists():
            operator = Operator(customers=chosen.customers, activity=chosen.activity, seed=seed)
            write(operator, place / "operator", lambda _: print)
        settings = settings_of(place / "operator", str(place / "outputs"), [*ATTRIBUTES], chosen.overrides)
        settings = replace(settings, stages=("features", "shares"))
        run(settings)
        parts.append(compared(settings, Source(place / "operator", chosen.customers)).assign(seed=seed))
    table = pd.concat(parts)
    print(table.round(4).to_string(index=False))
    print(summary(table).to_string())


def compared(settings: Settings, source: Source) -> pd.DataFrame:
    """Return the stage's table with the truth beside it; of two values the second alone."""
    table = pd.read_csv(Path(settings.outputs) / settings.data.name / "shares" / "group_shares.csv")
    rows = []
    for name, own in table.groupby("attribute", sort=False):
        cell, classed = DECLARED[str(name)]
        truth = np.bincount(classed(source._holders(cell)), minlength=len(own)) / len(source.ids)
        found = own.assign(truth=truth)
        rows.append(found.iloc[1:] if len(found) == 2 else found)
    kept = [f"{method}{end}" for method in METHODS for end in ("", "_low", "_high")]
    return pd.concat(rows)[["attribute", "value", "truth", *kept]]


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return by method how many intervals hold the truth, the mean error, and the mean width."""
    found = {}
    for method in METHODS:
        low, high = table[f"{method}_low"], table[f"{method}_high"]
        found[method] = {
            "held": int(((low <= table["truth"]) & (table["truth"] <= high)).sum()),
            "of": len(table),
            "mean error": round(float((table[method] - table["truth"]).abs().mean()), 4),
            "mean width": round(float((high - low).mean()), 4),
        }
    return pd.DataFrame(found).T


if __name__ == "__main__":
    main()
