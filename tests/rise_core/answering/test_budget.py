"""What a request may cost, from what earlier ones did, and how many requests the budget lets through."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from rise_core.answering.budget import Budget
from rise_core.answering.ledger import Usage
from rise_core.config.engine_keys import Teacher
from rise_core.errors import UserError


@pytest.mark.parametrize("measured", [10, 100])
def test_a_template_and_a_tokenizer_are_both_allowed_for(measured: int) -> None:
    """An endpoint with 20 tokens more a prompt, and 3 for 2 of the learner's; any length may be measured first."""

    def counted(prompt: int) -> int:
        return 20 + prompt * 3 // 2

    budget = Budget(Teacher(), Usage(0, 0))
    assert budget.max_prompt_tokens(50) == 50, "nothing is known yet"
    budget.record((counted(measured), 4), measured)
    assert budget.used == Usage(1, counted(measured) + 4)
    for prompt in (10, 50, 100, 400):
        assert budget.max_prompt_tokens(prompt) >= counted(prompt)
    budget.record((5, 4), 50)
    assert budget.max_prompt_tokens(measured) == counted(measured), "the largest that was ever seen counts"


def test_what_the_endpoint_does_not_say_teaches_nothing() -> None:
    budget = Budget(Teacher(), Usage(0, 0))
    budget.record((75, 4), 50)
    most = budget.max_prompt_tokens(33)
    for _ in range(3):
        budget.record((budget.max_prompt_tokens(33), 4))
    assert budget.max_prompt_tokens(33) == most
    assert budget.used == Usage(4, 79 + 3 * (most + 4))


class Requests:
    """Requests of 10 prompt tokens and 5 response tokens, side by side; each costs `cost` tokens of prompt."""

    def __init__(self, *, cost: int = 10, used: Usage | None = None, fails: bool = False, **limits: int) -> None:
        self.config, self.usage = replace(Teacher(), **limits), used or Usage(0, 0)
        self.cost, self.fails = cost, fails
        self.in_flight = self.most_in_flight = self.sent = 0
        self.reserved: list[tuple[int, int]] = []

    def send(self, count: int) -> list[str]:
        """Send requests; returns the errors."""
        return asyncio.run(self.send_all(count))

    async def send_all(self, count: int) -> list[str]:
        self.budget = Budget(self.config, self.usage)
        ended = await asyncio.gather(*(self.send_one() for _ in range(count)), return_exceptions=True)
        assert all(error is None or isinstance(error, UserError) for error in ended)
        return [str(error) for error in ended if error is not None]

    async def send_one(self) -> None:
        async with self.budget.reserve(10, 5) as reserved:
            self.sent += 1
            self.reserved.append(reserved)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            await asyncio.sleep(0)
            self.in_flight -= 1
            if self.fails:
                raise UserError("refused")
            self.budget.record((self.cost, 5), 10)


def test_without_limits_all_requests_run_at_once() -> None:
    requests = Requests()
    assert requests.send(20) == []
    assert requests.most_in_flight == 20
    assert set(requests.reserved) == {(10, 5)}


def test_a_budget_in_requests_counts_the_earlier_starts() -> None:
    requests = Requests(max_requests=5, used=Usage(2, 30))
    errors = requests.send(20)
    assert requests.sent == 3
    assert len(errors) == 17
    assert len(set(errors)) == 1, "all later requests end for the same reason"
    assert "5 requests and 75 tokens are used" in errors[0]
    assert "teacher.max_requests = 5" in errors[0]
    assert "max_tokens" not in errors[0], "a limit that is not set is not named"


def test_under_a_budget_in_tokens_the_first_request_goes_alone() -> None:
    """The endpoint makes 30 tokens of a prompt of 10: side by side, 10 such requests would overdraw 200 tokens."""
    requests = Requests(max_tokens=200, cost=30)
    errors = requests.send(10)
    assert requests.reserved[0] == (10, 5)
    assert set(requests.reserved[1:]) == {(30, 5)}
    assert requests.budget.used == Usage(5, 175)
    assert "may take 35 tokens" in errors[0]


def test_a_failed_request_stops_all_later_ones() -> None:
    requests = Requests(max_tokens=1000, fails=True)
    assert requests.send(5) == ["refused"] * 5
    assert requests.sent == 1


def test_the_first_reason_to_stop_stands() -> None:
    async def stop_twice() -> None:
        budget = Budget(Teacher(), Usage(0, 0))
        budget.stop("the cause")
        budget.stop("a consequence")
        async with budget.reserve(1, 1):
            pass

    with pytest.raises(UserError, match=r"^the cause$"):
        asyncio.run(stop_twice())
