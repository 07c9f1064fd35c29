"""Views of the lake: the SQL, beside the meaning of each column.

A row with a failed grading counts neither as right nor as wrong in any view.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.columns import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    ITERATION,
    PROBLEM,
    PROBLEM_ID,
    PURPOSE,
    REWARD,
    RUN,
    SPLIT,
    TEXT,
    TURN,
    WEIGHT,
    Column,
    list_of,
)


@dataclass(frozen=True, slots=True)
class View:
    """A view; `row` describes a row in a sentence."""

    name: str
    row: str
    columns: tuple[Column, ...]
    sql: str

    @property
    def create_sql(self) -> str:
        """The CREATE VIEW statement. `sql` names no database: a session may attach the lake under any name."""
        return f"CREATE VIEW lake.main.{self.name} AS {self.sql}"


# The verdicts about a response; the others tell that grading failed.
_GRADED = "verdict IN ('correct', 'wrong', 'no_answer')"

_TURN_ACCURACY = View(
    "turn_accuracy",
    "Accuracy of each turn: one row per run, iteration, split, purpose and turn.",
    (
        RUN,
        ITERATION,
        SPLIT,
        PURPOSE,
        TURN,
        Column("n", BIGINT, "graded responses"),
        Column("ungraded", BIGINT, "responses whose grading failed"),
        Column("accuracy", DOUBLE, "share of correct responses among the graded ones"),
        Column("mean_reward", DOUBLE, "mean reward of the graded responses"),
    ),
    f"""
        SELECT run, iteration, split, purpose, turn,
            count(*) FILTER ({_GRADED}) AS n,
            count(*) FILTER (({_GRADED}) IS NOT TRUE) AS ungraded,
            avg((verdict = 'correct')::INTEGER) FILTER ({_GRADED}) AS accuracy,
            avg(reward) FILTER ({_GRADED}) AS mean_reward
        FROM rollouts
        GROUP BY run, iteration, split, purpose, turn
        ORDER BY run, iteration, split, purpose, turn""",  # noqa: S608
)
_TRANSITIONS = View(
    "transitions",
    "Changes of the answers from turn - 1 to turn, in sequential evaluation.",
    (
        RUN,
        ITERATION,
        SPLIT,
        TURN,
        Column("n", BIGINT, "problems graded at both turns"),
        Column("fixed", BIGINT, "wrong, then correct"),
        Column("broken", BIGINT, "correct, then wrong"),
        Column("stayed_right", BIGINT, "correct at both"),
        Column("stayed_wrong", BIGINT, "correct at neither"),
    ),
    f"""
        WITH graded AS (
            SELECT run, iteration, split, problem_id, turn, verdict = 'correct' AS correct
            FROM rollouts WHERE purpose = 'eval_sequential' AND sample = 0 AND {_GRADED}
        )
        SELECT now.run, now.iteration, now.split, now.turn,
            count(*) AS n,
            count(*) FILTER (now.correct AND NOT before.correct) AS fixed,
            count(*) FILTER (NOT now.correct AND before.correct) AS broken,
            count(*) FILTER (now.correct AND before.correct) AS stayed_right,
            count(*) FILTER (NOT now.correct AND NOT before.correct) AS stayed_wrong
        FROM graded AS now JOIN graded AS before
            ON before.run = now.run AND before.iteration = now.iteration AND before.split = now.split
            AND before.problem_id = now.problem_id AND before.turn = now.turn - 1
        GROUP BY now.run, now.iteration, now.split, now.turn
        ORDER BY now.run, now.iteration, now.split, now.turn""",  # noqa: S608
)
# The votes and turns of a metric (5 and 5 in m5@t5) are part of its name and differ between configs.
_LEADERBOARD = View(
    "leaderboard",
    "One row per checkpoint and split, metrics side by side for any K (turns) and B (samples).",
    (
        RUN,
        ITERATION,
        SPLIT,
        Column("samples", INTEGER, "B"),
        Column("turns", INTEGER, "K"),
        Column("n", INTEGER, "problems counted by the metric with most of them"),
        Column("m1_t1", DOUBLE, "`m1@t1`"),
        Column("mk_t1", DOUBLE, "`m{B}@t1`: majority of B parallel responses"),
        Column("m1_tk", DOUBLE, "`m1@t{K}`: majority over K turns"),
        Column("p1_tk", DOUBLE, "`p1@t{K}`: any of K turns"),
        Column("pk_t1", DOUBLE, "`p{B}@t1`: any of B parallel responses"),
        Column("gain", DOUBLE, "`m1_tk - mk_t1`"),
        Column("gain_low", DOUBLE, "lower end of `gain_parallel`'s 95% interval"),
        Column("gain_high", DOUBLE, "upper end of `gain_parallel`'s 95% interval"),
    ),
    r"""
        WITH named AS (
            SELECT *, metric[1] AS kind,
                TRY_CAST(regexp_extract(metric, '^[mp](\d+)@t(\d+)$', 1) AS INTEGER) AS samples,
                TRY_CAST(regexp_extract(metric, '^[mp](\d+)@t(\d+)$', 2) AS INTEGER) AS turns
            FROM metrics
        ), pivoted AS (
            SELECT run, iteration, split,
                max(samples) AS samples,
                max(turns) AS turns,
                max(n) AS n,
                max(value) FILTER (kind = 'm' AND samples = 1 AND turns = 1) AS m1_t1,
                arg_max(value, samples) FILTER (kind = 'm' AND samples > 1 AND turns = 1) AS mk_t1,
                arg_max(value, turns) FILTER (kind = 'm' AND samples = 1 AND turns > 1) AS m1_tk,
                arg_max(value, turns) FILTER (kind = 'p' AND samples = 1 AND turns > 1) AS p1_tk,
                arg_max(value, samples) FILTER (kind = 'p' AND samples > 1 AND turns = 1) AS pk_t1,
                max(value) FILTER (metric = 'gain_parallel') AS gain,
                max(ci_low) FILTER (metric = 'gain_parallel') AS gain_low,
                max(ci_high) FILTER (metric = 'gain_parallel') AS gain_high
            FROM named GROUP BY run, iteration, split
        )
        SELECT run, iteration, split, samples, turns, n, m1_t1, mk_t1, m1_tk, p1_tk, pk_t1,
            gain, gain_low, gain_high
        FROM pivoted ORDER BY run, iteration, split""",
)
_RESPONSES = list_of(
    turn=INTEGER, sample=INTEGER, response=TEXT, answer=TEXT, verdict=TEXT, reward=DOUBLE, selected=BOOLEAN
)
_EPISODES = View(
    "episodes",
    "One row per problem, iteration and purpose, with all its responses: a whole episode.",
    (
        RUN,
        ITERATION,
        PURPOSE,
        SPLIT,
        PROBLEM_ID,
        PROBLEM,
        Column("gold_answer", TEXT, "as the source has it"),
        Column("turns", _RESPONSES, "list of turn, sample, response, answer, verdict, reward, selected"),
    ),
    """
        SELECT r.run, r.iteration, r.purpose, r.split, r.problem_id,
            any_value(p.problem) AS problem,
            any_value(p.answer) AS gold_answer,
            list({turn: r.turn, sample: r.sample, response: r.response, answer: r.answer, verdict: r.verdict,
                reward: r.reward, selected: r.selected} ORDER BY r.turn, r.sample) AS turns
        FROM rollouts AS r LEFT JOIN problems AS p
            ON p.run = r.run AND p.split = r.split AND p.problem_id = r.problem_id
        GROUP BY r.run, r.iteration, r.purpose, r.split, r.problem_id
        ORDER BY r.run, r.iteration, r.purpose, r.split, r.problem_id""",
)
# A problem counts only where every response read was graded: turn 1 is no revision and is not read.
_SOLVED_BY_TURNS = View(
    "solved_by_turns",
    "Problems solved by turns but by no parallel sample: one row per number of parallel samples.",
    (
        RUN,
        ITERATION,
        SPLIT,
        Column("samples", INTEGER, "number of parallel responses considered, from 1"),
        Column("turns", INTEGER, "turns of the sequential episodes"),
        Column("n", BIGINT, "problems with every response graded"),
        Column("unsolved", BIGINT, "of these, right in none of the first `samples` parallel responses"),
        Column("new", BIGINT, "of the unsolved, right at some turn from 2 on"),
        Column("new_share", DOUBLE, "`new / n`"),
    ),
    f"""
        WITH parallel AS (
            SELECT run, iteration, split, problem_id, sample + 1 AS samples,
                count(*) FILTER ({_GRADED}) OVER so_far AS graded,
                coalesce(bool_or(verdict = 'correct') OVER so_far, false) AS solved
            FROM rollouts WHERE purpose = 'eval_parallel' AND turn = 1
            WINDOW so_far AS (PARTITION BY run, iteration, split, problem_id ORDER BY sample)
        ), episode AS (
            SELECT run, iteration, split, problem_id,
                count(*) FILTER ({_GRADED}) AS graded,
                coalesce(bool_or(verdict = 'correct'), false) AS solved
            FROM rollouts WHERE purpose = 'eval_sequential' AND sample = 0 AND turn > 1
            GROUP BY run, iteration, split, problem_id
        ), depth AS (
            SELECT run, iteration, split, max(turn) AS turns
            FROM rollouts WHERE purpose = 'eval_sequential' GROUP BY run, iteration, split
        )
        SELECT run, iteration, split, samples, turns,
            count(*) AS n,
            count(*) FILTER (NOT parallel.solved) AS unsolved,
            count(*) FILTER (episode.solved AND NOT parallel.solved) AS new,
            count(*) FILTER (episode.solved AND NOT parallel.solved) / count(*) AS new_share
        FROM parallel JOIN episode USING (run, iteration, split, problem_id) JOIN depth USING (run, iteration, split)
        WHERE parallel.graded = samples AND episode.graded = turns - 1
        GROUP BY run, iteration, split, samples, turns
        ORDER BY run, iteration, split, samples""",  # noqa: S608
)
_EXAMPLE_WEIGHTS = View(
    "example_weights",
    "The training set by reward and weight.",
    (
        RUN,
        ITERATION,
        REWARD,
        WEIGHT,
        Column("count", BIGINT, "examples"),
    ),
    """
        SELECT run, iteration, reward, weight, count(*) AS count
        FROM examples
        GROUP BY run, iteration, reward, weight
        ORDER BY run, iteration, reward""",
)

VIEWS = {
    view.name: view
    for view in (_TURN_ACCURACY, _TRANSITIONS, _LEADERBOARD, _EPISODES, _SOLVED_BY_TURNS, _EXAMPLE_WEIGHTS)
}
