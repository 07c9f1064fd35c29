"""A run without Ray and engines: a real lake, base model, stages and grading; only the responses are written here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from prefect.logging import disable_run_logger

from rise_core import models
from rise_core.config.load import to_yaml
from rise_core.method.dialogue import solution_ids
from rise_core.method.episode import WorkUnit, collection_plan, request_seed
from rise_core.models import folder
from rise_core.records import Example, Rollout
from rise_core.training.spec import TrainResult, TrainSpec
from rise_core.training.trainer import train
from storage import examples, problem_rows, rollouts, runs, staging
from storage.home import Home
from storage.lake import Lake
from tasks.fine_tune import read_spec
from tasks.pick_improved import pick_improved
from tasks.prepare import boost_spec, vocabulary
from tasks.run.context import RunContext
from tasks.run.inputs import check_inputs
from tasks.run.training import publish
from tasks.run.work import open_units, staged_path
from tasks.sample_turns import read_states
from tasks.verify_answers import verify_answers
from tasks.write_parquet import write_parquet

TINY = Path(__file__).resolve().parents[1] / "profiles/tiny.yaml"
RUN = "rehearsed"
Script = Mapping[str, Sequence[Sequence[str]]]  # problem id → turns → responses

# The question of problem train-1 is "q1 ?", its answer is 1, and so on; the last problem teaches the tokenizer words.
QUESTIONS = [*(f"q{n} ?" for n in range(1, 7)), " ".join(["no", *map(str, range(1, 61))])]
OVERRIDES = [
    *("problems.source=file", "problems.name=null", "problems.params={}", "problems.train_size=null"),
    *("problems.eval_size=null", "verify.verifier=gsm8k", "boost.problems=7", "boost.per_sequence=1"),
    *("boost.optim.epochs=1", "collect.problems=null", "collect.max_new_tokens=8", "train.optim.epochs=1"),
    *("engine.max_model_len=192", "model.scratch.context=192"),
]


@contextmanager
def rehearsed(home: Path, *overrides: str, profile: str = str(TINY)) -> Iterator[RunContext]:
    """A context of a fresh run of `profile` in `home`, on the problems here, whose base checkpoint is published."""
    home.mkdir(parents=True, exist_ok=True)
    for split, questions in (("train", QUESTIONS), ("eval", ["unseen ?"])):
        rows = [{"question": text, "answer": f"#### {number}"} for number, text in enumerate(questions, start=1)]
        (home / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = [f"problems.{split}={home / split}.jsonl" for split in ("train", "eval")]
    with disable_run_logger(), Lake(Home(home).lake) as lake:
        inputs = check_inputs(RUN, profile, [*OVERRIDES, *files, *overrides])
        context = RunContext(inputs, Home(home), lake, goal=2)
        try:
            runs.append(lake, RUN, profile, to_yaml(inputs.config), {}, goal=2)
            problem_rows.append(lake, RUN, [*inputs.problems.train, *inputs.problems.eval])
            built = context.folder / "base"
            models.build(context.config, vocabulary(context.config, inputs.problems), built)
            boosted = train_here(boost_spec(context.folder, context.config, inputs.problems.boost, built))
            folder.copy_companions(built, Path(boosted.out_dir))
            publish(context.home, lake, RUN, 0, Path(boosted.out_dir), boosted, None)
            yield context
        finally:
            context.close()


def train_here(spec: TrainSpec) -> TrainResult:
    return train(spec, rank=0, world_size=1, report=lambda _: None)


def collect(context: RunContext, iteration: int, script: Script) -> None:
    """Grade and commit the responses of `script` where the plan has an open state for them; problems that the script
    lacks are left out."""
    for unit in open_units(context, iteration, [collection_plan(context.config)]):
        sampled = [row for row in responses(context, unit, script) if row.problem_id in script]
        if sampled:
            staging.write(staged_path(context.folder, unit), sampled)
            verify_answers.fn(context, unit, staged_path(context.folder, unit))


def responses(context: RunContext, unit: WorkUnit, script: Script) -> list[Rollout]:
    """What `script` answers in the open states of a unit, as `sample_turns` would stage it."""
    states = read_states(context, unit)
    prompts = [ids for _, ids in context.renderer.render(states)]
    return [
        Rollout(
            run=RUN,
            iteration=unit.iteration,
            purpose=unit.purpose.value,
            split="train",
            problem_id=state.problem.problem_id,
            shard=unit.shard,
            turn=unit.turn,
            sample=sample,
            policy=context.checkpoint(unit.iteration - 1).checkpoint_id,
            response=text,
            response_ids=solution_ids(context.renderer.tokenizer, text),
            prompt_tokens=len(prompt),
            finish_reason="stop",
            repetitive=False,
            seed=request_seed(context.config.seed, unit, state.problem.problem_id) + sample,
            latency=0.1,
        )
        for state, prompt in zip(states, prompts, strict=True)
        for sample, text in enumerate(turn_of(script.get(state.problem.problem_id, ()), unit.turn))
    ]


def turn_of(turns: Sequence[Sequence[str]], turn: int) -> Sequence[str]:
    return turns[turn - 1] if turn <= len(turns) else ()


def choose(context: RunContext, iteration: int = 1) -> list[Example]:
    """Run `pick_improved` and `write_parquet`; the iteration's rows of table `examples`."""
    write_parquet.fn(context, iteration, pick_improved.fn(context, iteration))
    chosen = list(examples.read(context.lake, context.name, [iteration]))
    selected = {
        (r.problem_id, r.turn, r.sample)
        for r in rollouts.read(context.lake, context.name, iteration, "collect")
        if r.selected
    }
    assert selected == {(e.problem_id, e.turn, e.sample) for e in chosen}
    return chosen


def advance(context: RunContext, iteration: int, script: Script) -> TrainSpec:
    """A whole iteration up to its published checkpoint; what it was trained on and from."""
    collect(context, iteration, script)
    choose(context, iteration)
    spec = read_spec(context, iteration)
    result = train_here(spec)
    if result.kind == "full":
        folder.copy_companions(context.base_folder, Path(result.out_dir))
    base_id = None if result.kind == "full" else context.checkpoint(0).checkpoint_id
    publish(context.home, context.lake, context.name, iteration, Path(result.out_dir), result, base_id)
    return spec
