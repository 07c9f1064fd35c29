"""An endpoint's faults, limits and end, with a real server behind a faulty proxy."""

from __future__ import annotations

import threading
import time

import pytest

from rise_core.answering import endpoint as endpoint_module
from rise_core.errors import EngineError, UserError
from tests.rise_core.answering.asking import SETTINGS, OpenEndpoint, make_prompts, reply_texts
from tests.rise_core.answering.teacher_server import Fault, Proxy, crowd, drip, drop, slow, status, web_page


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://mine.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("http://127.0.0.1:8000/v1", "max_tokens"),
        ("https://openai.com.example/v1", "max_tokens"),
    ],
)
def test_the_limit_has_the_name_that_the_endpoint_knows(base_url: str, name: str) -> None:
    assert endpoint_module.limit_name(base_url) == name


@pytest.mark.parametrize(
    "faults",
    [
        [status(429, Retry_After="0"), status(429, Retry_After="0")],
        [status(500), status(503)],
        [drop],
        [slow(3)],
        [drip],
    ],
    ids=["429", "5xx", "dropped", "slow", "drip"],
)
def test_a_passing_fault_is_tried_again(endpoint: OpenEndpoint, proxy: Proxy, faults: list[Fault]) -> None:
    proxy.faults = list(faults)
    teacher = endpoint(timeout=1.5)
    assert len(reply_texts(teacher, make_prompts(1))) == 1
    assert len(proxy.bodies) == len(faults) + 1
    assert teacher.used.requests == 1, "only an answer counts"


def test_the_pause_that_the_endpoint_asks_for_is_kept(endpoint: OpenEndpoint, proxy: Proxy) -> None:
    """Without the header the client would return within half a second. A busy machine keeps this lower bound."""
    proxy.faults = [status(429, Retry_After="1")]
    reply_texts(endpoint(), make_prompts(1))
    refused, answered = proxy.arrivals
    assert answered - refused >= 1


def test_a_pause_of_more_than_two_minutes_is_not_waited_for(endpoint: OpenEndpoint, proxy: Proxy) -> None:
    proxy.faults = [status(429, "come back later", Retry_After="121")]
    with pytest.raises(UserError, match=r"status 429: .*come back later.*same command"):
        endpoint().reply(make_prompts(1), SETTINGS)
    assert len(proxy.bodies) == 1


@pytest.mark.parametrize("code", [400, 401, 403, 404])
def test_a_refusal_is_not_tried_again_and_ends_all(endpoint: OpenEndpoint, proxy: Proxy, code: int) -> None:
    proxy.always = status(code, "this is why")
    teacher = endpoint(concurrency=2)
    with pytest.raises(UserError) as caught:
        teacher.reply(make_prompts(8), SETTINGS)
    assert str(code) in str(caught.value)
    assert "this is why" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert 1 <= len(proxy.bodies) <= 2, "no request is sent after a refusal"


def test_a_lasting_fault_ends_in_one_line_and_keeps_what_was_answered(endpoint: OpenEndpoint, proxy: Proxy) -> None:
    proxy.faults = [slow(0), slow(0)]
    proxy.always = status(500, "out of order")
    teacher = endpoint(concurrency=1, retries=1)
    with pytest.raises(UserError, match=r"status 500.*out of order.*same command"):
        teacher.reply(make_prompts(4), SETTINGS)
    assert len(proxy.bodies) == 4, "two answers, and one request tried twice"

    proxy.reset()
    reply_texts(endpoint(), make_prompts(4))
    assert len(proxy.bodies) == 2


@pytest.mark.parametrize(("fault", "tries"), [(slow(2), 2), (drip, 2), (web_page, 1)], ids=["slow", "drip", "web page"])
def test_no_answer_in_time_and_no_chat_completion_are_one_line(
    endpoint: OpenEndpoint, proxy: Proxy, fault: Fault, tries: int
) -> None:
    proxy.always = fault
    with pytest.raises(UserError) as caught:
        endpoint(timeout=0.7, retries=1).reply(make_prompts(1), SETTINGS)
    assert proxy.url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(proxy.bodies) == tries


def test_no_more_requests_run_side_by_side_than_allowed(endpoint: OpenEndpoint, proxy: Proxy) -> None:
    proxy.always = crowd(3)
    teacher = endpoint(concurrency=3)
    shards = [make_prompts(12)[start : start + 6] for start in (0, 6)]
    threads = [threading.Thread(target=teacher.reply, args=(shard, SETTINGS)) for shard in shards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(proxy.bodies) == 12
    assert proxy.most_side_by_side == 3


def test_closing_ends_what_hangs(endpoint: OpenEndpoint, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module, "GRACE", 0.2)
    proxy.always = slow(20)
    teacher = endpoint()
    failures: list[Exception] = []

    def ask() -> None:
        try:
            teacher.reply(make_prompts(2), SETTINGS)
        except EngineError as error:
            failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    deadline = time.monotonic() + 30
    while len(proxy.bodies) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    teacher.close()
    thread.join(timeout=10)
    assert len(failures) == 1
    with pytest.raises(EngineError):
        teacher.reply(make_prompts(1), SETTINGS)
