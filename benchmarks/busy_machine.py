"""Training beside other work: steps a second alone, and beside one busy process of niceness 0 and of niceness 19.

    .venv/bin/python benchmarks/busy_machine.py > busy_machine.md          # about 10 minutes
    .venv/bin/python benchmarks/busy_machine.py --smoke

Two ways of the same loop (rise_core.training.trainer.optimise) with a thread per core, each in a process of its own:

- spinning: OpenMP's threads spin while they wait, at niceness 15, the settings that Ray gives a process by itself;
- passive: OMP_WAIT_POLICY=PASSIVE at the niceness of the caller, as rise_core.training.trainer_process starts one.

Models: the demo's, and a random Llama with SmolLM2's width and MLP in 4 layers. The first steps are not timed. A busy
process beside a thread on each of N cores leaves training N / (N + 1) of its speed where the scheduler moves threads,
and (N - 1) / N where the busy process keeps a core for itself; the second is the target.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measuring import held, machine, parser, progress, table

WAYS: dict[str, tuple[dict[str, str], int]] = {  # name: OpenMP's settings, niceness
    "spinning": ({}, 15),
    "passive": ({"OMP_WAIT_POLICY": "PASSIVE"}, 0),
}
BESIDE: dict[str, int | None] = {"alone": None, "beside nice 19": 19, "beside nice 0": 0}
FEW = ["problems.train_size=200", "problems.eval_size=8"]  # spares the start of each process
MODELS = {
    "demo": ["demo", *FEW],
    "larger": ["demo", *FEW, "model.scratch={hidden_size: 576, intermediate_size: 1536, layers: 4}"],
}
WARM = 3  # steps that are not timed
EXAMPLES = 32  # a step


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--seconds", type=float, default=10, help="of timed steps in each cell")
    options.add_argument("--repeats", type=int, default=3, help="of every cell, in turns; medians are printed")
    options.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    options.add_argument("--smoke", action="store_true", help="one short repeat of the demo's model")
    options.add_argument("--one", nargs=2, metavar=("MODEL", "SECONDS"), help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.one:
        print(json.dumps(steps_per_second(arguments.one[0], float(arguments.one[1]))))
        return
    seconds, repeats = (2.0, 1) if arguments.smoke else (arguments.seconds, arguments.repeats)
    print(machine("torch") + "\n")
    for model in ["demo"] if arguments.smoke else arguments.models:
        print(compared(model, seconds, repeats) + "\n", flush=True)


def compared(model: str, seconds: float, repeats: int) -> str:
    """The table of one model: a line for each way."""
    rates: dict[tuple[str, str], list[float]] = {}
    for number in range(repeats):
        for neighbour, niceness in BESIDE.items():
            for way in WAYS:
                with busy(niceness):
                    rate = measured(model, way, seconds)
                rates.setdefault((way, neighbour), []).append(rate)
                progress(f"{model}, {way}, {neighbour}, {number + 1} of {repeats}: {rate:.3g} steps/s")
    median = {cell: statistics.median(values) for cell, values in rates.items()}
    cores = len(os.sched_getaffinity(0))
    least = 0.9 * (cores - 1) / cores  # a tenth for the noise of the measurement
    lines = []
    for way in WAYS:
        alone = median[way, "alone"]
        kept = [median[way, neighbour] / alone for neighbour in BESIDE if neighbour != "alone"]
        shares = [held(share, at_least=least if way == "passive" else None) for share in kept]
        lines.append([way, f"{alone:.3g}", f"{alone / median['spinning', 'alone']:.2f}\u00d7", *shares])
    head = ["threads wait", "alone, steps/s", "against spinning", *(name for name in BESIDE if name != "alone")]
    return f"{model}, {cores} threads (target beside one process: at least {least:.2f}\u00d7):\n\n{table(head, lines)}"


@contextmanager
def busy(niceness: int | None) -> Iterator[None]:
    """One process that computes at a niceness for the length of the block; none for None."""
    if niceness is None:
        yield
        return
    process = subprocess.Popen(["nice", "-n", str(niceness), sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def measured(model: str, way: str, seconds: float) -> float:
    """Steps a second of one training in a process of its own."""
    variables, niceness = WAYS[way]
    command = ["nice", "-n", str(niceness), sys.executable, __file__, "--one", model, str(seconds)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    printed = subprocess.check_output(command, env=environment | variables, text=True, stderr=subprocess.DEVNULL)
    return float(json.loads(printed.splitlines()[-1]))


class _Enough(Exception):
    """Ends a training whose time is up."""


def steps_per_second(model: str, seconds: float) -> float:
    """Train a model with a thread per core in this process for so many seconds."""
    import torch
    from training_rows import prepare

    from rise_core.config.load import load_config
    from rise_core.training.model import load_model
    from rise_core.training.row_file import load_rows
    from rise_core.training.trainer import optimise

    profile, *overrides = MODELS[model]
    ends: list[float] = []

    def log(_: dict[str, Any]) -> None:
        ends.append(time.perf_counter())
        if len(ends) > WARM and ends[-1] - ends[WARM - 1] >= seconds:
            raise _Enough

    with tempfile.TemporaryDirectory(prefix="busy-machine-") as folder:
        spec = prepare(load_config(profile, overrides), 3000, EXAMPLES, Path(folder), threads=0)
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        model = load_model(spec, torch.device("cpu"))
        rows = load_rows(spec.rows_path)
        try:
            while True:
                optimise(model, rows, spec, log)
        except _Enough:
            return (len(ends) - WARM) / (ends[-1] - ends[WARM - 1])


if __name__ == "__main__":
    main()
