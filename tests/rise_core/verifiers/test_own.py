"""A user's own verifier by dotted path: imports, refusals, and grades in real grading processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rise_core.errors import UserError
from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import get
from rise_core.verifiers.grading_pool import GradingPool
from tests.rise_core.verifiers.grading import OWN as RULES
from tests.rise_core.verifiers.grading import RIGHT, run_python, shared_pool

PROBLEM = Problem("p7", "train", "q", "18")


@pytest.fixture
def obeying() -> GradingPool:
    return shared_pool(f"{RULES}:obeys")


def test_a_grade_is_taken_as_it_is() -> None:
    own = get(f"{RULES}:last_word")
    assert own.grade("so it is 18", PROBLEM) == RIGHT
    assert own.grade("17", PROBLEM) == Grade(Verdict.WRONG, 0.0, "17")
    assert own.grade("", PROBLEM) == Grade(Verdict.NO_ANSWER, -1.0)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("18", RIGHT),
        ("false", Grade(Verdict.WRONG, 0.0, "false")),
        ("half", Grade(Verdict.WRONG, 0.5, "half")),
    ],
)
def test_a_bool_or_a_number_is_the_reward(response: str, expected: Grade) -> None:
    assert get(f"{RULES}:obeys").grade(response, PROBLEM) == expected


def test_a_reward_votes_for_what_the_response_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "always.py").write_text(
        "from rise_core.records import Grade, Verdict\n"
        "def right(response, problem):\n    return 1\n"
        "def sure(response, problem):\n    return Grade(Verdict.CORRECT, 1.0)\n"
        "def silent(response, problem):\n    return Grade(Verdict.NO_ANSWER, 0.0)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    texts = ("so \\boxed{ 5 }", "The answer is 5", " a \n b", " ")
    for name in ("right", "sure"):  # also where a Grade leaves the answer out
        assert [get(f"always:{name}").grade(text, PROBLEM).answer for text in texts] == ["5", "5", "a b", None]
    assert get("always:silent").grade("The answer is 5", PROBLEM).answer is None


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        (":grade", "write it as module:function"),
        ("rules:", "write it as module:function"),
        ("my rules:grade", "write it as module:function"),
        ("no_such_rules:grade", "module no_such_rules cannot be imported (ModuleNotFoundError: No module named"),
        (f"{RULES}:no_such", "has no no_such"),
        (f"{RULES}:NOT_A_FUNCTION", "is not a function but a value of type int"),
        (f"{RULES}:Grade", "is not a function but a value of type type"),
        (f"{RULES}:one_argument", "cannot be called with (response, problem): too many positional arguments"),
        (f"{RULES}:later", "is an async function"),
    ],
)
def test_what_cannot_grade_is_refused_in_one_line(path: str, complaint: str) -> None:
    for use in (get, GradingPool):
        with pytest.raises(UserError) as caught:
            use(path)
        assert f"verify.verifier={path}" in str(caught.value)
        assert complaint in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_module_that_does_not_import_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_rules.py").write_text("import nothing_such\n")
    (tmp_path / "exiting_rules.py").write_text("raise SystemExit('no')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(UserError, match=r"broken_rules cannot be imported .*No module named 'nothing_such'"):
        get("broken_rules:grade")
    with pytest.raises(UserError, match=r"exiting_rules cannot be imported .SystemExit: no"):
        get("exiting_rules:grade")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("text", "TypeError: a verifier must return a Grade, a bool or a number, not a value of type str"),
        ("obeys", None),
        ("last_word", None),
    ],
)
def test_a_verifier_that_fails_at_a_gold_answer_is_refused(path: str, reason: str | None) -> None:
    pool = shared_pool(f"{RULES}:{path}")
    if reason is None:
        pool.check_golds([PROBLEM])
        return
    with pytest.raises(UserError) as caught:
        pool.check_golds([PROBLEM])
    assert str(caught.value) == (
        f"config: verify.verifier={RULES}:{path} gives verdict error for the gold answer of problem p7: {reason}"
    )


@pytest.mark.parametrize(
    ("response", "verdict", "reason"),
    [
        ("none", Verdict.ERROR, "must return a Grade, a bool or a number, not None"),
        ("text", Verdict.ERROR, "not a value of type str"),
        ("nan", Verdict.ERROR, "finite number"),
        ("odd answer", Verdict.ERROR, "answer must be a string or None"),
        ("odd verdict", Verdict.ERROR, "'fine' is not a valid Verdict"),
        ("raise", Verdict.ERROR, "ZeroDivisionError"),
        ("exit", Verdict.ERROR, "SystemExit: good bye"),
        ("interrupt", Verdict.ERROR, "KeyboardInterrupt"),
        ("print", Verdict.ERROR, "not None"),
        ("die", Verdict.ERROR, "the grading process died"),
        ("crash", Verdict.ERROR, "the grading process died"),
        ("eat memory", Verdict.ERROR, "MemoryError"),
        ("sleep", Verdict.TIMEOUT, "no verdict within 2 s"),
        ("sleep deaf", Verdict.TIMEOUT, "no verdict within 2 s"),
        ("compute in C", Verdict.TIMEOUT, "no verdict within 2 s"),
    ],
)
def test_a_failing_verifier_costs_only_the_answer_it_fails_at(
    obeying: GradingPool, response: str, verdict: Verdict, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    before, grade, after = obeying.grade([("18", PROBLEM), (response, PROBLEM), ("false", PROBLEM)])
    assert (before, after) == (RIGHT, Grade(Verdict.WRONG, 0.0, "false"))
    assert grade == Grade(verdict, 0.0, None)
    assert reason in caplog.text


def test_an_answer_can_be_stored(obeying: GradingPool) -> None:
    (grade,) = obeying.grade([("surrogate", PROBLEM)])
    assert grade == Grade(Verdict.WRONG, 0.0, "a?b")


SCRIPT = """
from rise_core.records import Problem
from rise_core.verifiers.grading_pool import GradingPool

if __name__ == "__main__":
    problem = Problem("p", "train", "q", "18")
    with GradingPool("my_rules:grade") as pool:
        print([(g.verdict.value, g.answer) for g in pool.grade([("18", problem), ("17", problem)])])
"""
RULE = """
from rise_core.records import Grade, Problem, Verdict
print("imported")

def grade(response: str, problem: Problem) -> Grade:
    print("graded")
    right = response == problem.answer
    return Grade(Verdict.CORRECT if right else Verdict.WRONG, float(right), response)
"""


@pytest.mark.parametrize("package", ["rise", "rise_core.records"])
def test_a_verifier_takes_its_types_from_the_door_or_from_their_module(tmp_path: Path, package: str) -> None:
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "main.py").write_text(SCRIPT)
    (tmp_path / "my_rules.py").write_text(RULE.replace("rise_core.records", package))
    done = run_python(tmp_path, "script/main.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[('correct', '18'), ('wrong', '17')]"


def test_the_current_folder_is_searched_also_by_grading_processes(tmp_path: Path) -> None:
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "main.py").write_text(SCRIPT)  # so that the folder of the script is another one
    (tmp_path / "my_rules.py").write_text(RULE)
    done: subprocess.CompletedProcess[str] = run_python(tmp_path, "script/main.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[('correct', '18'), ('wrong', '17')]"
    assert done.stdout.count("imported") == 1, "what a grading process prints belongs to stderr"
    assert "graded" not in done.stdout
