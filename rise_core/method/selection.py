"""Select the training targets of an iteration (paper, section 4.2: best-of-N self-distillation).

    target of turn t = argmax over samples j of reward(s_t, y_t^j)

The criterion of the config then keeps or drops the target of a turn, given the attempts before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rise_core.config.choices import Criterion
from rise_core.config.keys import Select
from rise_core.records import Candidate, Rollout, Verdict, is_fact
from rise_core.seeds import uniform

_R = TypeVar("_R", Candidate, Rollout)


def best_response(candidates: Iterable[_R]) -> _R | None:
    """The response of the highest reward; ties go to the lowest sample.

    Responses without a fact as verdict, loops and empty responses (a teacher's reply cut off before the first word)
    do not count.
    """
    eligible = [r for r in candidates if is_fact(r.verdict) and r.response_ids and not r.repetitive]
    return min(eligible, key=lambda r: (-reward(r), r.sample), default=None)


def reward(rollout: Candidate | Rollout) -> float:
    """Reward of a graded rollout. Raises ValueError for an ungraded one."""
    if rollout.reward is None:
        raise ValueError(f"rollout {rollout.problem_id} turn {rollout.turn} has no reward: grade it first")
    return rollout.reward


def select_episode(episode: Sequence[_R], select: Select, seed: int) -> list[_R]:
    """Select the training targets of one episode, in turn order. Equal responses count once."""
    targets: list[_R] = []
    seen: set[tuple[int, ...]] = set()
    earlier: list[_R] = []  # the attempts before a turn: sample 0 of each
    for responses in _turns(episode).values():
        best = best_response(responses)
        if best and tuple(best.response_ids) not in seen and _passes(best, earlier, select, seed):
            targets.append(best)
            seen.add(tuple(best.response_ids))
        earlier.append(responses[0])
    return targets


def select_all(rollouts: Iterable[_R], select: Select, seed: int) -> list[_R]:
    """Select the training targets of a whole iteration, problem by problem in order of appearance."""
    episodes: dict[str, list[_R]] = {}
    for rollout in rollouts:
        episodes.setdefault(rollout.problem_id, []).append(rollout)
    return [target for episode in episodes.values() for target in select_episode(episode, select, seed)]


def _turns(episode: Iterable[_R]) -> dict[int, list[_R]]:
    """Group an episode's responses by turn, each turn in sample order."""
    by_turn: dict[int, list[_R]] = {}
    for rollout in sorted(episode, key=lambda r: (r.turn, r.sample)):
        by_turn.setdefault(rollout.turn, []).append(rollout)
    return by_turn


def _passes(best: _R, earlier: Sequence[_R], select: Select, seed: int) -> bool:
    """Whether the best response of a turn passes the criterion, given the attempts before the turn."""
    correct = best.verdict == Verdict.CORRECT
    if select.criterion is Criterion.success and not correct:
        return False
    if not earlier:
        share = select.first_turn.correct if correct else select.first_turn.wrong
        return uniform(seed, "first_turn", best.iteration, best.problem_id) < share
    if select.criterion is Criterion.better:
        return reward(best) > reward(earlier[-1])
    if select.criterion is Criterion.best:
        return reward(best) >= max(reward(attempt) for attempt in earlier)
    return True
