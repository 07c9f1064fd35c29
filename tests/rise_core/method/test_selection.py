"""Selection: best of N, ties, criteria, duplicates."""

from dataclasses import replace

import pytest

from rise_core.config.choices import Criterion
from rise_core.config.keys import FirstTurn, Select
from rise_core.method.selection import best_response, select_all, select_episode
from tests.rise_core.method.test_episode import rollout


def answer(turn, reward, sample=0, ids=None, verdict=None, problem_id="p", **changes):
    verdict = verdict or {1: "correct", 0: "wrong", -1: "no_answer"}[reward]
    response = rollout(turn, verdict, sample=sample, problem_id=problem_id)
    return replace(response, reward=float(reward), response_ids=ids or [turn, sample], **changes)


def keys(picked):
    return [(r.turn, r.sample) for r in picked]


def test_the_highest_reward_wins_and_ties_go_to_the_lowest_sample():
    responses = [answer(2, 0, 0), answer(2, 1, 3), answer(2, 1, 1), answer(2, -1, 2)]
    assert best_response(responses).sample == 1
    assert best_response(reversed(responses)).sample == 1


def test_what_is_no_fact_or_loops_is_never_selected():
    assert (
        best_response([answer(2, 1, verdict="timeout"), answer(2, 1, 1, repetitive=True), answer(2, -1, 2)]).sample == 2
    )
    assert best_response([answer(2, 0, verdict=v) for v in ("error", "timeout", "gold_unparseable")]) is None


def test_a_response_without_a_token_is_never_selected():
    """A teacher's reply cut off before the first word is such a response, with nothing to learn."""
    nothing = replace(answer(2, 0), response_ids=[])
    assert best_response([nothing, answer(2, 0, 1)]).sample == 1
    assert best_response([nothing]) is None
    assert keys(select_episode([answer(1, 0), nothing], Select(criterion=Criterion.all), 0)) == [(1, 0)]


@pytest.mark.parametrize(
    ("criterion", "rewards", "expected"),
    [
        ("all", (0, 0), [1, 2]),
        ("all", (0, -1), [1, 2]),
        ("better", (0, 1), [1, 2]),
        ("better", (0, 0), [1]),
        ("better", (1, 1), [1]),
        ("best", (0, 0), [1, 2]),
        ("best", (0, -1), [1]),
        ("success", (0, 1), [2]),
        ("success", (0, 0), []),
        ("success", (1, 1), [1, 2]),
        ("success", (-1, 0), []),
    ],
)
def test_criteria_on_two_turns(criterion, rewards, expected):
    episode = [answer(turn, reward) for turn, reward in enumerate(rewards, start=1)]
    assert [r.turn for r in select_episode(episode, Select(criterion=Criterion(criterion)), 0)] == expected


@pytest.mark.parametrize(
    ("criterion", "rewards", "expected"),
    [
        ("better", (1, -1, 0), [1, 3]),  # better than the turn before
        ("best", (1, -1, 0), [1]),  # but lower than an earlier one
        ("best", (0, 1, 1), [1, 2, 3]),
        ("all", (1, -1, 0), [1, 2, 3]),
    ],
)
def test_criteria_look_at_one_or_all_earlier_turns(criterion, rewards, expected):
    episode = [answer(turn, reward) for turn, reward in enumerate(rewards, start=1)]
    assert [r.turn for r in select_episode(episode, Select(criterion=Criterion(criterion)), 0)] == expected


def test_a_turn_is_compared_with_the_attempt_in_its_state_not_with_the_best_sample():
    episode = [answer(1, 0), answer(2, 0, 0), answer(2, 1, 1), answer(3, 1)]
    assert keys(select_episode(episode, Select(criterion=Criterion.better), 0)) == [(1, 0), (2, 1), (3, 0)]


def test_the_same_response_counts_once_in_an_episode():
    episode = [answer(1, 0, ids=[5]), answer(2, 0, ids=[5])]
    assert keys(select_episode(episode, Select(), 0)) == [(1, 0)]
    assert len(select_all([episode[0], replace(episode[1], problem_id="q")], Select(), 0)) == 2


def test_shares_of_first_turns_are_kept_by_a_stable_key():
    rows = [answer(1, i % 2, problem_id=str(i)) for i in range(2000)]
    select = Select(first_turn=FirstTurn(correct=0.3, wrong=0.0))
    picked = select_all(rows, select, 0)
    assert picked == select_all(rows[::-1], select, 0)[::-1]
    assert {r.verdict for r in picked} == {"correct"}
    assert 250 < len(picked) < 350


def test_an_ungraded_rollout_is_an_error_not_a_zero():
    with pytest.raises(ValueError, match="no reward"):
        best_response([replace(answer(1, 0), reward=None)])
