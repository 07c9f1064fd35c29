"""The order of examples and the learning rate of each step."""

from __future__ import annotations

import pytest

from rise_core.config.choices import Schedule
from rise_core.config.training_keys import Optim
from rise_core.training.schedule import global_batches, learning_rate, step_count


def rates(steps: int, **settings: object) -> list[float]:
    optim = Optim(learning_rate=1.0, **settings)  # type: ignore[arg-type]
    return [learning_rate(step, steps, optim) for step in range(1, steps + 1)]


def test_every_epoch_sees_every_example_once_in_another_order() -> None:
    optim = Optim(epochs=2, batch_size=4)
    steps = list(global_batches(10, optim, seed=1))
    assert [len(examples) for _, examples in steps] == [4, 4, 2, 4, 4, 2]
    assert len(steps) == step_count(10, optim)
    epochs = [[i for epoch, examples in steps if epoch == number for i in examples] for number in (1, 2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(10))
    assert epochs[0] != epochs[1]


def test_the_seed_alone_decides_the_order() -> None:
    optim = Optim(epochs=2, batch_size=4)
    assert list(global_batches(10, optim, seed=1)) == list(global_batches(10, optim, seed=1))
    assert list(global_batches(10, optim, seed=1)) != list(global_batches(10, optim, seed=2))


def test_warm_up_then_constant() -> None:
    assert rates(10, schedule=Schedule.constant, warmup=0.3) == pytest.approx([0.25, 0.5, 0.75] + 7 * [1.0])


def test_linear_decay_would_end_one_step_after_the_last() -> None:
    assert rates(4, schedule=Schedule.linear, warmup=0.0) == pytest.approx([1, 0.75, 0.5, 0.25])


def test_cosine_decay() -> None:
    assert rates(4, schedule=Schedule.cosine, warmup=0.0) == pytest.approx([1, 0.853553, 0.5, 0.146447], abs=1e-6)


@pytest.mark.parametrize("schedule", list(Schedule))
@pytest.mark.parametrize("warmup", [0.0, 0.03, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 7, 100])
def test_no_step_is_wasted_on_a_rate_of_zero(schedule: Schedule, warmup: float, steps: int) -> None:
    assert all(0 < rate <= 1 for rate in rates(steps, schedule=schedule, warmup=warmup))
