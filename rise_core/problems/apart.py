"""Problems of a reasoning-gym generator, drawn in a process of their own: they depend on the config alone.

Some generators of the library go through sets of texts, whose order is another one in every process, or draw from the
random numbers that a whole process shares. A run on their problems could never be gone on with, nor be compared.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import numpy as np

from rise.core.config.keys import Config
from rise.core.config.load import from_yaml, to_yaml
from rise.core.errors import UserError
from rise.core.problems.problem_set import ProblemSet
from rise.core.records import Problem


def generate_apart(config: Config) -> ProblemSet:
    """As `generate_here`, in a new process."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", __name__],
        input=to_yaml(config),
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise UserError(
            f"config: generator {config.problems.name} (problems.name) cannot be used: the process that draws its "
            f"problems ended with exit code {done.returncode}, for the reason above; choose another one, or other "
            "problems.params"
        )
    drawn = json.loads(done.stdout)
    if "refused" in drawn:
        raise UserError(drawn["refused"])
    return ProblemSet(**{split: [Problem(**problem) for problem in problems] for split, problems in drawn.items()})


def main() -> None:
    """Draw the problems of the config on standard input, write them to standard output."""
    from rise.core.problems.generated import dataset_seed, generate_here

    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a generator prints
    config = from_yaml(sys.stdin.read())
    seed = dataset_seed(config)
    random.seed(seed)
    np.random.seed(seed)
    drawn: dict[str, Any]
    try:
        drawn = asdict(generate_here(config))
    except UserError as error:
        drawn = {"refused": str(error)}
    with results:
        json.dump(drawn, results)


if __name__ == "__main__":
    main()
