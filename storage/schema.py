"""Tables of the lake. CREATE TABLE, the Arrow schema of appends, and docs/lake.md follow from `TABLES`.

A new table or view needs no more than an entry here or in `storage.views`: older lakes receive the
addition at the next opening for writing. Another change of shape raises SCHEMA_VERSION.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from storage.columns import (
    BIGINT,
    BOOLEAN,
    CONFIG,
    CREATED_AT,
    DOUBLE,
    INTEGER,
    ITERATION,
    JSON,
    PROBLEM,
    PROBLEM_ID,
    PURPOSE,
    RESPONSE_IDS,
    REWARD,
    RUN,
    SAMPLE,
    SPLIT,
    TEXT,
    TOKENS,
    TURN,
    WEIGHT,
    Column,
    list_of,
)

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    `row` describes a row in a sentence. Rows with different values of the columns `partitions` are in different data
    files; stage `tidy` merges files within a partition.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    partitions: tuple[str, ...] = ()

    @property
    def create_sql(self) -> str:
        """The CREATE TABLE statement, for a lake attached as `lake`."""
        columns = (f"{c.name} {c.type.sql}{'' if c.nullable else ' NOT NULL'}" for c in self.columns)
        return f"CREATE TABLE lake.main.{self.name} ({', '.join(columns)})"

    def arrow_schema(self, *names: str) -> pa.Schema:
        """The Arrow schema of appended rows: of all columns, or of the columns `names`."""
        return pa.schema([(c.name, c.type.arrow) for c in self.columns if not names or c.name in names])


_TRAINING_LOG = list_of(step=INTEGER, epoch=DOUBLE, loss=DOUBLE, learning_rate=DOUBLE, tokens=BIGINT)

_SCHEMA = Table(
    "rise_schema",
    "The version of these tables.",
    (Column("version", INTEGER, "compared with the program's own on opening"),),
)
RUNS = Table(
    "runs",
    "One row per run.",
    (
        RUN,
        Column("profile", TEXT, "as given to `rise run`"),
        CONFIG,
        Column("versions", JSON, "JSON: versions of rise and of the packages that decide results"),
        Column("goal", INTEGER, "the iteration to reach"),
        CREATED_AT,
    ),
    ("run",),
)
PROBLEMS = Table(
    "problems",
    "One row per problem of a run, as read when the run began.",
    (
        RUN,
        SPLIT,
        Column(
            "position",
            INTEGER,
            "order of the problems, training before held-out ones; those of `rise eval` begin at 0 again",
        ),
        PROBLEM_ID,
        PROBLEM,
        Column("answer", TEXT, "the gold answer as the source has it; the verifier parses it"),
        Column("solution", TEXT, "a worked solution, where the source has one", nullable=True),
        Column("metadata", JSON, "JSON for the problem's own scorer; `{}` for files"),
    ),
    ("run",),
)
ROLLOUTS = Table(
    "rollouts",
    "One row per sampled response. Written once a shard's turn is sampled and graded; only `selected` changes later.",
    (
        RUN,
        ITERATION,
        PURPOSE,
        SPLIT,
        PROBLEM_ID,
        Column("shard", INTEGER, "number of the shard, from 0"),
        TURN,
        SAMPLE,
        Column("policy", TEXT, "who answered: a checkpoint id, a teacher's name, or `gold`"),
        Column("response", TEXT, "text of the response, without the end-of-turn token"),
        RESPONSE_IDS,
        Column("prompt_tokens", INTEGER, "tokens of the state"),
        Column("finish_reason", TEXT, "`stop`: ended by itself; `length`: cut off"),
        Column("repetitive", BOOLEAN, "whether it ends in a loop of one phrase; such a response is never selected"),
        Column(
            "seed",
            BIGINT,
            "of the sampling, from run seed, purpose, problem, turn, sample and, where collected, iteration",
        ),
        Column("latency", DOUBLE, "seconds from submission to the end of the response"),
        Column("answer", TEXT, "the parsed answer in canonical form; equal ones vote together", nullable=True),
        Column(
            "verdict",
            TEXT,
            "`correct`, `wrong`, `no_answer`; or, where grading failed, `gold_unparseable`, `timeout`, `error`",
            nullable=True,
        ),
        replace(REWARD, nullable=True),
        Column("selected", BOOLEAN, "whether the response became an example"),
        CREATED_AT,
    ),
    ("run", "iteration"),
)
EXAMPLES = Table(
    "examples",
    "One row per training target: the loss falls on `response_ids`, given `state_ids`.",
    (
        RUN,
        ITERATION.with_meaning("the iteration that trains on the example"),
        PROBLEM_ID,
        TURN,
        SAMPLE,
        Column("state_ids", TOKENS, "token ids of the state"),
        RESPONSE_IDS,
        REWARD,
        WEIGHT,
    ),
    ("run", "iteration"),
)
CHECKPOINTS = Table(
    "checkpoints",
    "One row per checkpoint; the files are in the home folder.",
    (
        RUN,
        ITERATION,
        Column("checkpoint_id", TEXT, "from the hash of the content; `policy` in `rollouts`"),
        Column("kind", TEXT, "`full` weights, or a LoRA `adapter`"),
        Column("base_id", TEXT, "the checkpoint under an adapter", nullable=True),
        Column("path", TEXT, "its folder, relative to the home folder"),
        Column("sha256", TEXT, "of all its files together"),
        Column("bytes", BIGINT, "size of all its files"),
        Column("files", JSON, "JSON: file name to sha256"),
        Column("steps", INTEGER, "optimiser steps"),
        Column("tokens", BIGINT, "tokens trained on, all epochs"),
        Column("seconds", DOUBLE, "duration of the training"),
        Column(
            "training_log",
            _TRAINING_LOG,
            "entries of (step, epoch, loss, learning rate, tokens so far), thinned where long",
        ),
        CREATED_AT,
    ),
    ("run",),
)
METRICS = Table(
    "metrics",
    "One row per metric of a checkpoint on a split; [concepts](concepts.md#metrics) tells how each is computed.",
    (
        RUN,
        ITERATION.with_meaning("of the checkpoint"),
        SPLIT,
        Column("metric", TEXT, "its name, such as `m1@t5`"),
        Column("value", DOUBLE, "a share (0 to 1) or a difference of shares; NaN where n is 0", nullable=True),
        Column("ci_low", DOUBLE, "lower end of the 95% interval", nullable=True),
        Column("ci_high", DOUBLE, "upper end of the 95% interval", nullable=True),
        Column("n", INTEGER, "problems counted"),
    ),
    ("run",),
)
EVALUATIONS = Table(
    "evaluations",
    "One row per split that `rise eval` made: its settings, for all iterations of the run.",
    (RUN, SPLIT, CONFIG, CREATED_AT),
    ("run",),
)

TABLES = {
    table.name: table for table in (_SCHEMA, RUNS, PROBLEMS, ROLLOUTS, EXAMPLES, CHECKPOINTS, METRICS, EVALUATIONS)
}
