"""What a request to a teacher's endpoint may cost, from what earlier ones did."""

from __future__ import annotations

import pytest

from rise.core.answering.budget import Budget
from rise.core.answering.ledger import Usage
from rise.core.config.engine_keys import Teacher


@pytest.mark.parametrize("measured", [10, 100])
def test_a_template_and_a_tokenizer_are_both_allowed_for(measured: int) -> None:
    """An endpoint with 20 tokens more a prompt, and 3 for 2 of the learner's; whatever length was seen first."""

    def counted(prompt: int) -> int:
        return 20 + prompt * 3 // 2

    budget = Budget(Teacher(), Usage(0, 0))
    assert budget.most(50) == 50, "nothing is known yet"
    budget.spend((counted(measured), 4), measured)
    assert budget.used == Usage(1, counted(measured) + 4)
    for prompt in (10, 50, 100, 400):
        assert budget.most(prompt) >= counted(prompt)
    budget.spend((5, 4), 50)
    assert budget.most(measured) == counted(measured), "the largest that was ever seen counts"


def test_what_the_endpoint_does_not_say_teaches_nothing() -> None:
    budget = Budget(Teacher(), Usage(0, 0))
    budget.spend((75, 4), 50)
    most = budget.most(33)
    for _ in range(3):
        budget.spend((budget.most(33), 4))
    assert budget.most(33) == most
    assert budget.used == Usage(4, 79 + 3 * (most + 4))
