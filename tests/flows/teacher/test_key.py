"""Where the key does not go."""

from __future__ import annotations

import pytest

from rise.core.errors import UserError
from tests.flows.teacher.asking import KEY, SETTINGS, Ask, questions, texts
from tests.flows.teacher.server import (
    Proxy,
    tell_key,
)

pytestmark = pytest.mark.slow


def test_the_key_is_hidden_should_the_endpoint_send_it_back(endpoint: Ask, proxy: Proxy) -> None:
    proxy.faults = [tell_key(401), tell_key(200)]
    refused = endpoint()
    with pytest.raises(UserError, match=r"you said Bearer \*\*\*") as caught:
        refused.reply(questions(1), SETTINGS)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert texts(endpoint(), questions(1)) == [["you said Bearer ***"]]
    assert KEY not in repr(refused)


def test_no_part_of_the_key_stands_where_a_long_message_is_cut(endpoint: Ask, proxy: Proxy) -> None:
    for padding in range(210, 290, 8):
        proxy.faults = [tell_key(401, padding)]
        with pytest.raises(UserError) as caught:
            endpoint().reply(questions(1), SETTINGS)
        assert KEY[:4] not in str(caught.value)


def test_the_server_itself_refuses_a_wrong_key(endpoint: Ask) -> None:
    with pytest.raises(UserError, match=r"status 401.*teacher\.api_key"):
        endpoint(key="wrong").reply(questions(1), SETTINGS)
