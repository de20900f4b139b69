import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.split import folds, hash32

CUSTOMERS = [f"customer {number}" for number in range(5000)]


@given(st.text(st.characters(codec="utf-8")))
def test_hash32_is_the_first_32_bits_of_md5(text):
    assert hash32(text) == int.from_bytes(hashlib.md5(text.encode()).digest()[:4], "big")
    assert 0 <= hash32(text) < 2**32


def test_published_values():
    """MD5 of the empty text and of 'abc', from RFC 1321."""
    assert (hash32(""), hash32("abc")) == (0xD41D8CD9, 0x90015098)


def test_a_customer_s_fold_depends_on_its_id_and_the_salt_alone():
    all_folds = dict(zip(CUSTOMERS, folds(CUSTOMERS, 5, "repeat 0"), strict=True))
    some = CUSTOMERS[::-7]
    assert folds(some, 5, "repeat 0").tolist() == [all_folds[customer] for customer in some]


def test_another_process_finds_the_same_folds():
    code = "from pipeline.split import folds; print(folds(map(str, range(50)), 5, 's').tolist())"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.strip() == str(folds(map(str, range(50)), 5, "s").tolist())


@pytest.mark.parametrize("n_folds", [2, 5, 10])
def test_folds_are_of_nearly_one_size(n_folds):
    counts = np.bincount(folds(CUSTOMERS, n_folds, "s"), minlength=n_folds)
    assert len(counts) == n_folds
    expected = len(CUSTOMERS) / n_folds
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)  # five standard deviations of a fair draw


def test_another_salt_makes_independent_folds():
    one, other = folds(CUSTOMERS, 5, "repeat 0"), folds(CUSTOMERS, 5, "repeat 1")
    assert abs(np.mean(one == other) - 0.2) < 5 * np.sqrt(0.2 * 0.8 / len(CUSTOMERS))


def test_no_customers():
    assert folds([], 5, "s").shape == (0,)
    assert folds([], 5, "s").dtype == np.int64
