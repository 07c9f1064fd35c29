"""What every table, view and column of the lake means. `make docs` lays it beside the real columns in docs/lake.md."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Relation:
    """What one row is, and what its columns mean; a column that is not here means what it means in `COMMON`."""

    row: str
    columns: dict[str, str] = field(default_factory=dict)


COMMON = {
    "run": "name of the run",
    "iteration": "0 is the base; collecting for iteration k samples with checkpoint k - 1",
    "purpose": "`collect`, `eval_sequential` (turns of one episode) or `eval_parallel` (samples at turn 1)",
    "split": "`train`, `eval`, or a split that `rise eval` made",
    "problem_id": "the problem, unique within run and split",
    "turn": "from 1",
    "sample": "from 0; sample 0 is the episode's own line, which later turns answer to",
    "created_at": "when the row was written (UTC)",
    "response_ids": "token ids as sampled, with the end-of-turn token",
    "verdict": "`correct`, `wrong`, `no_answer`; or, where grading failed, `gold_unparseable`, `timeout`, `error`",
    "reward": "the verifier's reward",
    "weight": "exp(reward / train.tau), before `train.normalise`",
    "n": "problems that count",
    "config": "the whole config as YAML",
}

TABLES = {
    "rise_schema": Relation("The version of these tables.", {"version": "compared with the program's own on opening"}),
    "runs": Relation(
        "A row a run.",
        {
            "profile": "as it was given to `rise run`",
            "versions": "JSON: versions of rise and of the packages that decide results",
            "goal": "the iteration to reach",
        },
    ),
    "problems": Relation(
        "A row a problem of a run, as it was read when the run began.",
        {
            "position": "order of the problems, training before held-out ones; those of `rise eval` begin at 0 again",
            "problem": "its text",
            "answer": "the gold answer as the source has it; the verifier parses it",
            "solution": "a worked solution, where the source has one",
            "metadata": "JSON that the problem's own scorer needs; `{}` for files",
        },
    ),
    "rollouts": Relation(
        "A row a sampled response. Written once a shard's turn is sampled and graded; only `selected` changes later.",
        {
            "shard": "number of the shard, from 0",
            "policy": "who answered: a checkpoint id, a teacher's name, or `gold`",
            "response": "its text, without the end-of-turn token",
            "prompt_tokens": "tokens of the state",
            "finish_reason": "`stop`: ended by itself; `length`: cut off",
            "repetitive": "whether it ends in a loop of one phrase; such a response is never selected",
            "seed": "of the sampling, from run seed, purpose, problem, turn, sample and, where collected, iteration",
            "latency": "seconds from submission to its end",
            "answer": "the parsed answer in canonical form; equal ones vote together",
            "selected": "whether it became an example",
        },
    ),
    "examples": Relation(
        "A row a training target: the loss falls on `response_ids`, given `state_ids`.",
        {
            "iteration": "the iteration that trains on it",
            "state_ids": "token ids of the state that was answered",
        },
    ),
    "checkpoints": Relation(
        "A row a checkpoint; its files lie in the home folder.",
        {
            "checkpoint_id": "from the hash of its content; `policy` in `rollouts`",
            "kind": "`full` weights, or a LoRA `adapter`",
            "base_id": "checkpoint that an adapter stands on",
            "path": "its folder, relative to the home folder",
            "sha256": "of all its files together",
            "bytes": "size of all its files",
            "files": "JSON: file name to sha256",
            "steps": "optimiser steps",
            "tokens": "tokens trained on, all epochs",
            "seconds": "how long training took",
            "training_log": "entries of (step, epoch, loss, learning rate, tokens so far), thinned where long",
        },
    ),
    "metrics": Relation(
        "A row a metric of a checkpoint on a split; [concepts](concepts.md#metrics) says how each is computed.",
        {
            "iteration": "of the checkpoint",
            "metric": "its name, such as `m1@t5`",
            "value": "a share (0 to 1) or a difference of shares; NaN where n is 0",
            "ci_low": "lower end of the 95% interval",
            "ci_high": "upper end of the 95% interval",
        },
    ),
    "evaluations": Relation("A row a split that `rise eval` made: its settings, for all iterations of the run."),
}

VIEWS = {
    "turn_accuracy": Relation(
        "Accuracy of each turn: a row a run, iteration, split, purpose and turn.",
        {
            "n": "responses that were graded",
            "ungraded": "responses whose grading failed",
            "accuracy": "share of the graded ones that are correct",
            "mean_reward": "over the graded ones",
        },
    ),
    "transitions": Relation(
        "What became of the answers from turn - 1 to turn, in sequential evaluation.",
        {
            "n": "problems graded at both turns",
            "fixed": "wrong, then correct",
            "broken": "correct, then wrong",
            "stayed_right": "correct at both",
            "stayed_wrong": "correct at neither",
        },
    ),
    "leaderboard": Relation(
        "A row a checkpoint and split, metrics side by side whatever K (turns) and B (samples) are.",
        {
            "samples": "B",
            "turns": "K",
            "n": "problems of the metric that has most",
            "m1_t1": "`m1@t1`",
            "mk_t1": "`m{B}@t1`: majority of B parallel responses",
            "m1_tk": "`m1@t{K}`: majority over K turns",
            "p1_tk": "`p1@t{K}`: any of K turns",
            "pk_t1": "`p{B}@t1`: any of B parallel responses",
            "gain": "`m1_tk - mk_t1`",
            "gain_low": "lower end of `gain_parallel`'s 95% interval",
            "gain_high": "upper end of it",
        },
    ),
    "episodes": Relation(
        "A row a problem, iteration and purpose, with all its responses: an episode read whole.",
        {
            "problem": "its text",
            "gold_answer": "as the source has it",
            "turns": "list of turn, sample, response, answer, verdict, reward, selected",
        },
    ),
    "solved_by_turns": Relation(
        "What turns solve and parallel samples do not: a row for each number of parallel samples.",
        {
            "samples": "how many parallel responses are looked at, from 1",
            "turns": "turns of the sequential episodes",
            "n": "problems where every response that is read was graded",
            "unsolved": "of these, right in none of the first `samples` parallel responses",
            "new": "of the unsolved, right at some turn from 2 on",
            "new_share": "`new / n`",
        },
    ),
    "example_weights": Relation(
        "The training set by reward and weight.",
        {"count": "examples"},
    ),
}


def meaning(relation: str, column: str) -> str:
    """What a column means. Raises KeyError where nothing says it."""
    return (TABLES | VIEWS)[relation].columns.get(column) or COMMON[column]
