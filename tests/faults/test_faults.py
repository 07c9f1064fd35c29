"""Two faults of `make faults` in whole runs: a full disk, a killed evaluation. Other tests cover the other faults."""

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.__main__ import FAULTS
from tests.faults.contents import Contents
from tests.faults.suite import Result, Suite
from tests.faults.table import BEGIN, END, update


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return Suite(tmp_path_factory.mktemp("faults"), seed=7)


@pytest.mark.fault
@pytest.mark.parametrize("name", ["disk-full-checkpoint", "evaluation-killed"])
def test_nothing_is_lost(suite: Suite, name: str) -> None:
    result = suite.run(FAULTS[name], tries=1)
    assert (result.tries, result.faults) == (1, 1)
    assert result.lost == []
    assert result.notes == []
    assert all(end.startswith("rise: ") for end in result.ends), result.ends


def test_a_row_of_the_table_replaces_its_former_self_only(tmp_path: Path) -> None:
    undisturbed: Contents = {"runs": Counter([("run",)])}
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    update(page, "a", Result("first", tries=1), undisturbed)
    update(page, "b", Result("second", tries=1), undisturbed)
    update(page, "a", Result("first", tries=2, lost=["missing 3 of rollouts"], ends=["rise: x | y"]), undisturbed)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert [line for line in text.splitlines() if line.startswith("| `")] == [
        "| `a`: first | 2 | 0 | 0 | 0 | missing 3 of rollouts |",
        "| `b`: second | 1 | 0 | 0 | 0 | nothing |",
    ]
    assert [line for line in text.splitlines() if line.startswith("- `")] == ["- `a`: `rise: x / y`"]
