"""Rules across keys, mostly for teacher and gold turns; no secret is stored or repeated."""

import re
import traceback
from pathlib import Path

import pytest

from rise_core.config.changes import differences
from rise_core.config.load import load_config
from rise_core.errors import UserError

TAUGHT = ["collect.turns=[{policy: learner, n: 1}, {policy: teacher, n: 4}]", "teacher.model=big"]
ENDPOINT = [*TAUGHT, "teacher.base_url=http://127.0.0.1:8000/v1"]


def refused(*overrides: str) -> str:
    """Load the demo with overrides; return the error."""
    with pytest.raises(UserError) as caught:
        load_config("demo", list(overrides))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_teacher_and_gold_turns_load() -> None:
    assert load_config("demo", ENDPOINT).collect.turns[1].policy.value == "teacher"
    assert load_config("demo", [*ENDPOINT, "teacher.omit=[n, seed]"]).teacher.omit == ["n", "seed"]
    assert load_config("demo", [*TAUGHT, "teacher.revision=main"]).teacher.base_url is None
    assert load_config("demo", ["collect.turns=[{policy: gold}]"]).collect.turns[0].n == 1


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (TAUGHT[:1], "teacher.model"),
        (["collect.turns=[{policy: gold, n: 2}]"], "gold"),
        ([*ENDPOINT, "teacher.concurrency=0"], "teacher.concurrency"),
        ([*ENDPOINT, "teacher.max_requests=0"], "teacher.max_requests"),
        ([*ENDPOINT, "teacher.max_tokens=0"], "teacher.max_tokens"),
        ([*ENDPOINT, "teacher.retries=-1"], "teacher.retries"),
        ([*ENDPOINT, "teacher.timeout=0"], "teacher.timeout"),
        ([*ENDPOINT, "teacher.omit=[seed, max_tokens]"], "teacher.omit may hold n, seed, temperature, top_p"),
        ([*ENDPOINT, "teacher.revision=main"], "teacher.revision"),
        ([*TAUGHT, "teacher.omit=[seed]"], "teacher.omit"),
        ([*TAUGHT, "teacher.base_url=127.0.0.1:8000"], "teacher.base_url"),
        ([*TAUGHT, "teacher.base_url=http://[x/v1"], "teacher.base_url"),
        ([*TAUGHT, "teacher.max_tokens=100"], "base_url"),
        ([*TAUGHT, "teacher.model=scratch"], "teacher.model"),
        ([*TAUGHT, "teacher.engine.max_model_len=1"], "teacher.engine.max_model_len"),
    ],
)
def test_what_cannot_work_is_named(overrides: list[str], named: str) -> None:
    assert named in refused(*overrides)


@pytest.mark.parametrize(
    "override",
    [
        "teacher.api_key=sk-planted",
        "teacher.api_key=env:sk-planted",
        "teacher.base_url=https://me:sk-planted@host/v1",
        "teacher.base_url=https://host/v1?key=sk-planted",
        "teacher.apikey=sk-planted",
        "teacher={apikey: sk-planted}",
        "teacher.api_key=[sk-planted",
        "teacher.api_key={key: sk-planted}",
        "teacher.concurrency=sk-planted",
        "teacher.engine.threads=sk-planted",
        "teacher.omit=[[sk-planted]]",
        "teacher.engine=sk-planted",
        "teacher=sk-planted",
    ],
)
def test_a_secret_in_the_config_is_refused_and_not_repeated(override: str) -> None:
    assert "sk-planted" not in refused(override)


@pytest.mark.parametrize("section", ["sk-planted", "{concurrency: sk-planted}", "{api_key: sk-planted}"])
def test_a_secret_in_a_profile_file_is_refused_and_not_repeated(tmp_path: Path, section: str) -> None:
    (tmp_path / "mine.yaml").write_text(f"teacher: {section}\n")
    with pytest.raises(UserError) as caught:
        load_config(f"demo+{tmp_path}/mine.yaml")
    assert "sk-planted" not in str(caught.value)
    assert "sk-planted" not in "".join(traceback.format_exception(caught.value)), "a flow's log holds the traceback"


def test_a_run_may_go_on_with_another_budget_place_and_key_but_not_with_another_teacher() -> None:
    before = load_config("demo", ENDPOINT)
    free = ["teacher.base_url=https://elsewhere/v1", "teacher.api_key=block:other", "teacher.concurrency=2"]
    free += [
        "teacher.timeout=9",
        "teacher.retries=1",
        "teacher.omit=[seed]",
        "teacher.max_requests=7",
        "teacher.max_tokens=8",
    ]
    assert differences(before, load_config("demo", [*ENDPOINT, *free, "teacher.engine.max_model_len=512"])) == []
    [line] = differences(before, load_config("demo", [*ENDPOINT, "teacher.model=other"]))
    assert re.match(r"teacher\.model: stored big, now other", line)
    [line] = differences(load_config("demo", TAUGHT), load_config("demo", [*TAUGHT, "teacher.revision=v2"]))
    assert re.match(r"teacher\.revision: stored None, now v2", line)
