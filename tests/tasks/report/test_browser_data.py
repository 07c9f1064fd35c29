from __future__ import annotations

import base64
import gzip
import json

import pytest

from storage.lake import Lake
from tasks.report.browser_data import SELECTED, divide, pack, read_browser_data


def test_a_small_run_is_there_whole(seeded: Lake) -> None:
    data = read_browser_data(seeded, "r1", 1000)
    assert (data["total"], data["shown"]) == (108, 108)  # two evaluations of 8 x (3 + 3), and 4 x 3 collected
    iterations, purposes, problems, starts = data["episodes"]
    assert (iterations[0], purposes[0], data["problems"][problems[0]]["id"]) == (1, "eval_sequential", "p0")
    assert purposes.count("collect") == 4
    assert len(data["problems"]) == 12  # each once, whatever the number of its episodes
    start = starts[purposes.index("collect")]
    assert data["turn"][start : start + 3] == [1, 2, 2]
    assert [bool(flags & SELECTED) for flags in data["flags"][start : start + 3]] == [False, False, True]


def test_a_sample_is_the_same_every_time_and_never_more_than_asked(seeded: Lake) -> None:
    data = read_browser_data(seeded, "r1", 30)
    assert data == read_browser_data(seeded, "r1", 30)
    assert data["total"] == 108
    assert 24 <= data["shown"] <= 30
    assert {"eval_sequential", "collect"} <= set(data["episodes"][1])


def test_a_larger_sample_holds_the_smaller_one(seeded: Lake) -> None:
    def keys(most: int) -> set[tuple[int, str, str]]:
        data = read_browser_data(seeded, "r1", most)
        iterations, purposes, problems, _ = data["episodes"]
        names = [data["problems"][number]["id"] for number in problems]
        return set(zip(iterations, purposes, names, strict=True))

    assert keys(20) < keys(40) < keys(108)


def test_no_rollouts_at_all_is_a_page_too(seeded: Lake) -> None:
    data = read_browser_data(seeded, "r1", 0)
    assert (data["shown"], data["episodes"]) == (0, [[], [], [], []])


@pytest.mark.parametrize(
    ("evaluated", "collected", "most", "expected"),
    [(10, 10, 100, (10, 10)), (90, 90, 100, (80, 20)), (60, 90, 100, (60, 40)), (500, 5, 100, (95, 5))],
)
def test_evaluation_comes_first_but_never_takes_all(
    evaluated: int, collected: int, most: int, expected: tuple[int, int]
) -> None:
    assert divide(evaluated, collected, most) == expected


def test_packed_text_comes_back_and_holds_no_markup() -> None:
    value = {"text": ["</script><b>&\u2028 \U0001f600"]}
    packed = pack(value)
    assert not set(packed) & set("<>&'\"\n")
    assert json.loads(gzip.decompress(base64.b64decode(packed))) == value
