"""Put what the commands print into README.md: run it with the home that holds runs `demo` and `smollm2`.

    RISE_HOME=rise-home .venv/bin/python benchmarks/fill_readme.py

Every ```sql block that is followed by an output block is asked of the lake, every ```sh block with one `rise` command
that reads (compare, query, report, runs) is run, and the output block after it is replaced. A block about a run
that the home lacks stays as it is.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
RISE = str(Path(sys.executable).parent / "rise")
PAIR = re.compile(r"```(?P<kind>sql|sh)\n(?P<body>[^`]*)```\n```\n(?P<output>[^`]*)```")
READS = ("compare", "query", "report", "runs")


def main() -> None:
    README.write_text(PAIR.sub(filled, README.read_text(encoding="utf-8")), encoding="utf-8")


def filled(pair: re.Match[str]) -> str:
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
    asked = [RISE, "query", "SELECT run FROM runs", "--format", "csv"]
    return set(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split())


if __name__ == "__main__":
    main()
