from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.columns import US_PER_DAY
from tests.bench import events


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("source")
    events.write_days(events.sized(40_000), root, range(events.DAYS))
    return pq.read_table(root / events.LOG).to_pandas()


def test_there_are_as_many_events_as_asked_and_they_fill_the_year(written):
    assert len(written) == pytest.approx(40_000, rel=0.03)
    day = written["bought_at"].astype("int64") // US_PER_DAY - events.FIRST_DAY
    assert (day.min(), day.max()) == (0, events.DAYS - 1)


def test_two_of_a_hundred_numbers_are_missing(written):
    for amount in events.AMOUNTS:
        assert written[amount].isna().mean() == pytest.approx(0.02, abs=0.005)


def test_the_most_frequent_token_is_as_frequent_as_by_zipfs_law(written):
    for name, number in events.TOKENS.items():
        expected = 1 / np.sum(np.arange(1, number + 1) ** -1.1)
        assert written[name].value_counts(normalize=True).iloc[0] == pytest.approx(expected, rel=0.1)


def test_a_tenth_of_the_customers_makes_a_third_of_the_purchases(written):
    shares = written["customer"].value_counts(normalize=True)
    assert 0.28 < shares.iloc[: len(shares) // 10].sum() < 0.42


def test_a_day_is_the_same_whichever_days_are_written_with_it(tmp_path):
    world = events.sized(40_000)
    events.write_days(world, tmp_path / "one", range(7, 8))
    events.write_days(world, tmp_path / "more", range(6, 9))
    one, more = (pq.read_table(tmp_path / place / events.LOG / "day=0007.parquet") for place in ("one", "more"))
    assert one.equals(more)


def test_the_source_becomes_canonical_events_without_loss(tmp_path):
    world = events.sized(3_000)
    events.write_days(world, tmp_path, range(events.DAYS))
    events.write_canonical(events.purchases(tmp_path), world.events, tmp_path / "out", 1)
    parts = (tmp_path / "out" / "events" / events.LOG).glob("*.parquet")
    assert sum(pq.read_metadata(part).num_rows for part in parts) == pq.read_table(tmp_path / events.LOG).num_rows
    assert not (tmp_path / "out" / "quarantine").exists()
