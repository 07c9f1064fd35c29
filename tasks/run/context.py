"""What the tasks of one flow run share: the run and its config, the lake, folders, graders and who answers."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger

from rise.core.answering.policies import GoldPolicy, LearnerPolicy, Policy, TeacherPolicy
from rise.core.answering.renderer import Renderer
from rise.core.config.choices import PolicyKind
from rise.core.engine.pool import EnginePool
from rise.core.engine.settings import learner_options
from rise.core.method import episode
from rise.core.method.episode import State, TurnPlan, WorkUnit
from rise.core.models import folder
from rise.core.records import Checkpoint, Problem, Purpose, SamplingSettings
from rise.core.verifiers.grading_pool import GradingPool
from rise.storage import checkpoints, examples, rollouts, runs
from rise.storage.home import Home
from rise.storage.lake import Lake
from rise.tasks.run.inputs import Inputs
from rise.tasks.run.progress import Progress

if TYPE_CHECKING:
    from ray import ObjectRef

    from rise.core.answering.endpoint import Endpoint
    from rise.core.answering.local_teacher import LocalTeacher


class RunContext:
    """One advance of a run. Not a dataclass, so that Prefect hands it to tasks as it is."""

    def __init__(self, inputs: Inputs, home: Home, lake: Lake, goal: int) -> None:
        self.run, self.config, self.problems = inputs.run, inputs.config, inputs.problems
        self.split = inputs.split
        self.home, self.lake, self.goal = home, lake, goal
        self.folder = home.run_folder(inputs.run)
        self.graders = GradingPool(
            inputs.config.verify.verifier, inputs.config.verify.workers, inputs.config.verify.timeout
        )
        self.engines: EnginePool | None = None
        self.teacher: Endpoint | LocalTeacher | None = None
        self.warm_trainer: ObjectRef | None = None  # what the next fine-tuning is given
        self.progress = Progress(inputs.run)
        self.intact: set[str] = set()  # checkpoints whose files were found as they were published
        self.sharded: dict[tuple[int, Purpose], list[list[Problem]]] = {}

    # -- what is left to do ------------------------------------------------------------------------------------------

    def open_iterations(self) -> range:
        """Iterations whose metrics are missing, up to the goal; 0 is the base model."""
        done = runs.iterations_done(self.lake, self.run)
        return range(0 if done is None else done + 1, self.goal + 1)

    @property
    def at_once(self) -> int:
        """How many (shard, turn)s are sampled at once: a few on each engine."""
        return self.config.engine.replicas * self.config.engine.in_flight

    def open_keys(self, iteration: int, plans: list[TurnPlan]) -> list[WorkUnit]:
        """The (shard, turn)s of the plans that the lake lacks, in the order to begin them.

        A shard's turn stands a few shards behind its earlier one, which is graded by then. Turn by turn, first ones of
        one sample would be through before the next are rendered, and the engines would wait.
        """
        done = rollouts.units(self.lake, self.run, iteration)
        collected = examples.has(self.lake, self.run, iteration)  # also where a shard's last turns were empty
        keys = [
            WorkUnit(iteration, plan.purpose, plan.split, shard, turn)
            for plan in plans
            if not (collected and plan.purpose is Purpose.COLLECT)
            for turn in range(1, len(plan.samples) + 1)
            for shard in range(len(self.shards(iteration, plan.purpose)))
        ]
        still_open = [key for key in keys if (key.purpose.value, key.split, key.shard, key.turn) not in done]
        for key in set(keys) - set(still_open):
            self.staged(key).unlink(missing_ok=True)  # of a crash between its commit and its removal
        behind = self.at_once + 1
        return sorted(still_open, key=lambda key: (key.shard + behind * (key.turn - 1), -key.turn))

    def staged(self, key: WorkUnit) -> Path:
        """Where the responses of a key wait for their grades."""
        return self.folder / "staging" / f"{key}.parquet"

    def shards(self, iteration: int, purpose: Purpose) -> list[list[Problem]]:
        """The problems of a purpose, shard by shard; the same at every resume."""
        if (iteration, purpose) not in self.sharded:
            problems, collect = self.problems.eval, self.config.collect
            if purpose is Purpose.COLLECT:
                problems = episode.draw_problems(self.problems.train, collect.problems, self.config.seed, iteration)
            self.sharded[iteration, purpose] = episode.shards(problems, collect.shard_size)
        return self.sharded[iteration, purpose]

    @cached_property
    def problem(self) -> dict[str, Problem]:
        """Every problem by its id."""
        return {problem.problem_id: problem for problem in [*self.problems.train, *self.problems.eval]}

    def plan(self, purpose: Purpose) -> TurnPlan:
        plans = [episode.collection_plan(self.config), *episode.evaluation_plans(self.config, self.split)]
        return next(plan for plan in plans if plan.purpose is purpose)

    # -- the model -----------------------------------------------------------------------------------------------------

    def checkpoint(self, iteration: int) -> checkpoints.CheckpointRecord:
        """The row of an iteration's checkpoint."""
        return checkpoints.get(self.lake, self.run, iteration)

    def policy(self, iteration: int) -> Checkpoint:
        """The checkpoint of an iteration, its files verified once."""
        return checkpoints.open_checkpoint(self.home.path, self.lake, self.run, iteration, self.intact)

    @cached_property
    def base_folder(self) -> Path:
        """The folder of iteration 0: weights, tokenizer and chat template, as they were published."""
        return Path(self.policy(0).weights_dir)

    @cached_property
    def tokenizer(self) -> Any:
        return folder.load_tokenizer(self.base_folder)

    @cached_property
    def renderer(self) -> Renderer:
        """The learner's tokenizer, dialogue and lengths."""
        return Renderer(self.tokenizer, self.config)

    @property
    def prompt_budget(self) -> int:
        """The longest prompt in tokens that leaves room for a response."""
        return self.renderer.prompt_budget

    def render(self, states: list[State]) -> list[list[int]]:
        """Token ids of states: the one way that sampling and training examples share."""
        return [ids for _, ids in self.renderer.render(states)]

    def sampling(self, plan: TurnPlan) -> SamplingSettings:
        stop = folder.stop_token_ids(self.base_folder, self.tokenizer)
        return SamplingSettings(plan.temperature, plan.top_p, self.config.collect.max_new_tokens, stop)

    def use_policies(self, keys: list[WorkUnit], iteration: int) -> None:
        """Make ready who answers the turns of `keys`: the checkpoint of `iteration`, the teacher, or neither."""
        kinds = {self.policy_kind(key) for key in keys}
        if PolicyKind.learner in kinds:
            self.use_policy(iteration)
        if PolicyKind.teacher in kinds and self.teacher is None:
            from rise.tasks.run.teacher_key import open_teacher

            get_run_logger().info("teacher: %s", self.config.teacher.model)
            self.teacher = open_teacher(self.run, self.config, self.folder)

    def policy_kind(self, key: WorkUnit) -> PolicyKind:
        return self.plan(key.purpose).policies[key.turn - 1]

    def turn_policy(self, key: WorkUnit) -> Policy:
        """Who answers a key's turn; made ready by `use_policies`."""
        kind = self.policy_kind(key)
        if kind is PolicyKind.gold:
            return GoldPolicy(self.renderer)
        if kind is PolicyKind.teacher and self.teacher is not None:
            return TeacherPolicy(self.teacher, self.renderer)
        if kind is PolicyKind.learner and self.engines is not None:
            return LearnerPolicy(self.engines, self.renderer)
        raise RuntimeError(f"{key}: the {kind} is not ready: call RunContext.use_policies before sampling")

    def use_policy(self, iteration: int) -> EnginePool:
        """The engine pool, serving the checkpoint of `iteration`; started at the first call."""
        policy = self.policy(iteration)
        if self.engines is None:
            replicas = self.config.engine.replicas
            get_run_logger().info("starting %d vLLM engine(s) with checkpoint %s", replicas, policy.checkpoint_id)
            self.engines = EnginePool(checkpoint=policy, name=self.run, **learner_options(self.config))
        else:
            self.engines.use(policy)
        return self.engines

    def release(self) -> None:
        """Make room for training: the engines free their GPUs; the teacher goes, with its engines if it has some."""
        if self.teacher is not None:
            get_run_logger().info("teacher: %s", self.teacher.account)
            self.teacher.close()
            self.teacher = None
        if self.engines is not None:
            self.engines.release()

    def close(self) -> None:
        self.graders.close()
        if self.teacher is not None:
            self.teacher.close()
        if self.engines is not None:
            self.engines.close()
