"""reasoning-gym: the generator's own `score_answer`. Correct where the scorer gives full marks. Reward 1 / 0.

The answer is the content of the last `<answer>...</answer>`, else the whole response. Only full marks count: partial
credit has another meaning in every generator. A generator of this project may define its own `reward` for correct
answers.

Some scorers raise on responses or on stored entries. The gold answer tells the two cases apart: where the scorer gives
full marks to the gold answer, the entry is fine, and a response is wrong if the scorer refuses it or raises on it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from rise_core.generators.registry import make_dataset
from rise_core.records import Grade, Problem, Verdict
from rise_core.verifiers.extract import fold_space

SCORER_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # on unreadable texts or entries


def grade(response: str, problem: Problem) -> Grade:
    """Grade a response by the scorer of the problem's generator.

    Raises:
        One of SCORER_ERRORS: The scorer raises on its own gold answer, or on the response of a problem without one.
    """
    text = _answer_text(response)
    if "generator" not in problem.metadata:
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, fold_space(text) or None)
    if not text:
        return Grade(Verdict.NO_ANSWER, 0.0)
    dataset = _dataset(problem.metadata["generator"], json.dumps(problem.metadata["params"]))
    answer = (dataset.canonical(text) if hasattr(dataset, "canonical") else fold_space(text)) or None
    if "entry" not in problem.metadata:  # a problem typed in without a gold answer (`rise solve`): read, not graded
        return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, answer)
    stored = problem.metadata["entry"] | {"question": problem.problem}
    failure: Exception | None = None
    # JSON stores tuples as lists, and some scorers compare with the original tuples: try both forms.
    for entry in (stored, _with_tuples(stored)):
        if answer and _accepts(dataset, text, entry):
            return Grade(Verdict.CORRECT, dataset.reward(text) if hasattr(dataset, "reward") else 1.0, answer)
        try:
            trusted = entry["answer"] is None or _full_marks(dataset, entry["answer"], entry)
        except SCORER_ERRORS as error:
            failure = error
            continue
        if trusted:
            return Grade(Verdict.WRONG, 0.0, answer) if answer else Grade(Verdict.NO_ANSWER, 0.0)
    if failure is not None:
        raise failure
    # The scorer refuses its own gold answer, so its refusal of the response means nothing.
    return Grade(Verdict.GOLD_UNPARSEABLE, 0.0, answer)


def _accepts(dataset: Any, text: str, entry: dict[str, Any]) -> bool:
    """Return whether a response gets full marks; a scorer's exception counts as a refusal.

    Without a gold answer nothing shows whether the response or the entry is at fault, so the exception is raised.
    """
    try:
        return _full_marks(dataset, text, entry)
    except SCORER_ERRORS:
        if entry["answer"] is None:
            raise
        return False


def _full_marks(dataset: Any, text: str, entry: dict[str, Any]) -> bool:
    try:
        return bool(dataset.score_answer(text, entry) >= 1.0)
    except (KeyError, TypeError):
        if "metadata" in entry:
            raise
        return False  # a problem typed in, with a gold answer but no metadata: this scorer cannot grade without


def _with_tuples(value: Any) -> Any:
    """Convert lists to tuples at every depth."""
    if isinstance(value, dict):
        return {key: _with_tuples(item) for key, item in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def _answer_text(response: str) -> str:
    # From the end backwards: the last closing tag, then the last opening tag before it.
    before, closing, _ = response.rpartition("</answer>")
    _, opening, inside = before.rpartition("<answer>")
    return (inside if closing and opening else response).strip()


@lru_cache(maxsize=16)
def _dataset(generator: str, params: str) -> Any:
    return make_dataset(generator, json.loads(params), seed=0, size=1)
