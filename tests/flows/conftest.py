"""A run whose checkpoint is an adapter, shared by the tests that only read it."""

from pathlib import Path

import pytest

from tests.flows import adapted as lora


@pytest.fixture(scope="session")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of run `adapted`, whose iteration 1 is a LoRA checkpoint on a tiny random Mistral. Not evaluated."""
    return lora.make_home(tmp_path_factory.mktemp("adapted") / "home")
