"""Profiles, baselines and joined files: the resulting config, or an error with the wrong part."""

import pytest

from rise_core.answering.renderer import Renderer
from rise_core.config.changes import differences
from rise_core.config.choices import Criterion, Normalise, PolicyKind
from rise_core.config.keys import Config, FirstTurn
from rise_core.config.load import load_config
from rise_core.config.profiles import CONF_DIR, baselines, default_run_name, profiles
from rise_core.errors import UserError
from rise_core.method.episode import State, evaluation_plans
from rise_core.method.selection import select_episode
from rise_core.models.scratch import make_tokenizer
from rise_core.records import Candidate, Problem, Purpose, Verdict


def test_every_shipped_profile_loads():
    assert {"demo", "smollm2-gsm8k", "llama2-7b-gsm8k", "mistral-7b-gsm8k"} <= set(profiles())
    for name in profiles():
        assert isinstance(load_config(name), Config)


@pytest.mark.parametrize("profile", ["nosuch", "../conf/demo", "demo/../demo", "", "nosuch.yaml"])
def test_an_unknown_profile_names_itself_and_the_shipped_ones(profile):
    with pytest.raises(UserError, match="demo"):
        load_config(profile)


def test_a_profile_may_be_a_file_and_its_errors_name_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text((CONF_DIR / "demo.yaml").read_text())
    assert load_config(str(path)) == load_config("demo")
    for text in ("- a\n- b\n", "collect: [", "collect:\n  foo: 1\n"):
        path.write_text(text)
        with pytest.raises(UserError, match=r"mine\.yaml"):
            load_config(str(path))


def test_every_baseline_lies_over_a_profile_and_does_not_stand_alone():
    assert baselines() == ["rft", "self-consistency", "self-refine", "sft"]
    assert not set(baselines()) & set(profiles())
    configs = {profile: load_config(profile) for profile in ("demo", "mistral-7b-math")}
    for baseline in baselines():
        for profile, config in configs.items():
            changed = differences(config, load_config(f"{profile}+{baseline}"))
            assert all(
                line.startswith(("collect.turns", "select.", "train.normalise", "dialogue.")) for line in changed
            )
        with pytest.raises(UserError, match=f"demo\\+{baseline}"):
            load_config(baseline)
        with pytest.raises(UserError, match=baseline):
            load_config(f"{baseline}+demo")


@pytest.mark.parametrize("profile", profiles())
def test_self_refine_has_the_untrained_base_criticise_its_own_answer(profile: str) -> None:
    own, config = load_config(profile), load_config(f"{profile}+self-refine")
    critique = "say what is wrong with it, if anything, then solve the problem again."
    assert critique in config.dialogue.feedback
    assert critique not in own.dialogue.feedback
    assert config.iterations == 0 < own.iterations
    assert [line.partition(":")[0] for line in differences(own, config)] == ["dialogue.feedback"]
    problem, attempt = Problem("p", "eval", "1 + 2 ?", "3"), "so 4"
    tokenizer = make_tokenizer([problem.problem, attempt, config.dialogue.problem, config.dialogue.feedback], 256)
    ((chat, ids),) = Renderer(tokenizer, config).render([State(problem, (attempt,))])
    asked = {"role": "user", "content": config.dialogue.problem.replace("{problem}", problem.problem)}
    refined = f"Review your answer above: {critique}\n\n{asked['content']}"
    assert chat == [asked, {"role": "assistant", "content": attempt}, {"role": "user", "content": refined}]
    assert "".join(refined.split()) in "".join(tokenizer.decode(ids).split())


@pytest.mark.parametrize("profile", profiles())
def test_self_consistency_votes_among_parallel_answers_of_the_untrained_base(profile: str) -> None:
    own, config = load_config(profile), load_config(f"{profile}+self-consistency")
    assert config.iterations == 0 < own.iterations
    assert differences(own, config) == []
    assert [plan.samples for plan in evaluation_plans(config) if plan.purpose is Purpose.EVAL_PARALLEL] == [(5,)]


@pytest.mark.parametrize("profile", profiles())
def test_rft_trains_on_the_learners_own_right_first_answers_alone(profile: str) -> None:
    own, config = load_config(profile), load_config(f"{profile}+rft")
    responses = sum(turn.n for turn in own.collect.turns)
    assert [(turn.policy, turn.n) for turn in config.collect.turns] == [(PolicyKind.learner, responses)]
    assert (config.select.criterion, config.select.first_turn.correct) == (Criterion.success, 1.0)
    assert config.train.normalise is Normalise.mean
    assert (config.iterations, config.eval, config.dialogue) == (own.iterations, own.eval, own.dialogue)
    right, wrong = sampled(0, Verdict.CORRECT, 1.0), sampled(1, Verdict.WRONG, 0.0)
    assert select_episode([wrong, right], config.select, config.seed) == [right]
    assert select_episode([wrong], config.select, config.seed) == []


@pytest.mark.parametrize("profile", profiles())
def test_sft_trains_on_every_gold_solution_and_samples_nothing(profile: str) -> None:
    own, config = load_config(profile), load_config(f"{profile}+sft")
    assert [(turn.policy, turn.n) for turn in config.collect.turns] == [(PolicyKind.gold, 1)]
    assert (config.select.criterion, config.select.first_turn) == (Criterion.all, FirstTurn(1.0, 1.0))
    assert config.train.normalise is Normalise.mean
    assert (config.iterations, config.eval, config.dialogue) == (own.iterations, own.eval, own.dialogue)
    for gold in (sampled(0, Verdict.CORRECT, 1.0), sampled(0, Verdict.NO_ANSWER, -1.0)):
        assert select_episode([gold], config.select, config.seed) == [gold], "also one that the verifier cannot read"


def sampled(sample: int, verdict: Verdict, reward: float) -> Candidate:
    """A graded response of turn 1."""
    return Candidate(
        iteration=1,
        problem_id="p",
        turn=1,
        sample=sample,
        response_ids=[sample + 5, 2],
        repetitive=False,
        verdict=verdict,
        reward=reward,
    )


def test_joined_profiles_lie_over_each_other_from_left_to_right(tmp_path):
    last = tmp_path / "last.yaml"
    last.write_text("collect: {turns: [{n: 3}]}\nseed: 5\n")
    config = load_config(f"demo+rft+{last}", ["seed=6"])
    assert [turn.n for turn in config.collect.turns] == [3]
    assert (config.seed, config.select.criterion.value) == (6, "success")
    assert default_run_name(f"demo+rft+{last}") == "demo-rft-last"
    assert default_run_name("demo") == "demo"


def test_a_file_whose_name_holds_a_plus_is_one_profile(tmp_path):
    path = tmp_path / "a+b.yaml"
    path.write_text((CONF_DIR / "demo.yaml").read_text())
    assert load_config(str(path)) == load_config("demo")


@pytest.mark.parametrize("profile", ["demo+nosuch", "demo+", "+rft", "demo++rft", "nosuch+rft", "demo+../rft"])
def test_an_unknown_part_is_named(profile):
    unknown = next(part for part in profile.split("+") if part not in ("demo", "rft"))
    with pytest.raises(UserError) as caught:
        load_config(profile)
    assert repr(unknown) in str(caught.value)
    assert "self-refine" in str(caught.value)
    assert "\n" not in str(caught.value)
