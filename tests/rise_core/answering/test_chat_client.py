"""The key stays out of errors, answers and representations."""

from __future__ import annotations

import pytest

from rise_core.errors import UserError
from tests.rise_core.answering.asking import KEY, SETTINGS, OpenEndpoint, make_prompts, reply_texts
from tests.rise_core.answering.teacher_server import Proxy, tell_key


def test_the_key_is_hidden_should_the_endpoint_send_it_back(endpoint: OpenEndpoint, proxy: Proxy) -> None:
    proxy.faults = [tell_key(401), tell_key(200)]
    refused = endpoint()
    with pytest.raises(UserError, match=r"you said Bearer \*\*\*") as caught:
        refused.reply(make_prompts(1), SETTINGS)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert reply_texts(endpoint(), make_prompts(1)) == [["you said Bearer ***"]]
    assert KEY not in repr(refused)


def test_no_part_of_the_key_stands_where_a_long_message_is_cut(endpoint: OpenEndpoint, proxy: Proxy) -> None:
    for padding in range(210, 290, 8):
        proxy.faults = [tell_key(401, padding)]
        with pytest.raises(UserError) as caught:
            endpoint().reply(make_prompts(1), SETTINGS)
        assert KEY[:4] not in str(caught.value)


def test_the_server_itself_refuses_a_wrong_key(endpoint: OpenEndpoint) -> None:
    with pytest.raises(UserError, match=r"status 401.*teacher\.api_key"):
        endpoint(key="wrong").reply(make_prompts(1), SETTINGS)
