"""Problems of a run: from files (JSON lines, Parquet), Hugging Face datasets or reasoning-gym generators.

from rise_core.problems import load_problems
problems = load_problems(config)   # problems.train, problems.eval, problems.boost
"""

from __future__ import annotations

from rise_core.config.choices import SourceKind
from rise_core.config.keys import Config
from rise_core.problems.problem_set import ProblemSet
from rise_core.problems.splits import read_splits

__all__ = ["ProblemSet", "load_problems"]


def load_problems(config: Config) -> ProblemSet:
    """Load the problems of a config.

    A pure function of the config and its problem files.

    Raises:
        UserError: A key, or a row of a file, is wrong; the message names the key, or the file and row.
    """
    if config.problems.source is SourceKind.reasoning_gym:
        # Imported here: reasoning-gym takes seconds to import, and runs on files do without.
        from rise_core.problems.generated import generate_problems

        return generate_problems(config)
    return read_splits(config)
