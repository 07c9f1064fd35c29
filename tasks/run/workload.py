"""The problems of a run, cut into shards, and the turn plan of each purpose. Pure."""

from __future__ import annotations

from functools import cached_property

from rise_core.config.keys import Config
from rise_core.method import episode
from rise_core.method.episode import TurnPlan
from rise_core.problems.problem_set import ProblemSet
from rise_core.records import Problem, Purpose


class Workload:
    """Shards and turn plans, derived from config and problems alone: a resumed run finds the same shards."""

    def __init__(self, config: Config, problems: ProblemSet, split: str) -> None:
        """Cut nothing yet.

        Args:
            split: The split of the evaluations.
        """
        self.problems = problems
        plans = [episode.collection_plan(config), *episode.evaluation_plans(config, split)]
        self.plans: dict[Purpose, TurnPlan] = {plan.purpose: plan for plan in plans}
        self._config = config
        self._shards: dict[tuple[int, Purpose], list[list[Problem]]] = {}

    @cached_property
    def by_id(self) -> dict[str, Problem]:
        """Training and held-out problems by their id."""
        return {problem.problem_id: problem for problem in [*self.problems.train, *self.problems.eval]}

    def shards(self, iteration: int, purpose: Purpose) -> list[list[Problem]]:
        """The problems of an iteration and purpose, shard by shard."""
        if (iteration, purpose) not in self._shards:
            problems, collect = self.problems.eval, self._config.collect
            if purpose is Purpose.COLLECT:
                problems = episode.draw_problems(self.problems.train, collect.problems, self._config.seed, iteration)
            self._shards[iteration, purpose] = episode.shards(problems, collect.shard_size)
        return self._shards[iteration, purpose]
