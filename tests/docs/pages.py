"""Reads the pages for the tests: fenced blocks, shell commands, inline code, headings and links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
OPERATORS = {"&", "&&", "|", "||", ";", ">", ">>", "<"}


@dataclass(frozen=True)
class Block:
    """A fenced block with its page and line."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One simple command of a shell block, without comments, assignments before it, and redirections."""

    origin: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.origin}: {' '.join(self.words)}"


def blocks(*languages: str) -> list[Block]:
    fenced = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for fence in FENCE.finditer(text):
            line = text.count("\n", 0, fence.start()) + 1
            block = Block(page.relative_to(ROOT).as_posix(), line, fence["language"], dedent(fence["text"]))
            fenced.append(block)
    return [block for block in fenced if block.language in languages]


def commands() -> list[Command]:
    """Return every command of the shell blocks; a program in .venv/bin counts by its name."""
    parsed = []
    for block in blocks("sh", "bash", "shell", "console"):
        for line in without_heredocs(block.text.replace("\\\n", " ")):
            parsed += [Command(str(block), words) for words in simple_commands(line)]
    return parsed


def without_heredocs(text: str) -> Iterator[str]:
    end: str | None = None
    for line in text.splitlines():
        if end is None:
            yield line
            opened = re.search(r"<<-?\s*'?(\w+)'?", line)
            end = opened[1] if opened else None
        elif line.strip() == end:
            end = None


def simple_commands(line: str) -> Iterator[tuple[str, ...]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word not in OPERATORS:
            words.append(word)
            continue
        while words and (words[0] == "export" or re.fullmatch(r"[A-Z_]+=.*", words[0])):
            words.pop(0)
        if words:
            yield (words[0].removeprefix(".venv/bin/"), *words[1:])
        words = []


def prose(page: Path) -> str:
    """Return the text of a page without the fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def inline_code() -> list[tuple[str, str]]:
    """Return (page, text) of every `...` outside of fenced blocks."""
    return [(page.name, code) for page in PAGES for code in re.findall(r"`([^`\n]+)`", prose(page))]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, in GitHub's spelling."""
    headings = re.findall(r"^#{1,6} +(.+?) *$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links() -> list[tuple[Path, str]]:
    """Return (page, target) of every link and picture to a file of the repository."""
    targets = [(page, target) for page in PAGES for target in re.findall(r"\]\(([^)\s]+)\)", prose(page))]
    return [(page, target) for page, target in targets if "://" not in target]
