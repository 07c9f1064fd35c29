"""Columns of tables and views: SQL type, Arrow type and meaning, each described once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type in SQL and in Arrow. `is_json` columns hold a Python value as JSON text."""

    sql: str
    arrow: pa.DataType
    is_json: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `meaning` is the text of docs/lake.md."""

    name: str
    type: ColumnType
    meaning: str
    nullable: bool = False

    def with_meaning(self, meaning: str) -> Column:
        """Return the column with another meaning, for a certain table or view."""
        return replace(self, meaning=meaning)


def list_of(**fields: ColumnType) -> ColumnType:
    """Return the type of a list of structs with these fields."""
    columns = ", ".join(f"{name} {kind.sql}" for name, kind in fields.items())
    return ColumnType(
        f"STRUCT({columns})[]", pa.list_(pa.struct([(name, kind.arrow) for name, kind in fields.items()]))
    )


TEXT = ColumnType("VARCHAR", pa.string())
JSON = ColumnType("VARCHAR", pa.string(), is_json=True)
BOOLEAN = ColumnType("BOOLEAN", pa.bool_())
INTEGER = ColumnType("INTEGER", pa.int32())
BIGINT = ColumnType("BIGINT", pa.int64())
DOUBLE = ColumnType("DOUBLE", pa.float64())
MOMENT = ColumnType("TIMESTAMPTZ", pa.timestamp("us", tz="UTC"))
TOKENS = ColumnType("INTEGER[]", pa.list_(pa.int32()))

# Columns of several tables and views.
RUN = Column("run", TEXT, "name of the run")
ITERATION = Column("iteration", INTEGER, "0 is the base; collecting for iteration k samples with checkpoint k - 1")
PURPOSE = Column(
    "purpose", TEXT, "`collect`, `eval_sequential` (turns of one episode) or `eval_parallel` (samples at turn 1)"
)
SPLIT = Column("split", TEXT, "`train`, `eval`, or a split that `rise eval` made")
PROBLEM_ID = Column("problem_id", TEXT, "the problem, unique within run and split")
PROBLEM = Column("problem", TEXT, "text of the problem")
TURN = Column("turn", INTEGER, "from 1")
SAMPLE = Column("sample", INTEGER, "from 0; later turns of an episode answer to sample 0")
RESPONSE_IDS = Column("response_ids", TOKENS, "token ids as sampled, with the end-of-turn token")
REWARD = Column("reward", DOUBLE, "the verifier's reward")
WEIGHT = Column("weight", DOUBLE, "exp(reward / train.tau), before `train.normalise`")
CONFIG = Column("config", TEXT, "the whole config as YAML")
CREATED_AT = Column("created_at", MOMENT, "when the row was written (UTC)")
