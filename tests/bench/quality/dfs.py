"""Deep feature synthesis by featuretools, run by a Python of its own: `python dfs.py <folder of events> <file>`.

This file imports nothing of the package, because featuretools wants pandas 2 and lives in a virtual environment of its
own (`make bench-quality` makes it). It reads the events before as_of that `prepare` exported, and writes one row of
features per customer. Kanter & Veeramachaneni 2015, IEEE DSAA, doi:10.1109/DSAA.2015.7344858.
"""

import json
import sys
import warnings
from pathlib import Path

import pandas as pd

DEPTH = 2  # aggregates of events, and aggregates of their transformed columns
# featuretools' defaults, and how long ago the last event was, without which nobody would ask whether a customer lapses.
AGGREGATES = [
    "sum",
    "std",
    "max",
    "skew",
    "min",
    "mean",
    "count",
    "percent_true",
    "num_unique",
    "mode",
    "time_since_last",
]


def main() -> None:
    """Write the features of all customers by the primitives named above."""
    import featuretools  # only here, so that tests can be collected without it

    warnings.filterwarnings("ignore")  # of featuretools' own use of pandas
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    told = json.loads((folder / "logs.json").read_text())
    features = synthesise(folder, told)
    features.index = features.index.astype(str)
    features.to_parquet(target)
    versions = {"featuretools": featuretools.__version__, "pandas": pd.__version__}
    target.with_suffix(".json").write_text(json.dumps({**versions, "depth": DEPTH, "features": features.shape[1]}))


def synthesise(folder: Path, told: dict) -> pd.DataFrame:
    """Return numeric features, one row per customer; categories become one column for each of the commonest."""
    import featuretools

    customer, entities, seen = told["customer"], featuretools.EntitySet("logs"), []
    for log, fields in told["logs"].items():
        events = pd.read_parquet(folder / f"{log}.parquet")
        events[fields["categorical"]] = events[fields["categorical"]].astype("category")
        seen.append(events[customer])
        types = dict.fromkeys(fields["categorical"], "Categorical") | dict.fromkeys(fields["numeric"], "Double")
        entities.add_dataframe(
            events,
            log,
            index="event",
            make_index=True,
            time_index="time",
            logical_types={customer: "Categorical", **types},
        )
    customers = pd.DataFrame({customer: sorted(set(pd.concat(seen)))})
    entities.add_dataframe(customers, "customers", index=customer, logical_types={customer: "Categorical"})
    for log in told["logs"]:
        entities.add_relationship("customers", customer, log, customer)
    matrix, definitions = featuretools.dfs(
        entityset=entities,
        target_dataframe_name="customers",
        cutoff_time=pd.Timestamp(told["as_of"]),
        agg_primitives=AGGREGATES,
        max_depth=DEPTH,
        n_jobs=1,
    )
    matrix, _ = featuretools.encode_features(matrix, definitions, top_n=10, include_unknown=False)
    return matrix.astype("float64")


if __name__ == "__main__":
    main()
