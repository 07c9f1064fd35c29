"""Put the output of commands into README.md, docs/lake.md and docs/results.md. The home has runs `demo` and `smollm2`.

    RISE_HOME=rise-home .venv/bin/python benchmarks/fill_readme.py

Two kinds of blocks are filled, where an output block follows: a ```sql block is asked of the lake, and a ```sh block
with one reading `rise` command (compare, query, report, runs) is run. A block about a run missing from the home stays
as it is.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/lake.md", "docs/results.md")
RISE = str(Path(sys.executable).parent / "rise")
PAIR = re.compile(r"```(?P<kind>sql|sh)\n(?P<body>[^`]*)```\n```\n(?P<output>[^`]*)```")
READS = ("compare", "query", "report", "runs")


def main() -> None:
    for page in PAGES:
        path = ROOT / page
        path.write_text(PAIR.sub(filled, path.read_text(encoding="utf-8")), encoding="utf-8")


def filled(pair: re.Match[str]) -> str:
    """Return a pair of blocks with the output of today."""
    body = pair["body"]
    if any(run in body and run not in runs() for run in ("demo", "smollm2")):
        return pair[0]
    if pair["kind"] == "sql":
        command = [RISE, "query", body]
    else:
        _, *arguments = shlex.split(body)
        if not arguments or arguments[0] not in READS:
            return pair[0]
        command = [RISE, *arguments]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = "\n".join(line.rstrip() for line in printed.splitlines())
    return f"```{pair['kind']}\n{body}```\n```\n{lines}\n```"


@cache
def runs() -> set[str]:
    """Read the names of the home's runs."""
    command = [RISE, "query", "SELECT run FROM runs", "--format", "csv"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


if __name__ == "__main__":
    main()
