"""Which responses become training targets (paper, section 4.1: best-of-N self-distillation). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rise.core.config.choices import Criterion
from rise.core.config.keys import Select
from rise.core.records import Candidate, Rollout, Verdict, is_fact
from rise.core.seeds import unit

R = TypeVar("R", Candidate, Rollout)


def best_response(candidates: Iterable[R]) -> R | None:
    """The highest reward among responses whose grade is a fact, that do not loop and that have a token to learn (a
    teacher cut off before its first word has none); ties go to the lowest sample."""
    fit = [r for r in candidates if is_fact(r.verdict) and r.response_ids and not r.repetitive]
    return min(fit, key=lambda r: (-reward(r), r.sample), default=None)


def reward(rollout: Candidate | Rollout) -> float:
    if rollout.reward is None:
        raise ValueError(f"rollout {rollout.problem_id} turn {rollout.turn} has no reward: grade it first")
    return rollout.reward


def turns_of(episode: Iterable[R]) -> dict[int, list[R]]:
    """An episode's responses by turn, each turn in sample order."""
    by_turn: dict[int, list[R]] = {}
    for rollout in sorted(episode, key=lambda r: (r.turn, r.sample)):
        by_turn.setdefault(rollout.turn, []).append(rollout)
    return by_turn


def select_episode(episode: Sequence[R], select: Select, seed: int) -> list[R]:
    """The training targets of one episode, in turn order; the same response counts once.

    The attempts that a later turn answers to are sample 0 of the turns before it.
    """
    targets: list[R] = []
    seen: set[tuple[int, ...]] = set()
    earlier: list[R] = []
    for responses in turns_of(episode).values():
        pick = best_response(responses)
        if pick and tuple(pick.response_ids) not in seen and passes(pick, earlier, select, seed):
            targets.append(pick)
            seen.add(tuple(pick.response_ids))
        earlier.append(responses[0])
    return targets


def passes(pick: R, earlier: Sequence[R], select: Select, seed: int) -> bool:
    """Whether the best response of a turn passes the criterion, given the attempts it follows."""
    correct = pick.verdict == Verdict.CORRECT
    if select.criterion is Criterion.success and not correct:
        return False
    if not earlier:
        share = select.first_turn.correct if correct else select.first_turn.wrong
        return unit(seed, "first_turn", pick.iteration, pick.problem_id) < share
    if select.criterion is Criterion.better:
        return reward(pick) > reward(earlier[-1])
    if select.criterion is Criterion.best:
        return reward(pick) >= max(reward(attempt) for attempt in earlier)
    return True


def select_all(rollouts: Iterable[R], select: Select, seed: int) -> list[R]:
    """The training targets of a whole iteration, problem by problem in the order given."""
    episodes: dict[str, list[R]] = {}
    for rollout in rollouts:
        episodes.setdefault(rollout.problem_id, []).append(rollout)
    return [target for episode in episodes.values() for target in select_episode(episode, select, seed)]
