"""Rollout rows for the lake's benchmark: made up, but of the shape that a run on GSM8K leaves.

An iteration samples one response for each of some 7,000 problems and 16 revisions where it was wrong (60%), in shards
of 256 problems, each shard's turn a file of its own; then 5 turns and 5 parallel samples for each of some 1,300
held-out problems. A response is 2 to 6 sentences of a few solutions in GSM8K with a quarter of the digits changed, so
the revisions of one problem are as alike as real ones; token ids are SmolLM2's. No two rows of a file are the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.columns import MOMENT, TOKENS

SHARD = 256  # problems, as collect.shard_size is by default
REVISIONS, TURNS, SAMPLES = 16, 5, 5
VARIANTS = 20  # responses to draw from for each problem; at least REVISIONS
WRONG = 0.6
VERDICTS = np.array(["correct", "wrong", "no_answer"])


@dataclass(frozen=True)
class Pool:
    """Problems and, for each, VARIANTS responses one after the other: texts and token ids."""

    questions: list[str]
    question_ids: list[list[int]]
    texts: pa.Array
    ids: pa.Array


def make_pool(file: Path, problems: int, seed: int = 0) -> Pool:
    """The first `problems` of GSM8K's training file (from the start again where they are not enough)."""
    from transformers import AutoTokenizer

    from rise_core.models.smollm2 import gguf_file

    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    random = np.random.default_rng(seed)
    change = partial(re.sub, r"[0-9]", lambda digit: str(random.integers(10)) if random.random() < 0.25 else digit[0])
    texts = []
    for number in range(problems):
        near = [lines[(number + step) % len(lines)]["answer"] for step in (0, 1, 2, 3)]
        sentences = [part for answer in near for part in re.split(r"\n|#### ", answer) if part]
        for _ in range(VARIANTS):
            picked = random.choice(len(sentences), random.integers(2, 7))
            texts.append(change("\n".join(sentences[i] for i in picked)))
    questions = [lines[number % len(lines)]["question"] for number in range(problems)]
    file = gguf_file()
    tokenizer = AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
    ids = [tokenizer(part)["input_ids"] for part in (questions, texts)]
    return Pool(questions, ids[0], pa.array(texts), pa.array(ids[1], TOKENS.arrow))


@dataclass(frozen=True)
class Iteration:
    """One iteration's tables: the commits of its shards' turns, the examples, and what stands beside them."""

    run: str
    number: int
    collected: list[pa.Table]
    evaluated: list[pa.Table]
    examples: pa.Table
    metrics: pa.Table

    @property
    def rows(self) -> int:
        return sum(table.num_rows for table in (*self.collected, *self.evaluated))


def make_iteration(pool: Pool, run: str, number: int, problems: int, held_out: int) -> Iteration:
    """Iteration `number` of a run on so many training and held-out problems."""
    random = np.random.default_rng([number, *run.encode()])
    collected = []
    for shard, ids in shards(0, problems):
        key = {"purpose": "collect", "split": "train", "shard": shard}
        first = rollouts(pool, random, run, number, key | {"turn": 1}, ids, 1)
        failed = ids[np.array(first["verdict"].to_pylist()) != "correct"]
        collected += [first, rollouts(pool, random, run, number, key | {"turn": 2}, failed, REVISIONS)]
    evaluated = []
    for shard, ids in shards(problems, held_out):
        key = {"split": "eval", "shard": shard}
        for turn in range(1, TURNS + 1):
            at = key | {"purpose": "eval_sequential", "turn": turn}
            evaluated.append(rollouts(pool, random, run, number, at, ids, 1))
        at = key | {"purpose": "eval_parallel", "turn": 1}
        evaluated.append(rollouts(pool, random, run, number, at, ids, SAMPLES))
    return Iteration(run, number, collected, evaluated, examples(pool, collected), metrics(random, run, number))


def shards(first: int, count: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    for shard, start in enumerate(range(0, count, SHARD)):
        yield shard, first + np.arange(start, min(start + SHARD, count))


def rollouts(
    pool: Pool,
    random: np.random.Generator,
    run: str,
    number: int,
    key: dict[str, Any],
    problems: NDArray[np.int64],
    each: int,
) -> pa.Table:
    """The rows of one shard's turn, `each` responses a problem, as storage.rollouts would commit them."""
    n = len(problems) * each
    variant = random.integers(0, VARIANTS, (len(problems), 1)) + np.arange(each)
    drawn = (problems[:, None] * VARIANTS + variant % VARIANTS).reshape(-1)
    verdicts = VERDICTS[random.choice(3, n, p=[1 - WRONG, WRONG - 0.05, 0.05])]
    answers = random.integers(0, 500, n).astype(str)
    columns: dict[str, Any] = {
        "run": same(run, n),
        "iteration": same(number, n, pa.int32()),
        "purpose": same(key["purpose"], n),
        "split": same(key["split"], n),
        "problem_id": pa.array([name_of(i) for i in problems for _ in range(each)]),
        "shard": same(key["shard"], n, pa.int32()),
        "turn": same(key["turn"], n, pa.int32()),
        "sample": pa.array(np.tile(np.arange(each), len(problems)), pa.int32()),
        "policy": same(f"{number:012x}", n),
        "response": pool.texts.take(pa.array(drawn)),
        "response_ids": pool.ids.take(pa.array(drawn)),
        "prompt_tokens": pa.array(120 * key["turn"] + random.integers(0, 40, n), pa.int32()),
        "finish_reason": pa.array(np.where(random.random(n) < 0.03, "length", "stop").astype(object)),
        "repetitive": pa.array(random.random(n) < 0.01),
        "seed": pa.array(random.integers(0, 2**62, n)),
        "latency": pa.array(random.gamma(2.0, 1.5, n)),
        "answer": pa.array(answers.astype(object), mask=verdicts == "no_answer"),
        "verdict": pa.array(verdicts.astype(object)),
        "reward": pa.array(np.select([verdicts == "correct", verdicts == "no_answer"], [1.0, -1.0], 0.0)),
        "selected": same(False, n),
        "created_at": same(datetime.now(UTC), n, MOMENT.arrow),
    }
    return pa.table(columns)


def name_of(problem: int) -> str:
    return f"gsm8k_train.jsonl:{problem}"


def same(value: object, n: int, kind: pa.DataType | None = None) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), n)


def examples(pool: Pool, collected: list[pa.Table]) -> pa.Table:
    """Every first response, and the first correct revision of each problem that has one; states as they were shown."""
    keep: list[pa.Table] = []
    for table in collected:
        index: NDArray[np.int64] = np.arange(table.num_rows)
        if table["turn"][0].as_py() == 2:
            right = index[np.array(table["verdict"].to_pylist()) == "correct"]
            _, first = np.unique(right // REVISIONS, return_index=True)
            index = right[first]
        keep.append(table.take(pa.array(index)))
    chosen = pa.concat_tables(keep)
    firsts = {row["problem_id"]: row["response_ids"] for table in keep[::2] for row in rows_of(table)}
    states = [state_ids(pool, row["problem_id"], firsts, row["turn"]) for row in rows_of(chosen)]
    names = ["run", "iteration", "problem_id", "turn", "sample", "response_ids", "reward"]
    table = chosen.select(names).append_column("state_ids", pa.array(states, TOKENS.arrow))
    return table.append_column("weight", pa.array(np.exp(chosen["reward"].to_numpy() / 0.4)))


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    return list(table.select(["problem_id", "turn", "response_ids"]).to_pylist())


def state_ids(pool: Pool, name: str, firsts: dict[str, list[int]], turn: int) -> list[int]:
    """The question and, at turn 2, the first response, the feedback and the question again."""
    question = [*range(1, 12), *pool.question_ids[int(name.rpartition(":")[2])], 2, 198]
    return question if turn == 1 else [*question, *firsts[name], *range(400, 415), *question]


def metrics(random: np.random.Generator, run: str, number: int) -> pa.Table:
    names = ["m1@t1", "m5@t1", "m1@t5", "p1@t5", "p5@t1", "gain_parallel", "gain_turns", "gain_oracle"]
    names += [f"{kind}@t{turn}" for kind in ("acc", "fixed", "broken") for turn in range(1, TURNS + 1)]
    n, values = len(names), random.random(len(names))
    columns = {"run": same(run, n), "iteration": same(number, n, pa.int32()), "split": same("eval", n)}
    columns |= {"metric": pa.array(names), "value": pa.array(values)}
    return pa.table(
        columns
        | {"ci_low": pa.array(values - 0.02), "ci_high": pa.array(values + 0.02), "n": same(1280, n, pa.int32())}
    )
