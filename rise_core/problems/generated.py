"""Problems from a reasoning-gym generator, a function of the config alone.

Some generators of the library iterate over sets of texts, in another order in every process, or draw from the random
numbers shared by a whole process. Such problems would differ when a run is resumed. The library's generators therefore
draw in a new process with fixed seeds; this project's own generators need no such care.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from rise_core.config.keys import Config
from rise_core.config.load import to_yaml
from rise_core.errors import UserError
from rise_core.generators.registry import OWN, check_generator
from rise_core.problems import drawing
from rise_core.problems.problem_set import ProblemSet
from rise_core.records import Problem


def generate_problems(config: Config) -> ProblemSet:
    """Draw the problems of generator `problems.name` with `problems.seed`, or else the run's seed.

    Raises:
        UserError: A config key is wrong, or the generator has too few distinct problems.
    """
    check_generator(config.problems.name, config.problems.params)
    return drawing.draw_problems(config) if config.problems.name in OWN else _draw_apart(config)


def _draw_apart(config: Config) -> ProblemSet:
    """Run `drawing` as a program, with the order of sets fixed by PYTHONHASHSEED."""
    result = subprocess.run(
        [sys.executable, "-P", "-m", drawing.__name__],
        input=to_yaml(config),
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        encoding="utf-8",
        check=False,
    )
    if result.returncode:
        raise UserError(
            f"config: generator {config.problems.name} (problems.name) cannot be used: the drawing process "
            f"ended with exit code {result.returncode}, for the reason above; choose another generator or other "
            "problems.params"
        )
    answer = json.loads(result.stdout)
    if "refused" in answer:
        raise UserError(answer["refused"])
    return ProblemSet(**{split: [Problem(**problem) for problem in problems] for split, problems in answer.items()})
