"""Endpoints with dialects: answers in other numbers, refused parameters, own defaults."""

from __future__ import annotations

import pytest

from rise_core.errors import UserError
from tests.rise_core.answering.asking import SETTINGS, OpenEndpoint, make_prompts, reply_texts
from tests.rise_core.answering.teacher_server import Proxy, odd, one_choice, refuse


def test_an_endpoint_that_gives_one_choice_is_asked_again(endpoint: OpenEndpoint, proxy: Proxy) -> None:
    proxy.always = one_choice
    [replies] = reply_texts(endpoint(), make_prompts(1, n=3))
    assert len(replies) == 3
    assert [body.get("n") for body in proxy.bodies] == [3, 2, None], "an n of 1 says nothing"
    assert len({body["seed"] for body in proxy.bodies}) == 3


@pytest.mark.parametrize(("code", "omit"), [(400, ["n"]), (422, ["seed"]), (400, ["n", "seed"])])
def test_a_refused_parameter_is_named_and_can_be_left_out(
    code: int, omit: list[str], endpoint: OpenEndpoint, proxy: Proxy
) -> None:
    proxy.always = refuse(code, *omit)
    with pytest.raises(UserError, match=rf"status {code}: .*unsupported parameter: {omit[0]}.*teacher\.omit") as caught:
        endpoint().reply(make_prompts(4, n=3), SETTINGS)
    assert "\n" not in str(caught.value)

    proxy.bodies.clear()
    replies = reply_texts(endpoint(omit=omit), make_prompts(4, n=3))
    assert [len(set(several)) for several in replies] == [3] * 4
    assert len(proxy.bodies) == (12 if "n" in omit else 4)
    assert not any(name in body for name in omit for body in proxy.bodies)
    if "seed" not in omit:
        assert len({body["seed"] for body in proxy.bodies}) == 12, "every sample has a seed of its own"

    assert reply_texts(endpoint(), make_prompts(4, n=3)) == replies, "what was paid for stays when teacher.omit changes"


def test_what_is_left_out_is_the_endpoints_own_choice(endpoint: OpenEndpoint, proxy: Proxy) -> None:
    """The server's own top_p is close to 0. Unless omitted, a top_p of 1 is sent."""
    [replies] = reply_texts(endpoint(omit=["top_p"]), make_prompts(1, n=8))
    assert len(set(replies)) == 1
    assert "top_p" not in proxy.bodies[0]
    [replies] = reply_texts(endpoint(), make_prompts(2, n=8)[1:])
    assert len(set(replies)) > 1


@pytest.mark.parametrize("content", [["a", "list"], {"text": "a"}, 7])
def test_an_answer_that_is_no_text_is_one_line(content: object, endpoint: OpenEndpoint, proxy: Proxy) -> None:
    proxy.always = odd(content, None)
    with pytest.raises(UserError, match="no chat completion") as caught:
        endpoint(retries=0).reply(make_prompts(1), SETTINGS)
    assert "\n" not in str(caught.value)
