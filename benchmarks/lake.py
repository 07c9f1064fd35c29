"""The lake at 10 million rollouts: its views against the same questions to JSON lines, and what a commit costs.

    .venv/bin/python benchmarks/lake.py > lake.md
    .venv/bin/python benchmarks/lake.py --rows 50000 --problems 512 --held-out 128       # seconds

The lake is filled through its own transactions with rows of a run on GSM8K's shape (lake_rows.py): a file for each
shard's turn, examples with their marks, metrics. The JSON lines hold the same rows; DuckDB reads them with all columns
and types given, so it need not guess. Both are asked the views' own SQL (storage/views.py), with two threads, one
after the other, the lake --repeats times, and must give the same answer. Needs gsm8k_train.jsonl of $RISE_TEST_DATA
and, at 10 million rows, about 20 GB for the time it runs.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from lake_rows import Iteration, Pool, make_iteration, make_pool
from measuring import data, held, machine, parser, progress, table, timed

from rise_core.records import Problem, Rollout
from storage import problem_rows, rollouts
from storage.examples import mark_selected
from storage.lake import Lake
from storage.location import LakeLocation
from storage.maintenance import compact
from storage.transaction import Transaction
from storage.views import VIEWS

PER_RUN = 5  # iterations of a run
JSON_TABLES = ("rollouts", "examples", "metrics", "problems")
# `episodes` returns every response that there is: people ask it for those of a problem, or of an evaluation.
OF = "run = 'run-000' AND iteration = 1 AND purpose ="
QUESTIONS = {name: f"FROM {name}" for name in VIEWS if name != "episodes"} | {
    "episodes of a problem": f"FROM episodes WHERE {OF} 'collect' AND problem_id = 'gsm8k_train.jsonl:7'",
    "episodes of an evaluation": f"FROM episodes WHERE {OF} 'eval_sequential'",
}
WHOLE = "FROM episodes"


@dataclass(frozen=True)
class Filled:
    """A lake with rows in it, and how many."""

    lake: Lake
    rows: int
    files: int


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=10_000_000, help="rollouts in the lake")
    options.add_argument("--problems", type=int, default=7424, help="training problems of an iteration")
    options.add_argument("--held-out", type=int, default=1280, help="held-out problems of an evaluation")
    options.add_argument("--repeats", type=int, default=3, help="of each question and commit; medians are printed")
    options.add_argument("--folder", type=Path, help="where to put lakes and JSON (default: a temporary folder)")
    options.add_argument("--untidied", action="store_true", help="leave the small files as they are committed")
    options.add_argument("--whole-episodes", action="store_true", help="ask for all of `episodes` too: minutes, GBs")
    arguments = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lake-benchmark-", dir=arguments.folder))
    try:
        print(measured(arguments, folder))
    finally:
        shutil.rmtree(folder)


def measured(arguments: Any, folder: Path) -> str:
    about = machine("duckdb", "pyarrow")
    needed = arguments.rows * 2000
    if shutil.disk_usage(folder).free < needed:
        sys.exit(
            f"{folder} needs {needed / 2**30:.0f} GiB free: free some, give --folder, or lower --rows (and say so)"
        )
    pool = make_pool(data("gsm8k_train.jsonl"), arguments.problems + arguments.held_out)
    with Lake(LakeLocation.from_home(folder / "full")) as full, Lake(LakeLocation.from_home(folder / "empty")) as empty:
        filled = fill(full, pool, arguments)
        lines = write_json(full, folder / "json")
        views = compare_views(full, lines, arguments.repeats, arguments.whole_episodes)
        merged = size_of(folder / "full")
        compact(full, "benchmark", 0, keep=timedelta(days=-1))
        sizes = {name: size_of(path) for name, path in (("lake", folder / "full"), ("json", folder / "json"))}
        commits = compare_commits(full, empty, pool, max(arguments.repeats, 5))
    return "\n\n".join(
        [
            f"{filled.rows:,} rollouts in {filled.files:,} data files. Bold: the target is missed.",
            about,
            views,
            f"Bytes, catalog included: lake {sizes['lake']:,}, JSON lines {sizes['json']:,}: "
            f"{held(sizes['lake'] / sizes['json'], at_most=0.25, unit='')} (target at most 0.25). Until the files "
            f"that were merged are removed, a day later: {merged:,}.",
            commits,
        ]
    )


def fill(lake: Lake, pool: Pool, arguments: Any) -> Filled:
    """Iterations until there are enough rows."""
    rows = number = 0
    while rows < arguments.rows:
        run = f"run-{number // PER_RUN:03d}"
        if number % PER_RUN == 0:
            problems = problem_rows.to_arrow(run, problems_of(pool, arguments))
            lake.commit(lambda tx, rows=problems: tx.append("problems", rows), run=run, iteration=0, stage="prepare")
        iteration = make_iteration(pool, run, number % PER_RUN + 1, arguments.problems, arguments.held_out)
        commit_iteration(lake, iteration, (lambda *_: None) if arguments.untidied else compact)
        rows, number = rows + iteration.rows, number + 1
        progress(f"lake: {rows:,} rows")
    (files,) = lake.query("SELECT sum(file_count)::BIGINT AS n FROM ducklake_table_info('lake')")["n"].to_pylist()
    return Filled(lake, rows, files)


def problems_of(pool: Pool, arguments: Any) -> list[Problem]:
    return [
        Problem(f"gsm8k_train.jsonl:{i}", "train" if i < arguments.problems else "eval", question, "#### 1")
        for i, question in enumerate(pool.questions)
    ]


def commit_iteration(lake: Lake, iteration: Iteration, tidied: Callable[[Lake, str, int], object]) -> None:
    """Three commits: collected, examples with their marks, evaluated; `tidied` where the flow merges files. A real run
    commits every shard's turn alone; the files are the same, since each append writes one."""

    def collect(tx: Transaction) -> None:
        for rows in iteration.collected:
            tx.append("rollouts", rows)

    def select(tx: Transaction) -> None:
        tx.append("examples", iteration.examples)
        mark_selected(tx, iteration.run, iteration.number)

    def evaluate(tx: Transaction) -> None:
        for rows in iteration.evaluated:
            tx.append("rollouts", rows)
        tx.append("metrics", iteration.metrics)

    for stage, write in (("verify_answers", collect), ("write_parquet", select), ("evaluate", evaluate)):
        lake.commit(write, run=iteration.run, iteration=iteration.number, stage=stage)
        if stage != "write_parquet":
            tidied(lake, iteration.run, iteration.number)


def write_json(lake: Lake, folder: Path) -> duckdb.DuckDBPyConnection:
    """The lake's rows as JSON lines, one file a table; a session in which they stand under the tables' names."""
    folder.mkdir()
    session = duckdb.connect()
    with lake.alone() as cursor:
        cursor.execute("USE lake")
        for name in JSON_TABLES:
            progress(f"JSON lines: {name}")
            cursor.execute(f"COPY (FROM {name}) TO '{folder / name}.jsonl' (FORMAT json)")
            described = cursor.execute(f"DESCRIBE {name}").fetchall()
            columns = {column: kind for column, kind, *_ in described}
            session.execute(
                f"CREATE VIEW {name} AS FROM read_json('{folder / name}.jsonl', format='newline_delimited', "
                f"columns={columns})"
            )
    for name, view in VIEWS.items():
        session.execute(f"CREATE VIEW {name} AS {view.sql}")
    return session


def compare_views(lake: Lake, lines: duckdb.DuckDBPyConnection, repeats: int, all_episodes: bool) -> str:
    rows = []
    questions = QUESTIONS | ({"episodes, all": WHOLE} if all_episodes else {})
    with lake.alone() as cursor:
        cursor.execute("USE lake")
        for session in (cursor, lines):
            session.execute("SET threads = 2")
        for name, sql in questions.items():
            answers = [asked(cursor, sql) for _ in range(repeats)]
            ours = statistics.median(seconds for seconds, _ in answers)
            # Once: it takes far longer than anything that varies from one time to the next.
            theirs, known = asked(lines, sql)
            progress(f"{name}: lake {ours:.3f} s, JSON {theirs:.2f} s")
            rows.append(line(name, ours, theirs, equal(answers[-1][1], known)))
    return table(["question", "lake, s (target at most 3)", "JSON lines, s", "times faster (target 20)", "same"], rows)


def asked(session: duckdb.DuckDBPyConnection, sql: str) -> tuple[float, pa.Table]:
    """Seconds, and the answer."""
    answer: list[pa.Table] = []
    seconds = timed(lambda: answer.append(session.execute(sql).to_arrow_table()))
    return seconds, answer[0]


def line(name: str, ours: float, theirs: float, same: bool) -> list[str]:
    # `leaderboard` reads one small table on either side: milliseconds, no target.
    ratio = f"{theirs / ours:.3g}\u00d7 (small table)" if name == "leaderboard" else held(theirs / ours, at_least=20)
    return [f"`{name}`", held(ours, at_most=3, unit=""), f"{theirs:.3g}", ratio, "yes" if same else "**no**"]


def equal(ours: pa.Table, theirs: pa.Table) -> bool:
    """Whether two answers are the same, floats but for the order in which they were summed."""
    if ours.column_names != theirs.column_names or ours.num_rows != theirs.num_rows:
        return False
    return rounded(ours) == rounded(theirs)


def rounded(answer: pa.Table) -> list[list[Any]]:
    return [[round(v, 9) if isinstance(v, float) else v for v in row.values()] for row in answer.to_pylist()]


def compare_commits(full: Lake, empty: Lake, pool: Pool, repeats: int) -> str:
    """The whole of `rollouts.append` for one shard's turn of 256 problems x 16, in turns."""
    times: dict[str, list[float]] = {"empty": [], "full": []}
    for number in range(repeats + 1):
        for name, lake in (("empty", empty), ("full", full)):
            shard = [replace(row, shard=number) for row in shard_turn(pool)]
            seconds = timed(lambda lake=lake, shard=shard: rollouts.append(lake, shard))
            progress(f"commit into the {name} lake: {seconds:.3f} s")
            if number:  # the first one warms both up
                times[name].append(seconds)
    into = {name: statistics.median(values) for name, values in times.items()}
    ratio = held(into["full"] / into["empty"], at_most=1.2)
    return (
        f"A commit of one shard's turn ({len(shard_turn(pool)):,} rollouts): {into['full']:.3f} s into this lake, "
        f"{into['empty']:.3f} s into an empty one: {ratio} (target at most 1.2\u00d7)."
    )


def shard_turn(pool: Pool) -> list[Rollout]:
    return [
        Rollout(
            **{"run": "new", "iteration": 1, "purpose": "collect", "split": "train", "problem_id": f"p{index // 16}"},
            **{"shard": 0, "turn": 2, "sample": index % 16, "policy": "0" * 12, "prompt_tokens": 240, "seed": index},
            **{"response": text, "response_ids": ids, "finish_reason": "stop", "repetitive": False, "latency": 1.5},
            **{"answer": "7", "verdict": "wrong", "reward": 0.0},
        )
        for index, (text, ids) in enumerate(
            zip(pool.texts.slice(0, 4096).to_pylist(), pool.ids.slice(0, 4096).to_pylist(), strict=True)
        )
    ]


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
