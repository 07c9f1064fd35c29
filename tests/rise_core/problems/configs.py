"""Configs with problems from files and generators, and the refusal of their problems."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from rise_core.config.choices import SourceKind
from rise_core.config.keys import Config
from rise_core.errors import UserError
from rise_core.problems import load_problems
from rise_core.problems.drawing import draw_problems
from rise_core.records import Problem


def refusal(config: Config) -> str:
    """Return the one-line error about the problems of a config."""
    with pytest.raises(UserError) as caught:
        load_problems(config)
    message = str(caught.value)
    assert "\n" not in message
    return message


def write_rows(path: Path, rows: list[Any]) -> Path:
    """Write JSON lines to `path`, and return `path`."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows(count: int, prefix: str = "train") -> list[dict[str, Any]]:
    """Return `count` rows with question and answer, different for every prefix."""
    return [{"question": f"{prefix} question {n}", "answer": f"#### {n}"} for n in range(1, count + 1)]


def file_config(tmp_path: Path, train: Any = None, held_out: Any = None) -> Config:
    """Write two problem files, and return a config for both.

    Args:
        train: Rows, bytes, or None for three good rows.
        held_out: The same for the held-out file.
    """
    config = Config()
    for split, content in (("train", train), ("eval", held_out)):
        path = tmp_path / f"{split}.jsonl"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            write_rows(path, rows(3, split) if content is None else content)
        setattr(config.problems, split, str(path))
    return config


def generator_config(
    name: str | None = "subset_sum", train: int | None = 60, held_out: int | None = 20, **params: Any
) -> Config:
    """Return a config for a generator with parameters `params`."""
    config = Config()
    config.problems.source = SourceKind.reasoning_gym
    config.problems.name, config.problems.params = name, params
    config.problems.train_size, config.problems.eval_size = train, held_out
    return config


def draw_stored(name: str, train: int = 2, held_out: int = 1) -> list[Problem]:
    """Draw problems in this process, and return them as read back from the lake.

    A new process, as in a run, would take seconds.
    """
    problems = draw_problems(generator_config(name, train=train, held_out=held_out))
    assert (len(problems.train), len(problems.eval)) == (train, held_out)
    return [Problem(**json.loads(json.dumps(asdict(problem)))) for problem in problems.train + problems.eval]
