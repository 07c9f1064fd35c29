"""Commands of the pages with the tests that run them, by their first words; the longest match counts.

A test is `file::test`. A script of CI stands for a command that the script itself holds.
"""

DEPLOYED = "tests/deployments/test_deployment.py::test_deploying_again_changes_nothing"
SERVED = "tests/deployments/conftest.py::served"  # starts and ends what `make server` does, pool and worker included
OPERATED = (
    "tests/deployments/test_operating.py::test_a_run_is_cancelled_then_killed_with_its_worker_and_nothing_is_lost"
)
WHOLE_RUN = "tests/flows/test_iteration.py::test_every_purpose_has_each_of_its_responses_once"
SET_UP = "tests/deployments/test_set_up.py::test_it_installs_once_and_again_only_when_something_changed"
JOINED = "tests/flows/test_evaluate.py::test_a_baseline_joins_a_profile_and_is_compared"  # self-refine
EXPORTED = "tests/flows/test_export.py::test_full_weights_are_copied_with_tokenizer_and_template"

ELSEWHERE: dict[str, tuple[str, ...]] = {
    "make test": (".ci/run",),
    "make lint": (".ci/run",),
    "make fuzz": ("tests/fuzz/test_config.py::test_overrides",),  # and its neighbours, with fewer inputs
    "make demo": (SET_UP, WHOLE_RUN),  # set-up, then `rise run` with a smaller profile
    "make server": (SERVED,),
    "make stop": (SERVED,),
    "prefect work-pool create rise": (DEPLOYED,),
    "prefect worker start --pool rise": (SERVED,),
    "prefect --no-prompt deploy --all": (DEPLOYED,),
    "prefect deployment run rise/iterate": (
        "tests/deployments/test_deployment.py::test_the_server_refuses_what_the_form_does_not_allow",
        OPERATED,
    ),
    "prefect deployment run rise/nightly": (OPERATED,),  # through the server's API
    "prefect deployment schedule ls rise/nightly": (DEPLOYED,),
    "rise run": (WHOLE_RUN,),
    "rise run smollm2-gsm8k problems.source=reasoning_gym": (
        "tests/rise_core/generators/test_every_generator.py::test_every_kind_of_generator_grades_its_own_answer_and_a_wrong_one",
    ),
    "rise run mistral-7b-gsm8k model.name=": ("tests/flows/test_profiles.py::test_a_profile_runs_on_its_architecture",),
    "rise run mistral-7b-gsm8k problems.source=hub": (
        "tests/rise_core/problems/test_hub_dataset.py::test_parquet_with_a_card_and_its_configurations",
    ),
    "rise run mistral-7b-gsm8k collect.turns=[{policy: learner, n: 1}, {policy: teacher": (
        "tests/flows/test_endpoint_teacher.py::test_a_flow_run_learns_from_its_teacher_within_the_budget",
    ),
    "rise run demo+rft": (  # what rft learns from, with no engine; `rise run` with another baseline
        "tests/tasks/test_baselines.py::test_rft_of_the_demo_weighs_a_guess_by_its_quarter",
        JOINED,
    ),
    "rise compare demo demo-rft": (JOINED,),  # the command is the same for every two runs
    "rise compare mine mine-control": (JOINED,),
    "rise eval": ("tests/flows/test_evaluate.py::test_more_turns_and_samples_are_a_split_beside_the_flows_own",),
    "rise solve": ("tests/flows/test_solve.py::test_a_held_out_problem_gets_the_responses_of_its_evaluation",),
    "rise export": (EXPORTED,),
    "vllm serve": ("tests/flows/test_export.py::test_vllm_serves_what_transformers_generates",),
}

# Everyday commands of other programs: no claim about this project.
EVERYDAY = ("git pull", "ss -ltnp")
