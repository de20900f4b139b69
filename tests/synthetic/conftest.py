"""Fixtures: SYNTHETIC operators on disk, made once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.synthetic.writing import Operator, write


def written(operator: Operator, folder: Path) -> Path:
    """Write an operator without saying anything; return its folder."""
    write(operator, folder, lambda total: lambda step: None)
    return folder


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the default operator: 2,000 lines, a year."""
    return written(Operator(), tmp_path_factory.mktemp("operator") / "telecom")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an operator of 300 lines, a year."""
    return written(Operator(customers=300), tmp_path_factory.mktemp("small") / "telecom")
