"""The start of a fine-tuning: seconds from `fit` to the first optimiser step, on a tiny model, for three processes.

    .venv/bin/python benchmarks/trainer_start.py > trainer_start.md       # about 2 minutes

- new: the first fine-tuning of a run. Ray starts a process, which imports torch, transformers and Ray Train.
- warm: the same after a task that only imported these modules, as runs once did beside picking and writing examples.
- second: a later fine-tuning of a run. The process of the one before is still there.

Each repeat connects to a Ray of its own.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import ray
from measuring import in_turns, machine, parser, table
from training_rows import prepare

from rise_core import cluster
from rise_core.config.load import load_config
from rise_core.training import trainer_process
from rise_core.training.ray_train import fit
from rise_core.training.spec import TrainSpec

MODULES = ("ray.train.torch", "rise_core.training.trainer", "rise_core.training.process_group")
SETTLE_SECONDS = 3.0  # after the connection, until Ray's first processes are idle
RETURN_SECONDS = 10.0  # between two trainings: long enough for Ray to end processes that it has too many of


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--repeats", type=int, default=3, help="of every way; medians are printed")
    options.add_argument("--smoke", action="store_true", help="one repeat")
    arguments = options.parse_args()
    print(machine("torch", "transformers", "ray") + "\n")
    with tempfile.TemporaryDirectory(prefix="trainer-start-") as folder:
        spec = prepare(
            load_config("demo", ["problems.train_size=200", "problems.eval_size=8"]), 32, 32, Path(folder), threads=1
        )
        ways = {"new": lambda: new(spec), "warm": lambda: warm(spec), "second": lambda: second(spec)}
        seconds = in_turns(ways, 1 if arguments.smoke else arguments.repeats)
    print(table(["process", "seconds to the first step"], [[name, f"{value:.1f}"] for name, value in seconds.items()]))


def new(spec: TrainSpec) -> float:
    """Seconds to the first step in a new process."""
    with cluster.connect(logical_cpus=2):
        time.sleep(SETTLE_SECONDS)
        return first_step(spec)


def warm(spec: TrainSpec) -> float:
    """Seconds to the first step in a process that has imported its modules."""
    with cluster.connect(logical_cpus=2):
        task = ray.remote(max_calls=0)(import_modules).options(
            num_cpus=0.1, runtime_env={"env_vars": trainer_process.ENVIRONMENT}
        )
        ray.get(task.remote())
        time.sleep(RETURN_SECONDS)
        return first_step(spec)


def second(spec: TrainSpec) -> float:
    """Seconds to the first step in the process of an earlier fine-tuning."""
    with cluster.connect(logical_cpus=2):
        first_step(spec)
        time.sleep(RETURN_SECONDS)
        return first_step(spec)


def import_modules() -> None:
    """Import the modules of a training process."""
    for module in MODULES:
        import_module(module)


def first_step(spec: TrainSpec) -> float:
    """Seconds from the call of `fit` to the end of the first optimiser step."""
    begun = time.time()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        fit(replace(spec, out_dir=f"{folder}/out", log_path=str(log)), workers=1, gpus=0, timeout=600)
        return log.stat().st_mtime - begun


if __name__ == "__main__":
    main()
