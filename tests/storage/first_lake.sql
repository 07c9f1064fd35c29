-- The statements that created a lake before each table was described once (schema version 1). Never to be changed.
CALL lake.set_option('data_inlining_row_limit', 0);
CALL lake.set_option('parquet_compression', 'zstd');
CALL lake.set_option('parquet_row_group_size', 20480);
USE lake;
BEGIN;
CREATE TABLE lake.main.rise_schema (version INTEGER NOT NULL);
CREATE TABLE lake.main.runs (
        run VARCHAR NOT NULL, profile VARCHAR NOT NULL, config VARCHAR NOT NULL, versions VARCHAR NOT NULL,
        goal INTEGER NOT NULL, created_at TIMESTAMPTZ NOT NULL);
CREATE TABLE lake.main.problems (
        run VARCHAR NOT NULL, split VARCHAR NOT NULL, position INTEGER NOT NULL, problem_id VARCHAR NOT NULL,
        problem VARCHAR NOT NULL, answer VARCHAR NOT NULL, solution VARCHAR, metadata VARCHAR NOT NULL);
CREATE TABLE lake.main.rollouts (
        run VARCHAR NOT NULL, iteration INTEGER NOT NULL, purpose VARCHAR NOT NULL, split VARCHAR NOT NULL,
        problem_id VARCHAR NOT NULL, shard INTEGER NOT NULL, turn INTEGER NOT NULL, sample INTEGER NOT NULL,
        policy VARCHAR NOT NULL, response VARCHAR NOT NULL, response_ids INTEGER[] NOT NULL,
        prompt_tokens INTEGER NOT NULL, finish_reason VARCHAR NOT NULL, repetitive BOOLEAN NOT NULL,
        seed BIGINT NOT NULL, latency DOUBLE NOT NULL, answer VARCHAR, verdict VARCHAR, reward DOUBLE,
        selected BOOLEAN NOT NULL, created_at TIMESTAMPTZ NOT NULL);
CREATE TABLE lake.main.examples (
        run VARCHAR NOT NULL, iteration INTEGER NOT NULL, problem_id VARCHAR NOT NULL, turn INTEGER NOT NULL,
        sample INTEGER NOT NULL, state_ids INTEGER[] NOT NULL, response_ids INTEGER[] NOT NULL,
        reward DOUBLE NOT NULL, weight DOUBLE NOT NULL);
CREATE TABLE lake.main.checkpoints (
        run VARCHAR NOT NULL, iteration INTEGER NOT NULL, checkpoint_id VARCHAR NOT NULL, kind VARCHAR NOT NULL,
        base_id VARCHAR, path VARCHAR NOT NULL, sha256 VARCHAR NOT NULL, bytes BIGINT NOT NULL, files VARCHAR NOT NULL,
        steps INTEGER NOT NULL, tokens BIGINT NOT NULL, seconds DOUBLE NOT NULL,
        training_log STRUCT(step INTEGER, epoch DOUBLE, loss DOUBLE, learning_rate DOUBLE, tokens BIGINT)[] NOT NULL,
        created_at TIMESTAMPTZ NOT NULL);
CREATE TABLE lake.main.metrics (
        run VARCHAR NOT NULL, iteration INTEGER NOT NULL, split VARCHAR NOT NULL, metric VARCHAR NOT NULL,
        value DOUBLE, ci_low DOUBLE, ci_high DOUBLE, n INTEGER NOT NULL);
CREATE TABLE lake.main.evaluations (
        run VARCHAR NOT NULL, split VARCHAR NOT NULL, config VARCHAR NOT NULL, created_at TIMESTAMPTZ NOT NULL);
ALTER TABLE lake.main.rollouts SET PARTITIONED BY (run, iteration);
ALTER TABLE lake.main.examples SET PARTITIONED BY (run, iteration);
ALTER TABLE lake.main.runs SET PARTITIONED BY (run);
ALTER TABLE lake.main.problems SET PARTITIONED BY (run);
ALTER TABLE lake.main.checkpoints SET PARTITIONED BY (run);
ALTER TABLE lake.main.metrics SET PARTITIONED BY (run);
ALTER TABLE lake.main.evaluations SET PARTITIONED BY (run);
INSERT INTO lake.main.rise_schema VALUES (1);
CREATE VIEW lake.main.turn_accuracy AS 
        SELECT run, iteration, split, purpose, turn,
            count(*) FILTER (verdict IN ('correct', 'wrong', 'no_answer')) AS n,
            count(*) FILTER ((verdict IN ('correct', 'wrong', 'no_answer')) IS NOT TRUE) AS ungraded,
            avg((verdict = 'correct')::INTEGER) FILTER (verdict IN ('correct', 'wrong', 'no_answer')) AS accuracy,
            avg(reward) FILTER (verdict IN ('correct', 'wrong', 'no_answer')) AS mean_reward
        FROM rollouts
        GROUP BY run, iteration, split, purpose, turn
        ORDER BY run, iteration, split, purpose, turn;
CREATE VIEW lake.main.transitions AS 
        WITH graded AS (
            SELECT run, iteration, split, problem_id, turn, verdict = 'correct' AS correct
            FROM rollouts WHERE purpose = 'eval_sequential' AND sample = 0 AND verdict IN ('correct', 'wrong', 'no_answer')
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
        ORDER BY now.run, now.iteration, now.split, now.turn;
CREATE VIEW lake.main.leaderboard AS 
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
        FROM pivoted ORDER BY run, iteration, split;
CREATE VIEW lake.main.episodes AS 
        SELECT r.run, r.iteration, r.purpose, r.split, r.problem_id,
            any_value(p.problem) AS problem,
            any_value(p.answer) AS gold_answer,
            list({turn: r.turn, sample: r.sample, response: r.response, answer: r.answer, verdict: r.verdict,
                reward: r.reward, selected: r.selected} ORDER BY r.turn, r.sample) AS turns
        FROM rollouts AS r LEFT JOIN problems AS p
            ON p.run = r.run AND p.split = r.split AND p.problem_id = r.problem_id
        GROUP BY r.run, r.iteration, r.purpose, r.split, r.problem_id
        ORDER BY r.run, r.iteration, r.purpose, r.split, r.problem_id;
CREATE VIEW lake.main.solved_by_turns AS 
        WITH parallel AS (
            SELECT run, iteration, split, problem_id, sample + 1 AS samples,
                count(*) FILTER (verdict IN ('correct', 'wrong', 'no_answer')) OVER so_far AS graded,
                coalesce(bool_or(verdict = 'correct') OVER so_far, false) AS solved
            FROM rollouts WHERE purpose = 'eval_parallel' AND turn = 1
            WINDOW so_far AS (PARTITION BY run, iteration, split, problem_id ORDER BY sample)
        ), episode AS (
            SELECT run, iteration, split, problem_id,
                count(*) FILTER (verdict IN ('correct', 'wrong', 'no_answer')) AS graded,
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
        ORDER BY run, iteration, split, samples;
CREATE VIEW lake.main.example_weights AS 
        SELECT run, iteration, reward, weight, count(*) AS count
        FROM examples
        GROUP BY run, iteration, reward, weight
        ORDER BY run, iteration, reward;
CALL lake.set_commit_message('rise', 'create the lake');
COMMIT;
USE memory;
