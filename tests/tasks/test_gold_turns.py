"""Gold turns: the worked solutions as rollouts of policy `gold`, through the stages, with no engine and no Ray."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from prefect.logging import disable_run_logger

from rise_core.dialogue import solution_ids
from rise_core.episode import collection
from rise_core.models import folder, scratch
from rise_core.profiles import load, to_yaml
from storage import examples, rollouts, runs
from storage.home import Home
from storage.lake import Lake
from tasks.inputs import check_inputs
from tasks.job import Job
from tasks.pick_improved import pick_improved
from tasks.prepare import prepare
from tasks.sample_turns import sample_turns
from tasks.verify_answers import verify_answers
from tasks.write_parquet import write_parquet
from tests.flows.command import TINY


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    monkeypatch.setenv("RISE_HOME", str(tmp_path / "home"))
    words = "which two of sum to ? no " + " ".join(map(str, range(31)))
    scratch.build(load(TINY), [words], tmp_path / "model")
    overrides = ["collect.turns=[{policy: gold, n: 1}]", f"model.name={tmp_path}/model", "boost.problems=0"]
    inputs = check_inputs("gold", TINY, overrides)
    home = Home.from_env()
    with Lake(home.lake) as lake, disable_run_logger():
        runs.create_run(lake, "gold", TINY, to_yaml(inputs.config), {}, 1)
        job = Job(inputs, home, lake, goal=1)
        prepare.fn(job)
        yield job
        job.close()


def test_worked_solutions_become_examples_and_nothing_is_started(job: Job) -> None:
    keys = job.open_keys(1, [collection(job.config)])
    job.use_policies(keys, 0)
    for key in keys:
        verify_answers.fn(job, key, sample_turns.fn(job, key))
    write_parquet.fn(job, 1, pick_improved.fn(job, 1))
    assert job.engines is None
    assert job.teacher is None
    assert not ray.is_initialized()

    stored = rollouts.read_rollouts(job.lake, "gold", 1, "collect")
    assert len(stored) == 16
    tokenizer = folder.load_tokenizer(job.base_folder)
    for rollout in stored:
        worked = job.problem[rollout.problem_id].solution
        assert worked is not None
        assert (rollout.policy, rollout.verdict, rollout.response) == ("gold", "correct", worked)
        assert rollout.response_ids == solution_ids(tokenizer, worked)
    chosen = list(examples.read_examples(job.lake, "gold", [1]))
    assert {e.problem_id: e.response_ids for e in chosen} == {r.problem_id: r.response_ids for r in stored}
    assert all(len(e.state_ids) > 8 for e in chosen)
    assert job.open_keys(1, [collection(job.config)]) == []
