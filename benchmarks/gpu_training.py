"""Training on one CUDA GPU: reward-weighted fine-tuning of Llama shapes with random weights, in bfloat16.

    python benchmarks/gpu_training.py > gpu_training.md
    python benchmarks/gpu_training.py --device cpu --shapes tiny --steps 2      # the same code without a GPU, seconds

Needs torch, transformers and peft, and nothing else: rise_core/training runs without Ray, vLLM, Prefect, DuckDB and
Arrow. Three ways, all through this project's loop (rise_core.training.trainer.optimise), on the same batches:

- padded: a row a sequence, padded to the longest of its pass, causal scaled-dot-product attention;
- packed, as the product does it here: flash attention 2 where package flash-attn is installed, else a dense mask;
- packed, torch varlen: variable-length attention out of torch itself (gpu_attention.py; GPU only).

Tokens are useful ones, without padding; the first steps are not timed. The limit is the card's bfloat16 matrix-product
rate, measured in the same run; a token costs 6 FLOP a parameter, under LoRA 4 (frozen weights need no gradient).
Without a GPU this ends with one line and status 2.
"""

from __future__ import annotations

import gc
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_attention import NAME as VARLEN
from gpu_attention import register
from measuring import machine, matmul_rate, parser, progress, table
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import is_flash_attn_2_available

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where this project is not installed
from rise_core.config.choices import Adapter, LossReduction, Schedule
from rise_core.config.training_keys import Lora, Optim
from rise_core.training.arrays import Rows
from rise_core.training.model import with_lora
from rise_core.training.spec import TrainSpec
from rise_core.training.trainer import optimise

WARM = 2  # steps that are not timed
MEAN, SPREAD, LONGEST = 350, 0.5, 1024  # tokens of a sequence (log-normal): a turn-2 state and response of GSM8K
SHORTEST = 16


@dataclass(frozen=True)
class Shape:
    """A Llama architecture: width, MLP width, layers, heads, key-value heads, vocabulary; whether it trains by LoRA."""

    sizes: tuple[int, int, int, int, int, int]
    lora: bool = False


SHAPES = {
    "tiny": Shape((64, 128, 2, 4, 2, 512)),
    "135M": Shape((576, 1536, 30, 9, 3, 49152)),  # SmolLM2-135M
    "1B": Shape((2048, 8192, 16, 32, 8, 128256)),  # Llama 3.2 1B
    "7B": Shape((4096, 11008, 32, 32, 32, 32000), lora=True),  # Llama 2 7B
}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--shapes", nargs="+", choices=SHAPES, default=["135M", "1B", "7B"])
    options.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    options.add_argument("--steps", type=int, default=8, help="timed steps")
    options.add_argument("--batch", type=int, default=64, help="sequences in a step")
    options.add_argument("--row-tokens", type=int, default=8192, help="tokens in a forward pass")
    arguments = options.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print(
            "no CUDA GPU here: run this on a machine with one, or try it with --device cpu --shapes tiny",
            file=sys.stderr,
        )
        sys.exit(2)
    dtype = "bfloat16" if arguments.device == "cuda" else "float32"
    limit = matmul_rate(arguments.device, dtype)
    where = torch.cuda.get_device_name() if arguments.device == "cuda" else "CPU, a trial of the code and no result"
    print(
        f"{where}: {limit / 1e12:.3g} TFLOP/s in {dtype} matrix products. {machine('torch', 'transformers', 'peft')}\n"
    )
    rows = [line for name in arguments.shapes for line in measured(name, arguments, limit)]
    head = ["shape", "way", "useful tokens/s", "share of the limit", "faster by", "peak memory, GiB", "last loss"]
    print(table(head, rows))


def measured(name: str, arguments: Any, limit: float) -> list[list[str]]:
    """A line of the table for each way."""
    shape = SHAPES[name]
    rows = make_rows((WARM + arguments.steps) * arguments.batch, shape.sizes[-1])
    across = max(1, round(arguments.row_tokens / float(rows.lengths.mean() * 1.3)))  # sequences of a padded pass
    packed = "flash_attention_2" if arguments.device == "cuda" and is_flash_attn_2_available() else "sdpa"
    ways = {"padded": ("sdpa", 0, across), f"packed, {packed}": (packed, arguments.row_tokens, 1)}
    if arguments.device == "cuda":
        register()
        ways["packed, torch varlen"] = (VARLEN, arguments.row_tokens, 1)
    lines, slowest = [], 0.0
    for way, (attention, row_tokens, micro_rows) in ways.items():
        spec = replace(spec_of(arguments, shape), row_tokens=row_tokens, micro_rows=micro_rows)
        rate, parameters, loss, memory = train(spec, shape, rows, attention, arguments)
        slowest = slowest or rate
        flop = (4 if shape.lora else 6) * parameters
        progress(f"{name}, {way}: {rate:,.0f} tokens/s")
        share = f"{100 * flop * rate / limit:.1f}%"
        lines.append([name, way, f"{rate:,.0f}", share, f"{rate / slowest:.2f}\u00d7", f"{memory:.1f}", f"{loss:.4f}"])
    return lines


def train(spec: TrainSpec, shape: Shape, rows: Rows, attention: str, arguments: Any) -> tuple[float, int, float, float]:
    """Useful tokens a second after the first steps, parameters, the last loss, and the peak memory in GiB."""
    cuda = arguments.device == "cuda"
    model = make_model(shape, spec, attention, arguments.device)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    ends: list[tuple[float, int, float]] = []

    def log(entry: dict[str, Any]) -> None:
        if cuda:
            torch.cuda.synchronize()
        ends.append((time.perf_counter(), entry["tokens"], entry["loss"]))

    if cuda:
        torch.cuda.reset_peak_memory_stats()
    optimise(model, rows, spec, log)
    memory = torch.cuda.max_memory_allocated() / 2**30 if cuda else float("nan")
    del model
    gc.collect()
    if cuda:
        torch.cuda.empty_cache()
    (begun, before, _), (ended, after, loss) = ends[WARM - 1], ends[-1]
    return (after - before) / (ended - begun), parameters, loss, memory


def make_model(shape: Shape, spec: TrainSpec, attention: str, device: str) -> Any:
    """A Llama of random weights on the device, held as rise_core.training.model.load_model holds a trained one."""
    width, mlp, layers, heads, kv_heads, vocabulary = shape.sizes
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=mlp,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=4096,
        tie_word_embeddings=not shape.lora,
        attn_implementation=attention,
    )
    config.dtype = torch.bfloat16 if shape.lora and device == "cuda" else torch.float32
    torch.manual_seed(0)
    with torch.device(device):
        model = LlamaForCausalLM(config).to(config.dtype)
    model = with_lora(model, spec) if shape.lora else model
    if spec.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model.to(device).train()


def make_rows(count: int, vocabulary: int) -> Rows:
    """Sequences of random tokens whose last third carries loss, with the weights of rewards 1, 0 and -1."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(np.log(MEAN), SPREAD, count), SHORTEST, LONGEST).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    mask = np.concatenate([np.arange(length) >= length * 2 // 3 for length in lengths])
    weights = np.exp(random.choice([1.0, 0.0, -1.0], count) / 0.4)
    return Rows(random.integers(0, vocabulary, starts[-1]), mask, starts, weights)


def spec_of(arguments: Any, shape: Shape) -> TrainSpec:
    optim = Optim(learning_rate=1e-5, schedule=Schedule.constant, warmup=0.0, epochs=1, batch_size=arguments.batch)
    return TrainSpec(
        **{"rows_path": "", "weights_dir": "", "adapter_dir": None, "out_dir": "", "log_path": "", "threads": 0},
        adapter=Adapter.lora if shape.lora else Adapter.none,
        lora=Lora(),
        loss=LossReduction.token_mean,
        optim=optim,
        row_tokens=arguments.row_tokens,
        micro_rows=1,
        dtype="bfloat16" if arguments.device == "cuda" else "float32",
        gradient_checkpointing=shape.lora,
        seed=0,
    )


if __name__ == "__main__":
    main()
