"""Refusals of a checkpoint in the calling process. The tests of `rise solve` cover the answers."""

from __future__ import annotations

import pytest

from rise_core.answering.local_learner import LocalLearner
from rise_core.config.keys import Config
from rise_core.errors import UserError
from rise_core.models import scratch
from rise_core.records import Checkpoint, Problem


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    path = tmp_path_factory.mktemp("learner") / "model"
    scratch.build(Config(), ["one two"], path)
    return Checkpoint("c", str(path))


def problem(text: str) -> Problem:
    return Problem("p", "train", text, "")


def test_a_problem_that_leaves_no_room_for_a_response_is_refused(checkpoint: Checkpoint) -> None:
    config = Config()
    config.engine.max_model_len, config.collect.max_new_tokens = 64, 44
    learner = LocalLearner(config, checkpoint, 1)
    learner.check_length(problem("one two"))
    with pytest.raises(UserError, match=r"the problem has \d+ tokens, over .* = 20: shorten it"):
        learner.check_length(problem("one two " * 20))


def test_a_problem_before_the_start_is_a_bug(checkpoint: Checkpoint) -> None:
    with pytest.raises(RuntimeError, match="call start before respond"):
        LocalLearner(Config(), checkpoint, 1).respond(problem("one"))
