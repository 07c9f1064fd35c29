"""A teacher's cost: no answer is paid for twice, and budgets in requests and tokens hold over restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from rise_core.errors import UserError
from tests.rise_core.answering.asking import SETTINGS, OpenEndpoint, make_prompts, reply_texts
from tests.rise_core.answering.teacher_server import Proxy, odd, wordy


def test_answers_come_by_seed_and_are_paid_for_once(endpoint: OpenEndpoint, proxy: Proxy, tmp_path: Path) -> None:
    first = endpoint()
    replies = reply_texts(first, make_prompts(4, n=3))
    assert [len(several) for several in replies] == [3] * 4
    assert len({text for several in replies for text in several}) == 12, "samples and problems differ"
    assert [body["n"] for body in proxy.bodies] == [3] * 4, "one request pays the prompt once"
    assert first.used.requests == 4
    assert first.used.tokens > 4 * 8

    again = endpoint()
    assert again.used == first.used, "what was spent is known after a restart"
    assert reply_texts(again, make_prompts(4, n=3)) == replies
    assert len(proxy.bodies) == 4, "the ledger answered"

    (tmp_path / "teacher.sqlite").rename(tmp_path / "away.sqlite")
    assert reply_texts(endpoint(), make_prompts(4, n=3)) == replies, "the same seeds give the same reply_texts"
    assert len(proxy.bodies) == 8


def test_a_budget_in_requests_is_kept_over_restarts(endpoint: OpenEndpoint, proxy: Proxy) -> None:
    with pytest.raises(UserError, match=r"5 requests .*max_requests = 5.*same command") as caught:
        endpoint(max_requests=5).reply(make_prompts(12), SETTINGS)
    assert "\n" not in str(caught.value)
    assert len(proxy.bodies) == 5
    with pytest.raises(UserError, match="5 requests"):
        endpoint(max_requests=5).reply(make_prompts(12), SETTINGS)
    assert len(proxy.bodies) == 5

    raised = endpoint(max_requests=12)
    assert len(reply_texts(raised, make_prompts(12))) == 12
    assert len(proxy.bodies) == raised.used.requests == 12


def test_a_budget_in_tokens_is_not_overdrawn(endpoint: OpenEndpoint, proxy: Proxy) -> None:
    teacher = endpoint(max_tokens=120)
    with pytest.raises(UserError, match=r"max_tokens = 120"):
        teacher.reply(make_prompts(12), SETTINGS)
    assert 2 <= len(proxy.bodies) < 12
    assert 60 < teacher.used.tokens <= 120
    assert endpoint().used == teacher.used


def test_a_budget_in_tokens_holds_what_the_endpoints_template_adds(endpoint: OpenEndpoint, proxy: Proxy) -> None:
    """Each request takes about twice its number of the learner's tokens."""
    proxy.always = wordy
    teacher = endpoint(max_tokens=300)
    with pytest.raises(UserError, match=r"max_tokens = 300"):
        teacher.reply(make_prompts(12), SETTINGS)
    assert 3 <= len(proxy.bodies) == teacher.used.requests
    assert teacher.used.tokens > 40 * teacher.used.requests > 0, "the endpoint counts more than 16 + 6"
    assert 200 < teacher.used.tokens <= 300


def test_without_n_one_answer_at_a_time_has_to_fit_the_budget(endpoint: OpenEndpoint, proxy: Proxy) -> None:
    with pytest.raises(UserError, match="1 requests"):  # all 3 at once would never fit: 16 + 3 * 6
        endpoint(omit=["n"], max_tokens=24).reply(make_prompts(1, n=3), SETTINGS)
    assert len(proxy.bodies) == 1


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None, "completion_tokens": 2}, {"prompt_tokens": 4}])
def test_an_answer_counts_its_most_where_the_endpoint_does_not_say(
    usage: object, endpoint: OpenEndpoint, proxy: Proxy
) -> None:
    proxy.faults = [odd("half a pair: \ud83d", usage)]
    teacher = endpoint()
    assert reply_texts(teacher, make_prompts(1)) == [["half a pair: ?"]], "no file can hold half a surrogate pair"
    assert teacher.used.tokens == 16 + SETTINGS.max_new_tokens
