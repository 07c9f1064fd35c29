"""RISE (Recursive Introspection, arXiv 2407.18219) from Python: all names for a notebook in one place.

    import rise

    lake = rise.open_lake("rise-home")
    rollouts = rise.read_rollouts(lake, "demo", iteration=2, purpose="eval_sequential")
    print(rollouts.to_pandas().groupby("turn")["verdict"].value_counts(normalize=True))

A name is loaded from its own module at first use, so `import rise` takes no time and needs neither torch nor vLLM.
docs/python.md has a worked example for each name.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rise_core.answering.local_learner import LocalLearner as LocalLearner
    from rise_core.config.keys import Config as Config
    from rise_core.config.load import load_config as load_config
    from rise_core.errors import UserError as UserError
    from rise_core.method.dialogue import messages as messages
    from rise_core.method.dialogue import state_ids as render_state
    from rise_core.method.metrics import compute_metrics as compute_metrics
    from rise_core.method.solving import attempts as attempts
    from rise_core.method.solving import final_answer as final_answer
    from rise_core.method.weights import reward_weights as reward_weights
    from rise_core.records import Checkpoint as Checkpoint
    from rise_core.records import Grade as Grade
    from rise_core.records import Problem as Problem
    from rise_core.records import TrainRow as TrainRow
    from rise_core.records import Verdict as Verdict
    from rise_core.training.row_file import example_rows as example_rows
    from rise_core.training.spec import TrainResult as TrainResult
    from rise_core.verifiers import get as get_verifier
    from rise_core.verifiers.grading_pool import GradingPool as GradingPool
    from storage.examples import read as read_examples
    from storage.home import Home
    from storage.lake import Lake as Lake
    from storage.problem_rows import read as read_problems
    from storage.rollouts import from_arrow as to_rollouts
    from storage.rollouts import read_table as read_rollouts

# In a checkout the packages stand at the top, in an installed wheel inside `rise` (deployments/wheel.py).
_ROOT = f"{__name__}." if (Path(__file__).parent / "rise_core").is_dir() else ""
# Offered name: its module and its name there.
_OFFERED = {
    "Checkpoint": "rise_core.records:Checkpoint",
    "Config": "rise_core.config.keys:Config",
    "Grade": "rise_core.records:Grade",
    "GradingPool": "rise_core.verifiers.grading_pool:GradingPool",
    "Lake": "storage.lake:Lake",
    "LocalLearner": "rise_core.answering.local_learner:LocalLearner",
    "Problem": "rise_core.records:Problem",
    "TrainResult": "rise_core.training.spec:TrainResult",
    "TrainRow": "rise_core.records:TrainRow",
    "UserError": "rise_core.errors:UserError",
    "Verdict": "rise_core.records:Verdict",
    "attempts": "rise_core.method.solving:attempts",
    "compute_metrics": "rise_core.method.metrics:compute_metrics",
    "example_rows": "rise_core.training.row_file:example_rows",
    "final_answer": "rise_core.method.solving:final_answer",
    "get_verifier": "rise_core.verifiers:get",
    "load_config": "rise_core.config.load:load_config",
    "messages": "rise_core.method.dialogue:messages",
    "read_examples": "storage.examples:read",
    "read_problems": "storage.problem_rows:read",
    "read_rollouts": "storage.rollouts:read_table",
    "render_state": "rise_core.method.dialogue:state_ids",
    "reward_weights": "rise_core.method.weights:reward_weights",
    "to_rollouts": "storage.rollouts:from_arrow",
}
__all__ = [
    "Checkpoint",
    "Config",
    "Grade",
    "GradingPool",
    "Lake",
    "LocalLearner",
    "Problem",
    "TrainResult",
    "TrainRow",
    "UserError",
    "Verdict",
    "attempts",
    "compute_metrics",
    "example_rows",
    "final_answer",
    "fine_tune",
    "get_verifier",
    "load_checkpoint",
    "load_config",
    "messages",
    "open_lake",
    "open_learner",
    "read_config",
    "read_examples",
    "read_problems",
    "read_rollouts",
    "render_state",
    "reward_weights",
    "to_rollouts",
]


def open_lake(home: str | Path | None = None, *, version: int | None = None) -> Lake:
    """Open the lake of a home folder for reading.

    Args:
        home: The folder; by default RISE_HOME, then ./rise-home.
        version: Pin every table to this snapshot; None follows the newest.
    """
    from storage.lake import Lake

    return Lake(_home(home).lake, read_only=True, version=version)


def read_config(lake: Lake, run: str) -> Config:
    """Read the stored config of a run."""
    from rise_core.config.load import from_yaml
    from storage import runs

    return from_yaml(runs.get(lake, run).config)


def load_checkpoint(home: str | Path | None, run: str, iteration: int | None = None) -> Checkpoint:
    """Look up a checkpoint of a run, its files checked against their hashes.

    Args:
        iteration: 0 is the base model; None takes the newest.
    """
    from storage import checkpoints

    with open_lake(home) as lake:
        row = checkpoints.get(lake, run, iteration)
        return checkpoints.open_checkpoint(_home(home).path, lake, run, row.iteration)


def open_learner(home: str | Path | None, run: str, iteration: int | None = None) -> LocalLearner:
    """Start a vLLM engine in this process with a checkpoint, under its run's evaluation settings.

    Open it before anything imports torch: torch and vLLM read the number of threads from the environment at import.

    Args:
        iteration: 0 is the base model; None takes the newest.
    """
    from rise_core.engine.local_engine import prepare_process
    from storage import checkpoints

    with open_lake(home) as lake:
        config = read_config(lake, run)
        number = checkpoints.get(lake, run, iteration).iteration
    config.engine = prepare_process(config.engine)
    from rise_core.answering.local_learner import LocalLearner  # after the settings stand in the environment

    learner = LocalLearner(config, load_checkpoint(home, run, number), number)
    learner.start()
    return learner


def fine_tune(config: Config, start: Checkpoint, rows: Iterable[TrainRow], folder: str | Path) -> TrainResult:
    """Fine-tune a checkpoint on weighted token sequences, in this process on the CPU.

    Args:
        start: The checkpoint to start from.
        rows: Token sequences with loss masks and weights.
        folder: Gets the rows, the log and, in `out`, the trained weights.
    """
    from rise_core.training.row_file import write_rows
    from rise_core.training.spec import train_spec
    from rise_core.training.trainer import train

    spec = train_spec(config, Path(folder), start)
    write_rows(spec.rows_path, rows)
    return train(spec, rank=0, world_size=1, report=lambda entry: None)


def _home(home: str | Path | None) -> Home:
    from storage.home import Home

    return Home.from_env() if home is None else Home(Path(home).expanduser().resolve())


def __getattr__(name: str) -> Any:
    """Load an offered name from its module (PEP 562)."""
    if name not in _OFFERED:
        raise AttributeError(f"module 'rise' has no attribute {name!r}")
    module, _, attribute = _OFFERED[name].partition(":")
    value = getattr(import_module(_ROOT + module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
