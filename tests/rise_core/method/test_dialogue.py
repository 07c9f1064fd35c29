"""One rendering for sampling, training and evaluation: windows, feedback, loss masks."""

import pytest

from rise_core.config.keys import Config, Dialogue
from rise_core.method.dialogue import in_view, lessons, messages, render, response_text, solution_ids, state_ids, states
from rise_core.models import scratch


@pytest.fixture(scope="module")
def tokenizer():
    texts = ["numbers 1 2 3 4 5 6 7 8 9", "{ } no try again"]
    return scratch.make_tokenizer(texts, context=128)


@pytest.mark.parametrize(
    ("window", "expected"),
    [(1, []), (2, ["c"]), (3, ["b", "c"]), (4, ["a", "b", "c"]), (5, ["a", "b", "c"])],
)
def test_a_window_holds_the_last_attempts_and_none_at_one(window, expected):
    assert in_view(["a", "b", "c"], window) == expected


def test_the_first_turn_has_no_attempts_at_any_window():
    assert [in_view([], window) for window in range(1, 6)] == [[]] * 5


def test_messages_hold_problem_attempts_and_the_same_feedback_after_each():
    dialogue = Dialogue(system="be brief", problem="Q: {problem}", feedback="no. {problem}", window=3)
    assert messages("1+{x}", ["7", "8", "9"], dialogue) == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "Q: 1+{x}"},
        {"role": "assistant", "content": "8"},
        {"role": "user", "content": "no. Q: 1+{x}"},
        {"role": "assistant", "content": "9"},
        {"role": "user", "content": "no. Q: 1+{x}"},
    ]


def test_a_state_renders_to_the_template_s_tokens(tokenizer):
    dialogue = Dialogue(feedback="no {problem}", window=2)
    ids = state_ids(tokenizer, "1 2", ["3", "4"], dialogue)
    assert tokenizer.decode(ids) == "<user> 1 2 <assistant> 4 <end> <user> no 1 2 <assistant>"


def test_a_state_over_budget_drops_its_oldest_attempts_only(tokenizer):
    dialogue = Dialogue(feedback="no", window=5)
    ids_of_all = state_ids(tokenizer, "1 2", ["3", "4"], dialogue)
    assert state_ids(tokenizer, "1 2", ["3", "4"], dialogue, budget=len(ids_of_all)) == ids_of_all
    assert state_ids(tokenizer, "1 2", ["3", "4"], dialogue, budget=len(ids_of_all) - 1) == state_ids(
        tokenizer, "1 2", ["4"], dialogue
    )
    assert state_ids(tokenizer, "1 2", ["3", "4"], dialogue, budget=1) == state_ids(tokenizer, "1 2", [], dialogue)


def test_many_states_are_those_of_each_alone_and_each_drops_its_own_attempts(tokenizer):
    dialogue = Dialogue(system="1", feedback="no", window=5)
    inputs = [("1 2", ["3", "4"]), ("5", []), ("6 7", ["8 9 8 9 8 9", "1"]), ("1 2 3 4 5 6 7 8 9", ["1", "2", "3"])]
    rendered = states(tokenizer, inputs, dialogue, budget=17)
    assert [len([m for m in chat if m["role"] == "assistant"]) for chat, _ in rendered] == [2, 0, 1, 0]
    assert rendered == [states(tokenizer, [one], dialogue, budget=17)[0] for one in inputs]
    assert [ids for _, ids in rendered] == render(tokenizer, [chat for chat, _ in rendered])
    assert states(tokenizer, [], dialogue) == []


def test_lessons_of_different_lengths_are_those_of_each_alone(tokenizer):
    inputs = [[("1 2", "3"), ("4", "5 6")], [("7", "8 9 1")], [("1", "2"), ("3", "4"), ("5", "6")]]
    dialogue = Dialogue(system="be brief")
    assert lessons(tokenizer, inputs, dialogue) == [lessons(tokenizer, [one], dialogue)[0] for one in inputs]
    assert lessons(tokenizer, [], dialogue) == []


def test_a_response_loses_its_end_token_and_a_solution_gains_it(tokenizer):
    ids = solution_ids(tokenizer, "3 4")
    assert ids[-1] == tokenizer.eos_token_id
    assert response_text(tokenizer, ids) == "3 4"


def test_a_lesson_has_loss_on_every_solution_and_nothing_else(tokenizer):
    [(ids, mask)] = lessons(tokenizer, [[("1 2", "3"), ("4", "5 6")]], Dialogue())
    assert tokenizer.decode(ids) == "<user> 1 2 <assistant> 3 <end> <user> 4 <assistant> 5 6 <end>"
    assert tokenizer.decode([i for i, on in zip(ids, mask, strict=True) if on]) == "3 <end> 5 6 <end>"


def test_a_lesson_starts_as_the_state_of_its_first_problem_would(tokenizer):
    [(ids, mask)] = lessons(tokenizer, [[("1 2", "3")]], Dialogue())
    state = state_ids(tokenizer, "1 2", [], Dialogue())
    assert ids[: len(state)] == state
    assert mask == [False] * len(state) + [True, True]


def test_a_template_that_rewrites_earlier_turns_is_refused_for_packed_lessons(tokenizer):
    forgetful = scratch.make_tokenizer(["1 2 3 4 5 6"], context=128)
    forgetful.chat_template = "<user> {{ messages[-1].content }} <assistant> "
    with pytest.raises(ValueError, match="rewrites earlier turns"):
        lessons(forgetful, [[("1 2", "3"), ("4", "5 6")]], Dialogue())


def test_the_scratch_tokenizer_depends_on_the_words_alone():
    config = Config()
    one = scratch.make_tokenizer(["b a", "a c"], config.model.scratch.context)
    other = scratch.make_tokenizer(["a c", "b a"], config.model.scratch.context)
    assert one.get_vocab() == other.get_vocab()
