"""Teacher turns against a real vLLM server: what is stored, what faults do, what it costs, where the key goes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rise_core.config import Teacher
from rise_core.dialogue import states
from rise_core.engine import teacher as module
from rise_core.engine.errors import EngineError
from rise_core.engine.teacher import Endpoint
from rise_core.errors import UserError
from rise_core.problems import load_problems
from rise_core.profiles import load
from rise_core.records import SamplingSettings
from rise_core.wording import Question
from tests.flows.command import ROOT, TINY, environment, finished, query, rise
from tests.flows.taught import TURNS, check_taught, make_teacher, places_of
from tests.flows.teacher_server import (
    MODEL,
    Fault,
    Proxy,
    crowd,
    drip,
    drop,
    odd,
    one_choice,
    proxy_to,
    refuse,
    slow,
    status,
    tell_key,
    vllm_server,
    web_page,
    wordy,
)

pytestmark = pytest.mark.slow

KEY = "planted-4f1c9d27e8"
CONFIG = load(TINY)
SETTINGS = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=6, stop_token_ids=())
Ask = Callable[..., Endpoint]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("teacher")
    with vllm_server(make_teacher(home / "weights"), KEY, home / "log.txt") as address:
        yield address


@pytest.fixture(scope="module")
def running(server: str) -> Iterator[Proxy]:
    with proxy_to(server) as proxy:
        yield proxy


@pytest.fixture
def proxy(running: Proxy) -> Proxy:
    running.reset()
    return running


@pytest.fixture
def endpoint(proxy: Proxy, tmp_path: Path) -> Iterator[Ask]:
    """Makes a client; those of one test share a ledger, as the starts of one run do."""
    made: list[Endpoint] = []

    def make(key: str = KEY, **settings: object) -> Endpoint:
        config = replace(Teacher(model=MODEL, base_url=proxy.url, timeout=30.0), **settings)
        made.append(Endpoint(config, key, tmp_path / "teacher.sqlite"))
        return made[-1]

    yield make
    for one in made:
        one.close()


def questions(count: int, n: int = 1) -> list[Question]:
    problems = load_problems(CONFIG).train[:count]
    chats = [[{"role": "user", "content": problem.problem}] for problem in problems]
    return [
        Question(p, chat, list(range(16)), n, 2**50 + 1000 * i)
        for i, (p, chat) in enumerate(zip(problems, chats, strict=True))
    ]


def texts(teacher: Endpoint, asked: list[Question]) -> list[list[str]]:
    return [[said.text for said in several] for several in teacher.say(asked, SETTINGS)]


def test_answers_come_by_seed_and_are_paid_for_once(endpoint: Ask, proxy: Proxy, tmp_path: Path) -> None:
    first = endpoint()
    said = texts(first, questions(4, n=3))
    assert [len(several) for several in said] == [3] * 4
    assert len({text for several in said for text in several}) == 12, "samples and problems differ"
    assert [body["n"] for body in proxy.bodies] == [3] * 4, "one request pays the prompt once"
    assert first.used.requests == 4
    assert first.used.tokens > 4 * 8

    again = endpoint()
    assert again.used == first.used, "what was spent is known after a restart"
    assert texts(again, questions(4, n=3)) == said
    assert len(proxy.bodies) == 4, "the ledger answered"

    (tmp_path / "teacher.sqlite").rename(tmp_path / "away.sqlite")
    assert texts(endpoint(), questions(4, n=3)) == said, "the same seeds give the same texts"
    assert len(proxy.bodies) == 8


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
def test_a_passing_fault_is_tried_again(endpoint: Ask, proxy: Proxy, faults: list[Fault]) -> None:
    proxy.faults = list(faults)
    teacher = endpoint(timeout=1.5)
    assert len(texts(teacher, questions(1))) == 1
    assert len(proxy.bodies) == len(faults) + 1
    assert teacher.used.requests == 1, "only an answer counts"


def test_the_pause_that_the_endpoint_asks_for_is_kept(endpoint: Ask, proxy: Proxy) -> None:
    """Without the header the client would be back within half a second. A lower bound, which no busy machine breaks."""
    proxy.faults = [status(429, Retry_After="1")]
    texts(endpoint(), questions(1))
    refused, answered = proxy.arrivals
    assert answered - refused >= 1


def test_a_pause_of_more_than_two_minutes_is_not_waited_for(endpoint: Ask, proxy: Proxy) -> None:
    proxy.faults = [status(429, "come back later", Retry_After="121")]
    with pytest.raises(UserError, match=r"status 429: .*come back later.*same command"):
        endpoint().say(questions(1), SETTINGS)
    assert len(proxy.bodies) == 1


@pytest.mark.parametrize("code", [400, 401, 403, 404])
def test_a_refusal_is_not_tried_again_and_ends_all(endpoint: Ask, proxy: Proxy, code: int) -> None:
    proxy.always = status(code, "this is why")
    teacher = endpoint(concurrency=2)
    with pytest.raises(UserError) as caught:
        teacher.say(questions(8), SETTINGS)
    assert str(code) in str(caught.value)
    assert "this is why" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert 1 <= len(proxy.bodies) <= 2, "no request is sent after a refusal"


def test_a_lasting_fault_ends_in_one_line_and_keeps_what_was_answered(endpoint: Ask, proxy: Proxy) -> None:
    proxy.faults = [slow(0), slow(0)]
    proxy.always = status(500, "out of order")
    teacher = endpoint(concurrency=1, retries=1)
    with pytest.raises(UserError, match=r"status 500.*out of order.*same command"):
        teacher.say(questions(4), SETTINGS)
    assert len(proxy.bodies) == 4, "two answers, and one request tried twice"

    proxy.reset()
    texts(endpoint(), questions(4))
    assert len(proxy.bodies) == 2


@pytest.mark.parametrize(("fault", "tries"), [(slow(2), 2), (drip, 2), (web_page, 1)], ids=["slow", "drip", "web page"])
def test_no_answer_in_time_and_no_chat_completion_are_one_line(
    endpoint: Ask, proxy: Proxy, fault: Fault, tries: int
) -> None:
    proxy.always = fault
    with pytest.raises(UserError) as caught:
        endpoint(timeout=0.7, retries=1).say(questions(1), SETTINGS)
    assert proxy.url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(proxy.bodies) == tries


def test_no_more_requests_run_side_by_side_than_allowed(endpoint: Ask, proxy: Proxy) -> None:
    proxy.always = crowd(3)
    teacher = endpoint(concurrency=3)
    shards = [questions(12)[start : start + 6] for start in (0, 6)]
    threads = [threading.Thread(target=teacher.say, args=(shard, SETTINGS)) for shard in shards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(proxy.bodies) == 12
    assert proxy.most_side_by_side == 3


def test_a_budget_in_requests_is_kept_over_restarts(endpoint: Ask, proxy: Proxy) -> None:
    with pytest.raises(UserError, match=r"5 requests .*max_requests = 5.*same command") as caught:
        endpoint(max_requests=5).say(questions(12), SETTINGS)
    assert "\n" not in str(caught.value)
    assert len(proxy.bodies) == 5
    with pytest.raises(UserError, match="5 requests"):
        endpoint(max_requests=5).say(questions(12), SETTINGS)
    assert len(proxy.bodies) == 5

    raised = endpoint(max_requests=12)
    assert len(texts(raised, questions(12))) == 12
    assert len(proxy.bodies) == raised.used.requests == 12


def test_a_budget_in_tokens_is_not_overdrawn(endpoint: Ask, proxy: Proxy) -> None:
    teacher = endpoint(max_tokens=120)
    with pytest.raises(UserError, match=r"max_tokens = 120"):
        teacher.say(questions(12), SETTINGS)
    assert 2 <= len(proxy.bodies) < 12
    assert 60 < teacher.used.tokens <= 120
    assert endpoint().used == teacher.used


def test_a_budget_in_tokens_holds_what_the_endpoints_template_adds(endpoint: Ask, proxy: Proxy) -> None:
    """Each request takes about twice what it would in the learner's tokens."""
    proxy.always = wordy
    teacher = endpoint(max_tokens=300)
    with pytest.raises(UserError, match=r"max_tokens = 300"):
        teacher.say(questions(12), SETTINGS)
    assert 3 <= len(proxy.bodies) == teacher.used.requests
    assert teacher.used.tokens > 40 * teacher.used.requests > 0, "the endpoint counts more than 16 + 6"
    assert 200 < teacher.used.tokens <= 300


def test_an_endpoint_that_gives_one_choice_is_asked_again(endpoint: Ask, proxy: Proxy) -> None:
    proxy.always = one_choice
    [said] = texts(endpoint(), questions(1, n=3))
    assert len(said) == 3
    assert [body.get("n") for body in proxy.bodies] == [3, 2, None], "an n of 1 says nothing"
    assert len({body["seed"] for body in proxy.bodies}) == 3


@pytest.mark.parametrize(("code", "omit"), [(400, ["n"]), (422, ["seed"]), (400, ["n", "seed"])])
def test_a_refused_parameter_is_named_and_can_be_left_out(
    code: int, omit: list[str], endpoint: Ask, proxy: Proxy
) -> None:
    proxy.always = refuse(code, *omit)
    with pytest.raises(UserError, match=rf"status {code}: .*unsupported parameter: {omit[0]}.*teacher\.omit") as caught:
        endpoint().say(questions(4, n=3), SETTINGS)
    assert "\n" not in str(caught.value)

    proxy.bodies.clear()
    said = texts(endpoint(omit=omit), questions(4, n=3))
    assert [len(set(several)) for several in said] == [3] * 4
    assert len(proxy.bodies) == (12 if "n" in omit else 4)
    assert not any(name in body for name in omit for body in proxy.bodies)
    if "seed" not in omit:
        assert len({body["seed"] for body in proxy.bodies}) == 12, "every sample has a seed of its own"

    assert texts(endpoint(), questions(4, n=3)) == said, "what was paid for stays when teacher.omit changes"


def test_without_n_one_answer_at_a_time_has_to_fit_the_budget(endpoint: Ask, proxy: Proxy) -> None:
    with pytest.raises(UserError, match="1 requests"):  # all 3 at once would never fit: 16 + 3 * 6
        endpoint(omit=["n"], max_tokens=24).say(questions(1, n=3), SETTINGS)
    assert len(proxy.bodies) == 1


def test_what_is_left_out_is_the_endpoints_own_choice(endpoint: Ask, proxy: Proxy) -> None:
    """The server's own top_p is close to 0: a top_p of 1 is said where it is not left out."""
    [said] = texts(endpoint(omit=["top_p"]), questions(1, n=8))
    assert len(set(said)) == 1
    assert "top_p" not in proxy.bodies[0]
    [said] = texts(endpoint(), questions(2, n=8)[1:])
    assert len(set(said)) > 1


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None, "completion_tokens": 2}, {"prompt_tokens": 4}])
def test_an_answer_counts_its_most_where_the_endpoint_does_not_say(usage: object, endpoint: Ask, proxy: Proxy) -> None:
    proxy.faults = [odd("half a pair: \ud83d", usage)]
    teacher = endpoint()
    assert texts(teacher, questions(1)) == [["half a pair: ?"]], "no file can hold half a surrogate pair"
    assert teacher.used.tokens == 16 + SETTINGS.max_new_tokens


@pytest.mark.parametrize("content", [["a", "list"], {"text": "a"}, 7])
def test_an_answer_that_is_no_text_is_one_line(content: object, endpoint: Ask, proxy: Proxy) -> None:
    proxy.always = odd(content, None)
    with pytest.raises(UserError, match="no chat completion") as caught:
        endpoint(retries=0).say(questions(1), SETTINGS)
    assert "\n" not in str(caught.value)


def test_the_key_is_hidden_should_the_endpoint_send_it_back(endpoint: Ask, proxy: Proxy) -> None:
    proxy.faults = [tell_key(401), tell_key(200)]
    refused = endpoint()
    with pytest.raises(UserError, match=r"you said Bearer \*\*\*") as caught:
        refused.say(questions(1), SETTINGS)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert texts(endpoint(), questions(1)) == [["you said Bearer ***"]]
    assert KEY not in repr(refused)


def test_no_part_of_the_key_stands_where_a_long_message_is_cut(endpoint: Ask, proxy: Proxy) -> None:
    for padding in range(210, 290, 8):
        proxy.faults = [tell_key(401, padding)]
        with pytest.raises(UserError) as caught:
            endpoint().say(questions(1), SETTINGS)
        assert KEY[:4] not in str(caught.value)


def test_the_server_itself_refuses_a_wrong_key(endpoint: Ask) -> None:
    with pytest.raises(UserError, match=r"status 401.*teacher\.api_key"):
        endpoint(key="wrong").say(questions(1), SETTINGS)


def test_closing_ends_what_hangs(endpoint: Ask, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.2)
    proxy.always = slow(20)
    teacher = endpoint()
    failures: list[Exception] = []

    def ask() -> None:
        try:
            teacher.say(questions(2), SETTINGS)
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
        teacher.say(questions(1), SETTINGS)


# -- the whole flow ---------------------------------------------------------------------------------------------------


SAVE_BLOCK = """
import os
from flows.environment import use_home
use_home(None)
from flows import embedded
with embedded.serving() as wait_until_up:
    wait_until_up()
    from prefect.blocks.system import Secret
    Secret(value=os.environ["PLANTED"]).save("teacher-key")
"""


def look_at_command_lines(found: list[str]) -> Fault:
    """While the run asks its teacher, look for the key in every process's arguments."""

    def fault(_: object) -> bool:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / "cmdline").read_bytes().decode(errors="replace")
                except OSError:  # gone meanwhile
                    continue
                found.extend([command] if KEY in command else [])
        return False

    return fault


def test_a_flow_run_learns_from_its_teacher_within_the_budget(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    leaks: list[str] = []
    proxy.always = look_at_command_lines(leaks)
    command = ("run", TINY, "--run", "taught", "iterations=1", TURNS, f"teacher.model={MODEL}")
    command += (f"teacher.base_url={proxy.url}", "teacher.concurrency=2")

    monkeypatch.setenv("PLANTED", KEY)
    stopped = rise(home, *command, "teacher.api_key=env:PLANTED", "teacher.max_requests=5")
    assert stopped.returncode == 2, stopped.stderr[-4000:]
    [line] = [line for line in stopped.stderr.splitlines() if line.startswith("rise: ")]
    assert "teacher.max_requests = 5" in line
    assert "Traceback" not in stopped.stderr
    assert len(proxy.bodies) == 5

    subprocess.run([sys.executable, "-c", SAVE_BLOCK], env=environment(home), cwd=ROOT, check=True, timeout=300)
    monkeypatch.delenv("PLANTED")
    printed = finished(home, *command, "teacher.api_key=block:teacher-key", "teacher.max_requests=50")
    assert len(proxy.bodies) == 16, "every state was paid for once, over both starts"
    assert leaks == []
    assert KEY not in stopped.stdout + stopped.stderr + printed
    assert places_of(KEY, home) == []
    seen = places_of(f"teacher:{MODEL}", home)
    assert {"table rollouts", "rollouts of the page"} <= set(seen), "the search sees what is compressed"

    tokenizer = check_taught(home, f"teacher:{MODEL}")
    check_what_was_asked(home, proxy, tokenizer)
    assert os.path.getsize(home / "runs/taught/teacher.sqlite") > 0


def check_what_was_asked(home: Path, proxy: Proxy, tokenizer: Any) -> None:
    """The teacher saw the learner's first attempt and the feedback on it, as the learner would."""
    attempts = query(
        home,
        "SELECT p.problem, r.response FROM rollouts r JOIN problems p USING (run, split, problem_id)"
        " WHERE purpose = 'collect' AND turn = 1",
    )
    wanted = [(row["problem"], [row["response"]]) for row in attempts]
    chats = [chat for chat, _ in states(tokenizer, wanted, CONFIG.dialogue)]
    assert sorted(map(str, (body["messages"] for body in proxy.bodies))) == sorted(map(str, chats))
