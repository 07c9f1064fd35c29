"""Every option of selection and training, by what it does to table `examples` and to what is trained on."""

from __future__ import annotations

import re
from math import exp
from pathlib import Path

import pytest

from rise_core.records import TrainRow
from storage import checkpoints, examples
from tasks.fine_tune import read_spec
from tasks.prepare import boost_rows, boost_spec
from tasks.run.context import RunContext
from tests.rise_core.training.read_rows import read_rows
from tests.tasks.rehearsed import Script, advance, choose, collect, rehearsed, train_here

TWO_TURNS: Script = {
    "train-1": [["#### 11"], ["no", "#### 12", "#### 1", "#### 1 #### 1"]],  # wrong, then right at samples 2 and 3
    "train-2": [["#### 2"], ["#### 13", "no", "no", "no"]],  # right, then wrong
    "train-3": [["no"], ["no", "#### 14", "#### 15", "no"]],  # no answer, then wrong
    "train-4": [["#### 16"], ["#### 17", "#### 18", "no", "no"]],  # wrong twice
}
FIRST = {(f"train-{n}", 1, 0) for n in range(1, 5)}
RIGHT, WRONG, NONE = exp(1 / 0.4), 1.0, exp(-1 / 0.4)


@pytest.mark.parametrize(
    ("criterion", "chosen"),
    [
        ("all", FIRST | {("train-1", 2, 2), ("train-2", 2, 0), ("train-3", 2, 1), ("train-4", 2, 0)}),
        ("better", FIRST | {("train-1", 2, 2), ("train-3", 2, 1)}),
        ("best", FIRST | {("train-1", 2, 2), ("train-3", 2, 1), ("train-4", 2, 0)}),
        ("success", {("train-1", 2, 2), ("train-2", 1, 0)}),
    ],
)
def test_criterion(tmp_path: Path, criterion: str, chosen: set[tuple[str, int, int]]) -> None:
    with rehearsed(tmp_path, f"select.criterion={criterion}") as context:
        collect(context, 1, TWO_TURNS)
        assert {(e.problem_id, e.turn, e.sample) for e in choose(context)} == chosen


@pytest.mark.parametrize(
    ("override", "chosen"),
    [
        ("select.first_turn.wrong=0", {("train-2", 1, 0)}),
        ("select.first_turn.correct=0", FIRST - {("train-2", 1, 0)}),
    ],
)
def test_share_of_first_turns(tmp_path: Path, override: str, chosen: set[tuple[str, int, int]]) -> None:
    with rehearsed(tmp_path, override) as context:
        collect(context, 1, TWO_TURNS)
        assert {(e.problem_id, e.turn, e.sample) for e in choose(context) if e.turn == 1} == chosen


def test_stop_on_success_ends_an_episode(tmp_path: Path) -> None:
    with rehearsed(tmp_path, "collect.stop_on_success=true") as context:
        collect(context, 1, TWO_TURNS)
        turns = sorted((e.problem_id, e.turn) for e in choose(context))
    assert turns == sorted({(p, t) for p in TWO_TURNS for t in (1, 2)} - {("train-2", 2)})


@pytest.mark.parametrize("tau", [0.4, 1.0])
def test_tau_weighs_the_examples(tmp_path: Path, tau: float) -> None:
    with rehearsed(tmp_path, f"train.tau={tau}") as context:
        collect(context, 1, TWO_TURNS)
        chosen = choose(context)
    assert {e.reward for e in chosen} == {1.0, 0.0, -1.0}
    assert [e.weight for e in chosen] == pytest.approx([exp(e.reward / tau) for e in chosen])


def in_view(context: RunContext, state_ids: list[int]) -> list[int]:
    """The numbers that a state's attempts answered, oldest first; its questions must be the problem's alone."""
    text = str(context.renderer.tokenizer.decode(state_ids))
    attempts = [int(number) for number in re.findall(r"#### (\d+)", text)]
    assert text.count("q5 ?") == len(attempts) + 1
    assert text.count("no") == len(attempts)  # the feedback
    return attempts


FIVE_TURNS: Script = {"train-5": [[f"#### {10 * turn}"] for turn in range(1, 5)] + [["#### 51", "#### 5", "#### 52"]]}


@pytest.mark.parametrize("window", [1, 2, 3, 4, 5])
def test_window_decides_which_attempts_a_state_shows(tmp_path: Path, window: int) -> None:
    plan = ",".join("{policy: learner, n: 1}" for _ in range(4)) + ",{policy: learner, n: 3}"
    with rehearsed(tmp_path, f"dialogue.window={window}", f"collect.turns=[{plan}]") as context:
        collect(context, 1, FIVE_TURNS)
        chosen = choose(context)
        shown = {e.turn: in_view(context, e.state_ids) for e in chosen}
        target = next(e for e in chosen if e.turn == 5)
        assert (target.sample, context.renderer.tokenizer.decode(target.response_ids[:-1])) == (1, "#### 5")
    attempts = [10, 20, 30, 40]
    assert shown == {
        turn: [a for t, a in enumerate(attempts, start=1) if turn - window < t < turn] for turn in range(1, 6)
    }


def test_a_deeper_plan_goes_on_from_the_learners_own_attempts(tmp_path: Path) -> None:
    plan = "[{policy: learner, n: 1}, {policy: learner, n: 1}, {policy: learner, n: 16}]"
    last = [*(f"#### {n}" for n in range(20, 35)), "#### 5"]
    script: Script = {
        "train-5": [["#### 11"], ["#### 12"], last],
        "train-6": [["#### 11"], ["#### 6"], ["#### 13"] * 16],
        "train-1": [["#### 1"], ["#### 14"], ["#### 15"] * 16],
    }
    with rehearsed(tmp_path, f"collect.turns={plan}", "dialogue.window=3", "collect.stop_on_success=true") as context:
        collect(context, 1, script)
        chosen = {(e.problem_id, e.turn, e.sample): e for e in choose(context)}
        assert in_view(context, chosen["train-5", 3, 15].state_ids) == [11, 12]
    assert chosen.keys() == {  # an episode ends with its first right answer, after which nothing is sampled
        *(("train-5", 1, 0), ("train-5", 2, 0), ("train-5", 3, 15)),
        *(("train-6", 1, 0), ("train-6", 2, 0), ("train-1", 1, 0)),
    }
    assert chosen["train-5", 3, 15].weight == pytest.approx(RIGHT)


SECOND: Script = {"train-5": [["#### 5"], ["#### 5 #### 5", "no", "no", "no"]], "train-6": [["no"], ["no", "no", "no"]]}


def weights_of(rows: list[TrainRow]) -> list[float]:
    return sorted(row.weight for row in rows)


@pytest.mark.parametrize("normalise", ["none", "mean"])
@pytest.mark.parametrize("data", ["latest", "all"])
def test_data_and_normalisation_decide_rows_and_weights(tmp_path: Path, data: str, normalise: str) -> None:
    with rehearsed(tmp_path, f"train.data={data}", f"train.normalise={normalise}") as context:
        first = advance(context, 1, TWO_TURNS)
        collect(context, 2, SECOND)
        choose(context, 2)
        rows = read_rows(read_spec(context, 2).rows_path)
        lake = [list(examples.read(context.lake, context.name, [iteration])) for iteration in (1, 2)]
    # Iteration 1: rewards 0 1 -1 0 at turn 1, then 1 0 0 0. Iteration 2: 1 and -1; 1, and "no" again is a duplicate.
    one, two = [WRONG, RIGHT, NONE, WRONG, RIGHT, WRONG, WRONG, WRONG], [RIGHT, NONE, RIGHT]
    trained = one + two if data == "all" else two
    scale = sum(trained) / len(trained) if normalise == "mean" else 1.0
    assert weights_of(rows) == pytest.approx(sorted(weight / scale for weight in trained))
    first_scale = sum(one) / len(one) if normalise == "mean" else 1.0
    assert weights_of(read_rows(first.rows_path)) == pytest.approx(sorted(weight / first_scale for weight in one))
    # The table holds plain weights whatever is trained on, so a query compares iterations.
    assert sorted(e.weight for e in lake[0] + lake[1]) == pytest.approx(sorted(one + two))
    expected = lake[0] + lake[1] if data == "all" else lake[1]
    assert [row.ids for row in rows] == [[*e.state_ids, *e.response_ids] for e in expected]
    assert [sum(row.mask) for row in rows] == [len(e.response_ids) for e in expected]
    assert [row.weight for row in rows] == pytest.approx([e.weight / scale for e in expected])


def test_mean_normalisation_takes_a_tau_at_which_plain_weights_do_not_fit_float32(tmp_path: Path) -> None:
    with rehearsed(tmp_path, "train.tau=0.01", "train.normalise=mean") as context:
        rows = read_rows(advance(context, 1, TWO_TURNS).rows_path)
        (top,) = {e.weight for e in examples.read(context.lake, context.name, [1]) if e.reward == 1}
    assert top == pytest.approx(exp(100))
    # Of eight examples two are right, and beside theirs the other weights are nothing.
    assert weights_of(rows) == pytest.approx([0.0] * 6 + [4.0] * 2)


@pytest.mark.parametrize("adapter", ["none", "lora"])
@pytest.mark.parametrize(("init", "parent"), [("previous", 1), ("base", 0)])
def test_init_decides_where_training_starts(tmp_path: Path, adapter: str, init: str, parent: int) -> None:
    with rehearsed(tmp_path, f"train.init={init}", f"train.adapter={adapter}") as context:
        first = advance(context, 1, TWO_TURNS)
        second = advance(context, 2, SECOND)
        records = [checkpoints.get(context.lake, context.name, iteration) for iteration in range(3)]
        folders = [str(context.home.path / record.path) for record in records if record]
    assert len(set(folders)) == 3
    assert (first.weights_dir, first.adapter_dir) == (folders[0], None)
    if adapter == "none":
        assert (second.weights_dir, second.adapter_dir) == (folders[parent], None)
        return
    assert second.weights_dir == folders[0]
    assert second.adapter_dir == (folders[1] if init == "previous" else None)
    assert [record.kind for record in records if record] == ["full", "adapter", "adapter"]


THREE_TOKENS: Script = {"train-1": [["#### 11"], ["#### 1", "#### 12"]], "train-2": [["#### 2"], ["#### 13"]]}


def first_loss(home: Path, *overrides: str) -> float:
    """Loss of the only step, on all examples; each response has three tokens."""
    with rehearsed(home, "train.optim.batch_size=8", *overrides) as context:
        collect(context, 1, THREE_TOKENS)
        assert {len(e.response_ids) for e in choose(context)} == {3}
        (entry,) = train_here(read_spec(context, 1)).log
    return float(entry["loss"])


def test_loss_reduction_and_normalisation_scale_the_loss(tmp_path: Path) -> None:
    mean = first_loss(tmp_path / "mean", "train.loss=token_mean")
    assert first_loss(tmp_path / "sum", "train.loss=token_sum") == pytest.approx(3 * mean, rel=1e-4)
    scaled = first_loss(tmp_path / "normalised", "train.normalise=mean")
    assert scaled == pytest.approx(mean / ((RIGHT + RIGHT + WRONG + WRONG) / 4), rel=1e-4)


def test_boost_learns_single_turns_of_worked_problems(tmp_path: Path) -> None:
    with rehearsed(tmp_path, "boost.problems=5", "boost.per_sequence=2", "train.loss=token_sum") as context:
        tokenizer, boost = context.renderer.tokenizer, context.workload.problems.boost
        rows = list(boost_rows(context.config, boost, context.base_folder))
        texts = [str(tokenizer.decode(row.ids)) for row in rows]
        learnt = [str(tokenizer.decode([i for i, on in zip(r.ids, r.mask, strict=True) if on])) for r in rows]
        plan = boost_spec(context.folder, context.config, boost, context.base_folder)
        record = checkpoints.get(context.lake, context.name, 0)
    assert learnt == ["#### 1 <end> #### 2 <end>", "#### 3 <end> #### 4 <end>", "#### 5 <end>"]
    assert [text.count("<user>") for text in texts] == [2, 2, 1]
    assert not any(re.search(r"\bno\b", text) for text in texts), "no feedback, so no turns"
    assert {row.weight for row in rows} == {1.0}
    assert (plan.adapter.value, plan.loss.value, plan.optim.epochs) == ("none", "token_mean", 1)
    assert record is not None
    assert record.steps == 1
