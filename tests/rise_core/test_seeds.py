"""Seeds by a stable key: the same on every machine, unrelated for any other key."""

from __future__ import annotations

from rise_core.seeds import seed_of, uniform


def test_equal_keys_give_the_seed_of_every_machine() -> None:
    assert seed_of(5, "problems", 1, "train-000001") == seed_of(5, "problems", 1, "train-000001")
    assert seed_of(0, "first_turn", 1, "p") == 1832263380195329819


def test_any_other_key_gives_another_seed() -> None:
    keys = [(1, "a"), ("1", "a"), (1, "a", ""), (1, "b"), (2, "a"), ("1a",), (1, "a", 0)]
    assert len({seed_of(*key) for key in keys}) == len(keys), "types and borders of the parts count"


def test_a_seed_leaves_room_for_the_samples_number() -> None:
    assert all(0 <= seed_of(number) < 2**62 for number in range(1000))


def test_a_unit_is_spread_over_the_interval() -> None:
    numbers = sorted(uniform("key", number) for number in range(1000))
    assert 0 <= numbers[0] < 0.02
    assert 0.98 < numbers[-1] < 1
    assert 0.45 < numbers[500] < 0.55
