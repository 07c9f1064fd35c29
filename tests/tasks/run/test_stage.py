"""What is tried again: by what kind of failure, and after which pauses."""

from __future__ import annotations

import httpx
import pytest
from prefect.client.schemas.objects import TaskRun
from prefect.states import Failed

from rise_core.errors import EngineClosed, EngineError, EngineLost, TrainerLost, UserError
from tasks.run.stage import PAUSES, deserves_retry


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (EngineError("engine e did not finish sample() within 9 s and was ended"), 2),
        (EngineLost("engine e died during sample()"), 3),
        (TrainerLost("fine-tuning's process died: killed"), 3),
        (httpx.ConnectError("refused"), 3),
        (EngineClosed("sample(): the engines are closed"), 1),
        (UserError("config: eval.turns must be at least 1"), 1),
        (RuntimeError("a bug"), 1),
        (OSError("No space left on device"), 1),
    ],
)
def test_only_what_may_pass_is_tried_again(error: Exception, tries: int) -> None:
    runs = (TaskRun(task_key="stage", dynamic_key="0", run_count=count) for count in range(1, 3))
    assert 1 + sum(deserves_retry(None, run, Failed(data=error)) for run in runs) == tries  # type: ignore[arg-type]


def test_pauses_grow_and_differ_between_processes() -> None:
    assert len(PAUSES) == 2
    assert all(2 * 2**tries <= pause <= 6 * 2**tries for tries, pause in enumerate(PAUSES))
    assert PAUSES != [4.0, 8.0]
