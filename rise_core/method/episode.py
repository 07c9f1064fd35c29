"""The turn plan: which states are open at a turn, and with which seed each is sampled. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rise.core.config.choices import PolicyKind
from rise.core.config.keys import Config
from rise.core.records import EVAL_SPLIT, Problem, Purpose, Rollout, Verdict
from rise.core.seeds import seed_of

SHORTEST_LOOP = 48  # tokens; shorter repetitions occur in honest answers
LONGEST_PERIOD = 32


@dataclass(frozen=True, slots=True)
class TurnPlan:
    """How the episodes of one purpose unfold: responses at each turn, when to stop, how to sample."""

    purpose: Purpose
    split: str
    samples: tuple[int, ...]  # responses from each open state, turn by turn
    policies: tuple[PolicyKind, ...]  # who answers, turn by turn
    stop_on_success: bool
    grades_matter: bool  # whether a verdict may decide if an episode goes on
    temperature: float
    top_p: float


@dataclass(frozen=True, slots=True)
class WorkUnit:
    """The unit of work and of resuming: one turn of one shard."""

    iteration: int
    purpose: Purpose
    split: str
    shard: int
    turn: int

    def __str__(self) -> str:
        return f"{self.purpose}-{self.iteration}-{self.split}-shard-{self.shard}-turn-{self.turn}"


@dataclass(frozen=True, slots=True)
class State:
    """A problem and the attempts made so far, oldest first."""

    problem: Problem
    attempts: tuple[str, ...]


def collection(config: Config) -> TurnPlan:
    """Training episodes, by the config's turn plan."""
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


def evaluations(config: Config, split: str = EVAL_SPLIT) -> list[TurnPlan]:
    """Sequential episodes without an oracle, and parallel responses at turn 1."""
    ev = config.eval
    learner = (PolicyKind.learner,)
    return [
        TurnPlan(
            Purpose.EVAL_SEQUENTIAL, split, (1,) * ev.turns, learner * ev.turns, False, False, ev.temperature, ev.top_p
        ),
        TurnPlan(Purpose.EVAL_PARALLEL, split, (ev.samples,), learner, False, False, ev.temperature, ev.top_p),
    ]


def shards(problems: Sequence[Problem], size: int) -> list[list[Problem]]:
    """Problems in order, `size` to a shard."""
    return [list(problems[start : start + size]) for start in range(0, len(problems), size)]


def chosen(problems: Sequence[Problem], count: int | None, seed: int, iteration: int) -> list[Problem]:
    """The training problems of an iteration: all of them, or `count` drawn without replacement, in stored order."""
    if count is None or count >= len(problems):
        return list(problems)
    drawn = sorted(problems, key=lambda problem: seed_of(seed, "problems", iteration, problem.problem_id))[:count]
    kept = {problem.problem_id for problem in drawn}
    return [problem for problem in problems if problem.problem_id in kept]


def open_states(plan: TurnPlan, problems: Iterable[Problem], earlier: Iterable[Rollout], turn: int) -> list[State]:
    """The states to sample from at `turn`, given the graded rollouts of the turns before.

    The episode's own line is sample 0 of every turn. An episode whose last grade is not a fact ends there while
    collecting: feedback on it could be false. Evaluation never looks at verdicts.
    """
    line: dict[str, dict[int, Rollout]] = {}
    for rollout in earlier:
        if rollout.sample == 0 and rollout.turn < turn:
            line.setdefault(rollout.problem_id, {})[rollout.turn] = rollout
    states = []
    for problem in problems:
        past = [line.get(problem.problem_id, {}).get(t) for t in range(1, turn)]
        attempts = [rollout for rollout in past if rollout is not None]
        if len(attempts) == turn - 1 and (not attempts or goes_on(plan, attempts[-1])):
            states.append(State(problem, tuple(rollout.response for rollout in attempts)))
    return states


def goes_on(plan: TurnPlan, last: Rollout) -> bool:
    """Whether an episode has a turn after `last`."""
    if not plan.grades_matter:
        return True
    verdict = Verdict(last.verdict or Verdict.ERROR)
    return verdict.is_fact and not (plan.stop_on_success and verdict is Verdict.CORRECT)


def request_seed(seed: int, key: WorkUnit, problem_id: str) -> int:
    """The seed of sample 0 of a state; sample j has this plus j. Independent of shards and of what runs beside it.

    The split is left out: more turns or samples of the same problems go on from the same first ones. So is an
    evaluation's iteration: checkpoints are compared on the same draws, which makes their differences less noisy.
    """
    iteration = (key.iteration,) if key.purpose is Purpose.COLLECT else ()
    return seed_of(seed, *iteration, key.purpose.value, problem_id, key.turn)


def is_repetitive(token_ids: Sequence[int]) -> bool:
    """Whether a response ends in a loop: at least 48 tokens, and at least four rounds, of one repeated phrase."""
    count = len(token_ids)
    for period in range(1, min(LONGEST_PERIOD, count // 4) + 1):
        span = max(SHORTEST_LOOP, 4 * period)
        if count >= span and all(token_ids[i] == token_ids[i - period] for i in range(count - span + period, count)):
            return True
    return False
