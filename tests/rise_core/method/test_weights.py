from __future__ import annotations

import math

import pytest

from rise_core.config.choices import Normalise
from rise_core.errors import UserError
from rise_core.method.weights import plain_weights, reward_weights


def test_published_weights() -> None:
    assert reward_weights([1, 0, -1], tau=0.4) == pytest.approx([12.1825, 1.0, 0.0821], abs=1e-4)


def test_mean_normalisation_keeps_ratios_and_averages_one() -> None:
    weights = reward_weights([1, 0, -1, 1], tau=0.4, normalise=Normalise.mean)
    assert sum(weights) / 4 == pytest.approx(1)
    assert weights[0] / weights[1] == pytest.approx(math.exp(2.5))


def test_mean_normalisation_survives_a_tau_at_which_plain_weights_overflow() -> None:
    assert reward_weights([1, 0], tau=1e-3, normalise=Normalise.mean) == pytest.approx([2, 0])
    with pytest.raises(UserError, match=r"train\.tau 0\.001 is too small"):
        reward_weights([1, 0], tau=1e-3)


def test_what_is_divided_by_its_mean_later_may_be_larger_than_float32_holds() -> None:
    assert plain_weights([1, 0], 0.01, Normalise.mean) == pytest.approx([math.exp(100), 1.0])
    with pytest.raises(UserError, match=r"train\.normalise=mean"):
        plain_weights([1, 0], 0.01, Normalise.none)
    with pytest.raises(UserError, match=r"raise it$"):
        plain_weights([1, 0], 1e-3, Normalise.mean)


@pytest.mark.parametrize(("rewards", "tau"), [([1.0], 0.0), ([1.0], -1.0), ([math.nan], 0.4), ([math.inf], 0.4)])
def test_impossible_values_are_refused(rewards: list[float], tau: float) -> None:
    with pytest.raises(UserError):
        reward_weights(rewards, tau)


def test_no_rewards_no_weights() -> None:
    assert reward_weights([], tau=0.4, normalise=Normalise.mean) == []
