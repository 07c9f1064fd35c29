"""Where a teacher's key comes from, and what is said when it is not there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import ray
from typer.testing import CliRunner

from flows.cli.app import app
from rise_core.config.engine_keys import Teacher
from rise_core.config.load import load_config
from rise_core.errors import UserError
from rise_core.models import scratch
from tasks.run.teacher_key import api_key
from tests.flows.command import TINY

HOSTED = Teacher(model="m", base_url="https://host.example/v1", api_key="env:PLANTED")


def test_the_key_comes_from_the_named_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", "abc")
    assert api_key(HOSTED) == "abc"


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000"])
def test_only_a_loopback_endpoint_needs_no_key_and_only_where_none_is_named(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    here = Teacher(model="m", base_url=f"http://{host}/v1")
    assert api_key(here) is None
    with pytest.raises(UserError, match=r"teacher\.api_key = env:PLANTED: environment variable PLANTED is not set"):
        api_key(replace(here, api_key="env:PLANTED"))


def test_the_default_key_goes_to_its_own_host_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    assert api_key(Teacher(model="m", base_url="https://api.openai.com/v1")) == "sk-of-openai"
    for host in ("host.example", "openai.com.example", "notopenai.com"):
        with pytest.raises(UserError, match=f"is sent to openai.com only; put the key of {host} elsewhere") as caught:
            api_key(Teacher(model="m", base_url=f"https://{host}/v1"))
        assert "sk-of" not in str(caught.value)


def test_no_key_goes_over_an_open_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", "abc")
    with pytest.raises(UserError, match="https only"):
        api_key(replace(HOSTED, base_url="http://host.example/v1"))
    assert api_key(replace(HOSTED, base_url="http://127.0.0.1:8000/v1")) == "abc"


@pytest.mark.parametrize("value", ["sk planted", "sk-planted\n", "sk-plantéd"])
def test_a_key_that_no_header_takes_is_refused_without_showing_it(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", value)
    with pytest.raises(UserError, match="white space") as caught:
        api_key(HOSTED)
    assert "plant" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["teacher.base_url=https://host.example/v1", "teacher.api_key=env:PLANTED"], "PLANTED"),
        (["teacher.model=./absent"], "does not exist"),
    ],
)
def test_a_run_without_its_key_or_model_is_refused_in_one_line_before_anything_starts(
    overrides: list[str], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_ray: None
) -> None:
    monkeypatch.setenv("RISE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    turns = "collect.turns=[{policy: learner}, {policy: teacher}]"
    result = CliRunner().invoke(app, ["run", TINY, turns, "teacher.model=m", *overrides], catch_exceptions=False)
    assert result.exit_code == 2
    [line] = result.stderr.strip().splitlines()
    assert named in line
    assert not ray.is_initialized()
    assert not (tmp_path / "home" / "lake").exists()


def test_a_gold_turn_without_a_worked_solution_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RISE_HOME", str(tmp_path / "home"))
    scratch.build(load_config(TINY), ["color"], tmp_path / "model")
    # This family's answers are checked by its scorer: it has no reference answer.
    profile = {
        "model": {"name": str(tmp_path / "model")},
        "problems": {"source": "reasoning_gym", "name": "graph_color", "train_size": 4, "eval_size": 2},
        "verify": {"verifier": "reasoning_gym"},
        "collect": {"turns": [{"policy": "gold"}], "max_new_tokens": 64},
    }
    (tmp_path / "gold.yaml").write_text(json.dumps(profile))
    result = CliRunner().invoke(app, ["run", str(tmp_path / "gold.yaml")])
    assert result.exit_code == 2
    assert "worked solution" in result.stderr
    assert not (tmp_path / "home" / "lake").exists()
