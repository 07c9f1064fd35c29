"""A recipe of the demo tried in plain PyTorch, on one core: where the choices in conf/demo.yaml come from.

    .venv/bin/python benchmarks/recipe_trial.py seed=10 prompts=3000 iterations=6

Same problem family, model shape, window, turn plan, selection and objective as the pipeline, without engines and lake,
so a trial takes minutes; a response not as long as a whole trial has no answer here. It prints a line of metrics
(percent, with half of the 95% interval of m1@t5 - m5@t1) for the base and for every iteration. Bases are cached in
`cache` by what makes them.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from omegaconf import OmegaConf
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from rise.core.generators.digit_chain import MODULUS, STEPS, TARGET, DigitChainConfig, DigitChainDataset
from rise.core.method.metrics import vote

WORDS = ("<user>", "<assistant>", "<end>", "reach", "by", "?", "try", "so", *map(str, range(MODULUS)), *STEPS, "<pad>")
TOKEN = {word: number for number, word in enumerate(WORDS)}
USER, ASSISTANT, END = range(3)
DIGITS = {TOKEN[str(digit)] for digit in range(MODULUS)}
CHUNK = 1000  # states in one forward pass


@dataclass
class Trial:
    """Keys of the command line; the defaults are the demo's recipe."""

    seed: int = 10
    steps: int = 7
    layers: int = 5
    width: int = 64
    expansion: int = 4  # columns of the MLP, in widths
    tie: bool = True  # one matrix for embeddings and output
    boost: int = 45000
    boost_epochs: int = 3
    boost_rate: float = 2e-3
    boost_batch: int = 32
    per_sequence: int = 3
    window: int = 5
    feedback: str = ""  # its words before the problem again
    iterations: int = 2
    prompts: int = 6000
    turns: int = 4  # of a collection episode; the last has `n` samples, the others one
    n: int = 3
    criterion: str = "success"  # success; better; first: turn-1 responses only, from as many samples
    guess: float = 0.25  # reward of a right answer that its trial does not show; 1: as much as the others
    keep_first: float = 0.2  # share of the correct turn-1 responses that are trained on
    rate: float = 1.2e-3
    epochs: int = 3
    batch: int = 32
    held_out: int = 2000
    cache: str = "outputs/recipe-bases"

    @property
    def length(self) -> int:
        """Tokens of a response: "try", the digits, "so", the answer, the end."""
        return self.steps + 5


@dataclass(frozen=True)
class Problem:
    question: list[int]
    answer: int
    worked: list[int]


@dataclass(frozen=True)
class Sequence:
    """Tokens to train on, where the loss falls, and the weight."""

    ids: list[int]
    mask: list[int]
    weight: float = 1.0


def draw(trial: Trial, start: int, wanted: int, held_out: bool) -> list[Problem]:
    """Distinct problems; a fifth of all, by a hash of the problem, is held out."""
    made = DigitChainDataset(DigitChainConfig(trial.steps, seed=start, size=10**9))
    found: dict[str, Problem] = {}
    index = 0
    while len(found) < wanted:
        if index > 100 * wanted:
            raise ValueError(f"the family has only about {len(found)} problems; lower boost or raise steps")
        entry = made[index]
        index += 1
        question = entry["question"]
        if (random.Random(question).random() < 0.2) == held_out:
            worked = [*tokens_of(made.worked(entry)), END]
            found.setdefault(question, Problem(tokens_of(question), TOKEN[entry["answer"]], worked))
    return list(found.values())


def tokens_of(text: str) -> list[int]:
    return [TOKEN[word] for word in text.split()]


def new_words(trial: Trial) -> list[str]:
    """The words of the feedback that the boost never saw; they come after the others in the vocabulary."""
    return [word for word in dict.fromkeys(trial.feedback.split()) if word not in TOKEN]


def states(trial: Trial, problems: list[Problem], attempts: list[list[list[int]]]) -> list[list[int]]:
    """Token ids of the states: the question, then the last attempts of each problem, each with the feedback."""
    numbers = TOKEN | {word: len(WORDS) + number for number, word in enumerate(new_words(trial))}
    found, feedback = [], [numbers[word] for word in trial.feedback.split()]
    for i, problem in enumerate(problems):
        ids = [USER, *problem.question, ASSISTANT]
        for responses in attempts[len(attempts) - min(trial.window - 1, len(attempts)) :]:
            ids += [*responses[i][:-1], END, USER, *feedback, *problem.question, ASSISTANT]
        found.append(ids)
    return found


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


def answer(tokens: list[int]) -> int | None:
    """The digit after "so", where all of a whole trial stands before it and the end after it; else None."""
    whole = tokens[0] == TOKEN["try"] and tokens[-3] == TOKEN["so"] and tokens[-1] == END
    return tokens[-2] if whole and DIGITS.issuperset([*tokens[1:-3], tokens[-2]]) else None


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


def lessons(trial: Trial, problems: list[Problem]) -> list[Sequence]:
    """Worked problems, several to a sequence."""
    rows = []
    for start in range(0, len(problems) - trial.per_sequence + 1, trial.per_sequence):
        ids: list[int] = []
        mask: list[int] = []
        for problem in problems[start : start + trial.per_sequence]:
            (prompt,) = states(trial, [problem], [])
            ids += prompt + problem.worked
            mask += [0] * len(prompt) + [1] * len(problem.worked)
        rows.append(Sequence(ids, mask))
    return rows


def collect(model: LlamaForCausalLM, problems: list[Problem], trial: Trial, iteration: int) -> list[Sequence]:
    """The weighted examples of one iteration; the same response to a problem counts once."""
    rng = random.Random(f"{trial.seed}/{iteration}")
    first_only = trial.criterion == "first"
    turns = 1 if first_only else trial.turns
    attempts: list[list[list[int]]] = []
    seen: set[tuple[int, ...]] = set()
    examples = []
    for turn in range(1, turns + 1):
        n = trial.n + (trial.turns - 1 if first_only else 0) if turn == turns else 1
        prompts = states(trial, problems, attempts)
        sampled = sample(model, prompts, n, trial.length).tolist()
        for i, problem in enumerate(problems):
            right = [tokens for tokens in sampled[i] if answer(tokens) == problem.answer]
            best = max(right, key=partial(reward, trial), default=None)
            right_before = bool(attempts) and answer(attempts[-1][i]) == problem.answer
            if best is None or (i, *best) in seen or not kept(trial, turn, right_before, rng):
                continue
            seen.add((i, *best))
            mask = [0] * len(prompts[i]) + [1] * len(best)
            examples.append(Sequence(prompts[i] + best, mask, math.exp(reward(trial, best) / 0.4)))
        attempts.append([several[0] for several in sampled])
    return examples


def reward(trial: Trial, tokens: list[int]) -> float:
    """Of a right answer: 1 where its trial shows it."""
    return 1.0 if tokens[1] == tokens[-2] and tokens[-4] == TOKEN[str(TARGET)] else trial.guess


def kept(trial: Trial, turn: int, right_before: bool, rng: random.Random) -> bool:
    if trial.criterion == "first":
        return True
    if turn == 1:
        return rng.random() < trial.keep_first
    return trial.criterion == "success" or not right_before


def evaluate(model: LlamaForCausalLM, problems: list[Problem], trial: Trial, turns: int = 5, samples: int = 5) -> str:
    """One line of metrics in percent."""
    by_turn: list[list[list[int]]] = []
    for _ in range(turns):
        by_turn.append(sample(model, states(trial, problems, by_turn), 1, trial.length)[:, 0].tolist())
    parallel = sample(model, states(trial, problems, []), samples, trial.length).tolist()
    gold = [problem.answer for problem in problems]
    right = np.array([[answer(tokens) == want for tokens, want in zip(turn, gold, strict=True)] for turn in by_turn])
    any_parallel = np.array([want in map(answer, several) for several, want in zip(parallel, gold, strict=True)])
    voted = np.array([voted_right([turn[i] for turn in by_turn], gold[i]) for i in range(len(gold))], float)
    plain = np.array([voted_right(several, want) for several, want in zip(parallel, gold, strict=True)], float)
    first, second = right[0], right[1]
    half = 1.96 * (voted - plain).std() / math.sqrt(len(gold))
    figures = {
        "m1@t1": first.mean(),
        "m5@t1": plain.mean(),
        "m1@t5": voted.mean(),
        "p5@t1": any_parallel.mean(),
        "p1@t5": right.any(0).mean(),
        "fixed": (second & ~first).sum() / max((~first).sum(), 1),
        "broken": (first & ~second).sum() / max(first.sum(), 1),
        "turns": (voted - first).mean(),
        "parallel": (voted - plain).mean(),
    }
    line = "  ".join(f"{name} {100 * value:.1f}" for name, value in figures.items())
    return f"{line} ±{100 * half:.1f}  acc {' '.join(f'{100 * turn.mean():.1f}' for turn in right)}"


def voted_right(responses: list[list[int]], want: int) -> bool:
    return vote([None if answer(tokens) is None else str(answer(tokens)) for tokens in responses]) == str(want)


def base_model(trial: Trial) -> LlamaForCausalLM:
    """The boosted base, from the cache where it was made before."""
    torch.manual_seed(trial.seed)
    added = len(new_words(trial))
    shape = LlamaConfig(
        vocab_size=len(WORDS) + added,
        hidden_size=trial.width,
        intermediate_size=trial.expansion * trial.width,
        num_hidden_layers=trial.layers,
        num_attention_heads=trial.width // 32,
        num_key_value_heads=trial.width // 32,
        max_position_embeddings=256,
        tie_word_embeddings=trial.tie,
    )
    model = LlamaForCausalLM(shape).eval()
    made_of = (trial.steps, trial.tie, trial.layers, trial.width, trial.expansion, trial.boost, trial.boost_epochs)
    taught = (trial.boost_rate, trial.boost_batch, trial.per_sequence)
    name = "-".join(map(str, (*made_of, *taught, added, trial.seed)))
    path = Path(trial.cache) / f"{name}.pt"
    if path.exists():
        model.load_state_dict(torch.load(path, weights_only=True))
        return model
    worked = draw(trial, 3_000_000_000 + trial.seed * 10_000_000, trial.boost, held_out=False)
    rows = lessons(trial, worked)
    train(model, rows, trial.boost_rate, trial.boost_epochs, trial.boost_batch, trial.seed)
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
    print(0, evaluate(model, held_out, trial), f" {time.monotonic() - began:.0f} s", flush=True)
    for iteration in range(1, trial.iterations + 1):
        problems = random.Random(f"{trial.seed}/{iteration}/problems").sample(pool, trial.prompts)
        examples = collect(model, problems, trial, iteration)
        train(model, examples, trial.rate, trial.epochs, trial.batch, trial.seed + iteration)
        line = evaluate(model, held_out, trial)
        print(iteration, line, f" {len(examples)} examples, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
