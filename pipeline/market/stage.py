"""The market stage: people of each rule segment, what they are worth, what that says of a population."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import console, plots
from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError, PipelineError, did_you_mean
from pipeline.features.behaviour import read_encoder
from pipeline.features.matrix import FeatureMatrix, read_matrix
from pipeline.features.snapshot import snapshot_folder
from pipeline.market.census import Poststratified, poststratified
from pipeline.market.row import MONEY_SILENT, SILENT, market_row
from pipeline.market.sizing import Market, chosen_rules, read_rules, size_of, strata_of
from pipeline.market.worth import expected_values
from pipeline.outputs import MANIFEST, fingerprint, is_current, read_manifest, whole, write_file
from pipeline.program import code_fingerprint
from pipeline.segment.family import Place
from pipeline.segment.rules.facts import Facts
from pipeline.settings import Settings, as_plain
from pipeline.timeline import as_of_name, resolve_as_of
from pipeline.tracking import Tracker, metric_name
from pipeline.training_sample import draw

_ASSUMED = (
    "Corrected numbers are right if, given behaviour, telling does not depend on the answer; 'if the silent differ' "
    "holds if, of customers who behave alike, the odds of being inside are up to {odds:g} times as high or as low for "
    "those who do not tell. Of customers whose like hardly ever tell both take what behaviour predicts; "
    "'at least' and 'at most' allow for the odds of the others and for any answer of these. Expected numbers are sums "
    "of calibrated probabilities, between ends that allow for any answer of those of whom too little is known."
)


def market(settings: Settings, outputs: Path, tracker: Tracker) -> dict[str, Any] | None:
    """Write how large each rule segment's market is; return the manifest, or None if there are no rules.

    Raises
    ------
    ConfigError, DataError
        A setting names what does not exist, or segments and portraits have not been made yet.
    """
    wanted = chosen_rules(settings)
    if not wanted:
        console.say("market: no rule segment whose market could be sized; declare some in segment.rules")
        return None
    as_of_us = resolve_as_of(settings.data, read_manifest(outputs / "events"))
    snapshot = snapshot_folder(outputs, as_of_us)
    expected = _expected_fingerprint(settings, outputs, snapshot, tracker)
    folder = outputs / "market"
    if is_current(folder, expected):
        console.say(f"market: nothing has changed since {folder} was written")
        return read_manifest(folder)
    facts: dict[str, Any] = {"as_of_us": as_of_us, "data": settings.data.name, "missing": {}}
    with whole(folder, expected, facts) as unfinished:
        with DuckDBEngine(1, settings.engine.memory_limit_gb, settings.engine.spill) as engine:
            place = Place(settings, engine, tracker, outputs, snapshot, as_of_us)
            table, factors = _sized(place, wanted, facts)
        write_file(unfinished / "market.csv", lambda path: table.to_csv(path, index=False))
        tables = {"market": table}
        if len(factors):
            write_file(unfinished / "population.csv", lambda path: factors.to_csv(path, index=False))
            tables["population"] = factors
        (unfinished / "pictures").mkdir(exist_ok=True)
        plots.market_sizes(table, unfinished / "pictures" / "market.png")
        _track(settings, tracker, unfinished, expected, facts, tables)
    _report(settings, table, facts, folder)
    return facts


def _expected_fingerprint(settings: Settings, outputs: Path, snapshot: Path, tracker: Tracker) -> str:
    folders = [snapshot, outputs / "behaviour", outputs / "profiles", outputs / "scores"]
    folders += [outputs / "segments" / family for family in ("activity", "behaviour", "rules")]
    return fingerprint(
        [read_manifest(path)["fingerprint"] if (path / MANIFEST).is_file() else None for path in folders],
        as_plain(settings.market),
        as_plain(settings.segment),
        as_plain(settings)["attributes"],
        settings.seed,
        tracker.uri,
        _values_fingerprint(settings, outputs),
        code_fingerprint(),
    )


def _values_fingerprint(settings: Settings, outputs: Path) -> str | None:
    folder = outputs / "value"
    used = settings.market.worth == "value" and (folder / MANIFEST).is_file()
    return str(read_manifest(folder)["fingerprint"]) if used else None


def _sized(place: Place, wanted: list[str], facts: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return one row per segment, and the weights that a population's margins ask for."""
    settings = place.settings
    known = Facts(place)
    read = read_rules(settings.segment.rules, known)
    facts["missing"] = {name: why for name, why in read.wrong.items() if name in wanted}
    values = expected_values(place.outputs, place.snapshot) if settings.market.worth == "value" else None
    matrix, scale = _sampled(place)
    facts["learnt_from"], facts["customers"] = len(matrix.customers), round(len(matrix.customers) * scale)
    rows, factors = [], pd.DataFrame()
    with console.progress("market", len(wanted)) as step:
        for name in wanted:
            if name in read.asked:
                found = size_of(name, read, known, matrix, scale, settings)
                beyond = None
                try:
                    beyond = _beyond(settings, found, known)
                except PipelineError as error:
                    facts["missing"][f"population of {name}"] = str(error)
                rows.append(market_row(settings, found, beyond, values))
                factors = factors if beyond is None else _factors(beyond)
            step(name)
    return pd.DataFrame(rows), factors


def _sampled(place: Place) -> tuple[FeatureMatrix, float]:
    """Return the features of at most `market.max_customers` customers, by a hash of the id, and their scale."""
    encoder, most = read_encoder(place.outputs), place.settings.market.max_customers
    n = read_manifest(place.snapshot)["customers"]
    if n <= most:
        return read_matrix(place.engine, place.snapshot, encoder), 1.0
    drawn = draw(place.engine, place.snapshot, most)
    return read_matrix(place.engine, place.snapshot, encoder, only=drawn), n / most


def _beyond(settings: Settings, found: Market, facts: Facts) -> Poststratified | None:
    """Return the segment's share of the declared population, or None if none is declared or nothing is known."""
    population, outcomes = settings.market.population, found.size.outcomes
    if population is None or outcomes is None:
        return None
    for name in population.margins:
        if name not in facts.attributes:
            raise DataError(
                f"market.population.margins: there is no portrait of '{name}' {did_you_mean(name, facts.attributes)}"
            )
    shared = sorted(set(found.attributes) & set(population.margins))
    if shared:
        raise DataError(
            f"market.population.margins: the rule asks for {', '.join(shared)} itself, so that its share of the "
            "population follows from the margin and not from the customers; leave it out of the rule or of the margins"
        )
    inside = np.flatnonzero(~np.isnan(outcomes))
    rows = np.searchsorted(facts.ids, found.ids[inside])
    strata = strata_of(facts, list(population.margins), rows)
    return poststratified(outcomes[inside], strata, facts.attributes, population.margins, settings.seed)


def _factors(beyond: Poststratified) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"margin": margin, "value": value, "population_over_base": ratio}
            for margin, values in beyond.weights.items()
            for value, ratio in values.items()
        ]
    )


def _track(
    settings: Settings,
    tracker: Tracker,
    folder: Path,
    expected: str,
    facts: dict[str, Any],
    tables: dict[str, pd.DataFrame],
) -> None:
    tags = {"stage": "market", "source": settings.data.name, "as_of": as_of_name(facts["as_of_us"])}
    table = tables["market"]
    people = {f"people/{row['segment']}": float(row["people"]) for _, row in table.iterrows()}
    measured = {metric_name(name): value for name, value in people.items() if np.isfinite(value)}
    with tracker.run(f"market {expected[:6]}", expected, tags) as run_id:
        plain = {key: value for key, value in as_plain(settings.market).items() if value not in (None, ())}
        tracker.log(run_id, plain, measured, tables, folder=folder / "pictures")


def _report(settings: Settings, table: pd.DataFrame, facts: dict[str, Any], folder: Path) -> None:
    chosen = settings.market
    spans = {"naive": "counted × base [95 %]", "people": "people [95 %]"}
    spans |= {SILENT: "if the silent differ [95 %]"}
    if chosen.worth is not None:
        spans |= {"money": "money [95 %]", MONEY_SILENT: "money, if the silent differ"}
    spans |= {"population_people": f"of {chosen.population.size:,} [95 %]"} if chosen.population is not None else {}
    rows = []
    for _, row in table.iterrows():
        range_ = "–" if pd.isna(row["at_least"]) else f"{row['at_least']:,.0f} to {row['at_most']:,.0f}"
        rows.append(
            [
                row["segment"],
                row["how"],
                "–" if pd.isna(row["told"]) else f"{row['told']:,.0f}",
                *(_span(row, name) for name in spans),
                range_,
            ]
        )
    note = _ASSUMED.format(odds=chosen.silent_odds)
    columns = ["segment", "how", "told", *spans.values(), "at least to at most"]
    console.table(f"Market: people of {facts['customers']:,} customers", columns, rows, note, left=(0, 1))
    for line in (*assumptions(settings, facts), *(f"'{name}': {why}" for name, why in facts["missing"].items())):
        console.say(f"market: {line}")
    for _, row in table.iterrows():
        if row["why_not"]:
            console.say(f"market: '{row['segment']}': {row['why_not']}")
    console.say(f"market: written to {folder}")


def assumptions(settings: Settings, facts: dict[str, Any]) -> list[str]:
    """Return in words what money and population rest on."""
    chosen, told = settings.market, []
    if facts["learnt_from"] < facts["customers"]:
        told.append(f"learnt from {facts['learnt_from']:,} customers chosen by hash, scaled to {facts['customers']:,}")
    if chosen.worth == "value":
        told.append(
            "money: what the people are expected to bring in the coming horizon, whether they are addressed or not "
            "(stage value); intervals are those of who they are, the model of value taken as it stands"
        )
    elif chosen.worth is not None:
        told.append("money = people × response × worth, the three taken as independent")
        if chosen.response is None:
            told.append("market.response is not given: money is what it would be if everybody responded")
        elif chosen.response.rate is not None:
            told.append(f"a response of {chosen.response.rate:.1%} is assumed, not measured: it has no interval")
    if chosen.population is not None:
        told.append(
            f"population '{chosen.population.name}', {chosen.population.size:,} people; margins from "
            f"{chosen.population.source}, taken as exact. People who are no customers are taken to be in the segment "
            f"as often as customers with the same {', '.join(chosen.population.margins)} are; where a margin is "
            "inferred, it and the segment are taken as independent given behaviour (this draws it to the base's share)"
        )
    return told


def _span(row: pd.Series, name: str) -> str:
    if name not in row.index or pd.isna(row[name]):
        return "–"
    if row[f"{name}_low"] == row[f"{name}_high"]:
        return f"{row[name]:,.0f}"
    return f"{row[name]:,.0f} [{row[f'{name}_low']:,.0f}, {row[f'{name}_high']:,.0f}]"
