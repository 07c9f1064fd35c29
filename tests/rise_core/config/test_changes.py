"""Changes of a stored config: the allowed keys, and the name of an evaluation."""

import pytest

from rise_core.config.changes import check_split_name, differences, evaluation_config, has_other_problems, split_name
from rise_core.config.load import load_config
from rise_core.errors import UserError

RUN = load_config("demo", ["iterations=3"])
RUN.problems.name = "subset_sum"
RUN.problems.params = {"choose": 2, "count": 6, "low": 1, "high": 30}


@pytest.mark.parametrize(
    ("overrides", "name", "others"),
    [
        (["eval.turns=10"], "turns-10", False),
        (["eval={samples: 20}"], "samples-20", False),
        (["eval.turns=10", "eval.temperature=0.5"], "temperature-0.5-turns-10", False),
        (["eval.temperature=0.5", "eval.turns=10", "engine.replicas=7"], "temperature-0.5-turns-10", False),
        (["problems.name=chain_sum"], "chain_sum", True),
        (["problems.name=chain_sum", "problems.params={max_terms: 3}", "eval.turns=9"], "chain_sum-turns-9", True),
        (["problems.params={count: 7}"], "count-7", True),
        (
            ["problems.source=file", "problems.eval=data/more problems.jsonl", "problems.name=null"],
            "more-problems",
            True,
        ),
        (["problems.eval_size=900"], "eval_size-900", True),
        (["seed=4"], "seed-4", True),
        (["dialogue.feedback=try {problem}"], "feedback-try-problem", False),
        (["engine.max_model_len=100"], "max_model_len-100", False),
        (["dialogue.feedback=" + "again and " * 9], "", False),
    ],
)
def test_settings_and_the_name_that_says_what_differs(overrides, name, others):
    config = evaluation_config(RUN, overrides)
    assert split_name(RUN, config) == name
    assert has_other_problems(RUN, config) is others
    assert config.train == RUN.train
    assert config.dialogue.window == RUN.dialogue.window


def test_another_family_begins_with_no_parameters_and_the_same_one_keeps_them():
    assert evaluation_config(RUN, ["problems.params={count: 7}"]).problems.params == {
        "choose": 2,
        "count": 7,
        "low": 1,
        "high": 30,
    }
    other = evaluation_config(RUN, ["problems.params={max_terms: 3}", "problems.name=chain_sum"])
    assert other.problems.params == {"max_terms": 3}
    assert RUN.problems.params == {"choose": 2, "count": 6, "low": 1, "high": 30}


@pytest.mark.parametrize(
    "override",
    [
        "model.name=other", "model.dtype=bfloat16", "train.tau=9", "train.adapter=lora", "boost.problems=5",
        "select.criterion=all", "iterations=9", "collect.problems=5", "collect.turns=[{n: 2}]", "train.threads=3",
        "problems.train_size=5", "teacher.model=x",
    ],
)  # fmt: skip
def test_what_the_checkpoint_was_made_with_cannot_differ(override):
    with pytest.raises(UserError) as caught:
        evaluation_config(RUN, ["eval.turns=10", override])
    assert override.partition("=")[0] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("override", ["eval.nosuch=1", "eval.turns=0", "eval.turns=many", "turns"])
def test_a_wrong_override_is_named(override):
    with pytest.raises(UserError, match=override.partition("=")[0]):
        evaluation_config(RUN, [override])


def test_the_runs_own_settings_are_no_new_split():
    for overrides in ([], ["eval.turns=5"], ["engine.replicas=7"]):
        with pytest.raises(UserError, match="split 'eval'"):
            split_name(RUN, evaluation_config(RUN, overrides))


@pytest.mark.parametrize("name", ["eval", "train", "", "../x", "a b", "-x", "x" * 65, "a/b", "a\n"])
def test_a_split_name_that_cannot_be_is_refused(name):
    with pytest.raises(UserError):
        check_split_name(name)
    check_split_name("temperature-0.5-turns-10")


def test_differences_name_key_and_both_values_and_leave_machine_keys_free():
    before, now = load_config("demo"), load_config("demo", ["train.tau=9", "engine.replicas=7", "iterations=99"])
    assert differences(before, now) == ["train.tau: stored 0.4, now 9.0"]
