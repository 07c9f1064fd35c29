"""Which configs wait for the limit `gpu`; tests/deployments/test_limits.py has the waiting."""

from __future__ import annotations

import pytest

from rise_core.profiles import load
from tasks.accelerators import uses_gpus


@pytest.mark.parametrize(
    ("overrides", "waits"),
    [
        ([], False),
        (["engine.gpus=0.5"], True),
        (["train.gpus=1"], True),
        (["teacher.engine.gpus=1"], False),  # no turn of a teacher
        (["teacher.engine.gpus=1", "teacher.model=m", "collect.turns=[{policy: learner}, {policy: teacher}]"], True),
    ],
)
def test_only_what_uses_gpus_waits(overrides: list[str], waits: bool) -> None:
    assert uses_gpus(load("demo", overrides)) is waits
