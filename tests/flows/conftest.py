"""One whole run of the tiny profile, shared by the tests that only read it."""

from pathlib import Path

import pytest

from tests.flows import adapted as lora
from tests.flows.command import TINY, finished


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an uninterrupted run `whole` of two iterations; its printed metrics lie in printed.txt."""
    home = tmp_path_factory.mktemp("whole") / "home"
    printed = finished(home, "run", TINY, "--run", "whole")
    (home / "printed.txt").write_text(printed)
    return home


@pytest.fixture(scope="session")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of run `adapted`, whose iteration 1 is a LoRA checkpoint on a tiny random Mistral. Not evaluated."""
    return lora.make_home(tmp_path_factory.mktemp("adapted") / "home")
