"""The table of docs/results.md: a target that is missed is bold, and a control that is none is refused."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from rise_core.config.load import load_config, to_yaml
from rise_core.errors import UserError
from rise_core.method.metrics import compute_metrics
from rise_core.records import Problem, Rollout
from storage import checkpoints, metric_rows, problem_rows, rollouts, runs
from storage.lake import Lake
from storage.location import LakeLocation
from tests.storage.samples import checkpoint, rollout

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
PROBLEMS = 40
LAST = 2
# Of how many of the problems each response is right: of turns 1 to 5, and of parallel samples 1 to 5.
BASE = ([16, 16, 16, 16, 8], [16, 20, 20, 20, 20])
AFTER = ([16, 36, 36, 36, 36], [16, 20, 20, 20, 20])
Right = tuple[list[int], list[int]]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return import_module("demo_seeds")


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with Lake(LakeLocation.from_home(tmp_path)) as lake:
        yield lake


def responses(run: str, iteration: int, right: Right) -> Iterator[Rollout]:
    """An evaluation in which the first so many problems are answered rightly and no two wrong answers are equal."""
    for index in range(PROBLEMS):
        for turn, count in enumerate(right[0], start=1):
            yield graded(run, iteration, index, index < count, purpose="eval_sequential", turn=turn)
        for sample, count in enumerate(right[1]):
            yield graded(run, iteration, index, index < count, purpose="eval_parallel", sample=sample)


def graded(run: str, iteration: int, index: int, correct: bool, **where: object) -> Rollout:
    answer, verdict = ("18", "correct") if correct else (f"wrong {where}", "wrong")
    return rollout(
        run=run, iteration=iteration, split="eval", problem_id=f"p{index:02}", policy=f"{run}-{iteration}",
        answer=answer, verdict=verdict, reward=float(correct), **where,
    )  # fmt: skip


def fill(lake: Lake, run: str, evaluations: dict[int, Right], base: str = "base", sampled: int = 6) -> None:
    """A run of the demo with the evaluations of some iterations, which sampled so many responses for training."""
    config = load_config("demo", ["eval.bootstrap=200"])
    runs.append(lake, run, "demo", to_yaml(config), {}, LAST)
    problem_rows.append(lake, run, [Problem(f"p{index:02}", "eval", f"q{index}", "18") for index in range(PROBLEMS)])
    checkpoints.append(lake, checkpoint(run, 0, base))
    checkpoints.append(lake, checkpoint(run, LAST, f"{run}-last"))
    rollouts.append(lake, [rollout(run=run, policy=base, sample=sample) for sample in range(sampled)])
    for iteration, right in evaluations.items():
        rows = list(responses(run, iteration, right))
        for purpose in ("eval_sequential", "eval_parallel"):
            for turn in range(1, 6):
                same = [row for row in rows if (row.purpose, row.turn) == (purpose, turn)]
                if same:
                    rollouts.append(lake, same)
        metric_rows.replace(
            lake, run, iteration, compute_metrics(rows, split="eval", turns=5, samples=5, bootstrap=200, seed=1)
        )


@pytest.mark.parametrize(
    ("base", "after", "control", "missed"),
    [
        (BASE, AFTER, BASE, []),
        (BASE, (AFTER[0], [36] * 5), BASE, ["after: m1@t5 - m5@t1"]),
        (BASE, ([16, 18, 18, 18, 18], [12] * 5), ([12] * 5, [12] * 5), ["after: m1@t5 - m1@t1"]),
        ((BASE[0], [12] * 5), AFTER, BASE, ["base: m1@t5 - m5@t1"]),
        (([16] * 5, BASE[1]), AFTER, BASE, ["base: accuracy by turn"]),
        (BASE, ([16, 36, 36, 36, 15], AFTER[1]), BASE, ["after: accuracy by turn"]),
        (BASE, ([15, 36, 36, 36, 36], AFTER[1]), BASE, ["m1@t1: after - base"]),
        (BASE, (AFTER[0], [16, 20, 20, 20, 40]), BASE, ["after: p1@t5 - p5@t1"]),
        (BASE, AFTER, ([16, 36, 36, 36, 36], BASE[1]), ["m1@t5 after - best of the control"]),
    ],
)  # fmt: skip
def test_each_target_that_is_missed_is_bold_and_no_other(
    script: ModuleType, lake: Lake, capsys: pytest.CaptureFixture[str], base: Right, after: Right, control: Right,
    missed: list[str],
) -> None:  # fmt: skip
    fill(lake, "demo-7", {0: base, LAST: after})
    fill(lake, "control-7", {0: base, LAST: control})
    script.print_table(lake, [7])
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    bold = [cells[0].removeprefix("| ") for cells in lines if "**" in cells[-1]]
    assert bold == missed
    assert sum(any(mark in cells[1] for mark in "≥≤") or "falls" in cells[1] for cells in lines) == 8


@pytest.mark.parametrize(("change", "named"), [({"base": "another"}, "base model"), ({"sampled": 5}, "NOT at equal")])
def test_a_control_on_other_terms_is_refused(
    script: ModuleType, lake: Lake, change: dict[str, object], named: str
) -> None:
    fill(lake, "demo-7", {0: BASE, LAST: AFTER})
    fill(lake, "control-7", {0: BASE, LAST: BASE}, **change)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=f"control-7 is no control of demo-7: .*{named}"):
        script.print_table(lake, [7])


def test_the_figures_are_of_the_right_run(script: ModuleType, lake: Lake) -> None:
    fill(lake, "demo-7", {0: BASE, LAST: AFTER})
    fill(lake, "control-7", {0: BASE, LAST: ([4] * 5, [8] * 5)})
    cells: dict[str, str] = {line.name: line.cells[0][0] for line in script.measure(lake, 7)}
    assert cells["m1@t5: base → after"] == "40.0 → 90.0"
    assert cells["control: m1@t1, m5@t1, m1@t5"] == "10.0 20.0 10.0"
    assert cells["m1@t5 after - best of the control"].startswith("70.0 [")
    assert cells["m1@t5 after - best of the base"].startswith("40.0 [")
    assert cells["base: accuracy by turn"] == "40.0 40.0 40.0 40.0 20.0"
