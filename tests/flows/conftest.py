"""A run with an adapter as checkpoint, shared by reading tests."""

from pathlib import Path

import pytest

from tests.flows import adapted as lora


@pytest.fixture(scope="session")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of run `adapted`, not evaluated: iteration 1 is a LoRA checkpoint of a tiny random Mistral."""
    return lora.make_home(tmp_path_factory.mktemp("adapted") / "home")
