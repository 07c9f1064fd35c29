"""Responses that were sampled before a crash are taken up as they are, not sampled again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest

from rise_core.engine.pool import EnginePool
from rise_core.episode import ShardTurn, collection
from rise_core.records import Policy, Rollout
from storage import rollouts, staging
from tasks.job import Job
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

    policy: Policy

    def sample(self, *_: Any) -> NoReturn:
        raise SampledAgain

    def close(self) -> None:
        pass


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    with rehearsed(tmp_path) as job:
        job.engines = cast(EnginePool, Guard(job.policy(0)))
        yield job


def first_key(job: Job) -> ShardTurn:
    key = job.open_keys(1, [collection(job.config)])[0]
    assert key.turn == 1
    return key


def marked(job: Job, key: ShardTurn) -> list[Rollout]:
    ids = [*job.tokenizer.encode(MARK, add_special_tokens=False), job.tokenizer.eos_token_id]
    return [replace(row, response=MARK, response_ids=ids) for row in responses(job, key, SCRIPT)]


def stored(job: Job) -> list[str]:
    return [row.response for row in rollouts.read_rollouts(job.lake, job.run, 1, "collect")]


def test_a_staged_turn_is_graded_and_committed_without_sampling(job: Job) -> None:
    key = first_key(job)
    left = marked(job, key)
    staging.write(job.staged(key), left)  # here the process dies, and the next one comes

    taken = sample_turns.fn(job, key)
    assert taken == job.staged(key)
    verify_answers.fn(job, key, taken)

    assert stored(job) == [MARK] * len(left) != []
    assert not job.staged(key).exists()
    assert key not in job.open_keys(1, [collection(job.config)])


def test_what_was_staged_by_another_checkpoint_is_sampled_again(job: Job) -> None:
    key = first_key(job)
    staging.write(job.staged(key), [replace(row, policy="0123456789ab") for row in marked(job, key)])
    with pytest.raises(SampledAgain):
        sample_turns.fn(job, key)


@pytest.mark.parametrize("content", [None, b"", b"PAR1 cut off"])
def test_a_missing_or_damaged_file_is_sampled_again(job: Job, content: bytes | None) -> None:
    key = first_key(job)
    if content is not None:
        job.staged(key).parent.mkdir(parents=True, exist_ok=True)
        job.staged(key).write_bytes(content)
    with pytest.raises(SampledAgain):
        sample_turns.fn(job, key)


def test_a_file_left_after_its_commit_is_removed_and_not_committed_twice(job: Job) -> None:
    key = first_key(job)
    left = marked(job, key)
    staging.write(job.staged(key), left)
    verify_answers.fn(job, key, job.staged(key))
    staging.write(job.staged(key), left)  # the crash came between the commit and the removal

    assert key not in job.open_keys(1, [collection(job.config)])
    assert not job.staged(key).exists()
    assert stored(job) == [MARK] * len(left)
