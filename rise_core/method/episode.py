"""Unfold the episodes of the multi-turn MDP (paper, section 4.1).

    s_1 = x,   s_{t+1} = [s_t, y_t, f],   y_t ~ policy of turn t given s_t

A turn plan gives the number of responses from each state, the policy of each turn and the rule for stopping. The
episode's own line goes through sample 0 of every turn; the other samples of a turn end there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rise_core.config.choices import PolicyKind
from rise_core.config.keys import Config
from rise_core.records import EVAL_SPLIT, Problem, Purpose, Rollout, Verdict
from rise_core.seeds import seed_of

_SHORTEST_LOOP = 48  # tokens; shorter repetitions occur in honest answers
_LONGEST_PERIOD = 32  # tokens of the repeated phrase


@dataclass(frozen=True, slots=True)
class TurnPlan:
    """The plan of one purpose's episodes: how many responses, by whom, and when to stop."""

    purpose: Purpose
    split: str
    samples: tuple[int, ...]  # [turns], responses from each open state
    policies: tuple[PolicyKind, ...]  # [turns]
    stop_on_success: bool
    grades_matter: bool  # whether a verdict may end an episode
    temperature: float
    top_p: float


@dataclass(frozen=True, slots=True)
class WorkUnit:
    """One turn of one shard: the unit of work and of resuming."""

    iteration: int
    purpose: Purpose
    split: str
    shard: int  # from 0
    turn: int  # from 1

    def __str__(self) -> str:
        return f"{self.purpose}-{self.iteration}-{self.split}-shard-{self.shard}-turn-{self.turn}"


@dataclass(frozen=True, slots=True)
class State:
    """A problem and the attempts so far, oldest first."""

    problem: Problem
    attempts: tuple[str, ...]


def collection_plan(config: Config) -> TurnPlan:
    """Plan of the training episodes: the config's turn plan."""
    collect = config.collect
    return TurnPlan(
        Purpose.COLLECT,
        "train",
        tuple(turn.n for turn in collect.turns),
        tuple(turn.policy for turn in collect.turns),
        collect.stop_on_success,
        True,
        collect.temperature,
        collect.top_p,
    )


def evaluation_plans(config: Config, split: str = EVAL_SPLIT) -> list[TurnPlan]:
    """Plans of an evaluation: sequential episodes without an oracle, and parallel responses at turn 1."""
    turns, samples = config.eval.turns, config.eval.samples
    learner, sampling = (PolicyKind.learner,), (config.eval.temperature, config.eval.top_p)
    return [
        TurnPlan(Purpose.EVAL_SEQUENTIAL, split, (1,) * turns, learner * turns, False, False, *sampling),
        TurnPlan(Purpose.EVAL_PARALLEL, split, (samples,), learner, False, False, *sampling),
    ]


def shards(problems: Sequence[Problem], size: int) -> list[list[Problem]]:
    """Cut problems into shards of `size`, in order."""
    return [list(problems[start : start + size]) for start in range(0, len(problems), size)]


def draw_problems(problems: Sequence[Problem], count: int | None, seed: int, iteration: int) -> list[Problem]:
    """Draw an iteration's training problems: `count` without replacement, or all, in stored order."""
    if count is None or count >= len(problems):
        return list(problems)
    drawn = sorted(problems, key=lambda problem: seed_of(seed, "problems", iteration, problem.problem_id))[:count]
    kept = {problem.problem_id for problem in drawn}
    return [problem for problem in problems if problem.problem_id in kept]


def open_states(plan: TurnPlan, problems: Iterable[Problem], earlier: Iterable[Rollout], turn: int) -> list[State]:
    """States to sample from at `turn`.

    A training episode ends at a verdict without a fact: feedback on such an attempt could be false. Evaluation never
    looks at verdicts.

    Args:
        earlier: Graded rollouts of the turns before.
    """
    line: dict[str, dict[int, Rollout]] = {}
    for rollout in earlier:
        if rollout.sample == 0 and rollout.turn < turn:
            line.setdefault(rollout.problem_id, {})[rollout.turn] = rollout
    states = []
    for problem in problems:
        past = [line.get(problem.problem_id, {}).get(t) for t in range(1, turn)]
        attempts = [rollout for rollout in past if rollout is not None]
        if len(attempts) == turn - 1 and (not attempts or _continues(plan, attempts[-1])):
            states.append(State(problem, tuple(rollout.response for rollout in attempts)))
    return states


def _continues(plan: TurnPlan, last: Rollout) -> bool:
    """Whether an episode has a turn after `last`."""
    if not plan.grades_matter:
        return True
    verdict = Verdict(last.verdict or Verdict.ERROR)
    return verdict.is_fact and not (plan.stop_on_success and verdict is Verdict.CORRECT)


def request_seed(seed: int, unit: WorkUnit, problem_id: str) -> int:
    """Seed of sample 0 of a state; sample j has this seed plus j. Shards and scheduling do not change the seed.

    The split has no part in the seed: an evaluation with more turns or samples continues the run's own draws. An
    evaluation's iteration has none either: all checkpoints get the same draws, so their differences are less noisy.
    """
    iteration = (unit.iteration,) if unit.purpose is Purpose.COLLECT else ()
    return seed_of(seed, *iteration, unit.purpose.value, problem_id, unit.turn)


def is_repetitive(token_ids: Sequence[int]) -> bool:
    """Whether a response ends in a loop: one phrase repeated at least four times, over at least 48 tokens."""
    count = len(token_ids)
    for period in range(1, min(_LONGEST_PERIOD, count // 4) + 1):
        span = max(_SHORTEST_LOOP, 4 * period)
        if count >= span and all(token_ids[i] == token_ids[i - period] for i in range(count - span + period, count)):
            return True
    return False
