"""The profile table, checked, and the list of all customers known from logs or profiles."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from pipeline.canonical import customer_id, sampled
from pipeline.columns import CUSTOMER, RAW, REASON
from pipeline.engine import DuckDBEngine, QueryEngine
from pipeline.errors import DataError
from pipeline.events import bucket_file, read_events
from pipeline.outputs import file_facts, fingerprint, is_current, read_manifest, whole
from pipeline.program import code_fingerprint
from pipeline.settings import Data, as_plain
from pipeline.sources import files_of, open_table, place_of, require_column

HAS_PROFILE, HAS_EVENTS = "has_profile", "has_events"
# While profiles are checked; a profile table may have a column of any other name.
_WHY, _FOUND, _BUCKET = "_reason", "_raw", "_bucket"
_CONFLICT, _COPY, _NULL = "customer with contradictory profiles", "duplicate profile", "null id"


def write_profiles(data: Data, events: Path, folder: Path, quarantine: Path, engine: QueryEngine) -> dict[str, Any]:
    """Check the profile table and write it, in the buckets of the events; return the manifest.

    Of exact copies of a profile one is kept. A customer with several different profiles has none that
    can be believed: all of them are quarantined. Both are counted, like every bad row.

    Parameters
    ----------
    folder
        `profiles/bucket=0000.parquet`: customer_id and the profile's columns (a column customer_id that is not
        the declared id is left out); `customers/bucket=0000.parquet`:
        every customer of logs or profiles with `has_profile` and `has_events`.

    Raises
    ------
    DataError
        If the file is missing or damaged, or more than `data.quality.max_bad_share` of its rows are bad.
    SchemaError
        If the id column does not exist.
    """
    event_facts = read_manifest(events)
    buckets = event_facts["buckets"]
    where = "data.profiles"
    files = files_of(data.profiles, data.root, where) if data.profiles else []
    declared = as_plain(data.profiles) if data.profiles else None
    expected = fingerprint(
        event_facts["fingerprint"],
        [file_facts(f) for f in files],
        declared,
        as_plain(data.quality),
        data.sample,
        code_fingerprint(__name__, "pipeline.engine"),
    )
    if is_current(folder, expected):
        return read_manifest(folder)
    facts: dict[str, Any] = {"buckets": buckets}
    with whole(folder, expected, facts) as partial:
        checked = _checked(engine, data) if data.profiles else None
        facts.update(_count_bad(engine, checked, data, quarantine) if checked is not None else {"rows": 0, "bad": {}})
        staged = partial / ".staged"
        types = _split(engine, checked, staged, buckets) if checked is not None else pa.schema({CUSTOMER: pa.string()})
        jobs = [(events, list(event_facts["logs"]), staged, types, bucket, partial) for bucket in range(buckets)]
        counted = engine.each_bucket(_write_bucket, jobs)
        shutil.rmtree(staged, ignore_errors=True)
        facts.update({name: sum(part[name] or 0 for part in counted) for name in counted[0]})
        arrived = facts["customers"] - facts["customers_without_profile"]
        if arrived != facts["rows"]:
            raise DataError(
                f"{where}: {facts['rows']:,} profiles were split by customer, but {arrived:,} arrived: files of "
                f"{staged} went while they were read. Let nobody else write there, and on a cluster let every worker "
                "see that folder; then run the same command again, which splits them anew"
            )
    return read_manifest(folder)


def read_profiles(engine: QueryEngine, folder: Path, bucket: int) -> ir.Table:
    """Open one bucket of the checked profiles."""
    return engine.parquet(bucket_file(folder / "profiles", bucket))


def read_customers(engine: QueryEngine, folder: Path, bucket: int) -> ir.Table:
    """Open one bucket of the list of customers."""
    return engine.parquet(bucket_file(folder / "customers", bucket))


def _checked(engine: QueryEngine, data: Data) -> ir.Table:
    """Return the profile table with `customer_id` and the reason why a row cannot be used."""
    assert data.profiles is not None  # narrowed for the type checker; the caller has asked
    where = "data.profiles"
    table = open_table(engine, data.profiles, data, where)
    require_column(table, data.profiles.id, where, data, data.profiles)
    columns = [name for name in table.columns if name != data.profiles.id and name.casefold() != CUSTOMER]
    table = table.select(
        **{
            CUSTOMER: customer_id(table[data.profiles.id]),
            **{name: table[name] for name in columns},
            _FOUND: _described(table, table.columns),
            "_content": _described(table, columns),  # without the id, which may be spelt 7 and 7.0
        }
    )
    table = sampled(engine, table, data)
    of_customer = ibis.window(group_by=CUSTOMER)
    copy = ibis.row_number().over(ibis.window(group_by=CUSTOMER, order_by=["_content", _FOUND]))
    content = table["_content"]
    table = table.mutate(_copy=copy, _least=content.min().over(of_customer), _most=content.max().over(of_customer))
    reason = ibis.cases(
        (table[CUSTOMER].isnull(), _NULL),
        (table["_least"] != table["_most"], _CONFLICT),
        (table["_copy"] > 0, _COPY),
        else_=ibis.null("string"),
    )
    return table.mutate(**{_WHY: reason}).drop("_content", "_copy", "_least", "_most")


def _described(table: ir.Table, columns: Sequence[str]) -> ir.StringValue:
    cells = [ibis.literal(f"{name}=") + table[name].cast("string").fill_null("NULL") for name in columns]
    return ibis.literal("; ").join(cells) if cells else ibis.literal("")


def _count_bad(engine: QueryEngine, checked: ir.Table, data: Data, quarantine: Path) -> dict[str, Any]:
    assert data.profiles is not None
    origin = f"data.profiles: {place_of(data.profiles)}"
    bad = checked.filter(checked[_WHY].notnull())
    bad = bad.select(CUSTOMER, **{REASON: bad[_WHY], RAW: bad[_FOUND]}).order_by([REASON, RAW])
    summed = bad.group_by(REASON).agg(n=bad.count(), example=bad[RAW].min()).order_by(REASON)
    counted = engine.arrow(summed, origin).to_pylist()
    rows = engine.arrow(checked.agg(n=checked.count()), origin).to_pylist()[0]["n"]
    n_bad = sum(item["n"] for item in counted)
    (quarantine / "profiles.parquet").unlink(missing_ok=True)
    if counted:
        engine.write(bad, quarantine / "profiles.parquet")
    if n_bad > data.quality.max_bad_share * rows:
        listed = "; ".join(f"{item[REASON]}: {item['n']:,} rows, such as [{item['example']}]" for item in counted)
        raise DataError(
            f"{origin}: {n_bad:,} of {rows:,} rows ({n_bad / rows:.1%}) cannot be used, more than "
            f"data.quality.max_bad_share={data.quality.max_bad_share:g} allows. "
            f"{listed}. The rows are kept in {quarantine / 'profiles.parquet'}."
        )
    return {"rows": rows - n_bad, "bad": {item[REASON]: item["n"] for item in counted}}


def _split(engine: QueryEngine, checked: ir.Table, staged: Path, buckets: int) -> pa.Schema:
    """Write the profiles that can be used in the buckets of the events; return their columns' types."""
    good = checked.filter(checked[_WHY].isnull()).drop(_WHY, _FOUND)
    engine.write_split(good.mutate(**{_BUCKET: engine.hash32(good[CUSTOMER]) % buckets}), staged, _BUCKET)
    return good.schema().to_pyarrow()


def _write_bucket(
    engine: DuckDBEngine, events: Path, logs: list[str], staged: Path, types: pa.Schema, bucket: int, folder: Path
) -> dict[str, int | None]:
    """Write one bucket's profiles and customers; count the customers."""
    files = sorted((staged / f"{_BUCKET}={bucket}").glob("*.parquet"))
    found = engine.parquet(files) if files else engine.memory(types.empty_table())
    good = found.select(*types.names).order_by(CUSTOMER)
    engine.write(good, bucket_file(folder / "profiles", bucket))
    customers = _customers(engine, events, logs, good, bucket)
    engine.write(customers, bucket_file(folder / "customers", bucket))
    counted = customers.agg(
        customers=customers.count(),
        profiles_without_events=(~customers[HAS_EVENTS]).cast("int64").sum(),
        customers_without_profile=(~customers[HAS_PROFILE]).cast("int64").sum(),
    )
    totals: dict[str, int | None] = engine.arrow(counted).to_pylist()[0]
    return totals


def _customers(engine: DuckDBEngine, events: Path, logs: list[str], profiles: ir.Table, bucket: int) -> ir.Table:
    seen = [read_events(engine, events, log, bucket).select(CUSTOMER).distinct() for log in logs]
    flags = [table.mutate(**{HAS_PROFILE: ibis.literal(False), HAS_EVENTS: ibis.literal(True)}) for table in seen]
    flags.append(profiles.select(CUSTOMER).mutate(**{HAS_PROFILE: ibis.literal(True), HAS_EVENTS: ibis.literal(False)}))
    both = ibis.union(*flags) if len(flags) > 1 else flags[0]
    return (
        both.group_by(CUSTOMER)
        .agg(**{HAS_PROFILE: both[HAS_PROFILE].any(), HAS_EVENTS: both[HAS_EVENTS].any()})
        .order_by(CUSTOMER)
    )
