"""Models and engines for the tests of this folder: one set for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from rise_core.config.keys import Model
from rise_core.engine.engine_processes import EngineProcesses
from rise_core.engine.pool import EnginePool
from rise_core.records import Checkpoint
from tests.rise_core.engine.tiny import CONFIG, LORA_RANK, make_adapter, make_model


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Folders of two models, two adapters on the first, one on the second, and two models with tied weights."""
    home = tmp_path_factory.mktemp("models")
    first, second = make_model(home / "first", 1), make_model(home / "second", 2)
    return {
        "first": first,
        "second": second,
        "tied": make_model(home / "tied", 6, tied=True),
        "tied_later": make_model(home / "tied_later", 7, tied=True),
        "adapter": make_adapter(home / "adapter", first, 3),
        "adapter_later": make_adapter(home / "adapter_later", first, 4),
        "adapter_on_second": make_adapter(home / "adapter_on_second", second, 5),
    }


@pytest.fixture(scope="session")
def pools(models: dict[str, str], ray_session: None) -> Iterator[tuple[EnginePool, EnginePool]]:
    """Pool `full`, two engines of tied weights, and pool `lora`, one in an early process, started in parallel."""
    processes = EngineProcesses(CONFIG, "lora")

    def start(name: str, replicas: int, lora_rank: int | None) -> EnginePool:
        weights = "first" if lora_rank else "tied"
        config, checkpoint = replace(CONFIG, replicas=replicas), Checkpoint(weights, models[weights])
        spare = processes.take if lora_rank else None
        return EnginePool(config, Model(), checkpoint, lora_rank=lora_rank, seed=0, name=name, spare=spare)

    with ThreadPoolExecutor(2) as threads:
        full, lora = threads.map(start, ("full", "lora"), (2, 1), (None, LORA_RANK))
    with full, lora:
        yield full, lora


@pytest.fixture
def pool(pools: tuple[EnginePool, EnginePool], models: dict[str, str]) -> EnginePool:
    """Pool `full`, serving model `tied`."""
    pools[0].use(Checkpoint("tied", models["tied"]))
    return pools[0]


@pytest.fixture
def lora_pool(pools: tuple[EnginePool, EnginePool]) -> EnginePool:
    """Pool `lora`."""
    return pools[1]
