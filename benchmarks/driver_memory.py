"""The driver's memory while a million rollouts pass through it, against ten thousand.

    .venv/bin/python benchmarks/driver_memory.py > driver_memory.md       # about 20 minutes on a quiet machine
    .venv/bin/python benchmarks/driver_memory.py --smoke                  # 1,000 and 20,000 rollouts

One collection, turn plan [1, 16], of the demo with responses of 24 tokens, by the product's own stages: sampling,
grading, commits, selection, examples and the training rows. Only the engine is not real: an actor that answers at once
(benchmarks/canned.py). Both sizes run in a process of their own with the same problems loaded, so that what differs is
what the rollouts leave; the figure is the highest resident memory that the process ever had.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import held, machine, parser, progress, table
from pipeline import TWO_TURNS, at_home, collect, context_of, in_a_flow, plain_model

EACH = 17  # responses a problem
SHARD = 256


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--smoke", action="store_true", help="1,000 and 20,000 rollouts")
    options.add_argument(
        "--one", nargs=3, metavar=("ROLLOUTS", "PROBLEMS", "MODEL"), help="one size in this process, figures as JSON"
    )
    arguments = options.parse_args()
    if arguments.one:
        rollouts, problems, model = arguments.one
        with at_home():
            print(json.dumps(in_a_flow(lambda: one_size(int(rollouts), int(problems), model))), flush=True)
        return
    print(machine("ray", "prefect", "pyarrow", "duckdb") + "\n")
    sizes = [1_000, 20_000] if arguments.smoke else [10_000, 1_000_000]
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        model = plain_model("demo", ["problems.train_size=200", "problems.eval_size=16"], Path(folder) / "model")
        for size in sizes:
            command = [sys.executable, __file__, "--one", str(size), str(sizes[-1] // EACH), str(model)]
            figures.append(json.loads(subprocess.check_output(command, text=True).splitlines()[-1]))
            progress(str(figures[-1]))
    rows = [[f"{f['rollouts']:,}", f"{f['before']:,.0f}", f"{f['peak']:,.0f}", f"{f['seconds']:.0f}"] for f in figures]
    more = figures[-1]["peak"] - figures[0]["peak"]
    print(table(["rollouts", "MB before the first", "MB at the highest", "seconds"], rows))
    print(f"\nMore at the highest: {held(more, at_most=100, unit=' MB')} (target: at most 100 MB).")


def one_size(rollouts: int, problems: int, model: str) -> dict[str, float]:
    from canned import RESPONSE, Canned

    from rise_core.engine import engine_processes, replica
    from tasks.fine_tune import read_spec

    for module in (engine_processes, replica):  # both start actors
        module.EngineActor = Canned  # type: ignore[assignment, misc]
    overrides = [
        TWO_TURNS, f"problems.train_size={problems}", "problems.eval_size=16", "boost.problems=0",
        f"model.name={model}", f"collect.problems={max(1, rollouts // EACH)}",
        f"collect.shard_size={SHARD}", f"collect.max_new_tokens={RESPONSE}", "select.first_turn.wrong=1.0",
        "select.criterion=all", "engine.replicas=1", "verify.workers=1",
    ]  # fmt: skip
    with context_of("memory", "demo", overrides) as context:
        context.answering.serve(context.checkpoint(0))
        before = highest()
        seconds = collect(context, 1)
        read_spec(context, 1)
        return {"rollouts": rollouts, "before": before, "peak": highest(), "seconds": seconds}


def highest() -> float:
    """The highest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()
