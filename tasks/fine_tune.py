"""Stage `fine_tune`: reward-weighted regression on the examples; the result is checkpoint k."""

from __future__ import annotations

from pathlib import Path

from prefect import get_run_logger

from rise_core.config.choices import TrainData, TrainInit
from rise_core.method.weights import reward_weights
from rise_core.models import folder
from rise_core.training.row_file import example_rows
from rise_core.training.spec import TrainSpec
from storage import checkpoints, examples
from tasks.run.context import RunContext
from tasks.run.stage import stage
from tasks.run.training import publish, train, write_spec


@stage("fine_tune {context.name} {iteration}")
def fine_tune(context: RunContext, iteration: int) -> None:
    """Train checkpoint `iteration` and publish it, unless the lake has it."""
    if checkpoints.has(context.lake, context.name, iteration):
        return
    base = context.checkpoint(0)
    spec = read_spec(context, iteration)

    context.answering.pause()  # engines and trainer take turns on the accelerators
    result = train(spec, context.config.train, context.progress, f"iteration {iteration}")

    out, full = Path(result.out_dir), result.kind == "full"
    if full:
        folder.copy_companions(Path(base.weights_dir), out)
    base_id = None if full else base.checkpoint_id
    publish(context.home, context.lake, context.name, iteration, out, result, base_id)
    context.answering.resume()  # last: the checkpoint is safe, whatever becomes of the engines


def read_spec(context: RunContext, iteration: int) -> TrainSpec:
    """Read the examples of `train.data` and the weights of `train.init`, as one fine-tuning."""
    config, lake, run = context.config, context.lake, context.name
    iterations = list(range(1, iteration + 1)) if config.train.data is TrainData.all else [iteration]
    rewards = examples.read_rewards(lake, run, iterations)
    weights = reward_weights(rewards, config.train.tau, config.train.normalise)
    start = context.checkpoint(iteration - 1 if config.train.init is TrainInit.previous else 0)
    get_run_logger().info("iteration %d: %d examples, from checkpoint %s", iteration, len(rewards), start.checkpoint_id)
    rows = example_rows(examples.read(lake, run, iterations), weights)
    return write_spec(context.folder / "training" / f"iteration-{iteration}", config, rows, start)
