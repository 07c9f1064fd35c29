"""Bad input is one clear line and exit status 2, before a lake, a server or an engine is started."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import ray
from typer.testing import CliRunner, Result

from flows.cli.app import app
from rise_core.config.keys import Config
from rise_core.models import scratch
from tests.flows.command import TINY

GOOD = [{"question": f"What is {i} + 1?", "answer": f"#### {i + 1}"} for i in range(4)]
Rows = list[object]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_ray: None) -> Callable[..., Result]:
    monkeypatch.setenv("RISE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert not ray.is_initialized()
        assert not (tmp_path / "home" / "lake").exists()
        return result

    return run


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[str]]:
    """Write a training and an evaluation file. Returns: the overrides of a profile for both files."""

    def write(train: Rows, evaluation: Rows | None = None) -> list[str]:
        held_out = [{"question": "What is 50 + 1?", "answer": "#### 51"}] if evaluation is None else evaluation
        for name, rows in {"train": train, "eval": held_out}.items():
            lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
            (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
        paths = [f"problems.train={tmp_path}/train.jsonl", f"problems.eval={tmp_path}/eval.jsonl"]
        return [*paths, "problems.train_size=null", "problems.eval_size=null"]

    return write


def refused(result: Result, *named: str) -> None:
    """Check for one line on standard error with all the names."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert all(name in lines[0] for name in named), lines[0]


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([], ("train.jsonl", "holds no problem")),
        ([GOOD[0], "{not json", GOOD[1]], ("train.jsonl", "row 2")),
        ([GOOD[0], "[1, 2]"], ("train.jsonl", "row 2")),
        ([*GOOD, {"question": "no answer here"}], ("train.jsonl", "row 5", "answer")),
        ([{"question": "", "answer": "#### 1"}], ("train.jsonl", "row 1", "question")),
    ],
)
def test_a_bad_problem_file_names_file_and_row(invoke, files, rows: Rows, named: tuple[str, ...]) -> None:
    refused(invoke("run", "smollm2-gsm8k", *files(rows)), *named)


def test_gold_answers_that_the_verifier_cannot_read(invoke, files) -> None:
    rows = [row | {"answer": "some"} for row in GOOD]
    refused(invoke("run", "smollm2-gsm8k", *files(rows)), "verify.verifier=gsm8k", "'some'", "problems.fields.answer")


def test_a_missing_problem_file_is_named(invoke, files, tmp_path: Path) -> None:
    overrides = files(GOOD)
    (tmp_path / "eval.jsonl").unlink()
    refused(invoke("run", "smollm2-gsm8k", *overrides), "eval.jsonl")


def test_duplicate_ids_name_both_rows(invoke, files) -> None:
    rows = [row | {"id": str(number % 3)} for number, row in enumerate(GOOD)]
    held_out = [{"question": "What is 50 + 1?", "answer": "#### 51", "id": "x"}]
    result = invoke("run", "smollm2-gsm8k", *files(rows, held_out), "problems.fields.id=id")
    refused(result, "train.jsonl", "row 4", "1")


def test_an_evaluation_problem_that_is_trained_on_is_refused(invoke, files) -> None:
    leak = {"question": "what  is 2 + 1?", "answer": "#### 3"}
    refused(invoke("run", "smollm2-gsm8k", *files(GOOD, [leak])), "eval.jsonl", "train.jsonl")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("nosuch",), ("nosuch", "demo")),
        (("demo+nosuch",), ("nosuch", "rft")),
        (("rft",), ("rft", "demo+rft")),
        (("demo", "collect.nosuch=1"), ("collect.nosuch",)),
        (("demo", "train.tau=hot"), ("train.tau", "hot")),
        (("demo", "boost.problems=0"), ("boost.problems",)),
        (("demo", "problems.name=nosuch"), ("problems.name", "nosuch")),
        (("demo", "problems.params={nosuch: 1}"), ("nosuch",)),
        (("demo", "verify.verifier=nosuch"), ("verify.verifier", "nosuch")),
        (("demo", "engine.max_model_len=100000"), ("engine.max_model_len",)),
        (("smollm2-gsm8k",), ("problems.train",)),
    ],
)
def test_a_wrong_profile_key_or_value_is_named(invoke, arguments: tuple[str, ...], named: tuple[str, ...]) -> None:
    refused(invoke("run", *arguments), *named)


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "", "a b", "x" * 65, ".", "-x", "a\nb", "ä"])  # noqa: S108
def test_a_run_name_that_could_leave_the_home_is_refused(invoke, name: str) -> None:
    result = invoke("run", TINY, f"--run={name}")
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_model_folder_must_be_whole(invoke, files, tmp_path: Path) -> None:
    overrides = files(GOOD)
    model = tmp_path / "model"

    def refuse(*named: str) -> None:
        refused(invoke("run", "smollm2-gsm8k", *overrides, f"model.name={model}"), str(model), *named)

    refuse("does not exist")
    model.mkdir()
    refuse("config.json")
    scratch.build(Config(), ["what is 1 + 2 ?"], model)
    weights = model / "model.safetensors"
    weights.rename(tmp_path / "away")
    refuse("safetensors")
    (tmp_path / "away").rename(weights)
    (model / "chat_template.jinja").unlink()
    refuse("chat template")


def test_the_config_is_printed_as_it_would_run(invoke) -> None:
    result = invoke("config", "demo", "train.tau=0.7")
    assert result.exit_code == 0
    assert "tau: 0.7" in result.stdout


def test_help_names_every_command_and_profile(invoke) -> None:
    assert all(name in invoke("--help").stdout for name in ("run", "query", "runs", "report", "config"))
    assert "mistral-7b-math" in "".join(invoke("run", "--help").stdout.split())


def test_a_query_without_a_lake_says_how_to_get_one(invoke) -> None:
    refused(invoke("query", "FROM runs"), "rise run")


@pytest.mark.parametrize("arguments", [("solve", "demo", "What is 1 + 1?"), ("export", "demo", "out")])
def test_a_trained_model_needs_a_lake(invoke, arguments: tuple[str, ...]) -> None:
    refused(invoke(*arguments), "no lake", "rise run")
    assert not Path("out").exists()


OWN = "tests.rise_core.verifiers.own_rules"


@pytest.mark.parametrize(
    ("verifier", "named"),
    [
        ("no_such_rules:grade", "module no_such_rules cannot be imported"),
        (f"{OWN}:no_such", "has no no_such"),
        (f"{OWN}:NOT_A_FUNCTION", "is not a function"),
        (f"{OWN}:text", "a verifier must return a Grade, a bool or a number, not a value of type str"),
    ],
)
def test_an_own_verifier_that_cannot_grade(invoke: Callable[..., Result], verifier: str, named: str) -> None:
    refused(invoke("run", TINY, f"verify.verifier={verifier}"), "verify.verifier", named)


def test_a_hub_dataset_that_is_not_there(invoke: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    source = ["problems.source=hub", f"problems.name={tmp_path}/folder", "problems.train=train", "problems.eval=test"]
    refused(invoke("run", TINY, *source), f"dataset {tmp_path}/folder split train cannot be loaded")
