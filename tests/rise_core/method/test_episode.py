"""The turn plan: open states, stopping, shards, seeds, loops."""

from dataclasses import replace

import pytest

from rise_core.config.keys import Config, Turn
from rise_core.method.episode import (
    WorkUnit,
    collection_plan,
    draw_problems,
    evaluation_plans,
    is_repetitive,
    open_states,
    request_seed,
    shards,
)
from rise_core.records import Problem, Purpose, Rollout, Verdict

PROBLEM = Problem("p", "train", "1+1", "2")


def rollout(turn, verdict, sample=0, response="r", problem_id="p"):
    return Rollout(
        run="r", iteration=1, purpose="collect", split="train", problem_id=problem_id, shard=0, turn=turn,
        sample=sample, policy="c", response=f"{response}{turn}", response_ids=[turn], prompt_tokens=3,
        finish_reason="stop",
        repetitive=False, seed=0, latency=0.0, verdict=verdict, reward=float(verdict == "correct"),
    )  # fmt: skip


def plan(stop=True, turns=(1, 16)):
    config = Config()
    config.collect.turns = [Turn(n=n) for n in turns]
    config.collect.stop_on_success = stop
    return collection_plan(config)


def test_turn_one_is_open_for_every_problem():
    states = open_states(plan(), [PROBLEM], [], 1)
    assert [(s.problem, s.attempts) for s in states] == [(PROBLEM, ())]


@pytest.mark.parametrize(
    ("verdict", "stop", "goes_on"),
    [
        ("wrong", True, True),
        ("no_answer", True, True),
        ("correct", True, False),
        ("correct", False, True),
        ("timeout", True, False),
        ("error", False, False),
        ("gold_unparseable", False, False),
    ],
)
def test_collection_goes_on_after_facts_and_stops_on_success(verdict, stop, goes_on):
    states = open_states(plan(stop), [PROBLEM], [rollout(1, verdict)], 2)
    assert [s.attempts for s in states] == ([("r1",)] if goes_on else [])


def test_an_ungraded_attempt_ends_a_training_episode():
    assert open_states(plan(), [PROBLEM], [replace(rollout(1, "wrong"), verdict=None)], 2) == []


@pytest.mark.parametrize("verdict", [v.value for v in Verdict])
def test_evaluation_goes_on_whatever_the_verdict(verdict):
    sequential = evaluation_plans(Config())[0]
    assert sequential.samples == (1, 1, 1, 1, 1)
    assert len(open_states(sequential, [PROBLEM], [rollout(1, verdict)], 2)) == 1


def test_a_deeper_turn_follows_sample_zero_in_turn_order():
    earlier = [rollout(2, "wrong"), rollout(1, "wrong"), rollout(2, "correct", sample=1, response="other")]
    states = open_states(plan(turns=(1, 1, 16)), [PROBLEM], earlier, 3)
    assert [s.attempts for s in states] == [("r1", "r2")]


def test_an_episode_that_ended_at_turn_one_stays_ended_at_turn_three():
    assert open_states(plan(turns=(1, 1, 16)), [PROBLEM], [rollout(1, "correct")], 3) == []


def test_shards_keep_order_and_lose_nothing():
    problems = [replace(PROBLEM, problem_id=str(i)) for i in range(5)]
    assert [[p.problem_id for p in shard] for shard in shards(problems, 2)] == [["0", "1"], ["2", "3"], ["4"]]


def test_chosen_problems_are_stable_and_change_with_the_iteration():
    problems = [replace(PROBLEM, problem_id=str(i)) for i in range(100)]
    first = draw_problems(problems, 10, seed=0, iteration=1)
    assert first == draw_problems(list(problems), 10, seed=0, iteration=1)
    assert len({p.problem_id for p in first}) == 10
    assert first != draw_problems(problems, 10, seed=0, iteration=2)
    assert first != draw_problems(problems, 10, seed=1, iteration=1)
    assert (
        draw_problems(problems, None, seed=0, iteration=1)
        == draw_problems(problems, 1000, seed=0, iteration=1)
        == problems
    )


def test_seeds_depend_on_the_state_and_not_on_its_shard():
    key = WorkUnit(1, Purpose.COLLECT, "train", 0, 1)
    seed = request_seed(7, key, "p")
    assert seed == request_seed(7, replace(key, shard=3), "p")
    others = [
        request_seed(8, key, "p"),
        request_seed(7, replace(key, iteration=2), "p"),
        request_seed(7, replace(key, turn=2), "p"),
        request_seed(7, replace(key, purpose=Purpose.EVAL_PARALLEL), "p"),
        request_seed(7, key, "q"),
    ]
    assert len({seed, *others}) == 6
    assert all(0 <= s < 2**62 for s in others)


def test_checkpoints_are_evaluated_on_the_same_draws():
    for purpose in (Purpose.EVAL_SEQUENTIAL, Purpose.EVAL_PARALLEL):
        key = WorkUnit(0, purpose, "eval", 0, 1)
        assert request_seed(7, key, "p") == request_seed(7, replace(key, iteration=3), "p")


@pytest.mark.parametrize(
    ("ids", "loops"),
    [
        ([1] * 48, True),
        ([1] * 47, False),
        (list(range(100)) + [1, 2, 3] * 16, True),
        ([1, 2, 3] * 16 + list(range(100)), False),
        (list(range(30)) * 4, True),
        (list(range(30)) * 3, False),
        ([], False),
    ],
)
def test_a_response_that_ends_in_a_loop_is_repetitive(ids, loops):
    assert is_repetitive(ids) is loops
