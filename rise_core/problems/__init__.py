"""Where problems come from: files (JSON lines, Parquet), reasoning-gym generators and Hugging Face datasets.

from rise.core.problems import load_problems
problems = load_problems(config)   # problems.train, problems.eval, problems.boost
"""

from __future__ import annotations

from rise.core.config.keys import Config, SourceKind
from rise.core.problems.problem_set import ProblemSet

__all__ = ["ProblemSet", "load_problems"]


def load_problems(config: Config) -> ProblemSet:
    """The problems that `config` names: a pure function of the config and the files it points to.

    Raises UserError naming the key, or the file and row, that is wrong.
    """
    if config.problems.source is SourceKind.reasoning_gym:
        # Not at the top: importing reasoning-gym takes seconds, which a run on files need not pay.
        from rise.core.problems.generated import generate_problems

        return generate_problems(config)
    if config.problems.source is SourceKind.hub:
        from rise.core.problems.hub_dataset import read_hub_dataset

        return read_hub_dataset(config)
    from rise.core.problems.files import read_problem_files

    return read_problem_files(config)
