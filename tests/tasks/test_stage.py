"""What is tried again: by what kind of failure, and after which pauses."""

from __future__ import annotations

import httpx
import pytest
from prefect.states import Failed

from rise_core.engine.errors import EngineClosed, EngineError, EngineLost
from rise_core.errors import UserError
from rise_core.training.ray_train import TrainerLost
from tasks.stage import PAUSES, worth_another_try


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (EngineError("engine e did not finish sample() within 9 s and was ended"), True),
        (EngineLost("engine e died during sample()"), True),
        (TrainerLost("fine-tuning's process died: killed"), True),
        (httpx.ConnectError("refused"), True),
        (EngineClosed("sample(): the engines are closed"), False),
        (UserError("config: eval.turns must be at least 1"), False),
        (RuntimeError("a bug"), False),
        (OSError("No space left on device"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error: Exception, again: bool) -> None:
    assert worth_another_try(None, None, Failed(data=error)) is again  # type: ignore[arg-type]


def test_pauses_grow_and_differ_between_processes() -> None:
    assert len(PAUSES) == 2
    assert all(2 * 2**tries <= pause <= 6 * 2**tries for tries, pause in enumerate(PAUSES))
    assert PAUSES != [4.0, 8.0]
