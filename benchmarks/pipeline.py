"""The product's own stages for benchmarks: a home of its own, the embedded Prefect server, Ray, jobs and base models.

`at_home` comes first, before Prefect is imported; within `in_a_flow`, `job_of` opens jobs as flows/rise.py does.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from flows import embedded
from flows.commands.options import quiet_flow_logs
from flows.environment import use_home

if TYPE_CHECKING:
    from tasks.job import Job

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
TWO_TURNS = "collect.turns=[{policy: learner, n: 1}, {policy: learner, n: 16}]"


@contextmanager
def at_home() -> Iterator[Path]:
    """A temporary home with the embedded Prefect server up, as `rise run` has it. Nobody else's server is used."""
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "RISE_", "RAY_"))]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="rise-benchmark-", ignore_cleanup_errors=True) as folder:
        use_home(Path(folder))
        quiet_flow_logs()
        with embedded.serving() as wait_until_up:
            wait_until_up()
            yield Path(folder)


def in_a_flow(work: Callable[[], T]) -> T:
    """Run `work` as a Prefect flow: stages are tasks, which need one around them."""
    from prefect import flow

    done: T = flow(work, name="benchmark", persist_result=False, validate_parameters=False)()
    return done


@contextmanager
def job_of(run: str, profile: str, overrides: list[str]) -> Iterator[Job]:
    """A job of the flow, opened as flows/rise.py opens it; its base checkpoint is there. Call it within a flow."""
    from tasks.advance import open_job
    from tasks.prepare import prepare

    with open_job(run, profile, overrides, 0) as job:
        prepare(job)
        yield job


def base_model(profile: str, overrides: list[str]) -> Path:
    """A profile's base model, boosted as the overrides say: a model folder for `model.name`. Call it within a flow."""
    with job_of(f"base-{profile}", profile, overrides) as job:
        return job.base_folder


def plain_model(profile: str, overrides: list[str], folder: Path) -> Path:
    """A profile's base model without any boost, in `folder`: one made from scratch has random weights."""
    from rise_core import models
    from rise_core.problems import load_problems
    from rise_core.profiles import load

    config = load(profile, overrides)
    own = config.model.name == models.SCRATCH
    texts = [problem.problem for problem in load_problems(config).train] if own else []
    models.build(config, [*texts, config.dialogue.feedback.replace("{problem}", "")], folder)
    return folder


def collect(job: Job, iteration: int) -> float:
    """Seconds of one whole collection as flows/rise.py does it, from an empty prefix cache: every turn sampled, graded
    and committed, the improved responses picked and written. Engines are up before the clock starts."""
    from flows.rise import sample
    from rise_core.episode import collection
    from tasks.pick_improved import pick_improved
    from tasks.tidy import tidy
    from tasks.write_parquet import write_parquet

    engines = job.use_policy(0)
    engines.apply(engines.policy)
    begun = time.perf_counter()
    sample(job, iteration, [collection(job.config)], policy=0)
    tidy(job, iteration)
    write_parquet(job, iteration, pick_improved(job, iteration))
    return time.perf_counter() - begun


def sampled(job: Job, iteration: int) -> int:
    """The tokens of a collection."""
    sql = "SELECT sum(len(response_ids)) AS n FROM rollouts WHERE run = ? AND iteration = ? AND purpose = 'collect'"
    return int(job.lake.query(sql, [job.run, iteration])["n"][0].as_py())


def parameters_of(folder: Path) -> int:
    """How many numbers a model has; tied ones are counted once, as the file holds them."""
    from safetensors import safe_open

    total = 0
    for file in folder.glob("*.safetensors"):
        with safe_open(str(file), "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 (no mapping)
                shape = tensors.get_slice(name).get_shape()
                size = 1
                for side in shape:
                    size *= side
                total += size
    return total


def bare_arguments(job: Job) -> dict[str, Any]:
    """The arguments of vllm.EngineArgs that the job's engines are started with, for a bare engine of the same kind."""
    from rise_core.engine.settings import engine_arguments, learner

    return engine_arguments(policy=job.policy(0), **learner(job.config))
