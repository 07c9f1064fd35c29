"""What all tests share: Ctrl-C that reaches their processes, and a whole run of the tiny profile to read."""

import signal
from pathlib import Path

import pytest

from tests.flows.command import TINY, finished

# A shell starts its background jobs deaf to Ctrl-C, and deafness is inherited: `make test &` could not test Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an uninterrupted run `whole` of two iterations; its printed metrics lie in printed.txt."""
    home = tmp_path_factory.mktemp("whole") / "home"
    printed = finished(home, "run", TINY, "--run", "whole")
    (home / "printed.txt").write_text(printed)
    return home
