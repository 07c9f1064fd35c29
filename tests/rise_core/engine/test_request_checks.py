"""Requests, tokens and GPUs beyond the limits are named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rise_core.config.engine_keys import Engine
from rise_core.engine.batches import RequestBatch
from rise_core.engine.request_checks import check_gpus, check_requests, check_tokens
from rise_core.errors import UserError
from rise_core.records import SampleRequest, SamplingSettings

SETTINGS = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=12, stop_token_ids=())
FINE = SampleRequest([1, 2], 1, 0)


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (
            SampleRequest([1] * 120, 1, 0),
            r"request 1: a prompt of 120 tokens and max_new_tokens = 12 make 132, above .*128",
        ),
        (SampleRequest([], 1, 0), "request 1: its prompt is empty"),
        (SampleRequest([1], 0, 0), "request 1: n = 0 or seed = 0 is out of range"),
        (SampleRequest([1], 1, -1), "request 1: n = 1 or seed = -1 is out of range"),
        (SampleRequest([1], 2, 2**63 - 1), "request 1: n = 2 or seed = .* is out of range"),
    ],
)
def test_a_request_that_does_not_fit_is_named(request_: SampleRequest, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        check_requests([FINE, request_], SETTINGS, 128)


def test_a_request_at_every_limit_fits() -> None:
    check_requests([FINE, SampleRequest([1] * 116, 2, 2**63 - 3)], SETTINGS, 128)


@pytest.mark.parametrize("top_p", [0.0, -0.5, 1.5])
def test_a_nucleus_out_of_range_is_named(top_p: float) -> None:
    with pytest.raises(UserError, match=f"top_p = {top_p:g} must be above 0"):
        check_requests([FINE], replace(SETTINGS, top_p=top_p), 128)


@pytest.mark.parametrize(("prompt", "token"), [([1, 100], 100), ([-1], -1)])
def test_a_token_outside_the_vocabulary_is_named(prompt: list[int], token: int) -> None:
    batch = RequestBatch.pack([FINE, SampleRequest(prompt, 1, 0)])
    with pytest.raises(UserError, match=f"request 1: token {token} of its prompt is outside .* of 100"):
        check_tokens(batch, 100)
    check_tokens(RequestBatch.pack([FINE, SampleRequest([0, 99], 1, 0)]), 100)


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.cluster_resources", lambda: {"GPU": 4.0})


@pytest.mark.usefixtures("four_gpus")
def test_more_gpus_than_ray_has_are_refused() -> None:
    check_gpus(Engine(gpus=2, replicas=2))
    with pytest.raises(UserError, match=r"config: engine.gpus = 2 for 3 engines needs 6 GPUs, but Ray has 4"):
        check_gpus(Engine(gpus=2, replicas=3))


@pytest.mark.usefixtures("four_gpus")
def test_a_teacher_needs_its_gpus_beside_the_learners() -> None:
    learner = Engine(gpus=1, replicas=3)
    check_gpus(Engine(gpus=1), beside=learner)
    check_gpus(Engine(gpus=0, replicas=9), beside=learner)
    with pytest.raises(UserError, match=r"teacher.engine.gpus needs 2 GPUs beside the learner's 3, but Ray has 4"):
        check_gpus(Engine(gpus=1, replicas=2), beside=learner)
    with pytest.raises(UserError, match=r"config: teacher.engine.gpus = 5 .* needs 5 GPUs"):
        check_gpus(Engine(gpus=5), beside=learner)
