"""Held-out problems alone, as `rise eval` needs them: their training split need not be there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rise.core.config.keys import Config, SourceKind
from rise.core.errors import UserError
from rise.core.records import Problem
from rise.core.text import fold


def load_held_out(config: Config) -> list[Problem]:
    """The held-out problems that `config` names. Raises UserError naming the key, or file and row, that is wrong."""
    if config.problems.source is SourceKind.reasoning_gym:
        from rise.core.problems.generated import generate_problems

        # Which problems are held out does not depend on how many are drawn for training.
        few = replace(config, problems=replace(config.problems, train_size=1), boost=replace(config.boost, problems=0))
        return generate_problems(few).eval
    from rise.core.problems.table import check_unique_ids, read_split

    if config.problems.source is SourceKind.hub:
        from rise.core.problems.hub_dataset import split_table

        table = split_table(config, "eval")
    else:
        from rise.core.problems.files import file_table

        table = file_table(config, "eval")
    located = read_split(config, "eval", table, id_prefix=table.stem)
    check_unique_ids(located)
    return [problem for _, problem in located]


def check_untrained(held_out: Sequence[Problem], trained: Iterable[Problem]) -> None:
    """Refuse problems that the run trains on: their score would say nothing about new problems."""
    seen = {fold(problem.problem): problem.problem_id for problem in trained}
    shared = [problem for problem in held_out if fold(problem.problem) in seen]
    if shared:
        first = shared[0]
        raise UserError(
            f"{len(shared)} of the {len(held_out)} problems are ones that the run trains on, "
            f"first {first.problem_id!r} (training problem {seen[fold(first.problem)]!r}): take them out"
        )
