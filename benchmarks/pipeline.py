"""The product's own stages for benchmarks: a home of its own, the embedded Prefect server, Ray, runs and base models.

`at_home` comes first, before Prefect is imported; within `in_a_flow`, `context_of` opens runs as flows/iterate.py does.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from flows.cli.messages import quiet_flow_logs
from flows.local.environment import use_home
from flows.local.prefect_server import PrefectServer

if TYPE_CHECKING:
    from tasks.run.context import RunContext

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
        with PrefectServer.reserve().running():
            yield Path(folder)


def in_a_flow(work: Callable[[], T]) -> T:
    """Run `work` as a Prefect flow: stages are tasks, which need one around them."""
    from prefect import flow

    done: T = flow(work, name="benchmark", persist_result=False, validate_parameters=False)()
    return done


@contextmanager
def context_of(run: str, profile: str, overrides: list[str]) -> Iterator[RunContext]:
    """A run opened as flows/iterate.py opens it, with its base checkpoint. Call it within a flow."""
    from tasks.prepare import prepare
    from tasks.run.opening import open_run

    with open_run(run, profile, overrides, 0) as context:
        prepare(context)
        yield context


def base_model(profile: str, overrides: list[str]) -> Path:
    """A profile's base model, boosted as the overrides say: a model folder for `model.name`. Call it within a flow."""
    with context_of(f"base-{profile}", profile, overrides) as context:
        return context.base_folder


def plain_model(profile: str, overrides: list[str], folder: Path) -> Path:
    """A profile's base model without any boost, in `folder`: one made from scratch has random weights."""
    from rise_core import models
    from rise_core.config.load import load_config
    from rise_core.problems import load_problems

    config = load_config(profile, overrides)
    own = config.model.name == models.SCRATCH
    texts = [problem.problem for problem in load_problems(config).train] if own else []
    models.build(config, [*texts, config.dialogue.feedback.replace("{problem}", "")], folder)
    return folder


def collect(context: RunContext, iteration: int) -> float:
    """Seconds of one collection as flows/iterate.py does it, from an empty prefix cache: every turn sampled, graded and
    committed, the improved responses picked and written. Engines are up before the clock starts."""
    from flows.sampling import sample
    from rise_core.method.episode import collection_plan
    from tasks.pick_improved import pick_improved
    from tasks.tidy import tidy
    from tasks.write_parquet import write_parquet

    engines = context.answering.serve(context.checkpoint(0))
    for replica in engines.replicas:
        replica.run("use", engines.checkpoint)  # empties the prefix cache
    begun = time.perf_counter()
    sample(context, iteration, [collection_plan(context.config)], checkpoint=0)
    tidy(context, iteration)
    write_parquet(context, iteration, pick_improved(context, iteration))
    return time.perf_counter() - begun


def sampled(context: RunContext, iteration: int) -> int:
    """The tokens of a collection."""
    sql = "SELECT sum(len(response_ids)) AS n FROM rollouts WHERE run = ? AND iteration = ? AND purpose = 'collect'"
    return int(context.lake.query(sql, [context.name, iteration])["n"][0].as_py())


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


def bare_arguments(context: RunContext) -> dict[str, Any]:
    """The arguments of vllm.EngineArgs of the run's engines, for a bare engine of the same kind."""
    from rise_core.engine.settings import engine_arguments, learner_options

    return engine_arguments(checkpoint=context.checkpoint(0), **learner_options(context.config))
