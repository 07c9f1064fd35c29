"""`rise solve`: a checkpoint answers one problem over several turns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.messages import one_line_errors
from flows.cli.options import HomeOption, IterationOption, RunArgument
from flows.local.environment import use_home
from rise_core.errors import UserError

if TYPE_CHECKING:
    from rise_core.config.keys import Config
    from rise_core.records import Checkpoint, Grade, Problem
    from storage.checkpoints import CheckpointRecord


def solve(
    run: RunArgument,
    problem: Annotated[str, typer.Argument(help="The problem's text; - reads it from standard input.")],
    turns: Annotated[int | None, typer.Option(min=1, help="Turns (default: the run's eval.turns).")] = None,
    oracle: Annotated[
        str | None, typer.Option(help="The right answer: stop at the first response that the run's verifier accepts.")
    ] = None,
    iteration: IterationOption = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sampling (default: the run's).")] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0.0, help="Sampling temperature (default: the run's eval.temperature).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
    home: HomeOption = None,
) -> None:
    """Let a trained model answer a problem over several turns, the same feedback after each. The majority decides.

    A held-out problem of the run, with no option set, gets the prompts and seeds of its evaluation.
    """
    use_home(home)
    with one_line_errors():
        text = _problem_text(problem)
        if oracle is not None and not oracle.strip():
            raise UserError("--oracle is empty: give the right answer, or leave it out")
        record, checkpoint, config, stated = _read_inputs(run, iteration, text, oracle)
        config.seed = config.seed if seed is None else seed
        config.eval.turns = turns or config.eval.turns
        config.eval.temperature = config.eval.temperature if temperature is None else temperature
        _solve_episode(record, checkpoint, config, stated, oracle, json)


def _problem_text(argument: str) -> str:
    """Read the problem's text, from standard input for "-".

    Raises:
        UserError: The problem is empty, or no UTF-8 text.
    """
    try:
        text = sys.stdin.read().strip() if argument == "-" else argument.strip()
        text.encode()
    except UnicodeError as error:
        raise UserError("the problem is no UTF-8 text") from error
    if not text:
        raise UserError('the problem is empty: rise solve RUN "problem", or - to read it from standard input')
    return text


def _read_inputs(
    run: str, iteration: int | None, text: str, oracle: str | None
) -> tuple[CheckpointRecord, Checkpoint, Config, Problem]:
    """Read the checkpoint with its files verified, the run's config, and the problem as the verifier takes it."""
    from rise_core.config.load import from_yaml
    from rise_core.method.solving import problem_by_hand
    from storage import checkpoints, problem_rows, runs
    from storage.home import Home
    from storage.lake import Lake

    home = Home.from_env()
    with Lake(home.lake, read_only=True) as lake:
        config = from_yaml(runs.get(lake, run).config)
        record = checkpoints.get(lake, run, iteration)
        checkpoint = checkpoints.open_checkpoint(home.path, lake, run, record.iteration)
        return record, checkpoint, config, problem_by_hand(config, text, oracle, problem_rows.find(lake, run, text))


def _solve_episode(
    record: CheckpointRecord,
    checkpoint: Checkpoint,
    config: Config,
    problem: Problem,
    oracle: str | None,
    as_json: bool,
) -> None:
    """Sample, grade and print the turns."""
    from rise_core.engine.local_engine import prepare_process

    config.engine = prepare_process(config.engine)  # before torch is imported: it reads the environment once
    from flows.cli.episode_printing import JsonEpisode, ShownEpisode, working
    from flows.cli.stdout import claim_stdout
    from rise_core.answering.local_learner import LocalLearner
    from rise_core.method.solving import attempts, check_oracle
    from rise_core.verifiers.grading_pool import GradingPool

    learner = LocalLearner(config, checkpoint, record.iteration)
    learner.check_length(problem)  # before the engine starts, which takes seconds
    with GradingPool(config.verify.verifier, 1, config.verify.timeout) as graders:

        def grade(response: str) -> Grade:
            return graders.grade([(response, problem)])[0]

        if oracle is not None:
            # An oracle that the verifier cannot read would make every verdict void.
            check_oracle(config, oracle, problem, grade)
        episode = (JsonEpisode if as_json else ShownEpisode)(claim_stdout(), record, config, problem.problem)
        with working(f"starting a vLLM engine with checkpoint {checkpoint.checkpoint_id}"):
            learner.start()

        def ask(earlier: Sequence[str], turn: int) -> str:
            return learner.respond(problem, earlier)

        for attempt in attempts(turns=config.eval.turns, ask=ask, grade=grade, oracle=oracle is not None):
            episode.add(attempt)
        episode.end()
