"""Fixtures of the method's tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No test here may fail because the machine is busy.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with slices of GSM8K and MATH: $RISE_TEST_DATA, or shared/data beside the repository."""
    folder = Path(os.environ.get("RISE_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no shared data: {folder} does not exist; RISE_TEST_DATA=FOLDER names GSM8K and MATH slices")
    return folder
