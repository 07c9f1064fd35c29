"""Training: useful tokens a second of reward-weighted fine-tuning, against transformers' Trainer and the published way.

    .venv/bin/python benchmarks/training.py > training.md
    .venv/bin/python benchmarks/training.py --models demo --batches 2 --batch 16      # seconds

All fine-tune all weights of the same model in float32 on the same examples in the same batches, with the same weighted
loss (rise_core/training/loss.py), AdamW and clipping; the losses of every step must agree to 1e-4. Useful tokens are
those of the sequences, without padding. The ways:

- this project: rise_core.training.trainer, packed rows;
- Trainer, dynamic padding: transformers' Trainer, each forward pass padded to its longest sequence, with as many
  sequences in a pass as fill about the tokens of one of ours;
- published: transformers' Trainer, one forward pass a sequence, each padded to the published script's model_max_length
  of 2,048 (github.com/cmu-mind/RISE, bash/finetune_deepspeed.sh, which also computes every activation twice to save
  memory: not done here), or to the model's context where that is shorter;
- the same padded to engine.max_model_len only, where that is shorter still.

The share of the limit is 6 FLOP a parameter and useful token over the measured rate of float32 matrix products with as
many threads. The first step of each way warms it up and is not timed. Lengths are those of RISE's examples
(training_rows.py). SmolLM2 needs the GSM8K files of $RISE_TEST_DATA.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from measuring import gsm8k, held, in_turns, machine, matmul_rate, parser, progress, table
from training_rows import prepare
from training_ways import Steps, ours, trainer

from rise_core.config.choices import Adapter
from rise_core.config.keys import Config
from rise_core.config.load import load_config
from rise_core.models import SCRATCH
from rise_core.training.arrays import Rows
from rise_core.training.row_file import load_rows
from rise_core.training.spec import TrainSpec

OURS, PADDED, PUBLISHED = "this project, packed", "Trainer, dynamic padding", "published: one by one, padded to {}"
SHORTER = "one by one, padded to {} only"
PUBLISHED_LENGTH = 2048
AGREE = 1e-4  # relative, of every step's loss


@dataclass(frozen=True)
class Case:
    """A model and how much it is trained: `batch` examples in each of `batches` steps that are timed."""

    profile: str
    title: str
    batch: int
    batches: int
    published: int  # steps of the slowest way
    overrides: tuple[str, ...] = ()


CASES = {
    "demo": Case("demo", "demo model", 32, 120, 8, ("train.threads=0",)),
    # The whole solutions, not the profile's 96 tokens: those cut nearly all responses to one length.
    "smollm2": Case("smollm2-gsm8k", "SmolLM2-135M", 16, 2, 1, ("problems.train_size=2000", "problems.eval_size=1")),
}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--models", nargs="+", choices=CASES, default=list(CASES))
    options.add_argument("--batch", type=int, help="examples in a step (default: 32 demo, 16 SmolLM2)")
    options.add_argument("--batches", type=int, help="timed steps (default: 120 demo, 2 SmolLM2)")
    options.add_argument("--repeats", type=int, default=1, help="of every way; medians are printed")
    options.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options.add_argument("--profile", action="store_true", help="only print where our time goes, by operator")
    arguments = options.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{machine('torch', 'transformers')} {arguments.threads} threads.\n")
    for name in arguments.models:
        case = CASES[name]
        case = replace(case, batch=arguments.batch or case.batch, batches=arguments.batches or case.batches)
        with tempfile.TemporaryDirectory(prefix="training-benchmark-") as folder:
            config, spec = prepared(case, Path(folder), arguments.threads)
            print(profiled(spec) if arguments.profile else measured(case, config, spec, arguments.repeats), flush=True)


def prepared(case: Case, folder: Path, threads: int) -> tuple[Config, TrainSpec]:
    config = config_of(case)
    progress(f"{case.title}: model and rows")
    spec = prepare(config, (case.batches + 1) * case.batch, case.batch, folder, threads)
    return config, replace(spec, adapter=Adapter.none)


def profiled(spec: TrainSpec) -> str:
    """The operators that take most of the time of this project's steps."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        ours(spec, load_rows(spec.rows_path))
    return str(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=15, max_name_column_width=45))


def measured(case: Case, config: Config, spec: TrainSpec, repeats: int) -> str:
    rows = load_rows(spec.rows_path)
    limit = matmul_rate()
    last: dict[str, Steps] = {}
    rates = in_turns({name: keeping(last, name, way) for name, way in ways(spec, rows, config, case).items()}, repeats)
    return report(case, rows, config, rates, last, limit)


def config_of(case: Case) -> Config:
    return load_config(case.profile, [*case.overrides, *(gsm8k() if case.profile != "demo" else [])])


def ways(spec: TrainSpec, rows: Rows, config: Config, case: Case) -> dict[str, Callable[[], Steps]]:
    profile, longest = config.engine.max_model_len, padded_to(config)
    alike = spec.row_tokens * spec.micro_rows / float(rows.lengths.mean() * 1.3)
    sequences = next(n for n in range(1, case.batch + 1) if case.batch % n == 0 and n >= min(alike, case.batch))
    fewer = min(case.published, case.batches)
    ways_ = {
        OURS: lambda: ours(spec, rows),
        PADDED: lambda: trainer(spec, rows, sequences, None, case.batches + 1),
        PUBLISHED.format(longest): lambda: trainer(spec, rows, 1, longest, fewer + 1),
    }
    if profile < longest:
        ways_[SHORTER.format(profile)] = lambda: trainer(spec, rows, 1, profile, fewer + 1)
    return ways_


def padded_to(config: Config) -> int:
    """The length to which the published way pads this profile's examples."""
    return min(config.model.scratch.context, PUBLISHED_LENGTH) if config.model.name == SCRATCH else PUBLISHED_LENGTH


def keeping(last: dict[str, Steps], name: str, way: Callable[[], Steps]) -> Callable[[], float]:
    def measure() -> float:
        last[name] = way()
        return last[name].rate

    return measure


def report(
    case: Case, rows: Rows, config: Config, rates: dict[str, float], last: dict[str, Steps], limit: float
) -> str:
    parameters = last[OURS].parameters
    lengths, targets = rows.lengths, {PADDED: 1.3, PUBLISHED.format(padded_to(config)): 4.0}
    body: list[list[Any]] = []
    for name, rate in rates.items():
        target = targets.get(name)
        ratio = held(rates[OURS] / rate, at_least=target) + (f" (target {target})" if target else "")
        off = max(abs(a - b) / abs(a) for a, b in zip(last[OURS].losses, last[name].losses, strict=False))
        agree = f"{off:.1e}" if off <= AGREE else f"**{off:.1e}**"
        body.append([name, f"{rate:,.0f}", f"{100 * 6 * parameters * rate / limit:.1f}%", ratio, agree])
    head = ["", "useful tokens/s", "share of the limit", "this project is faster by", "largest difference in loss"]
    return (
        f"{case.title}: {parameters / 1e6:.1f}M parameters, {case.batch} examples a step, sequences of "
        f"{lengths.min()} to {lengths.max()} tokens (mean {lengths.mean():.0f}). "
        f"Matrix products: {limit / 1e9:.0f} GFLOP/s. Bold: missed.\n\n"
        f"{table(head, body)}\n"
    )


if __name__ == "__main__":
    main()
