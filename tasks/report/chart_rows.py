"""Rows for charts and tables, read from the lake. Shares are in percent, times in minutes."""

from __future__ import annotations

from typing import Any

from storage.lake import Lake

Row = dict[str, Any]

# Metric names hold their turn (acc@t3) or their votes and turns (m5@t1, m1@t5): configs and splits differ in both.
_BY_TURN = r"""
    SELECT split, iteration, regexp_extract(metric, '^(\w+)@t', 1) AS kind,
        regexp_extract(metric, '@t(\d+)$', 1)::INTEGER AS turn,
        100 * value AS value, 100 * ci_low AS low, 100 * ci_high AS high, n
    FROM metrics WHERE run = ? AND n > 0 AND regexp_matches(metric, '^(acc|fixed|broken)@t\d+$')
    ORDER BY split, iteration, kind, turn"""

# Roles: one response, the vote over all K turns, the vote over B parallel samples. K and B of an evaluation
# stand in the view `leaderboard`.
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

# Training that diverged logs infinite losses, which a chart cannot show.
LOSSES = """
    SELECT c.iteration, e.step, e.epoch, e.loss, e.learning_rate
    FROM checkpoints c, unnest(c.training_log) AS u(e)
    WHERE run = ? AND isfinite(e.loss) ORDER BY c.iteration, e.step"""

WEIGHTS = """
    SELECT iteration, reward, weight, count AS examples
    FROM example_weights WHERE run = ? ORDER BY iteration, reward, weight"""

# A commit with a new goal begins a sitting: the time before it is a pause, not work. Splits of `rise eval` belong to
# no iteration. A clock set back gives negative times, counted as 0.
_STAGE_TIMES = r"""
    WITH commits AS (
        SELECT snapshot_id, commit_message,
            regexp_extract(commit_message, ' iteration=(\d+)', 1)::INTEGER AS iteration,
            regexp_extract(commit_message, ' stage=(\w+)', 1) AS stage,
            regexp_extract(commit_message, ' purpose=(\w+)', 1) AS purpose,
            regexp_extract(commit_message, ' split=(\S+)', 1) AS split,
            epoch(snapshot_time - lag(snapshot_time) OVER (ORDER BY snapshot_id)) / 60 AS took
        FROM ducklake_snapshots('lake') WHERE starts_with(commit_message, concat('run=', ?::VARCHAR, ' ')))
    SELECT iteration, stage, purpose, sum(greatest(took, 0)) AS minutes
    FROM commits WHERE took IS NOT NULL AND NOT contains(commit_message, ' goal=') AND split IN ('', 'train', 'eval')
    GROUP BY ALL ORDER BY iteration, max(snapshot_id)"""

# (stage, purpose) of a commit → label in the chart of times, in the order of an iteration.
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

_BINS = 20  # of a histogram


def read_rows(lake: Lake, sql: str, run: str) -> list[Row]:
    """Return the rows of one query above for a run."""
    rows: list[Row] = lake.query(sql, [run]).to_pylist()
    return rows


def by_turn(lake: Lake, run: str, *kinds: str) -> list[Row]:
    """Read metrics turn by turn with 95% intervals, for every iteration and split.

    Args:
        kinds: Metrics to return: "acc", "fixed", "broken".
    """
    return [row for row in read_rows(lake, _BY_TURN, run) if row["kind"] in kinds]


def stage_times(lake: Lake, run: str) -> list[Row]:
    """Sum the minutes between commits of a run, by iteration and stage.

    The time from one commit to the next counts for the stage of the later commit.
    """
    return [
        {
            "iteration": row["iteration"],
            "stage": STAGES.get((row["stage"], row["purpose"]), f"{row['stage']} {row['purpose']}".strip()),
            "minutes": row["minutes"],
        }
        for row in read_rows(lake, _STAGE_TIMES, run)
    ]


def histogram(weights: list[Row], column: str, max_bars: int = 12) -> list[Row]:
    """Count training examples by value and iteration.

    Args:
        weights: Rows of WEIGHTS.
        column: "reward" or "weight".
        max_bars: Most distinct values with a bar each; more values share 20 bins of equal width.

    Returns:
        Rows with iteration, bin (a label), start (a number to sort by) and examples.
    """
    values = sorted({row[column] for row in weights})
    low, high = (values[0], values[-1]) if values else (0.0, 0.0)
    width = (high - low) / _BINS
    counts: dict[tuple[int, float, str], int] = {}
    for row in weights:
        start, label = row[column], f"{row[column]:.4g}"
        if len(values) > max_bars:
            start = low + min(int((row[column] - low) / width), _BINS - 1) * width
            label = f"{start:.3g} to {start + width:.3g}"
        bar = (row["iteration"], start, label)
        counts[bar] = counts.get(bar, 0) + row["examples"]
    return [{"iteration": k, "start": start, "bin": label, "examples": n} for (k, start, label), n in counts.items()]
