"""reasoning-gym: the generator's own `score_answer`. Correct where it gives full marks.

The answer is what stands in the last `<answer>...</answer>`, else the whole response. Only full marks count: partial
credit means something else in every generator. The reward is 1 where the answer is correct, else 0; a generator of this
project may have a `reward` of its own for correct answers.

Whether a scorer can be trusted with an entry, its own answer shows: where it gives that full marks, a response that it
refuses, or on which it raises, is wrong.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from rise.core.generators.registry import make_dataset
from rise.core.records import Grade, Problem, Verdict
from rise.core.verifiers.extract import fold_space

UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # of a scorer, on a text or entry


def grade(response: str, problem: Problem) -> Grade:
    text = answer_text(response)
    if "generator" not in problem.metadata:
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, fold_space(text) or None)
    if not text:
        return Grade(Verdict.NO_ANSWER, 0.0)
    dataset = dataset_of(problem.metadata["generator"], json.dumps(problem.metadata["params"]))
    answer = (dataset.canonical(text) if hasattr(dataset, "canonical") else fold_space(text)) or None
    if "entry" not in problem.metadata:  # a problem typed in, without a gold answer: only read, not graded
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, answer)
    entry = problem.metadata["entry"] | {"question": problem.problem}
    failure: Exception | None = None
    # Entries were stored as JSON, which has lists alone; some scorers compare with the tuples that there were before.
    for form in (entry, with_tuples(entry)):
        if answer and accepts(dataset, text, form):
            return Grade(Verdict.CORRECT, dataset.reward(text) if hasattr(dataset, "reward") else 1.0, answer)
        try:
            trusted = form["answer"] is None or full_marks(dataset, form["answer"], form)
        except UNREADABLE as error:
            failure = error
            continue
        if trusted:
            return Grade(Verdict.WRONG, 0.0, answer) if answer else Grade(Verdict.NO_ANSWER, 0.0)
    if failure is not None:
        raise failure
    # A scorer that refuses its own answer says nothing about others.
    return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, answer)


def accepts(dataset: Any, text: str, entry: dict[str, Any]) -> bool:
    """Whether a response gets full marks. Scorers raise on texts that they cannot read; whether that is the response's
    fault is seen from the scorer's own answer, so without one it is raised."""
    try:
        return full_marks(dataset, text, entry)
    except UNREADABLE:
        if entry["answer"] is None:
            raise
        return False


def full_marks(dataset: Any, text: str, entry: dict[str, Any]) -> bool:
    try:
        return bool(dataset.score_answer(text, entry) >= 1.0)
    except (KeyError, TypeError):
        if "metadata" in entry:
            raise
        return False  # an entry that is an answer and nothing else (a problem typed in): this scorer needs the rest


def with_tuples(value: Any) -> Any:
    """The same with tuples for lists, however deep."""
    if isinstance(value, dict):
        return {key: with_tuples(item) for key, item in value.items()}
    return tuple(map(with_tuples, value)) if isinstance(value, list) else value


def answer_text(response: str) -> str:
    before, closing, _ = response.rpartition("</answer>")
    _, opening, inside = before.rpartition("<answer>")
    return (inside if closing and opening else response).strip()


@lru_cache(maxsize=16)
def dataset_of(generator: str, params: str) -> Any:
    return make_dataset(generator, json.loads(params), seed=0, size=1)
