"""Ways to expect a customer's value, side by side and out of time: `python -m tests.bench.lifetime_value --help`.

CDNOW (Fader, Hardie 2001, Interfaces 31, S94-S107): 23,570 people whose first purchase of compact discs was in the
first quarter of 1997, until June 1998; the example of the literature on lifetime value. Its file `CDNOW_master.txt`
(customer, date, pieces, dollars; columns divided by spaces) is not shipped. BG/NBD and Gamma-Gamma need the extra
[clv].
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.configuration import parse_settings
from pipeline.run import run

_METRICS = ("mae", "rmse", "spearman", "top_decile_capture", "calibration", "deviance")


def cdnow(file: Path, folder: Path) -> None:
    """Write the file of the literature as a log."""
    table = pd.read_csv(file, sep=r"\s+", skiprows=1, names=["customer", "date", "pieces", "dollars"], dtype=str)
    table["date"] = pd.to_datetime(table["date"], format="%Y%m%d")
    numbers = {"pieces": table["pieces"].astype(float), "dollars": table["dollars"].astype(float)}
    # the vectors of behaviour want tokens, and discs have none: how many were bought at once
    table.assign(**numbers, size=table["pieces"].astype(str)).to_parquet(folder / "purchases.parquet", index=False)


def judged(folder: Path, horizon_days: int, as_of: str) -> pd.DataFrame:
    """Return the accuracy of each method on customers of whom nothing was learnt, in the horizon before `as_of`."""
    log = {"path": "purchases.parquet", "id": "customer", "time": "date", "has_clock": False, "duplicates": "keep"}
    log |= {"categorical": ["size"], "numeric": ["dollars", "pieces"]}
    config: dict[str, Any] = {
        "data": {"name": "cdnow", "root": str(folder), "as_of": as_of, "logs": {"purchases": log}},
        "model": {"name": "none", "estimator": {}},
        "engine": {"workers": 1},
        "value": {"field": "dollars", "horizon_days": horizon_days, "goals": ["profit"]},
        "tracking": {"folder": str(folder / "models")},
        "outputs": str(folder / "outputs"),
        "stages": ["features", "value"],
    }
    run(parse_settings(config))
    return pd.read_csv(folder / "outputs" / "cdnow" / "value" / "forecast_accuracy.csv")


def main() -> None:
    """Judge each method on CDNOW and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, help="CDNOW_master.txt")
    parser.add_argument("--horizons", type=int, nargs="+", default=[91, 182], help="days that value is expected for")
    parser.add_argument("--as-of", default="1998-07-01", help="where the last horizon ends")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        cdnow(chosen.file, folder)
        for days in chosen.horizons:
            table = judged(folder, days, chosen.as_of)
            shown = [
                f"{e:.3g} [{low:.3g}, {high:.3g}]" for e, low, high in table[["estimate", "low", "high"]].to_numpy()
            ]
            wide = table.assign(shown=shown).pivot(index="method", columns="metric", values="shown")
            print(f"\nCDNOW, {days} days before {chosen.as_of}, {table['n'].iloc[0]:,} customers\n")
            print(wide[list(_METRICS)].to_string())


if __name__ == "__main__":
    main()
