"""Turns on one problem, their votes, and problems typed in by hand under every verifier."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rise_core.config.choices import SourceKind
from rise_core.config.keys import Config, Problems, Verify
from rise_core.errors import UserError
from rise_core.method.metrics import vote
from rise_core.method.solving import Attempt, attempts, check_oracle, final_answer, problem_by_hand, votes
from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers import get

FAMILY = Problems(source=SourceKind.reasoning_gym, name="subset_sum", params={"count": 3, "low": 1, "high": 30})
QUESTION = "which two of 25 8 3 sum to 28 ?"
ENTRY = {"answer": "3 25", "metadata": {"numbers": [25, 8, 3], "choose": 2, "target": 28}}


def grader(config: Config, oracle: str | None, known: Problem | None = None, text: str = QUESTION):  # type: ignore[no-untyped-def]
    problem = problem_by_hand(config, text, oracle, known)
    return lambda response: get(config.verify.verifier).grade(response, problem)


@pytest.mark.parametrize(
    ("verifier", "response", "answer"),
    [
        ("gsm8k", "So it is 6 * 3.\n#### 1,018.", "1018"),
        ("math", "so \\boxed{\\frac{2}{4}}", "1/2"),
        ("gsm8k_reference", "so \\boxed{1,018}", "1018"),
        ("math_reference", "so \\boxed{\\frac12}", "\\frac{1}{2}"),
        ("exact", " a \n b", "a b"),
        ("numeric", "5e-1", "0.5"),
        ("reasoning_gym", "hm <answer>25  3</answer>", "3 25"),
    ],
)
def test_an_answer_is_read_without_a_gold_one(verifier: str, response: str, answer: str) -> None:
    config = Config(verify=Verify(verifier), problems=FAMILY if verifier == "reasoning_gym" else Problems())
    assert grader(config, None)(response) == Grade(Verdict.GOLD_UNPARSEABLE, 0.0, answer)


def test_without_an_oracle_nothing_of_the_gold_answer_is_there() -> None:
    known = Problem("subset_sum-7", "eval", QUESTION, "3 25", "3 25", {"generator": "subset_sum", "entry": ENTRY})
    problem = problem_by_hand(Config(problems=FAMILY), QUESTION, None, known)
    assert (problem.problem_id, problem.answer, problem.solution) == ("subset_sum-7", "", None)
    assert "entry" not in problem.metadata


def test_an_oracle_that_cannot_grade_is_refused_in_one_line() -> None:
    gsm8k = Config()
    with pytest.raises(UserError, match="--oracle 'many': verifier gsm8k cannot read it"):
        check_oracle(gsm8k, "many", problem_by_hand(gsm8k, "q", "many", None), grader(gsm8k, "many"))
    check_oracle(gsm8k, "18", problem_by_hand(gsm8k, "q", "18", None), grader(gsm8k, "18"))

    subset_sum = Config(verify=Verify("reasoning_gym"), problems=FAMILY)
    with pytest.raises(UserError, match="subset_sum cannot grade by an answer alone"):
        check_oracle(
            subset_sum, "3 25", problem_by_hand(subset_sum, QUESTION, "3 25", None), grader(subset_sum, "3 25")
        )
    known = Problem("p", "eval", QUESTION, "3 25", None, {"generator": "subset_sum", "entry": ENTRY})
    with pytest.raises(UserError, match="the scorer of subset_sum does not accept it"):
        check_oracle(
            subset_sum, "3 8", problem_by_hand(subset_sum, QUESTION, "3 8", known), grader(subset_sum, "3 8", known)
        )
    by_entry = grader(subset_sum, "25 3", known)
    check_oracle(subset_sum, "25 3", problem_by_hand(subset_sum, QUESTION, "25 3", known), by_entry)
    assert [by_entry(response).verdict for response in ("3 25", "3 8")] == [Verdict.CORRECT, Verdict.WRONG]


def test_a_family_whose_scorer_compares_answers_takes_any_oracle() -> None:
    config = Config(
        verify=Verify("reasoning_gym"), problems=Problems(source=SourceKind.reasoning_gym, name="chain_sum")
    )
    by_answer = grader(config, "7", text="State the final answer: 3 + 4 =")
    check_oracle(config, "7", problem_by_hand(config, "3 + 4", "7", None), by_answer)
    assert [by_answer(response).verdict for response in ("7", "8")] == [Verdict.CORRECT, Verdict.WRONG]


@pytest.mark.parametrize("oracle", ["7", "so 0", "0 0", "x"])
def test_an_oracle_that_cannot_be_an_answer_of_the_family_is_refused(oracle: str) -> None:
    problems = Problems(source=SourceKind.reasoning_gym, name="digit_chain", params={"steps": 1})
    config = Config(verify=Verify("reasoning_gym"), problems=problems)
    text = "reach 0 by add2 ?"
    with pytest.raises(UserError, match="is no answer of the family digit_chain"):
        check_oracle(config, oracle, problem_by_hand(config, text, oracle, None), grader(config, oracle, text=text))
    check_oracle(config, "3", problem_by_hand(config, text, "3", None), grader(config, "3", text=text))


def run(responses: Sequence[str], gold: str | None, turns: int = 4) -> tuple[list[Attempt], list[tuple[str, ...]]]:
    seen: list[tuple[str, ...]] = []

    def ask(earlier: Sequence[str], turn: int) -> str:
        seen.append(tuple(earlier))
        return responses[turn - 1]

    grade = grader(Config(verify=Verify("exact")), gold, text="q")
    return list(attempts(turns=turns, ask=ask, grade=grade, oracle=gold is not None)), seen


def test_every_turn_sees_the_earlier_responses() -> None:
    answered, seen = run(["a", "b", "b", "c"], None)
    assert seen == [(), ("a",), ("a", "b"), ("a", "b", "b")]
    assert [attempt.verdict for attempt in answered] == [None] * 4
    assert votes(answered) == [("b", 2), ("a", 1), ("c", 1)]
    assert final_answer(answered) == vote(["a", "b", "b", "c"]) == "b"


def test_a_response_that_cannot_be_read_says_so() -> None:
    timeout = Grade(Verdict.TIMEOUT, 0.0)
    answered = list(attempts(turns=2, ask=lambda *_: "9**9**9", grade=lambda _: timeout, oracle=False))
    assert [attempt.verdict for attempt in answered] == [Verdict.TIMEOUT] * 2
    assert final_answer(answered) is None


def test_ties_go_to_the_first_and_silence_does_not_vote() -> None:
    assert final_answer(run(["a", "b", "b", "a"], None)[0]) == "a"
    assert final_answer(run(["", "b", " ", ""], None)[0]) == "b"
    assert final_answer(run([""] * 4, None)[0]) is None


def test_an_oracle_ends_the_episode_at_the_first_correct_response() -> None:
    answered, seen = run(["a", "b", "c", "b"], "b")
    assert len(seen) == 2
    assert [attempt.verdict for attempt in answered] == [Verdict.WRONG, Verdict.CORRECT]
    assert final_answer(answered) == "b"  # and not the first of two votes
    answered, _ = run(["a", "", "a", "c"], "b")
    assert [attempt.verdict for attempt in answered] == ["wrong", "no_answer", "wrong", "wrong"]
    assert final_answer(answered) == "a"
