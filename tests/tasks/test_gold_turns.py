"""Gold turns: worked solutions become rollouts of policy `gold` and pass all stages without an engine and Ray."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from prefect.logging import disable_run_logger

from rise_core.config.choices import PolicyKind
from rise_core.config.load import load_config, to_yaml
from rise_core.method.dialogue import solution_ids
from rise_core.method.episode import collection_plan
from rise_core.models import folder, scratch
from storage import examples, rollouts, runs
from storage.home import Home
from storage.lake import Lake
from tasks.pick_improved import pick_improved
from tasks.prepare import prepare
from tasks.run.context import RunContext
from tasks.run.inputs import check_inputs
from tasks.run.work import open_units
from tasks.sample_turns import sample_turns
from tasks.verify_answers import verify_answers
from tasks.write_parquet import write_parquet
from tests.flows.command import TINY


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_ray: None) -> Iterator[RunContext]:
    monkeypatch.setenv("RISE_HOME", str(tmp_path / "home"))
    words = "which two of sum to ? no " + " ".join(map(str, range(31)))
    scratch.build(load_config(TINY), [words], tmp_path / "model")
    overrides = ["collect.turns=[{policy: gold, n: 1}]", f"model.name={tmp_path}/model", "boost.problems=0"]
    inputs = check_inputs("gold", TINY, overrides)
    home = Home.from_env()
    with Lake(home.lake) as lake, disable_run_logger():
        runs.append(lake, "gold", TINY, to_yaml(inputs.config), {}, 1)
        context = RunContext(inputs, home, lake, goal=1)
        prepare.fn(context)
        yield context
        context.close()


def test_worked_solutions_become_examples_and_nothing_is_started(context: RunContext) -> None:
    units = open_units(context, 1, [collection_plan(context.config)])
    context.answering.start({PolicyKind.gold}, context.checkpoint(0))
    for unit in units:
        verify_answers.fn(context, unit, sample_turns.fn(context, unit))
    write_parquet.fn(context, 1, pick_improved.fn(context, 1))
    assert context.answering.engines is None
    assert context.answering.teacher is None
    assert not ray.is_initialized()

    stored = rollouts.read(context.lake, "gold", 1, "collect")
    assert len(stored) == 16
    tokenizer = folder.load_tokenizer(context.base_folder)
    for rollout in stored:
        worked = context.workload.by_id[rollout.problem_id].solution
        assert worked is not None
        assert (rollout.policy, rollout.verdict, rollout.response) == ("gold", "correct", worked)
        assert rollout.response_ids == solution_ids(tokenizer, worked)
    chosen = list(examples.read(context.lake, "gold", [1]))
    assert {e.problem_id: e.response_ids for e in chosen} == {r.problem_id: r.response_ids for r in stored}
    assert all(len(e.state_ids) > 8 for e in chosen)
    assert open_units(context, 1, [collection_plan(context.config)]) == []
