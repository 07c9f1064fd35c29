"""A recipe of the demo tried in plain PyTorch, on one core: where the choices in conf/demo.yaml come from.

    .venv/bin/python benchmarks/recipe_trial.py layers=5 criterion=better turns=3 seed=10

Same problem family, model shape, turn plan, selection and objective as the pipeline, without engines, lake or dialogue
window beyond one attempt, so a trial takes minutes. It prints a line of metrics (percent, with half of the 95% interval
of m1@t5 - m5@t1) for the base and for every iteration. Bases are cached in --cache by what makes them.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from omegaconf import OmegaConf
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from rise_core.metrics import vote
from rise_core.problems.subset_sum import SubsetSumConfig, SubsetSumDataset

PAD, USER, ASSISTANT, END, INCORRECT, WHICH, CHOOSE, OF, SUM, TO, ASK, NUMBERS = range(12)
CHUNK = 1000  # states in one forward pass


@dataclass
class Trial:
    """Keys of the command line."""

    seed: int = 10
    choose: int = 3
    count: int = 7
    high: int = 15
    layers: int = 5
    width: int = 64
    boost: int = 30000
    boost_epochs: int = 4
    boost_rate: float = 3e-3
    per_sequence: int = 3
    iterations: int = 4
    prompts: int = 8000
    turns: int = 3  # of a collection episode; the last has `n` samples, the others one
    grow: bool = False  # one turn more with every iteration
    n: int = 16
    criterion: str = "better"  # better; success; first: turn-1 responses only, from as many samples
    keep_first: float = 0.3  # share of the correct turn-1 responses that are trained on
    keep_right: float = 1.0  # success: share of the right answers to a right attempt
    rate: float = 3e-3
    epochs: int = 4
    batch: int = 64
    held_out: int = 2000
    cache: str = "outputs/recipe-bases"


@dataclass(frozen=True)
class Problem:
    numbers: list[int]
    target: int
    answer: tuple[int, ...]

    def question(self) -> list[int]:
        return [WHICH, CHOOSE, OF, *(NUMBERS + n for n in self.numbers), SUM, TO, NUMBERS + self.target, ASK]


@dataclass(frozen=True)
class Sequence:
    """Tokens to train on, where the loss falls, and the weight."""

    ids: list[int]
    mask: list[int]
    weight: float = 1.0


def draw(trial: Trial, start: int, wanted: int, held_out: bool) -> list[Problem]:
    """Distinct problems; a fifth of all, by a hash of the problem, is held out."""
    made = SubsetSumDataset(SubsetSumConfig(trial.choose, trial.count, 1, trial.high, seed=start, size=10**9))
    found: dict[str, Problem] = {}
    index = 0
    while len(found) < wanted:
        if index > 100 * wanted:
            raise ValueError(f"the family has only about {len(found)} problems; lower boost or widen the numbers")
        entry = made[index]
        index += 1
        identity = made.identity(entry)
        if (random.Random(identity).random() < 0.2) == held_out:
            answer = tuple(int(word) for word in entry["answer"].split())
            found.setdefault(identity, Problem(entry["metadata"]["numbers"], entry["metadata"]["target"], answer))
    return list(found.values())


def states(problems: list[Problem], attempts: list[list[int]] | None = None) -> list[list[int]]:
    """Token ids of the states: the question, or the question, the last attempt, the feedback and the question again."""
    first = [[USER, *problem.question(), ASSISTANT] for problem in problems]
    if attempts is None:
        return first
    again = [[END, USER, INCORRECT, *problem.question(), ASSISTANT] for problem in problems]
    return [a + attempt + b for a, attempt, b in zip(first, attempts, again, strict=True)]


@torch.no_grad()
def sample(model: LlamaForCausalLM, prompts: list[list[int]], n: int, length: int) -> torch.Tensor:
    """[prompts, n, length] sampled tokens at temperature 1; all prompts have one length."""
    found = []
    for start in range(0, len(prompts), CHUNK):
        ids = torch.tensor(prompts[start : start + CHUNK])
        out = model(ids, use_cache=True)
        cache, logits = out.past_key_values, out.logits[:, -1]
        if n > 1:
            cache.batch_repeat_interleave(n)
            logits = logits.repeat_interleave(n, 0)
        tokens = []
        for position in range(length):
            tokens.append(torch.multinomial(logits.softmax(-1), 1))
            if position < length - 1:
                out = model(tokens[-1], past_key_values=cache, use_cache=True)
                logits = out.logits[:, -1]
        found.append(torch.cat(tokens, 1).view(len(ids), n, length))
    return torch.cat(found)


def answer(tokens: list[int]) -> tuple[int, ...] | None:
    """The numbers of a response in ascending order; None where it does not end in time."""
    return tuple(sorted(token - NUMBERS for token in tokens[:-1])) if tokens[-1] == END else None


def train(model: LlamaForCausalLM, rows: list[Sequence], rate: float, epochs: int, batch: int, seed: int) -> None:
    """AdamW with a short warm-up and cosine decay; the weighted mean over a response's tokens, then over the batch."""
    order = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0, fused=True)
    steps = math.ceil(len(rows) / batch) * epochs
    step = 0
    model.train()
    for _ in range(epochs):
        shuffled = order.permutation(len(rows))
        for start in range(0, len(rows), batch):
            step += 1
            done = step / steps
            scale = min(1.0, done / 0.05) * 0.5 * (1 + math.cos(math.pi * max(0.0, done - 0.05) / 0.95))
            for group in optimizer.param_groups:
                group["lr"] = rate * scale
            backward(model, [rows[i] for i in shuffled[start : start + batch]])
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    model.eval()


def backward(model: LlamaForCausalLM, batch: list[Sequence]) -> None:
    by_length: dict[int, list[Sequence]] = defaultdict(list)
    for row in batch:
        by_length[len(row.ids)].append(row)
    for rows in by_length.values():
        ids = torch.tensor([row.ids for row in rows])
        mask = torch.tensor([row.mask for row in rows], dtype=torch.float32)[:, 1:]
        logits = model(ids).logits[:, :-1]
        losses = cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
        weights = torch.tensor([row.weight for row in rows])
        (((losses * mask).sum(1) / mask.sum(1) * weights).sum() / len(batch)).backward()


def lessons(problems: list[Problem], per_sequence: int) -> list[Sequence]:
    """Worked problems, several to a sequence."""
    rows = []
    for start in range(0, len(problems) - per_sequence + 1, per_sequence):
        ids: list[int] = []
        mask: list[int] = []
        for problem in problems[start : start + per_sequence]:
            prompt = states([problem])[0]
            solution = [*(NUMBERS + number for number in problem.answer), END]
            ids += prompt + solution
            mask += [0] * len(prompt) + [1] * len(solution)
        rows.append(Sequence(ids, mask))
    return rows


def collect(model: LlamaForCausalLM, problems: list[Problem], trial: Trial, iteration: int) -> list[Sequence]:
    """The weighted examples of one iteration."""
    rng = random.Random(f"{trial.seed}/{iteration}")
    turns = 1 if trial.criterion == "first" else trial.turns + (iteration - 1 if trial.grow else 0)
    attempts: list[list[int]] | None = None
    right_before = [False] * len(problems)
    examples = []
    for turn in range(1, turns + 1):
        n = trial.n + (trial.criterion == "first") if turn == turns else 1
        prompts = states(problems, attempts)
        sampled = sample(model, prompts, n, trial.choose + 1).tolist()
        for i, problem in enumerate(problems):
            best = next((tokens for tokens in sampled[i] if answer(tokens) == problem.answer), None)
            if best is not None and kept(trial, turn, right_before[i], rng):
                mask = [0] * len(prompts[i]) + [1] * len(best)
                examples.append(Sequence(prompts[i] + best, mask, math.exp(1 / 0.4)))
        attempts = [several[0][: trial.choose] for several in sampled]
        right_before = [
            answer(several[0]) == problem.answer for several, problem in zip(sampled, problems, strict=True)
        ]
    return examples


def kept(trial: Trial, turn: int, right_before: bool, rng: random.Random) -> bool:
    if trial.criterion == "first":
        return True
    if turn == 1:
        return rng.random() < trial.keep_first
    if trial.criterion == "better":
        return not right_before
    return not right_before or rng.random() < trial.keep_right


def evaluate(model: LlamaForCausalLM, problems: list[Problem], length: int, turns: int = 5, samples: int = 5) -> str:
    """One line of metrics in percent."""
    attempts: list[list[int]] | None = None
    by_turn: list[list[list[int]]] = []
    for _ in range(turns):
        by_turn.append(sample(model, states(problems, attempts), 1, length)[:, 0].tolist())
        attempts = [tokens[:-1] for tokens in by_turn[-1]]
    parallel = sample(model, states(problems), samples, length).tolist()
    gold = [problem.answer for problem in problems]
    right = np.array([[answer(tokens) == want for tokens, want in zip(turn, gold, strict=True)] for turn in by_turn])
    any_parallel = np.array([want in map(answer, several) for several, want in zip(parallel, gold, strict=True)])
    voted = np.array([voted_right([turn[i] for turn in by_turn], gold[i]) for i in range(len(gold))], float)
    plain = np.array([voted_right(several, want) for several, want in zip(parallel, gold, strict=True)], float)
    first, second = right[0], right[1]
    repeated = [answer(a) == answer(b) for a, b, ok in zip(by_turn[0], by_turn[1], first, strict=True) if not ok]
    half = 1.96 * (voted - plain).std() / math.sqrt(len(gold))
    figures = {
        "m1@t1": first.mean(),
        "m5@t1": plain.mean(),
        "m1@t5": voted.mean(),
        "p5@t1": any_parallel.mean(),
        "p1@t5": right.any(0).mean(),
        "fixed": (second & ~first).sum() / max((~first).sum(), 1),
        "broken": (first & ~second).sum() / max(first.sum(), 1),
        "repeated": np.mean(repeated),
        "turns": (voted - first).mean(),
        "parallel": (voted - plain).mean(),
    }
    line = "  ".join(f"{name} {100 * value:.1f}" for name, value in figures.items())
    return f"{line} ±{100 * half:.1f}  acc {' '.join(f'{100 * turn.mean():.1f}' for turn in right)}"


def voted_right(responses: list[list[int]], want: tuple[int, ...]) -> bool:
    winner = vote([None if answer(tokens) is None else str(answer(tokens)) for tokens in responses])
    return winner == str(want)


def base_model(trial: Trial) -> LlamaForCausalLM:
    """The boosted base, from the cache where it was made before."""
    torch.manual_seed(trial.seed)
    shape = LlamaConfig(
        vocab_size=NUMBERS + trial.choose * trial.high + 1,
        hidden_size=trial.width,
        intermediate_size=4 * trial.width,
        num_hidden_layers=trial.layers,
        num_attention_heads=trial.width // 32,
        num_key_value_heads=trial.width // 32,
        max_position_embeddings=256,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(shape).eval()
    made_of = (trial.choose, trial.count, trial.high, trial.layers, trial.width, trial.boost, trial.boost_epochs)
    name = "-".join(map(str, (*made_of, trial.boost_rate, trial.per_sequence, trial.seed)))
    path = Path(trial.cache) / f"{name}.pt"
    if path.exists():
        model.load_state_dict(torch.load(path, weights_only=True))
        return model
    worked = draw(trial, 3_000_000_000 + trial.seed * 10_000_000, trial.boost, held_out=False)
    train(model, lessons(worked, trial.per_sequence), trial.boost_rate, trial.boost_epochs, 64, trial.seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), path)
    return model


def main() -> None:
    given = OmegaConf.merge(OmegaConf.structured(Trial), OmegaConf.from_cli(sys.argv[1:]))
    trial = OmegaConf.to_object(given)
    assert isinstance(trial, Trial)
    torch.set_num_threads(1)
    print(trial, flush=True)
    began = time.monotonic()
    held_out = draw(trial, 1_000_000_000 + trial.seed * 10_000_000, trial.held_out, held_out=True)
    pool = draw(trial, 2_000_000_000 + trial.seed * 10_000_000, max(12_000, trial.prompts), held_out=False)
    model = base_model(trial)
    print(0, evaluate(model, held_out, trial.choose + 1), f" {time.monotonic() - began:.0f} s", flush=True)
    for iteration in range(1, trial.iterations + 1):
        problems = random.Random(f"{trial.seed}/{iteration}/problems").sample(pool, trial.prompts)
        examples = collect(model, problems, trial, iteration)
        train(model, examples, trial.rate, trial.epochs, trial.batch, trial.seed + iteration)
        line = evaluate(model, held_out, trial.choose + 1)
        print(iteration, line, f" {len(examples)} examples, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
