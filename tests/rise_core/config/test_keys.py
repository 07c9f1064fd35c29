"""Every config key states meaning, range and the moments of an allowed change."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from typing import Any

import pytest
from omegaconf import OmegaConf
from pydantic import TypeAdapter, ValidationError

from rise_core.config.changes import may_change
from rise_core.config.choices import Adapter, PolicyKind
from rise_core.config.engine_keys import Engine
from rise_core.config.field_types import AT_EVALUATION, LATER
from rise_core.config.keys import Collect, Config, Eval, Turn
from rise_core.config.load import dotted, load_config
from rise_core.config.training_keys import Optim, Train
from rise_core.errors import UserError

KEYS = list(dotted(OmegaConf.structured(Config)))
MACHINE = ["replicas", "gpus", "threads", "max_num_seqs", "kv_cache_gib", "gpu_memory_utilization", "block_size"]
MACHINE += ["in_flight", "start_timeout", "timeout"]
TEACHER = ["base_url", "api_key", "concurrency", "timeout", "retries", "omit", "max_requests", "max_tokens"]


def test_every_key_and_section_has_a_meaning() -> None:
    schema = TypeAdapter(Config).json_schema()
    sections = [schema, *(part for part in schema["$defs"].values() if "properties" in part)]
    assert all(section["description"] for section in sections)
    keys = [key for section in sections for key in section["properties"].values()]
    assert all(key.get("description") or "$ref" in key for key in keys)


def test_a_later_command_may_change_how_much_and_where_and_nothing_else() -> None:
    expected = ["iterations", "verify.workers", *(f"train.{key}" for key in ("workers", "gpus", "threads", "timeout"))]
    expected += [f"engine.{key}" for key in MACHINE]
    expected += [f"teacher.{key}" for key in TEACHER]
    expected += [f"teacher.engine.{key}" for key in (*MACHINE, "max_model_len")]
    assert {key for key in KEYS if may_change(key, LATER)} == set(expected)
    assert may_change("teacher.omit.0", LATER)
    assert not may_change("collect.turns.0.n", LATER)
    assert not may_change("nosuch.key", LATER)


def test_an_evaluation_may_change_how_to_ask_and_grade_and_the_held_out_problems() -> None:
    expected = {"seed", "collect.max_new_tokens"}
    expected |= {key for key in KEYS if key.startswith(("eval.", "verify.", "engine.", "dialogue.", "problems."))}
    assert {key for key in KEYS if may_change(key, AT_EVALUATION)} == expected - {
        "problems.train",
        "problems.train_size",
    }
    assert may_change("problems.params.count", AT_EVALUATION)


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("engine.replicas=0", "engine.replicas must be at least 1, not 0"),
        ("eval.bootstrap=99", "eval.bootstrap must be at least 100, not 99"),
        ("verify.timeout=0", "verify.timeout must be above 0, not 0.0"),
        ("train.tau=nan", "train.tau must be above 0, not nan"),
        ("select.first_turn.wrong=1.5", "select.first_turn.wrong must be at most 1, not 1.5"),
        ("engine.gpu_memory_utilization=nan", "engine.gpu_memory_utilization must be at "),
        ("collect.turns=[{n: 1}, {n: 0}]", "collect.turns.1.n must be at least 1, not 0"),
        ("collect.turns=[]", "collect.turns needs at least 1 entry"),
        ("train.lora.targets=[[1]]", "train.lora.targets.0 must be a valid string, not [1]"),
        ("model.dtype=float16", "key model.dtype: Invalid value 'float16', expected one of ['float32', 'bfloat16']"),
        ("teacher.retries=-1", "teacher.retries must be at least 0"),
        ("teacher.engine.in_flight=0", "teacher.engine.in_flight must be at least 1"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_key_and_the_range(override: str, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        load_config("demo", [override])
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_limit_without_end_is_allowed() -> None:
    assert load_config("demo", ["train.timeout=.inf"]).train.timeout == math.inf


@pytest.mark.parametrize(
    ("section", "change"), [(Engine(), {"replicas": 0}), (Optim(), {"warmup": 2.0}), (Eval(), {"turns": "many"})]
)
def test_python_code_cannot_make_a_config_out_of_range(section: Any, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        replace(section, **change)


def test_a_plan_knows_the_policies_of_its_turns() -> None:
    collect = Collect(turns=[Turn(), Turn(policy=PolicyKind.teacher, n=4)])
    assert [kind for kind in PolicyKind if collect.has_turn(kind)] == [PolicyKind.learner, PolicyKind.teacher]


def test_sections_are_plain_values() -> None:
    config = Config(train=Train(adapter="lora"))  # type: ignore[arg-type]
    assert config.train.adapter is Adapter.lora
    assert config != Config()
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301
