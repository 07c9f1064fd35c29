"""`rise solve`: a finished run answers one problem over several turns."""

import io
import json
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner, Result

from flows.cli.app import app
from flows.cli.episode_printing import JsonEpisode, ShownEpisode
from rise_core.config.keys import Config
from rise_core.method.metrics import vote
from rise_core.method.solving import Attempt, attempts
from rise_core.records import Grade, Verdict
from rise_core.text import printable
from storage.checkpoints import CheckpointRecord
from tests.flows.adapted import RUN
from tests.flows.command import RISE, environment, finished, query
from tests.flows.test_bad_input import refused

QUESTION = "What is 20 + 1?"


def solved(home: Path, *arguments: str) -> dict[str, Any]:
    episode: dict[str, Any] = json.loads(finished(home, "solve", *arguments, "--json"))
    return episode


def test_a_held_out_problem_gets_the_responses_of_its_evaluation(whole: Path) -> None:
    episodes = query(
        whole,
        "SELECT p.problem, r.policy, list(r.response ORDER BY turn) responses, list(r.answer ORDER BY turn) answers"
        " FROM rollouts r JOIN problems p USING (run, split, problem_id)"
        " WHERE r.run = 'whole' AND iteration = 2 AND purpose = 'eval_sequential' AND split = 'eval'"
        " GROUP BY ALL ORDER BY len(list(DISTINCT r.response)) DESC, p.problem LIMIT 1",
    )
    expected = episodes[0]
    assert len(set(expected["responses"])) > 1
    printed = solved(whole, "whole", expected["problem"])
    assert list(printed) == ["run", "iteration", "checkpoint", "problem", "turns", "votes", "answer"]
    assert [printed[key] for key in ("run", "iteration", "checkpoint")] == ["whole", 2, expected["policy"]]
    assert [turn["turn"] for turn in printed["turns"]] == [1, 2, 3]
    assert [turn["response"] for turn in printed["turns"]] == expected["responses"]
    answers = [turn["answer"] for turn in printed["turns"]]
    assert answers == expected["answers"]
    assert printed["answer"] == vote(answers)
    assert {vote["answer"]: vote["votes"] for vote in printed["votes"]} == {a: answers.count(a) for a in answers if a}
    assert all("verdict" not in turn for turn in printed["turns"])


@pytest.mark.run
def test_an_adapter_answers_and_an_oracle_stops_it(adapted: Path) -> None:
    options = ["--turns", "4", "--seed", "3", "--temperature", "0.8"]
    free = solved(adapted, RUN, QUESTION, *options)
    responses = [turn["response"] for turn in free["turns"]]
    assert len(responses) == 4  # more than the run's own three, the window kept
    assert len(set(responses)) > 2

    # With the answer of turn 2 as the oracle, the same seed gives the same turns and stops at turn 2.
    asked = subprocess.run(
        [RISE, "solve", RUN, "-", *options, "--oracle", free["turns"][1]["answer"]],
        input=f"{QUESTION}\n", env=environment(adapted), capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    lines = asked.stdout.splitlines()
    heads = [line for line in lines if line.startswith("turn ")]
    assert len(heads) == 2
    assert heads[0].endswith("wrong")
    assert heads[1].endswith("correct")
    assert "starting a vLLM engine" in asked.stderr
    for response in responses[:2]:
        assert textwrap.indent(printable(response), "  ") in asked.stdout
    assert lines[-1] == f"answer  {printable(free['turns'][1]['answer'])}"

    printed = solved(adapted, RUN, QUESTION, *options, "--oracle", free["turns"][1]["answer"])
    judged = [turn | {"verdict": verdict} for turn, verdict in zip(free["turns"], ("wrong", "correct"), strict=False)]
    assert printed["turns"] == judged
    assert printed["answer"] == judged[1]["answer"]

    base = solved(adapted, RUN, QUESTION, *options, "--iteration", "0")
    assert base["checkpoint"] != free["checkpoint"]
    assert [turn["response"] for turn in base["turns"]] != responses


@pytest.fixture
def invoke(adapted: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.setenv("RISE_HOME", str(adapted))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "VLLM_LOGGING_LEVEL"):
        monkeypatch.setenv(name, "")  # pytest undoes the settings of the command
    return lambda *arguments, **more: CliRunner().invoke(app, list(arguments), catch_exceptions=False, **more)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("nosuch", "x"), ("nosuch", "rise runs")),
        ((RUN, "x", "--iteration", "7"), ("iteration 7", "0, 1")),
        ((RUN, "  "), ("problem is empty",)),
        ((RUN, "x", "--oracle", " "), ("--oracle",)),
        ((RUN, "word " * 300), ("tokens", "max_new_tokens = 244", "shorten")),
    ],
)
def test_bad_input_is_one_line(invoke, arguments: tuple[str, ...], named: tuple[str, ...]) -> None:
    refused(invoke("solve", *arguments), *named)


def test_a_problem_that_is_no_text_is_refused(invoke) -> None:
    refused(invoke("solve", RUN, "-", input=b"\xff\xfe"), "UTF-8")
    refused(invoke("solve", RUN, "half \udc80"), "UTF-8")


def test_a_changed_checkpoint_is_not_used(invoke, adapted: Path) -> None:
    path = query(adapted, "SELECT path FROM checkpoints WHERE iteration = 1")[0]["path"]
    file = adapted / path / "adapter_config.json"
    before = file.read_bytes()
    file.write_bytes(before.replace(b'"r": 4', b'"r": 2'))
    try:
        assert file.read_bytes() != before
        refused(invoke("solve", RUN, "x"), str(file))
    finally:
        file.write_bytes(before)


CHECKPOINT = cast(CheckpointRecord, SimpleNamespace(run="r", iteration=1, checkpoint_id="c"))


def shown(*turns: Attempt) -> list[str]:
    """Print an episode to a pipe; return the lines after the first."""
    out = io.StringIO()
    episode = ShownEpisode(out, CHECKPOINT, Config(), "1 + 2 ?")
    for attempt in turns:
        episode.add(attempt)
    episode.end()
    return out.getvalue().splitlines()[1:]


def test_an_episode_is_shown_with_every_response_and_the_votes() -> None:
    lines = shown(
        Attempt(1, "so 10", "10", None),
        Attempt(2, "first\nso 3", "3", None),
        Attempt(3, "", None, None),
        Attempt(4, "3 again", "3", None),
        Attempt(5, "loop", None, Verdict.TIMEOUT),
    )
    assert lines == [
        *("", "problem", "  1 + 2 ?"),
        *("", "turn 1  answer 10", "  so 10"),
        *("", "turn 2  answer 3", "  first", "  so 3"),
        *("", "turn 3  answer none", "  (nothing)"),
        *("", "turn 4  answer 3", "  3 again"),
        *("", "turn 5  answer none  timeout", "  loop"),
        *("", "votes", "  3   ██ 2", "  10  █ 1"),
        *("", "answer  3"),
    ]


def test_the_last_line_is_the_final_answer_whatever_the_votes_are() -> None:
    wrong = [Attempt(turn, "so 4", "4", Verdict.WRONG) for turn in (1, 2)]
    lines = shown(*wrong, Attempt(3, "so 3", "3", Verdict.CORRECT))
    assert lines[-5:] == ["votes", "  4  ██ 2", "  3  █ 1", "", "answer  3"]
    assert shown(Attempt(1, "hm", None, None))[-4:] == ["votes", "  no turn gave an answer", "", "answer  none"]


def test_an_oracles_verdicts_are_in_the_json_and_the_first_correct_attempt_is_the_last() -> None:
    out = io.StringIO()
    episode = JsonEpisode(out, CHECKPOINT, Config(), "1 + 2 ?")
    responses = ["so 4", "so 3", "so 5"]

    def grade(response: str) -> Grade:
        answer = response.removeprefix("so ")
        return Grade(Verdict.CORRECT, 1.0, answer) if answer == "3" else Grade(Verdict.WRONG, 0.0, answer)

    for attempt in attempts(turns=3, ask=lambda _, turn: responses[turn - 1], grade=grade, oracle=True):
        episode.add(attempt)
    episode.end()
    printed = json.loads(out.getvalue())
    assert printed["turns"] == [
        {"turn": 1, "response": "so 4", "answer": "4", "verdict": "wrong"},
        {"turn": 2, "response": "so 3", "answer": "3", "verdict": "correct"},
    ]
    assert printed["votes"] == [{"answer": "4", "votes": 1}, {"answer": "3", "votes": 1}]
    assert printed["answer"] == "3"  # and not the first of two votes


def test_terminal_control_sequences_are_shown_not_sent() -> None:
    hostile = "\x1b[2J\x9b31m [bold]7"
    for kind in (ShownEpisode, JsonEpisode):
        out = io.StringIO()
        episode = kind(out, CHECKPOINT, Config(), hostile)
        episode.add(Attempt(1, hostile, hostile, None))
        episode.end()
        assert not {"\x1b", "\x9b"} & set(out.getvalue())
        assert "[bold]7" in out.getvalue()  # and no markup is obeyed
