"""One whole run of the tiny profile, shared by the tests that only read it."""

from pathlib import Path

import pytest

from tests.flows.command import TINY, finished


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an uninterrupted run `whole` of two iterations; its printed metrics lie in printed.txt."""
    home = tmp_path_factory.mktemp("whole") / "home"
    printed = finished(home, "run", TINY, "--run", "whole")
    (home / "printed.txt").write_text(printed)
    return home
