"""What the lake says about a run, as rows for charts and tables. Shares are in percent, times in minutes."""

from __future__ import annotations

from typing import Any

from rise.storage.lake import Lake

Row = dict[str, Any]

# Metric names hold their turn (acc@t3) or their votes and turns (m5@t1, m1@t5); configs and splits differ in them.
BY_TURN = r"""
    SELECT split, iteration, regexp_extract(metric, '^(\w+)@t', 1) AS kind,
        regexp_extract(metric, '@t(\d+)$', 1)::INTEGER AS turn,
        100 * value AS value, 100 * ci_low AS low, 100 * ci_high AS high, n
    FROM metrics WHERE run = ? AND n > 0 AND regexp_matches(metric, '^(acc|fixed|broken)@t\d+$')
    ORDER BY split, iteration, kind, turn"""

COMPARED = """
    SELECT m.split, m.iteration, m.metric,
        CASE WHEN metric = 'm1@t1' THEN 'one'
            WHEN metric = concat('m1@t', turns) THEN 'turns'
            WHEN metric = concat('m', samples, '@t1') THEN 'parallel' END AS role,
        100 * value AS value, 100 * ci_low AS low, 100 * ci_high AS high, m.n
    FROM metrics m JOIN leaderboard b USING (run, iteration, split)
    WHERE run = ? AND m.n > 0 AND role IS NOT NULL
    ORDER BY m.split, m.iteration, role"""

GAINS = """
    SELECT split, iteration, metric, 100 * value AS value, 100 * ci_low AS low, 100 * ci_high AS high, n
    FROM metrics WHERE run = ? AND n > 0 AND metric IN ('gain_parallel', 'gain_turns', 'gain_oracle')
    ORDER BY split, iteration, metric"""

LOSSES = """
    SELECT c.iteration, e.step, e.epoch, e.loss, e.learning_rate
    FROM checkpoints c, unnest(c.training_log) AS u(e)
    WHERE run = ? AND isfinite(e.loss) ORDER BY c.iteration, e.step"""

WEIGHTS = """
    SELECT iteration, reward, weight, count AS examples
    FROM example_weights WHERE run = ? ORDER BY iteration, reward, weight"""

# A commit that sets a goal begins a sitting: what lies before it is a pause, not work. Splits of `rise eval` are no
# part of an iteration.
STAGE_TIMES = r"""
    WITH commits AS (
        SELECT snapshot_id, commit_message,
            regexp_extract(commit_message, ' iteration=(\d+)', 1)::INTEGER AS iteration,
            regexp_extract(commit_message, ' stage=(\w+)', 1) AS stage,
            regexp_extract(commit_message, ' purpose=(\w+)', 1) AS purpose,
            regexp_extract(commit_message, ' split=(\S+)', 1) AS split,
            epoch(snapshot_time - lag(snapshot_time) OVER (ORDER BY snapshot_id)) / 60 AS took
        FROM ducklake_snapshots('lake') WHERE starts_with(commit_message, concat('run=', ?::VARCHAR, ' ')))
    SELECT iteration, stage, purpose, sum(greatest(took, 0)) AS minutes  -- below 0 where the clock was set back
    FROM commits WHERE took IS NOT NULL AND NOT contains(commit_message, ' goal=') AND split IN ('', 'train', 'eval')
    GROUP BY ALL ORDER BY iteration, max(snapshot_id)"""

STAGES = {
    ("prepare", ""): "prepare",
    ("verify_answers", "collect"): "sample: training",
    ("write_parquet", ""): "select",
    ("fine_tune", ""): "fine-tune",
    ("verify_answers", "eval_sequential"): "sample: turns",
    ("verify_answers", "eval_parallel"): "sample: parallel",
    ("evaluate", ""): "evaluate",
    ("tidy", ""): "report and tidy",
}


def rows(lake: Lake, sql: str, run: str) -> list[Row]:
    """The rows of one of the queries above for a run."""
    found: list[Row] = lake.query(sql, [run]).to_pylist()
    return found


def by_turn(lake: Lake, run: str, *kinds: str) -> list[Row]:
    """`acc`, `fixed` or `broken`, turn by turn, with 95% intervals, of every iteration and split."""
    return [row for row in rows(lake, BY_TURN, run) if row["kind"] in kinds]


def stage_times(lake: Lake, run: str) -> list[Row]:
    """Minutes from one commit of the run to the next, added up by iteration and by the stage of the later one."""
    return [
        {
            "iteration": row["iteration"],
            "stage": STAGES.get((row["stage"], row["purpose"]), f"{row['stage']} {row['purpose']}".strip()),
            "minutes": row["minutes"],
        }
        for row in rows(lake, STAGE_TIMES, run)
    ]


def histogram(weights: list[Row], column: str, most: int = 12) -> list[Row]:
    """Examples by `column` ("reward" or "weight") and iteration: a bar for each value, 20 bins where values are many.

    A row has iteration, bin (its label), start (to sort by) and examples.
    """
    values = sorted({row[column] for row in weights})
    low, high = (values[0], values[-1]) if values else (0.0, 0.0)
    width = (high - low) / 20
    counts: dict[tuple[int, float, str], int] = {}
    for row in weights:
        start, label = row[column], f"{row[column]:.4g}"
        if len(values) > most:
            start = low + min(int((row[column] - low) / width), 19) * width
            label = f"{start:.3g} to {start + width:.3g}"
        key = (row["iteration"], start, label)
        counts[key] = counts.get(key, 0) + row["examples"]
    return [{"iteration": k, "start": start, "bin": label, "examples": n} for (k, start, label), n in counts.items()]
