"""`rise eval`, a baseline joined to a profile, and `rise compare`, on a copy of a finished tiny run."""

import json
import shutil
from pathlib import Path

import pytest

from tests.flows.command import TINY, finished, inside, kill_group, printed, processes_of, query, started
from tests.flows.moments import sampled, wait_for

WIDER = ("eval", "whole", "eval.turns=5", "eval.samples=6", "--iteration", "1")
SPLIT = "samples-6-turns-5"
# A family of reasoning-gym: the run has seen no problem and hardly a word of the family.
CHAINS = ("problems.name=chain_sum", "problems.params={max_terms: 3, max_digits: 1}", "problems.eval_size=16")
FAMILY = ("eval", "whole", *CHAINS, "--split", "chains")
NEWEST = "SELECT max(snapshot_id) v FROM ducklake_snapshots('lake')"


@pytest.fixture(scope="module")
def home(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of run `whole`; iteration 1 is also evaluated with more turns and more samples."""
    home = tmp_path_factory.mktemp("evaluated") / "home"
    shutil.copytree(whole, home)
    (home / "wider.txt").write_text(finished(home, *WIDER))
    return home


def refused(home: Path, arguments: list[str], named: str) -> None:
    """The command must end with one line that names the mistake."""
    result = inside(home, *arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert named in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_more_turns_and_samples_are_a_split_beside_the_flows_own(whole: Path, home: Path) -> None:
    rows = query(
        home,
        "SELECT purpose, turn, count(*) n, count(DISTINCT (problem_id, sample)) distinct_n, count(verdict) graded"
        f" FROM rollouts WHERE split = '{SPLIT}' GROUP BY ALL ORDER BY ALL",
    )
    expected = [("eval_parallel", 1, 72), *(("eval_sequential", turn, 12) for turn in range(1, 6))]
    assert [(r["purpose"], r["turn"], r["n"]) for r in rows] == expected
    assert all(r["n"] == r["distinct_n"] == r["graded"] for r in rows)
    policies = query(
        home,
        "SELECT DISTINCT c.iteration FROM rollouts r JOIN checkpoints c ON c.checkpoint_id = r.policy"
        f" WHERE r.split = '{SPLIT}'",
    )
    assert policies == [{"iteration": 1}]
    metrics = query(home, f"SELECT iteration, metric, n FROM metrics WHERE split = '{SPLIT}'")
    assert {"m1@t5", "m6@t1", "acc@t5", "p6@t1"} <= {r["metric"] for r in metrics}
    assert {(r["iteration"], r["n"]) for r in metrics} == {(1, 12)}

    own = "FROM rollouts WHERE split IN ('train', 'eval') ORDER BY ALL"
    assert query(home, own) == query(whole, own)
    assert query(home, "FROM metrics WHERE split = 'eval' ORDER BY ALL") == query(whole, "FROM metrics ORDER BY ALL")


def test_more_turns_go_on_from_the_same_first_ones_with_the_window_kept(home: Path) -> None:
    same = query(
        home,
        "SELECT count(*) n, count(*) FILTER (a.seed = b.seed) seeds, count(*) FILTER (a.response = b.response) same"
        " FROM rollouts a JOIN rollouts b USING (run, iteration, purpose, problem_id, turn, sample)"
        f" WHERE a.split = 'eval' AND b.split = '{SPLIT}'",
    )
    assert (same[0]["n"], same[0]["seeds"]) == (72, 72)
    assert same[0]["same"] > 60, "rounding may turn a few"
    lengths = query(
        home,
        f"SELECT turn, min(prompt_tokens) low, max(prompt_tokens) high FROM rollouts WHERE split = '{SPLIT}'"
        " AND purpose = 'eval_sequential' GROUP BY ALL ORDER BY turn",
    )
    assert lengths[1]["low"] > lengths[0]["high"]
    # With one attempt in view, later prompts are longer by at most the difference of two attempts.
    assert all(row["high"] <= lengths[1]["low"] + 4 for row in lengths[2:])


def test_the_new_splits_episodes_know_their_problems(home: Path) -> None:
    texts = f"SELECT problem, answer FROM problems WHERE run = 'whole' AND split = '{SPLIT}' ORDER BY position"
    assert query(home, texts) == query(home, texts.replace(SPLIT, "eval"))
    known = query(home, f"SELECT count(problem) n FROM episodes WHERE split = '{SPLIT}' AND purpose = 'eval_parallel'")
    assert known == [{"n": 12}]
    solved = query(home, f"SELECT samples, turns, n FROM solved_by_turns WHERE split = '{SPLIT}' ORDER BY samples")
    assert solved == [{"samples": b, "turns": 5, "n": 12} for b in range(1, 7)]


def test_its_metrics_are_printed_and_the_same_command_does_nothing_more(home: Path) -> None:
    before = query(home, NEWEST)
    again = inside(home, *WIDER)
    assert again.exit_code == 0, again.stderr
    assert again.stdout == (home / "wider.txt").read_text()
    first, head = again.stdout.splitlines()[:2]
    assert f"split {SPLIT}" in first
    assert "iteration 1" in head
    assert "iteration 0" not in head
    assert query(home, NEWEST) == before


def test_an_evaluation_does_not_count_as_an_iteration(home: Path) -> None:
    runs = json.loads(printed(home, "runs", "--format", "json"))
    assert [(r["run"], r["iterations_done"]) for r in runs if r["run"] == "whole"] == [("whole", 2)]
    assert "m1@t5" not in printed(home, "report", "whole")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("eval.turns=4", "--split", SPLIT), "eval.turns: stored 5, now 4"),
        (("eval.turns=4", "--split", "eval"), "belongs to the run itself"),
        (("train.tau=0.9",), "train.tau"),
        (("eval.turns=3",), "split 'eval'"),
        (("eval.turns=4", "--iteration", "9"), "no checkpoint of iteration 9"),
        (("problems.name=nosuch",), "nosuch"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(home: Path, arguments: list[str], named: str) -> None:
    refused(home, ["eval", "whole", *arguments], named)


def test_a_family_that_holds_training_problems_is_refused(home: Path, tmp_path: Path) -> None:
    trained = query(home, "SELECT problem, answer FROM problems WHERE split = 'train' LIMIT 1")[0]
    path = tmp_path / "leak.jsonl"
    path.write_text(json.dumps({"question": trained["problem"].upper(), "answer": trained["answer"]}))
    overrides = ["problems.source=file", f"problems.eval={path}", "problems.eval_size=1", "verify.verifier=exact"]
    refused(home, ["eval", "whole", *overrides], "1 of the 1 problems")


@pytest.mark.fault
def test_another_family_killed_on_the_way_ends_with_each_key_once(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    process = started(home, log, *FAMILY)
    moment = sampled("whole", "eval_sequential-2-chains-*-turn-2")
    wait_for(moment, home, process, log, pause=0.001, timeout=300)
    kill_group(process)
    stamps = (
        "SELECT purpose, shard, turn, max(created_at)::VARCHAR t FROM rollouts WHERE split = 'chains' GROUP BY ALL"
        " ORDER BY ALL"
    )
    before = query(home, stamps)
    assert before
    assert query(home, "FROM metrics WHERE split = 'chains'") == []

    finished(home, *FAMILY)
    after = query(home, stamps)
    assert len(before) < len(after) == 4 * (3 + 1)
    assert all(stamp in after for stamp in before), "a finished (shard, turn) was sampled again"
    counts = query(
        home, "SELECT purpose, turn, count(*) n FROM rollouts WHERE split = 'chains' GROUP BY ALL ORDER BY ALL"
    )
    assert [r["n"] for r in counts] == [48, 16, 16, 16]
    problems = query(home, "SELECT problem FROM problems WHERE split = 'chains'")
    assert len(problems) == 16
    assert all("arithmetic problem" in row["problem"] for row in problems)
    verdicts = query(home, "SELECT DISTINCT verdict FROM rollouts WHERE split = 'chains'")
    assert {r["verdict"] for r in verdicts} <= {"correct", "wrong", "no_answer"}, "its own scorer graded it"
    assert {r["n"] for r in query(home, "SELECT n FROM metrics WHERE split = 'chains'")} == {16}
    assert list((home / "runs/whole/staging").glob("*")) == []
    assert processes_of(home) == []


@pytest.mark.run
def test_a_baseline_joins_a_profile_and_is_compared(home: Path) -> None:
    finished(home, "run", f"{TINY}+self-refine")
    shown = printed(home, "compare", "whole", "tiny-self-refine")
    assert all(word in shown for word in ("whole@2", "tiny-self-refine@0", "m1@t3", "n=12"))
    assert "NOT at equal numbers of sampled responses: whole@2 160, tiny-self-refine@0 0" in shown
    rows = json.loads(printed(home, "compare", "whole", "tiny-self-refine", "--format", "json"))
    cells = {(r["row"], r["run"]): r for r in rows}
    by_problem = query(
        home,
        "SELECT avg((b.verdict = 'correct')::INTEGER - (a.verdict = 'correct')::INTEGER) d, count(*) n"
        " FROM (FROM rollouts JOIN problems USING (run, split, problem_id)) a"
        " JOIN (FROM rollouts JOIN problems USING (run, split, problem_id)) b USING (problem, purpose, turn, sample)"
        " WHERE a.run = 'whole' AND a.iteration = 2 AND b.run = 'tiny-self-refine' AND a.split = 'eval'"
        " AND a.purpose = 'eval_sequential' AND a.turn = 1",
    )[0]
    row = cells["m1@t1", "tiny-self-refine@0"]
    assert row["difference"] == pytest.approx(by_problem["d"])
    assert (row["shared"], by_problem["n"]) == (12, 12)
    assert row["low"] <= row["difference"] <= row["high"]
    stored = query(home, "SELECT value FROM metrics WHERE run = 'tiny-self-refine' AND metric = 'm1@t1'")
    assert stored == [{"value": pytest.approx(row["value"])}]
    sampled = "SELECT count(*) n FROM rollouts WHERE run = 'whole' AND purpose = 'collect'"
    assert cells["sampled responses", "whole@2"]["value"] == query(home, sampled)[0]["n"] == 160


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("whole",), "two different runs"),
        (("whole", "nosuch"), "nosuch"),
        (("whole", "whole@2"), "named twice"),
        (("whole", "whole@9"), "it has iterations 0, 1, 2"),
        (("whole", "whole@x"), "RUN@ITERATION"),
        (("whole", "whole@1", "--split", "nosuch"), "'nosuch'"),
    ],
)
def test_runs_that_cannot_be_compared_are_one_line(whole: Path, arguments: list[str], named: str) -> None:
    refused(whole, ["compare", *arguments], named)
