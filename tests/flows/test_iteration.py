"""One run through Prefect, Ray, vLLM, Ray Train and the lake: the rows and files of every stage."""

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests.flows.command import TINY, finished, inside, printed, query, rise

EPISODES = {"collect": (16, [1, 4]), "eval_sequential": (12, [1, 1, 1]), "eval_parallel": (12, [3])}


def test_every_purpose_has_each_of_its_responses_once(whole: Path) -> None:
    rows = query(
        whole,
        "SELECT iteration, purpose, turn, count(*) n, count(DISTINCT (problem_id, sample)) distinct_n,"
        " count(verdict) graded FROM rollouts GROUP BY ALL ORDER BY ALL",
    )
    expected = {
        (iteration, purpose, turn): problems * samples
        for purpose, (problems, turns) in EPISODES.items()
        for turn, samples in enumerate(turns, start=1)
        for iteration in ((1, 2) if purpose == "collect" else (0, 1, 2))
    }
    assert {(r["iteration"], r["purpose"], r["turn"]): r["n"] for r in rows} == expected
    assert all(r["n"] == r["distinct_n"] == r["graded"] for r in rows)


def test_each_stage_sampled_with_its_own_checkpoint(whole: Path) -> None:
    rows = query(
        whole,
        "SELECT DISTINCT r.purpose = 'collect' AS collects, r.iteration - c.iteration AS lag"
        " FROM rollouts r JOIN checkpoints c ON c.run = r.run AND c.checkpoint_id = r.policy ORDER BY ALL",
    )
    assert rows == [{"collects": False, "lag": 0}, {"collects": True, "lag": 1}]


def test_examples_are_the_selected_rollouts_as_they_were_sampled(whole: Path) -> None:
    rows = query(
        whole,
        "SELECT e.iteration, count(*) n, count(*) FILTER (r.selected AND r.response_ids = e.response_ids"
        " AND r.prompt_tokens = len(e.state_ids) AND r.reward = e.reward"
        " AND abs(e.weight - exp(r.reward / 0.4)) < 1e-9) same"
        " FROM examples e JOIN rollouts r USING (run, iteration, problem_id, turn, sample)"
        " WHERE r.purpose = 'collect' GROUP BY ALL ORDER BY ALL",
    )
    assert [r["iteration"] for r in rows] == [1, 2]
    assert all(r["n"] == r["same"] > 0 for r in rows)
    marked = query(whole, "SELECT iteration, count(*) n FROM rollouts WHERE selected GROUP BY ALL ORDER BY ALL")
    assert marked == [{"iteration": r["iteration"], "n": r["n"]} for r in rows]


def test_each_commit_names_its_run_iteration_and_stage(whole: Path) -> None:
    messages = [
        r["commit_message"]
        for r in query(whole, "SELECT commit_message FROM ducklake_snapshots('lake') WHERE commit_message IS NOT NULL")
    ]
    for iteration in (1, 2):
        for stage, count in {"verify_answers": 8 + 9 + 3, "write_parquet": 1, "fine_tune": 1, "evaluate": 1}.items():
            commits = [m for m in messages if m.startswith(f"run=whole iteration={iteration} stage={stage} ")]
            assert len(commits) == count, (iteration, stage, commits)


def test_the_flow_run_is_tagged_with_its_profile_and_task_runs_cost_no_slot(whole: Path) -> None:
    """Prefect asks the server for a slot for every tagged task run: seconds each."""
    with closing(sqlite3.connect(whole / "prefect/prefect.db")) as database:
        flows = [json.loads(tags) for (tags,) in database.execute("SELECT tags FROM flow_run")]
        tasks = [json.loads(tags) for (tags,) in database.execute("SELECT tags FROM task_run")]
    assert flows == [["tiny"]]
    assert len(tasks) > 100
    assert not any(tasks)


def test_an_earlier_version_shows_the_lake_as_it_was(whole: Path) -> None:
    first = query(
        whole,
        "SELECT min(snapshot_id) v FROM ducklake_snapshots('lake')"
        " WHERE commit_message LIKE '%iteration=1 stage=write_parquet%'",
    )[0]["v"]
    count = "SELECT count(*) n, max(iteration) newest FROM examples"
    assert query(whole, count, first - 1) == [{"n": 0, "newest": None}]
    assert query(whole, count, first)[0]["newest"] == 1
    assert query(whole, count)[0]["newest"] == 2
    command = ("query", count, "--format", "json", "--at", str(first))  # the same, as a user asks
    assert json.loads(finished(whole, *command)) == query(whole, count, first)


def test_checkpoints_hold_the_files_that_their_hashes_name(whole: Path) -> None:
    rows = query(whole, "SELECT iteration, path, files, training_log FROM checkpoints ORDER BY iteration")
    assert [r["iteration"] for r in rows] == [0, 1, 2]
    for row in rows:
        folder = whole / row["path"]
        files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}
        assert files == json.loads(row["files"])
        assert {"model.safetensors", "tokenizer.json", "chat_template.jinja", "config.json"} <= files.keys()
        assert row["training_log"]
    boost = [entry["loss"] for entry in rows[0]["training_log"]]
    assert sum(boost[-3:]) < 0.9 * sum(boost[:3])


def test_every_metric_is_stored_for_every_iteration(whole: Path) -> None:
    rows = query(whole, "SELECT iteration, metric, value, ci_low, ci_high, n FROM metrics")
    names = {"m1@t1", "m3@t1", "m1@t3", "p1@t3", "p3@t1", "acc@t1", "acc@t2", "acc@t3", "fixed@t2", "broken@t3"}
    for iteration in (0, 1, 2):
        mine = {r["metric"]: r for r in rows if r["iteration"] == iteration}
        assert names <= mine.keys()
        assert all(mine[name]["n"] == 12 and mine[name]["ci_low"] <= mine[name]["value"] for name in names)
        right = query(
            whole,
            "SELECT count(*) FILTER (verdict = 'correct') n FROM rollouts"
            f" WHERE purpose = 'eval_sequential' AND turn = 1 AND iteration = {iteration}",
        )[0]["n"]
        assert mine["m1@t1"]["value"] == pytest.approx(right / 12)


def test_it_prints_the_metrics_and_nothing_else_on_stdout(whole: Path) -> None:
    lines = (whole / "printed.txt").read_text().splitlines()
    assert "12 held-out problems" in lines[0]
    assert "iteration 0" in lines[1]
    assert "iteration 2" in lines[1]
    assert any(line.split()[0] == "m1@t3" for line in lines[3:])


def test_a_complete_run_is_left_as_it_is(whole: Path) -> None:
    newest = "SELECT max(snapshot_id) v FROM ducklake_snapshots('lake')"
    before = query(whole, newest)
    again = rise(whole, "run", TINY, "--run", "whole")
    assert again.returncode == 0, again.stderr
    assert again.stdout == (whole / "printed.txt").read_text()
    assert "complete at iteration 2; --iterations N goes on" in again.stderr
    assert "prefect" not in again.stderr.lower(), "nothing is started for it"
    assert query(whole, newest) == before


def test_a_damaged_file_of_a_complete_run_is_named(whole: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(whole, copy)
    path = min((copy / "lake/data/main/examples").rglob("*.parquet"))  # never merged: a commit writes one file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    again = inside(copy, "run", TINY, "--run", "whole")
    assert again.exit_code == 2
    assert f"{path.name} is damaged" in again.stderr


def test_another_config_for_the_same_run_is_refused_with_the_difference(whole: Path) -> None:
    result = inside(whole, "run", TINY, "--run", "whole", "train.tau=0.9")
    assert result.exit_code == 2
    assert "train.tau: stored 0.4, now 0.9" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_the_server_s_memory_of_its_blocks_lies_in_the_home(whole: Path) -> None:
    """Prefect's default is the user's folder: a warning for users without a folder."""
    assert (whole / "prefect" / "memo_store.toml").is_file()


def test_nothing_is_left_running(whole: Path) -> None:
    assert (whole / "left.txt").read_text() == ""


def test_a_plain_duckdb_session_attaches_the_lake(whole: Path) -> None:
    with duckdb.connect() as session:
        session.execute(printed(whole, "attach"))
        rows = session.execute("SELECT iteration FROM leaderboard ORDER BY iteration").fetchall()
        with pytest.raises(duckdb.Error):
            session.execute("DELETE FROM metrics")
    assert rows == [(0,), (1,), (2,)]
