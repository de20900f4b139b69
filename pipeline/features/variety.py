"""Variety: how many tokens of a field somebody met, how evenly, and at which hours and on which weekdays.

All of it follows from token counts. Where counts are kept and later events added to them, variety is kept, too, and
corrected by the few counts that have changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from pipeline.columns import COUNT, CUSTOMER, FIELD, HOUR, TOKEN, WEEKDAY
from pipeline.features.naming import dense_name, field_name
from pipeline.features.tokens import KEY, summed_counts, token_fields
from pipeline.settings import Log

DISTINCT, TOTAL, N_LOG, TOP = "_distinct", "_total", "_n_log", "_top"


@dataclass(frozen=True)
class Counts:
    """What is known of token counts.

    Attributes
    ----------
    by_field
        By customer and field: number of distinct tokens, sum of counts n, sum of n ln n, greatest n (`_distinct,
        _total, _n_log, _top`). Of one customer and field there may be several rows: their sums, and the greatest
        `_top`, are meant.
    rows
        Token counts; there may be several of one token, to be added up.
    """

    by_field: ir.Table
    rows: ir.Table


def of_counts(tokens: ir.Table) -> Counts:
    """Return what counts come to that stand in one table."""
    return Counts(by_field(tokens), tokens)


def of_kept_counts(kept_by_field: ir.Table, kept: ir.Table, added: ir.Table, logs: Mapping[str, Log]) -> Counts:
    """Return what counts come to that were kept, with what later events add to them.

    Parameters
    ----------
    kept_by_field
        What `by_field` returned for `kept`.
    kept, added
        Token counts, and what is to be added to them; where the fields are weighed that may be less than nothing.
    """
    weighed = [field_name(name, field) for name, log in logs.items() for field in log.weigh]
    rows = ibis.union(kept, added.select(kept.columns))
    if not weighed:
        return Counts(_together(kept_by_field, _changes(kept, added)), rows)
    # A greatest count that has become less is found among all counts alone.
    anew = by_field(summed_counts(_of(kept, weighed), _of(added, weighed)))
    changed = _changes(_of(kept, weighed, False), _of(added, weighed, False))
    return Counts(_together(_of(kept_by_field, weighed, False), changed, anew), rows)


def by_field(tokens: ir.Table) -> ir.Table:
    """Return what variety is made of, by customer and field: one pass with few groups."""
    n = tokens[COUNT].cast("float64")
    return tokens.group_by(CUSTOMER, FIELD).agg(
        **{DISTINCT: tokens.count().cast("float64"), TOTAL: n.sum(), N_LOG: (n * n.ln()).sum(), TOP: n.max()}
    )


def variety_features(counts: Counts, log: str, declared: Log) -> list[ir.Table]:
    """Distinct tokens, Shannon entropy in nats, share of the most frequent token; shares of hours and weekdays.

    Entropy from counts: H = ln N - (sum of n ln n) / N (Shannon 1948, doi:10.1002/j.1538-7305.1948.tb01338.x).
    """
    names = {field: field_name(log, field) for field in token_fields(declared)}
    parts = counts.by_field.filter(counts.by_field[FIELD].isin(list(names.values())))
    summed = {name: parts[name].sum() for name in (DISTINCT, TOTAL, N_LOG)}
    own = parts.group_by(CUSTOMER, FIELD).agg(**summed, **{TOP: parts[TOP].max()})
    entropy = own[TOTAL].ln() - own[N_LOG] / own[TOTAL]
    # Not greatest(): it would read the entropy of no token as 0. One token has none, whatever rounding makes of it.
    own = own.mutate(
        _entropy=((entropy < 0.0) | (own[DISTINCT] == 1.0)).ifelse(0.0, entropy), _top_share=own[TOP] / own[TOTAL]
    )
    features: dict[str, ir.Value] = {}
    for field, name in names.items():
        for what in ("distinct", "entropy", "top_share"):
            features[dense_name(log, field, what)] = own[f"_{what}"].max(where=own[FIELD] == name)
    blocks = [own.group_by(CUSTOMER).agg(**features)]
    for field, name in names.items():
        if clock_tokens(field):
            here = counts.rows.filter(counts.rows[FIELD] == name)
            n = here[COUNT].cast("float64")
            shares = {
                dense_name(log, field, f"share_{token}"): n.sum(where=here[TOKEN] == token).fill_null(0.0) / n.sum()
                for token in clock_tokens(field)
            }
            blocks.append(here.group_by(CUSTOMER).agg(**shares))
    return blocks


def clock_tokens(field: str) -> list[str]:
    """Return the tokens of hours and weekdays, whose shares are features; none for other fields."""
    return [f"{value:02d}" for value in range({HOUR: 24, WEEKDAY: 7}.get(field, 0))]


def _changes(kept: ir.Table, added: ir.Table) -> ir.Table:
    """Return how variety changes, by customer and field; counts only grow."""
    added = added.rename({"_more": COUNT})
    joined = added.left_join(kept, KEY)
    old = joined[COUNT].fill_null(0).cast("float64")
    new = old + joined["_more"].cast("float64")
    changed = joined.select(
        CUSTOMER,
        FIELD,
        **{
            DISTINCT: (old == 0.0).cast("float64"),
            TOTAL: joined["_more"].cast("float64"),
            N_LOG: new * new.ln() - (old > 0.0).ifelse(old * old.ln(), 0.0),
            TOP: new,
        },
    )
    summed = {name: changed[name].sum() for name in (DISTINCT, TOTAL, N_LOG)}
    return changed.group_by(CUSTOMER, FIELD).agg(**summed, **{TOP: changed[TOP].max()})


def _together(*tables: ir.Table) -> ir.Table:
    first, *others = tables
    return ibis.union(first, *(other.select(first.columns) for other in others))


def _of(tokens: ir.Table, fields: list[str], among: bool = True) -> ir.Table:
    """Return the rows of some fields, or of all others."""
    inside = tokens[FIELD].isin(fields)
    return tokens.filter(inside if among else ~inside)
