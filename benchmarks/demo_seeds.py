"""The demo over several seeds, held against its targets and against a control trained on first turns only.

    .venv/bin/python benchmarks/demo_seeds.py --seeds 1 2 3 --home results-home > table.md

Every seed makes its own base model, training problems and held-out problems. The control (profile demo+rft) samples as
many responses from the same base, all of them at turn 1, and trains on the best-paid correct one of each problem. A run
that is complete is not repeated. stdout gets the Markdown table, stderr the progress.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from flows.cli.compared_runs import read_comparison
from rise_core.config.load import load_config
from rise_core.errors import UserError
from rise_core.records import Metric
from storage import metric_rows
from storage.home import Home
from storage.lake import Lake

VOTES = ("m1@t1", "m5@t1", "m1@t5")
BEST = "m1@tK - best of"
RISE = str(Path(sys.executable).parent / "rise")


@dataclass(frozen=True)
class Line:
    """A line of the table: what is measured, the target in words, and for each seed the figure and whether it holds."""

    name: str
    target: str
    cells: list[tuple[str, bool]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--home", type=Path, default=Path("results-home"))
    parser.add_argument("overrides", nargs="*", help="key=value of the demo profile, for RISE and control alike")
    arguments = parser.parse_args()
    os.environ["RISE_HOME"] = str(arguments.home.resolve())
    for seed in arguments.seeds:
        run_both(seed, arguments.overrides)
    with Lake(Home.from_env().lake, read_only=True) as lake:
        print_table(lake, arguments.seeds)


def run_both(seed: int, overrides: list[str]) -> None:
    """RISE and its control from the same seed, with the same number of sampled responses."""
    sampled = sum(turn.n for turn in load_config("demo", overrides).collect.turns)
    control = f"collect.turns=[{{policy: learner, n: {sampled}}}]"
    for profile, name, extra in (("demo", "demo", []), ("demo+rft", "control", [control])):
        print(f"{name}, seed {seed}", file=sys.stderr)
        command = [RISE, "run", profile, *overrides, *extra, f"seed={seed}", "--run", f"{name}-{seed}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def print_table(lake: Lake, seeds: list[int]) -> None:
    lines = list(zip(*(measure(lake, seed) for seed in seeds), strict=True))
    held_out = max(metric.n for _, metric in metric_rows.read(lake, f"demo-{seeds[0]}"))
    print(f"In percent, {held_out} held-out problems a seed, [paired 95% interval]. Bold: the target is missed.\n")
    print("| | target |", " | ".join(f"seed {seed}" for seed in seeds), "|")
    print("|---|---|" + "---|" * len(seeds))
    for same in lines:
        cells = [text if holds else f"**{text}**" for line in same for text, holds in line.cells]
        print(f"| {same[0].name} | {same[0].target} | {' | '.join(cells)} |")


def measure(lake: Lake, seed: int) -> list[Line]:
    """Every line for one seed."""
    run, control = f"demo-{seed}", f"control-{seed}"
    by_name = {(k, metric.metric): metric for k, metric in metric_rows.read(lake, run)}
    last = max(k for k, _ in by_name)
    base, after = ({name: metric for (k, name), metric in by_name.items() if k == at} for at in (0, last))
    turns = sorted((name for name in after if name.startswith("acc@t")), key=lambda name: int(name[5:]))
    gained, (ahead, notes) = leads(lake, f"{run}@0", f"{run}@{last}")[0], leads(lake, control, f"{run}@{last}")
    if unequal := [note for note in notes if not note.startswith("equal numbers")]:
        raise UserError(f"{control} is no control of {run}: {'; '.join(unequal)}")
    rival = {metric.metric: metric for k, metric in metric_rows.read(lake, control) if k == last}
    by_turn = {"base": base, "after": after}
    shown = {
        which: " ".join(f"{100 * metrics[name].value:.1f}" for name in turns) for which, metrics in by_turn.items()
    }
    first, final = turns[0], turns[-1]
    names = [name for name in after if name[0] in "mp" and "@" in name]
    return [
        *(
            Line(f"{name}: base → after", "", [(f"{percent(base[name])} → {percent(after[name])}", True)])
            for name in names
        ),
        Line("control: " + ", ".join(VOTES), "", [(" ".join(percent(rival[name]) for name in VOTES), True)]),
        at_least("after: m1@t5 - m5@t1", "≥ 3, interval above 0", after["gain_parallel"], 0.03, above_zero=True),
        at_least("after: m1@t5 - m1@t1", "≥ 10, interval above 0", after["gain_turns"], 0.10, above_zero=True),
        Line("base: m1@t5 - m5@t1", "≤ 0", [(interval(base["gain_parallel"]), base["gain_parallel"].value <= 0)]),
        Line("base: accuracy by turn", "falls", [(shown["base"], base[final].value < base[first].value)]),
        Line("after: accuracy by turn", "last ≥ first", [(shown["after"], after[final].value >= after[first].value)]),
        at_least("m1@t1: after - base", "≥ -1", gained["m1@t1"], -0.01),
        at_least("after: p1@t5 - p5@t1", "≥ 0", after["gain_oracle"], 0.0),
        at_least("m1@t5 after - best of the control", "≥ 3", ahead[BEST], 0.03),
        Line("m1@t5 after - best of the base", "", [(interval(gained[BEST]), True)]),
    ]


def leads(lake: Lake, first: str, second: str) -> tuple[dict[str, Metric], list[str]]:
    """The second run's leads over the first, by metric, and what is said of the comparison; BEST: of its turns over the
    first's best number."""
    compared = read_comparison(lake, [first, second], "eval")
    differences = {row.name: row.differences[second] for row in compared.rows if second in row.differences}
    return differences | {
        BEST: next(metric for name, metric in differences.items() if name.startswith(BEST))
    }, compared.notes


def at_least(name: str, target: str, metric: Metric, least: float, above_zero: bool = False) -> Line:
    holds = metric.value >= least and (metric.ci_low > 0 or not above_zero)
    return Line(name, target, [(interval(metric), holds)])


def interval(metric: Metric) -> str:
    return f"{percent(metric)} [{100 * metric.ci_low:.1f}, {100 * metric.ci_high:.1f}]"


def percent(metric: Metric) -> str:
    return f"{100 * metric.value:.1f}"


if __name__ == "__main__":
    main()
