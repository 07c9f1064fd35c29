"""Responses that were sampled before a crash are taken up as they are, not sampled again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest

from rise_core.engine.pool import EnginePool
from rise_core.method.episode import WorkUnit, collection_plan
from rise_core.records import Checkpoint, Rollout
from storage import rollouts, staging
from tasks.run.context import RunContext
from tasks.run.work import open_units, staged_path
from tasks.sample_turns import sample_turns
from tasks.verify_answers import verify_answers
from tests.tasks.rehearsed import Script, rehearsed, responses

SCRIPT: Script = {f"train-{n}": [[f"#### {n}"]] for n in range(1, 8)}
MARK = "#### 59"  # no engine would say it


class SampledAgain(Exception):
    pass


@dataclass
class Guard:
    """Stands where the engines would, and sees whether they are asked."""

    checkpoint: Checkpoint

    def sample(self, *_: Any) -> NoReturn:
        raise SampledAgain

    def close(self) -> None:
        pass


@pytest.fixture
def context(tmp_path: Path) -> Iterator[RunContext]:
    with rehearsed(tmp_path) as context:
        context.answering.engines = cast(EnginePool, Guard(context.checkpoint(0)))
        yield context


def first_unit(context: RunContext) -> WorkUnit:
    unit = open_units(context, 1, [collection_plan(context.config)])[0]
    assert unit.turn == 1
    return unit


def marked(context: RunContext, unit: WorkUnit) -> list[Rollout]:
    ids = [*context.renderer.tokenizer.encode(MARK, add_special_tokens=False), context.renderer.tokenizer.eos_token_id]
    return [replace(row, response=MARK, response_ids=ids) for row in responses(context, unit, SCRIPT)]


def stored(context: RunContext) -> list[str]:
    return [row.response for row in rollouts.read(context.lake, context.name, 1, "collect")]


def test_a_staged_turn_is_graded_and_committed_without_sampling(context: RunContext) -> None:
    unit = first_unit(context)
    left = marked(context, unit)
    staging.write(staged_path(context.folder, unit), left)  # here the process dies, and the next one comes

    taken = sample_turns.fn(context, unit)
    assert taken == staged_path(context.folder, unit)
    verify_answers.fn(context, unit, taken)

    assert stored(context) == [MARK] * len(left) != []
    assert not staged_path(context.folder, unit).exists()
    assert unit not in open_units(context, 1, [collection_plan(context.config)])


def test_what_was_staged_by_another_checkpoint_is_sampled_again(context: RunContext) -> None:
    unit = first_unit(context)
    others = [replace(row, policy="0123456789ab") for row in marked(context, unit)]
    staging.write(staged_path(context.folder, unit), others)
    with pytest.raises(SampledAgain):
        sample_turns.fn(context, unit)


@pytest.mark.parametrize("content", [None, b"", b"PAR1 cut off"])
def test_a_missing_or_damaged_file_is_sampled_again(context: RunContext, content: bytes | None) -> None:
    unit = first_unit(context)
    if content is not None:
        staged_path(context.folder, unit).parent.mkdir(parents=True, exist_ok=True)
        staged_path(context.folder, unit).write_bytes(content)
    with pytest.raises(SampledAgain):
        sample_turns.fn(context, unit)


def test_a_file_left_after_its_commit_is_removed_and_not_committed_twice(context: RunContext) -> None:
    unit = first_unit(context)
    left = marked(context, unit)
    staging.write(staged_path(context.folder, unit), left)
    verify_answers.fn(context, unit, staged_path(context.folder, unit))
    staging.write(staged_path(context.folder, unit), left)  # the crash came between the commit and the removal

    assert unit not in open_units(context, 1, [collection_plan(context.config)])
    assert not staged_path(context.folder, unit).exists()
    assert stored(context) == [MARK] * len(left)
