"""Loads held-out problems alone, for `rise eval`. The training split of their source may be missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rise_core.config.choices import SourceKind
from rise_core.config.keys import Config
from rise_core.errors import UserError
from rise_core.problems.splits import read_held_out_split
from rise_core.records import Problem
from rise_core.text import fold


def load_held_out(config: Config) -> list[Problem]:
    """Load the held-out problems of a config.

    Raises:
        UserError: A key, or a row of a file, is wrong; the message names the key, or the file and row.
    """
    if config.problems.source is SourceKind.reasoning_gym:
        # Imported here: reasoning-gym takes seconds to import, and files do without.
        from rise_core.problems.generated import generate_problems

        # The held-out problems do not depend on the number of training problems; one is the fewest to draw.
        few = replace(config, problems=replace(config.problems, train_size=1), boost=replace(config.boost, problems=0))
        return generate_problems(few).eval
    return read_held_out_split(config)


def check_untrained(held_out: Sequence[Problem], trained: Iterable[Problem]) -> None:
    """Check that a run does not train on these problems. Their score would say nothing about new problems.

    Raises:
        UserError: At least one problem (by its folded text) is trained on; the message names the first.
    """
    ids = {fold(problem.problem): problem.problem_id for problem in trained}
    shared = [problem for problem in held_out if fold(problem.problem) in ids]
    if shared:
        first = shared[0]
        raise UserError(
            f"{len(shared)} of the {len(held_out)} problems are training problems of the run, "
            f"first {first.problem_id!r} (training problem {ids[fold(first.problem)]!r}): remove them"
        )
